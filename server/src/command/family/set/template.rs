//! Templates of the rows of sets. Each row states what differs from its template.

use crate::command::flag::{
    Category::Set,
    Flag::{Fast, Readonly, Write},
};
use crate::command::spec::{Keys, Spec};

pub(super) const SET: Spec = Spec { group: "set", categories: &[Set], ..Spec::BLANK };

/// Commands that read one key in a time that hardly depends on the data.
pub(super) const LOOK: Spec = Spec { flags: &[Readonly, Fast], keys: &[Keys { access: &["RO"], ..Keys::ONE }], ..SET };

/// Commands that read one key and may return all of it.
pub(super) const LIST: Spec = Spec { flags: &[Readonly], keys: &[READ], ..SET };

/// Commands that change a set and do not let it grow.
pub(super) const SHRINK: Spec = Spec { flags: &[Write, Fast], keys: &[Keys::TAKEN], ..SET };

pub(super) const READ: Keys = Keys::READ;
