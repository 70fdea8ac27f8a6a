//! The one table of commands. Whatever the server knows about a command it knows from here.
//!
//! Flags, arities, key positions and tips are those that clients of Valkey expect, since they route and retry by them.
//! Summaries and complexities are our own: they say what holds here.

use std::fmt::Write;

use super::connection::{self, Ask};
use super::spec::{
    Category::{Connection, Dangerous, Keyspace, String as Text},
    Flag::{Admin, AllowBusy, Denyoom, Fast, Loading, NoAuth, Noscript, Readonly, Stale, Write as Writes},
    Keys, Spec,
};
use super::{Request, introspect, parse};

const BLANK: Spec = Spec {
    name: "",
    syntax: "",
    arity: 0,
    flags: &[],
    categories: &[],
    keys: None,
    tips: &[],
    group: "",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "",
    parse: None,
    subcommands: &[],
};

const STRING: Spec = Spec { group: "string", categories: &[Text], ..BLANK };
const GENERIC: Spec = Spec { group: "generic", categories: &[Keyspace], ..BLANK };
const SERVER: Spec = Spec { group: "server", ..BLANK };
const CONNECTION: Spec = Spec { group: "connection", categories: &[Connection], ..BLANK };

/// Commands that have to work before anything else does.
const GREETING: Spec = Spec { flags: &[Noscript, Loading, Stale, Fast, NoAuth, AllowBusy], ..CONNECTION };
const FLUSH: Spec = Spec {
    syntax: "[ASYNC | SYNC]",
    arity: -1,
    flags: &[Writes],
    categories: &[Keyspace, Dangerous],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    parse: Some(parse::flush),
    ..SERVER
};
const REMOVAL: Spec = Spec {
    syntax: "key [key ...]",
    arity: -2,
    keys: Some(Keys { last: -1, step: 1, access: &["RM", "delete"], notes: "" }),
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    complexity: "O(N) where N is the number of keys",
    parse: Some(parse::delete),
    ..GENERIC
};
const HELP: Spec = Spec { arity: 2, flags: &[Loading, Stale], since: "5.0.0", summary: "Prints this help.", ..BLANK };

