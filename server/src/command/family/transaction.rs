//! Transactions: commands that nothing comes between.
//!
//! The session queues the commands ([`crate::session::transaction`]), and EXEC submits them as one unit. The keys of WATCH
//! are judged where the unit is executed ([`crate::state::Watched`]).

use bytes::Bytes;

use crate::command::flag::{
    Category,
    Flag::{AllowBusy, Fast, Loading, NoMulti, Noscript, SkipSlowlog, Stale},
};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::session::caller::Caller;

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
        meaning: Meaning::Session(discard),
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
        meaning: Meaning::Session(begin),
        ..TRANSACTION
    },
    Spec {
        name: "unwatch",
        since: "2.2.0",
        complexity: "O(N) where N is the number of watched keys",
        summary: "Forgets the watched keys.",
        meaning: Meaning::Session(unwatch),
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

/// The session lets no MULTI through within a transaction.
fn begin(caller: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    caller.transaction.begin();
    Ok(Reply::OK)
}

fn discard(caller: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    if caller.transaction.discard() { Ok(Reply::OK) } else { Err(Reply::fault("ERR DISCARD without MULTI")) }
}

fn unwatch(caller: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    caller.transaction.unwatch();
    Ok(Reply::OK)
}
