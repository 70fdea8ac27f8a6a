//! `CONFIG`: the parameters of Valkey, and the counters of `INFO`.

use crate::command::arguments::SYNTAX;
use crate::command::flag::Flag::{Admin, Loading, Noscript, Stale};
use crate::command::introspect::HELP;
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;

const SERVER: Spec = Spec { group: "server", since: "2.0.0", ..Spec::BLANK };
const CHANGE: Spec = Spec {
    flags: &[Admin, Noscript, Loading, Stale],
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    ..SERVER
};

/// The rows.
pub static ROWS: &[Spec] = &[Spec {
    name: "config",
    arity: -2,
    complexity: "Depends on subcommand.",
    summary: "Contains the commands about the configuration.",
    subcommands: SUBCOMMANDS,
    ..SERVER
}];

static SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "config|get",
        syntax: "parameter [parameter ...]",
        arity: -3,
        tips: &[],
        complexity: "O(N) where N is the number of patterns",
        summary: "Returns the parameters that match a glob pattern, and their values.",
        meaning: Meaning::Session(|caller, words| Ok(caller.instance.parameters.get(&words[2..]))),
        ..CHANGE
    },
    Spec { name: "config|help", group: "server", ..HELP },
    Spec {
        name: "config|resetstat",
        arity: 2,
        summary: "Sets the counters of INFO and of LATENCY HISTOGRAM to zero.",
        meaning: Meaning::Session(|caller, _| {
            caller.instance.stats.reset();
            caller.instance.record.reset();
            Ok(Reply::OK)
        }),
        ..CHANGE
    },
    Spec {
        name: "config|rewrite",
        arity: 2,
        since: "2.8.0",
        summary: "Is an error: the server is set up with flags, and has no file of parameters.",
        meaning: Meaning::Session(|_, _| Err(Reply::fault("ERR The server is running without a config file"))),
        ..CHANGE
    },
    Spec {
        name: "config|set",
        syntax: "parameter value [parameter value ...]",
        arity: -4,
        complexity: "O(N) where N is the number of parameters",
        summary: "Sets parameters of this server until it stops.",
        meaning: Meaning::Session(|caller, words| caller.instance.parameters.set(&words[2..])),
        check: Some(|words| {
            let is_paired = words.len() % 2 == 0;
            is_paired.then_some(()).ok_or(SYNTAX)
        }),
        ..CHANGE
    },
];
