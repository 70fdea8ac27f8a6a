//! Templates of the rows of lists. Each row states what differs from its template.

use crate::command::flag::{
    Category::List as Lists,
    Flag::{Denyoom, Fast, Write},
};
use crate::command::keys::Begin;
use crate::command::spec::{Keys, Spec};

pub(super) const LIST: Spec = Spec { group: "list", categories: &[Lists], keys: &[Keys::ONE], ..Spec::BLANK };
pub(super) const PUSH: Spec = Spec {
    syntax: "key element [element ...]",
    arity: -3,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
    complexity: "O(N) where N is the number of items added",
    ..LIST
};
pub(super) const POP: Spec = Spec {
    syntax: "key [count]",
    arity: -2,
    flags: &[Write, Fast],
    keys: &[Keys::TAKEN],
    complexity: "O(N*log(M)) where N is the number of items returned and M the length of the list",
    ..LIST
};
pub(super) const MOVE: Spec = Spec {
    flags: &[Write, Denyoom],
    keys: &[Keys::TAKEN, Keys { begin: Begin::At(2), access: &["RW", "insert"], ..Keys::ONE }],
    complexity: "O(log(N)) where N is the length of the source",
    ..LIST
};