/// Sorted by name, for the sake of [`find`].
pub static COMMANDS: &[Spec] = &[
    Spec {
        name: "auth",
        syntax: "[username] password",
        arity: -2,
        summary: "Accepts the user default with any password, as none is configured.",
        parse: Some(connection::authenticate),
        ..GREETING
    },
    Spec {
        name: "client",
        arity: -2,
        since: "2.4.0",
        complexity: "Depends on subcommand.",
        summary: "Contains the commands about client connections.",
        subcommands: CLIENT,
        group: "connection",
        ..BLANK
    },
    Spec {
        name: "command",
        arity: -1,
        flags: &[Loading, Stale],
        tips: &["nondeterministic_output_order"],
        since: "2.8.13",
        complexity: "O(N) where N is the number of commands",
        summary: "Describes every command.",
        parse: Some(introspect::info),
        subcommands: COMMAND,
        group: "server",
        ..CONNECTION
    },
    Spec {
        name: "config",
        arity: -2,
        since: "2.0.0",
        complexity: "Depends on subcommand.",
        summary: "Contains the commands about the configuration.",
        subcommands: CONFIG,
        ..SERVER
    },
    Spec {
        name: "dbsize",
        arity: 1,
        flags: &[Readonly, Fast],
        categories: &[Keyspace],
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        summary: "Returns the number of keys.",
        parse: Some(parse::size),
        ..SERVER
    },
    Spec { name: "del", flags: &[Writes], summary: "Deletes keys and returns how many there were.", ..REMOVAL },
    Spec {
        name: "echo",
        syntax: "message",
        arity: 2,
        flags: &[Loading, Stale, Fast],
        summary: "Returns the message.",
        parse: Some(connection::echo),
        ..CONNECTION
    },
    Spec {
        name: "exists",
        syntax: "key [key ...]",
        arity: -2,
        flags: &[Readonly, Fast],
        keys: Some(Keys { last: -1, step: 1, access: &["RO"], notes: "" }),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        complexity: "O(N) where N is the number of keys",
        summary: "Returns how many of the keys exist.",
        parse: Some(parse::exists),
        ..GENERIC
    },
    Spec { name: "flushall", summary: "Removes all keys, in one step.", ..FLUSH },
    Spec { name: "flushdb", summary: "Removes all keys of the one database, in one step.", ..FLUSH },
    Spec {
        name: "get",
        syntax: "key",
        arity: 2,
        flags: &[Readonly, Fast],
        keys: Some(Keys { last: 0, step: 1, access: &["RO", "access"], notes: "" }),
        summary: "Returns the value of a key.",
        parse: Some(parse::get),
        ..STRING
    },
    Spec {
        name: "hello",
        syntax: "[protover [AUTH username password] [SETNAME clientname]]",
        arity: -1,
        since: "6.0.0",
        summary: "Chooses the protocol and tells about the server.",
        parse: Some(connection::hello),
        ..GREETING
    },
    Spec {
        name: "info",
        syntax: "[section [section ...]]",
        arity: -1,
        flags: &[Loading, Stale],
        categories: &[Dangerous],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        summary: "Tells about the server and counts what it did.",
        parse: Some(connection::info),
        ..SERVER
    },
    Spec {
        name: "mget",
        syntax: "key [key ...]",
        arity: -2,
        flags: &[Readonly, Fast],
        keys: Some(Keys { last: -1, step: 1, access: &["RO", "access"], notes: "" }),
        tips: &["request_policy:multi_shard"],
        complexity: "O(N) where N is the number of keys",
        summary: "Returns the values of several keys, as of one moment.",
        parse: Some(parse::multi_get),
        ..STRING
    },
    Spec {
        name: "mset",
        syntax: "key value [key value ...]",
        arity: -3,
        flags: &[Writes, Denyoom],
        keys: Some(Keys { last: -1, step: 2, access: &["OW", "update"], notes: "" }),
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys",
        summary: "Sets several keys at one moment.",
        parse: Some(parse::multi_set),
        ..STRING
    },
    Spec {
        name: "ping",
        syntax: "[message]",
        arity: -1,
        flags: &[Fast],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        summary: "Returns PONG, or the message.",
        parse: Some(connection::ping),
        ..CONNECTION
    },
    Spec {
        name: "quit",
        arity: -1,
        summary: "Closes the connection.",
        parse: Some(|_| Ok(Request::Connection(Ask::Quit))),
        ..GREETING
    },
    Spec {
        name: "reset",
        arity: 1,
        since: "6.2.0",
        summary: "Makes the connection as good as new.",
        parse: Some(|_| Ok(Request::Connection(Ask::Reset))),
        ..GREETING
    },
    Spec {
        name: "select",
        syntax: "index",
        arity: 2,
        flags: &[Loading, Stale, Fast],
        summary: "Accepts 0, the one database.",
        parse: Some(connection::select),
        ..CONNECTION
    },
    Spec {
        name: "set",
        syntax: "key value [NX | XX] [GET]",
        arity: -3,
        flags: &[Writes, Denyoom],
        keys: Some(Keys {
            last: 0,
            step: 1,
            access: &["RW", "access", "update", "variable_flags"],
            notes: "RW and ACCESS due to the optional `GET` argument",
        }),
        summary: "Sets a key, perhaps only if it is absent or present, and can return what it was.",
        parse: Some(parse::set),
        ..STRING
    },
    Spec {
        name: "time",
        arity: 1,
        flags: &[Loading, Stale, Fast],
        tips: &["nondeterministic_output"],
        since: "2.6.0",
        summary: "Returns the server's clock: seconds and microseconds.",
        parse: Some(|_| Ok(Request::Connection(Ask::Time))),
        ..SERVER
    },
    Spec {
        name: "unlink",
        flags: &[Writes, Fast],
        since: "4.0.0",
        summary: "Deletes keys and returns how many there were, just as DEL.",
        ..REMOVAL
    },
];

