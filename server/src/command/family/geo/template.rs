//! Templates of the rows of places. Each row states what differs from its template.

use crate::command::flag::{Category::Geo, Flag::Readonly};
use crate::command::spec::{Keys, Spec};

pub(super) const PLACES: Spec = Spec { group: "geo", categories: &[Geo], ..Spec::BLANK };

/// Commands that read one key.
pub(super) const LOOK: Spec = Spec { flags: &[Readonly], keys: &[Keys::READ], ..PLACES };
