//! Templates of the rows of sorted sets. Each row states what differs from its template.

use crate::command::flag::{
    Category::SortedSet,
    Flag::{Denyoom, Fast, MovableKeys, Readonly, Write},
};
use crate::command::keys::{Begin, Find};
use crate::command::spec::{Keys, Spec};

pub(super) const SORTED: Spec = Spec { group: "sorted-set", categories: &[SortedSet], ..Spec::BLANK };

/// Commands that read one key in a time that hardly depends on the data.
pub(super) const LOOK: Spec = Spec { flags: &[Readonly, Fast], keys: &[Keys::READ], ..SORTED };

/// Commands that read one key and may return all of it.
pub(super) const LIST: Spec = Spec { flags: &[Readonly], keys: &[Keys::READ], ..SORTED };

/// Commands that read as many keys as an argument says.
pub(super) const COMPUTE: Spec =
    Spec { arity: -3, flags: &[Readonly, MovableKeys], keys: &[Keys { find: Find::Counted, ..Keys::READ }], ..SORTED };

/// Commands that replace the key that comes first by what they compute from the others.
pub(super) const COMPUTE_AND_STORE: Spec = Spec {
    arity: -4,
    flags: &[Write, Denyoom, MovableKeys],
    keys: &[Keys::REPLACED, Keys { begin: Begin::At(2), find: Find::Counted, ..Keys::READ }],
    ..SORTED
};
