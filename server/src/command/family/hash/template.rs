//! Templates of the rows of hashes. Each row states what differs from its template.

use crate::command::flag::{
    Category::Hash,
    Flag::{Denyoom, Fast, Readonly, Write},
};
use crate::command::spec::{Keys, Spec};

const HASH: Spec = Spec { group: "hash", categories: &[Hash], since: "2.0.0", ..Spec::BLANK };

/// Commands that read some fields.
pub(super) const LOOK: Spec = Spec { flags: &[Readonly, Fast], keys: &[Keys::READ], ..HASH };

/// Commands that read one key and may return all of it.
pub(super) const LIST: Spec = Spec { flags: &[Readonly], keys: &[Keys::READ], ..HASH };

/// Commands that may let a hash grow.
pub(super) const GROW: Spec = Spec { flags: &[Write, Denyoom, Fast], keys: &[UPDATE], ..HASH };

/// Commands that change a hash and do not let it grow.
pub(super) const CHANGE: Spec = Spec { flags: &[Write, Fast], keys: &[UPDATE], ..HASH };

const UPDATE: Keys = Keys { access: &["RW", "update"], ..Keys::ONE };

/// The cost of most commands that name fields.
pub(super) const NAMED_FIELDS: &str = "O(N) where N is the number of fields that are named";