const CLIENT_SELF: Spec = Spec { arity: 2, flags: &[Noscript, Loading, Stale], ..CONNECTION };
const CLIENT_ADMIN: Spec = Spec { arity: 3, flags: &[Admin, Noscript, Loading, Stale], ..CONNECTION };

static CLIENT: &[Spec] = &[
    Spec {
        name: "client|getname",
        since: "2.6.9",
        summary: "Returns the name of this connection.",
        parse: Some(|_| Ok(Request::Connection(Ask::Name))),
        ..CLIENT_SELF
    },
    Spec {
        name: "client|help",
        group: "connection",
        categories: &[Connection],
        parse: Some(|_| introspect::help("client")),
        ..HELP
    },
    Spec {
        name: "client|id",
        since: "5.0.0",
        summary: "Returns the number of this connection.",
        parse: Some(|_| Ok(Request::Connection(Ask::Id))),
        ..CLIENT_SELF
    },
    Spec {
        name: "client|info",
        tips: &["nondeterministic_output"],
        since: "6.2.0",
        summary: "Describes this connection.",
        parse: Some(|_| Ok(Request::Connection(Ask::Describe))),
        ..CLIENT_SELF
    },
    Spec {
        name: "client|list",
        syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB> | ID client-id [client-id ...]]",
        arity: -2,
        tips: &["nondeterministic_output"],
        since: "2.4.0",
        complexity: "O(N) where N is the number of connections",
        summary: "Describes the connections of this server.",
        parse: Some(connection::list),
        ..CLIENT_ADMIN
    },
    Spec {
        name: "client|no-evict",
        syntax: "<ON | OFF>",
        since: "7.0.0",
        summary: "Is remembered and has no effect, as no connection is ever evicted.",
        parse: Some(connection::no_evict),
        ..CLIENT_ADMIN
    },
    Spec {
        name: "client|no-touch",
        syntax: "<ON | OFF>",
        arity: 3,
        since: "7.2.0",
        summary: "Is remembered and has no effect, as no key is ever evicted.",
        parse: Some(connection::no_touch),
        ..CLIENT_SELF
    },
    Spec {
        name: "client|reply",
        syntax: "<ON | OFF | SKIP>",
        arity: 3,
        since: "3.2.0",
        summary: "Turns the replies to this connection on or off, or leaves out the next.",
        parse: Some(connection::replies),
        ..CLIENT_SELF
    },
    Spec {
        name: "client|setinfo",
        syntax: "<LIB-NAME libname | LIB-VER libver>",
        arity: 4,
        flags: &[Noscript, Loading, Stale, AllowBusy],
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        since: "7.2.0",
        summary: "Remembers the client library of this connection.",
        parse: Some(connection::set_library),
        ..CLIENT_SELF
    },
    Spec {
        name: "client|setname",
        syntax: "connection-name",
        arity: 3,
        since: "2.6.9",
        summary: "Names this connection.",
        parse: Some(connection::set_name),
        ..CLIENT_SELF
    },
];

const OF_COMMANDS: Spec =
    Spec { group: "server", flags: &[Loading, Stale], categories: &[Connection], since: "2.8.13", ..BLANK };
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
        parse: Some(introspect::count),
        ..OF_COMMANDS
    },
    Spec {
        name: "command|docs",
        since: "7.0.0",
        summary: "Documents the named commands, or all.",
        parse: Some(introspect::docs),
        ..OF_NAMED_COMMANDS
    },
    Spec {
        name: "command|getkeys",
        syntax: "command [arg ...]",
        arity: -3,
        complexity: "O(N) where N is the number of arguments",
        summary: "Returns the keys among the words of a command.",
        parse: Some(introspect::keys),
        ..OF_COMMANDS
    },
    Spec {
        name: "command|help",
        group: "server",
        categories: &[Connection],
        parse: Some(|_| introspect::help("command")),
        ..HELP
    },
    Spec {
        name: "command|info",
        summary: "Describes the named commands, or all.",
        parse: Some(introspect::info),
        ..OF_NAMED_COMMANDS
    },
    Spec {
        name: "command|list",
        syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        since: "7.0.0",
        summary: "Returns the names of commands and subcommands.",
        parse: Some(introspect::list),
        ..OF_NAMED_COMMANDS
    },
];

