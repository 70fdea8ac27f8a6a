//! Commands about the durability of writes and about replicas. A write is in the store before its reply, and no server
//! follows another. So there is nothing to save and nobody to wait for.

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, exactly, integer};
use crate::command::flag::{
    Category::{self, Connection, Dangerous},
    Flag::{Admin, Blocking, Fast, Loading, NoAsyncLoading, NoMulti, Noscript, Stale},
};
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::session::caller::Caller;

const SAVE: Spec = Spec { arity: 1, flags: &[Admin, Noscript, NoAsyncLoading], group: "server", ..Spec::BLANK };

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "bgrewriteaof",
        summary: "Does nothing: there is no append-only file.",
        meaning: Meaning::Session(|caller, _| {
            Ok(Reply::status(match caller.is_in_exec() {
                true => "Background append only file rewriting scheduled",
                false => "Background append only file rewriting started",
            }))
        }),
        ..SAVE
    },
    Spec {
        name: "bgsave",
        syntax: "[SCHEDULE | CANCEL]",
        arity: -1,
        summary: "Does nothing: every write is in the store before its reply.",
        meaning: Meaning::Session(save_in_background),
        ..SAVE
    },
    Spec {
        name: "lastsave",
        flags: &[Loading, Stale, Fast],
        categories: &[Category::Admin, Dangerous],
        tips: &["nondeterministic_output"],
        summary: "Returns the present time, because everything is saved at any time.",
        meaning: Meaning::Session(|caller, _| {
            Ok(Reply::Integer(caller.instance.clock.since_epoch().as_secs().cast_signed()))
        }),
        ..SAVE
    },
    Spec {
        name: "role",
        flags: &[Noscript, Loading, Stale, Fast],
        categories: &[Category::Admin, Dangerous],
        since: "2.8.12",
        summary: "Returns that the server takes writes, and that nobody follows it.",
        meaning: Meaning::Session(|_, _| {
            Ok(Reply::Array(vec![Reply::text("master"), Reply::Integer(0), Reply::Array(Vec::new())]))
        }),
        ..SAVE
    },
    Spec {
        name: "save",
        flags: &[Admin, Noscript, NoAsyncLoading, NoMulti],
        summary: "Does nothing: every write is in the store before its reply.",
        meaning: Meaning::Session(|_, _| Ok(Reply::OK)),
        ..SAVE
    },
    Spec {
        name: "wait",
        syntax: "numreplicas timeout",
        arity: 3,
        flags: &[Blocking],
        categories: &[Category::Blocking, Connection],
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        group: "generic",
        since: "3.0.0",
        summary: "Returns 0 at once: there are no replicas, and earlier writes of the connection are in the store.",
        meaning: Meaning::Session(|_, words| wait(words)),
        ..Spec::BLANK
    },
];

fn save_in_background(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    // Within EXEC, Valkey begins to save when the transaction is over.
    let started = match caller.is_in_exec() {
        true => Reply::status("Background saving scheduled"),
        false => Reply::status("Background saving started"),
    };
    match &words[1..] {
        [] => Ok(started),
        [option] if option.eq_ignore_ascii_case(b"SCHEDULE") => Ok(started),
        [option] if option.eq_ignore_ascii_case(b"CANCEL") => {
            Err(Reply::fault("ERR Background saving is currently not in progress or scheduled"))
        }
        _ => Err(SYNTAX),
    }
}

/// The reply to `WAIT`, which needs no connection.
pub fn wait(words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, replicas, timeout] = exactly(words)?;
    integer(replicas).ok_or(NOT_AN_INTEGER)?;
    match integer(timeout) {
        None => Err(Reply::fault("ERR timeout is not an integer or out of range")),
        Some(..0) => Err(Reply::fault("ERR timeout is negative")),
        Some(_) => Ok(Reply::Integer(0)),
    }
}
