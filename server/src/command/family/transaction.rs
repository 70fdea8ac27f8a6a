//! Transactions: commands that nothing comes between.
//!
//! The session queues the commands ([`crate::session::transaction`]), and EXEC submits them as one unit. The keys of WATCH
//! are judged where the unit is executed ([`crate::state::Watched`]).

use crate::command::flag::{
    Category,
    Flag::{AllowBusy, Fast, Loading, NoMulti, Noscript, SkipSlowlog, Stale},
};
use crate::command::spec::{Keys, Meaning, Spec, TransactionChange};

const TRANSACTION: Spec = Spec {
    arity: 1,
    flags: &[Noscript, Loading, Stale, Fast, AllowBusy],
    group: "transactions",
    categories: &[Category::Transaction],
    ..Spec::BLANK
};

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "discard",
        since: "2.0.0",
        complexity: "O(N) where N is the number of queued commands",
        summary: "Forgets the queued commands and the watched keys.",
        meaning: Meaning::Transaction(TransactionChange::Discard),
        ..TRANSACTION
    },
    Spec {
        name: "exec",
        flags: &[Noscript, Loading, Stale, SkipSlowlog],
        since: "1.2.0",
        complexity: "O(N) where N is the cost of the queued commands",
        summary: "Executes the queued commands in one step, unless a watched key was touched.",
        meaning: Meaning::Exec,
        ..TRANSACTION
    },
    Spec {
        name: "multi",
        flags: &[Noscript, Loading, Stale, Fast, NoMulti, AllowBusy],
        since: "1.2.0",
        summary: "Queues the following commands until EXEC.",
        meaning: Meaning::Transaction(TransactionChange::Begin),
        ..TRANSACTION
    },
    Spec {
        name: "unwatch",
        since: "2.2.0",
        complexity: "O(N) where N is the number of watched keys",
        summary: "Forgets the watched keys.",
        meaning: Meaning::Transaction(TransactionChange::Unwatch),
        ..TRANSACTION
    },
    Spec {
        name: "watch",
        syntax: "key [key ...]",
        arity: -2,
        flags: &[Noscript, Loading, Stale, Fast, NoMulti, AllowBusy],
        keys: &[Keys { access: &["RO"], ..Keys::MANY }],
        since: "2.2.0",
        complexity: "O(N) where N is the number of keys",
        summary: "Makes the next EXEC depend on keys: it does nothing if one of them is touched before, by any server.",
        meaning: Meaning::Watch,
        ..TRANSACTION
    },
];
