//! `SLOWLOG`: the requests that took long.

use bytes::Bytes;

use crate::command::arguments::integer;
use crate::command::flag::Flag::{Admin, Loading, Stale};
use crate::command::introspect::HELP;
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::session::caller::Caller;

const SERVER: Spec = Spec { group: "server", since: "2.2.12", ..Spec::BLANK };
const LOG: Spec = Spec { arity: 2, flags: &[Admin, Loading, Stale], ..SERVER };

/// The rows.
pub static ROWS: &[Spec] = &[Spec {
    name: "slowlog",
    arity: -2,
    complexity: "Depends on subcommand.",
    summary: "Contains the commands about the log of slow requests.",
    subcommands: SUBCOMMANDS,
    ..SERVER
}];

static SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "slowlog|get",
        syntax: "[count]",
        arity: -2,
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        complexity: "O(N) where N is the number of entries returned",
        summary: "Returns the newest requests that took long on this server, with their time.",
        meaning: Meaning::Session(get),
        ..LOG
    },
    Spec { name: "slowlog|help", group: "server", since: "6.2.0", ..HELP },
    Spec {
        name: "slowlog|len",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        summary: "Returns how many requests are in the log.",
        meaning: Meaning::Session(|caller, _| Ok(Reply::count(caller.instance.record.slow.len()))),
        ..LOG
    },
    Spec {
        name: "slowlog|reset",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the number of entries",
        summary: "Empties the log.",
        meaning: Meaning::Session(|caller, _| {
            caller.instance.record.slow.reset();
            Ok(Reply::OK)
        }),
        ..LOG
    },
];

/// How many entries a client gets that does not say.
const USUAL_COUNT: usize = 10;

fn get(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let count = match words.get(2) {
        None => USUAL_COUNT,
        Some(count) => match integer(count) {
            Some(-1) => usize::MAX,
            Some(count) => usize::try_from(count).map_err(|_| BELOW_ALL)?,
            None => return Err(BELOW_ALL),
        },
    };
    match words.get(3) {
        None => Ok(caller.instance.record.slow.newest(count)),
        Some(_) => Err(crate::command::arguments::wrong_arity("slowlog|get")),
    }
}

const BELOW_ALL: Reply = Reply::fault("ERR count should be greater than or equal to -1");
