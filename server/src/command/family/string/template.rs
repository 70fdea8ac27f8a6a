//! Templates of the rows of strings. Each row states what differs from its template.

use crate::command::flag::{
    Category::String as Text,
    Flag::{Denyoom, Readonly, Write},
};
use crate::command::spec::{Keys, Spec};

pub(super) const STRING: Spec = Spec { group: "string", categories: &[Text], ..Spec::BLANK };

/// Commands that read one key.
pub(super) const READ: Spec = Spec { flags: &[Readonly], keys: &[Keys::READ], ..STRING };

/// Commands that replace the value of one key.
pub(super) const REPLACE: Spec = Spec { flags: &[Write, Denyoom], keys: &[Keys::REPLACED], ..STRING };
