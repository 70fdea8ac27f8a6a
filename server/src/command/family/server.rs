//! The server: `INFO`, `COMMAND`, `MODULE`, `TIME` and `LOLWUT`.

use bytes::Bytes;

use crate::command::flag::{
    Category::{Connection, Dangerous},
    Flag::{Admin, Fast, Loading, Noscript, Readonly, Stale},
};
use crate::command::introspect::{self, HELP};
use crate::command::spec::{Meaning, Spec};
use crate::info;
use crate::resp::Reply;
use crate::session::caller::Caller;

const SERVER: Spec = Spec { group: "server", ..Spec::BLANK };

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "command",
        arity: -1,
        flags: &[Loading, Stale],
        categories: &[Connection],
        tips: &["nondeterministic_output_order"],
        since: "2.8.13",
        complexity: "O(N) where N is the number of commands",
        summary: "Describes all commands.",
        meaning: Meaning::Table(introspect::info),
        subcommands: COMMAND,
        ..SERVER
    },
    Spec {
        name: "info",
        syntax: "[section [section ...]]",
        arity: -1,
        flags: &[Loading, Stale],
        categories: &[Dangerous],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        summary: "Describes the server and its work so far.",
        meaning: Meaning::Session(tell),
        ..SERVER
    },
    Spec {
        name: "lolwut",
        syntax: "[VERSION version [arg [arg ...]]]",
        arity: -1,
        flags: &[Readonly, Fast],
        since: "5.0.0",
        summary: "Returns the name and the version of the server.",
        meaning: Meaning::Data(|_, _| {
            Ok(Reply::Verbatim(format!("Three shelves, one book.\nValthree ver. {}\n", info::VERSION).into()))
        }),
        ..SERVER
    },
    Spec {
        name: "module",
        arity: -2,
        since: "4.0.0",
        complexity: "Depends on subcommand.",
        summary: "Contains the commands about modules.",
        subcommands: MODULE,
        ..SERVER
    },
    Spec {
        name: "time",
        arity: 1,
        flags: &[Loading, Stale, Fast],
        tips: &["nondeterministic_output"],
        since: "2.6.0",
        summary: "Returns the server's clock in seconds and microseconds.",
        meaning: Meaning::Time,
        ..SERVER
    },
];

static MODULE: &[Spec] = &[
    Spec { name: "module|help", group: "server", since: "5.0.0", ..HELP },
    Spec {
        name: "module|list",
        arity: 2,
        flags: &[Admin, Noscript],
        tips: &["nondeterministic_output_order"],
        since: "4.0.0",
        complexity: "O(N) where N is the number of loaded modules.",
        summary: "Returns an empty list: the server loads no modules.",
        meaning: Meaning::Session(|_, _| Ok(Reply::Array(Vec::new()))),
        ..SERVER
    },
];

const OF_COMMANDS: Spec = Spec { flags: &[Loading, Stale], categories: &[Connection], since: "2.8.13", ..SERVER };
const OF_NAMED_COMMANDS: Spec = Spec {
    syntax: "[command-name [command-name ...]]",
    arity: -2,
    tips: &["nondeterministic_output_order"],
    complexity: "O(N) where N is the number of commands",
    ..OF_COMMANDS
};

static COMMAND: &[Spec] = &[
    Spec {
        name: "command|count",
        arity: 2,
        summary: "Returns the number of commands.",
        meaning: Meaning::Table(introspect::count),
        ..OF_COMMANDS
    },
    Spec {
        name: "command|docs",
        since: "7.0.0",
        summary: "Documents the named commands, or all commands.",
        meaning: Meaning::Table(introspect::docs),
        ..OF_NAMED_COMMANDS
    },
    Spec {
        name: "command|getkeys",
        syntax: "command [arg [arg ...]]",
        arity: -3,
        complexity: "O(N) where N is the number of arguments",
        summary: "Returns the keys among the words of a command.",
        meaning: Meaning::Table(introspect::keys),
        ..OF_COMMANDS
    },
    Spec {
        name: "command|getkeysandflags",
        syntax: "command [arg [arg ...]]",
        arity: -3,
        since: "7.0.0",
        complexity: "O(N) where N is the number of arguments",
        summary: "Returns the keys among the words of a command, and how it uses them.",
        meaning: Meaning::Table(introspect::keys_and_flags),
        ..OF_COMMANDS
    },
    Spec { name: "command|help", group: "server", categories: &[Connection], ..HELP },
    Spec {
        name: "command|info",
        summary: "Describes the named commands, or all commands.",
        meaning: Meaning::Table(introspect::info),
        ..OF_NAMED_COMMANDS
    },
    Spec {
        name: "command|list",
        syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        since: "7.0.0",
        summary: "Returns the names of commands and subcommands.",
        meaning: Meaning::Table(introspect::list),
        ..OF_NAMED_COMMANDS
    },
];

fn tell(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::Verbatim(info::text(&caller.instance, &words[1..]).into()))
}