static CONFIG: &[Spec] = &[
    Spec {
        name: "config|get",
        syntax: "parameter [parameter ...]",
        arity: -3,
        flags: &[Admin, Noscript, Loading, Stale],
        since: "2.0.0",
        complexity: "O(N) where N is the number of patterns",
        summary: "Returns the parameters that match a glob pattern, and their values.",
        parse: Some(connection::configuration),
        ..SERVER
    },
    Spec { name: "config|help", group: "server", parse: Some(|_| introspect::help("config")), ..HELP },
];

/// The row of a command, by its name in any case. On the way of every request, so it neither allocates nor hashes.
pub fn find(name: &[u8]) -> Option<&'static Spec> {
    let lower = || name.iter().map(u8::to_ascii_lowercase);
    let at = COMMANDS.binary_search_by(|spec| spec.name.bytes().cmp(lower())).ok()?;
    Some(&COMMANDS[at])
}

/// The row of a subcommand, by its own name in any case.
pub fn find_subcommand(spec: &Spec, name: &[u8]) -> Option<&'static Spec> {
    spec.subcommands.iter().find(|subcommand| name.eq_ignore_ascii_case(subcommand.own_name().as_bytes()))
}

/// The rows of all commands, each followed by those of its subcommands.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    COMMANDS.iter().flat_map(|spec| std::iter::once(spec).chain(spec.subcommands))
}

/// The list of commands for the README: a table in Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| Command | What it does |\n|---|---|\n");
    for spec in all().filter(|spec| spec.parse.is_some()) {
        let name = spec.name.to_ascii_uppercase().replace('|', " ");
        // A bar ends a cell even within code.
        let usage = format!("{name} {}", spec.syntax).trim_end().replace('|', "\\|");
        // Writing to a string can not fail.
        let _ = writeln!(text, "| `{usage}` | {} |", spec.summary);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_row_is_found_in_any_case() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        for spec in COMMANDS {
            let found = find(spec.name.to_ascii_uppercase().as_bytes());
            assert_eq!(found.map(|found| found.name), Some(spec.name));
        }
        for name in ["", "ge", "gett", "client|list", "get\0"] {
            assert!(find(name.as_bytes()).is_none(), "{name}");
        }
    }

    #[test]
    fn subcommands_carry_the_name_of_their_command_and_are_found_by_their_own() {
        for spec in COMMANDS {
            assert!(spec.subcommands.is_sorted_by(|a, b| a.name < b.name), "{}", spec.name);
            for subcommand in spec.subcommands {
                assert_eq!(subcommand.name, format!("{}|{}", spec.name, subcommand.own_name()));
                let found = find_subcommand(spec, subcommand.own_name().to_ascii_uppercase().as_bytes());
                assert_eq!(found.map(|found| found.name), Some(subcommand.name));
            }
        }
    }

    #[test]
    fn every_row_is_whole() {
        for spec in all() {
            assert!(!spec.summary.is_empty() && !spec.group.is_empty(), "{}", spec.name);
            assert!(spec.summary.ends_with('.'), "{}", spec.name);
            assert!(spec.arity != 0, "{}", spec.name);
            assert!(spec.parse.is_some() || !spec.subcommands.is_empty(), "{} means nothing", spec.name);
        }
    }

    #[test]
    fn commands_with_keys_read_or_write_and_no_command_does_both() {
        for spec in all() {
            assert!(!(spec.is(Readonly) && spec.is(Writes)), "{}", spec.name);
            assert!(spec.keys.is_none() || spec.is(Readonly) || spec.is(Writes), "{}", spec.name);
        }
    }

    #[test]
    fn the_list_for_the_readme_names_what_can_be_asked() {
        let list = markdown();
        assert!(list.contains("| `SET key value [NX \\| XX] [GET]` |"), "{list}");
        assert!(list.contains("| `CLIENT SETNAME connection-name` |"), "{list}");
        assert!(list.contains("| `COMMAND` |"), "{list}");
        assert!(!list.contains("| `CLIENT` |"), "{list}");
    }
}
