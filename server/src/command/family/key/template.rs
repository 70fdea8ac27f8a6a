//! The template of the rows about keys. Each row states what differs from it.

use crate::command::flag::Category::Keyspace;
use crate::command::spec::Spec;

pub(super) const GENERIC: Spec = Spec { group: "generic", categories: &[Keyspace], ..Spec::BLANK };
