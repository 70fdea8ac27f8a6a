//! The table of all commands. The server knows nothing about a command that is not in its row.
//!
//! Clients of Valkey route and retry by flags, arities, key positions and tips, so the rows state those of Valkey.
//! Summaries and complexities are our own: they say what holds here.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::family::{
    bitmap, client, config, counter, debug, durability, function, geo, greeting, hash, hyperloglog, key, latency, list,
    script, server, set, slowlog, string, transaction, zset,
};
use super::spec::{CommandTable, Meaning, Spec};

/// The rows of all families.
const FAMILIES: &[&[Spec]] = &[
    bitmap::ROWS,
    client::ROWS,
    config::ROWS,
    counter::ROWS,
    debug::ROWS,
    durability::ROWS,
    function::ROWS,
    geo::ROWS,
    greeting::ROWS,
    hash::ROWS,
    hyperloglog::ROWS,
    key::ROWS,
    latency::ROWS,
    list::ROWS,
    script::ROWS,
    server::ROWS,
    set::ROWS,
    slowlog::ROWS,
    string::ROWS,
    transaction::ROWS,
    zset::ROWS,
];

/// The table of all commands.
pub fn commands() -> &'static CommandTable {
    static TABLE: LazyLock<CommandTable> = LazyLock::new(|| CommandTable::new(FAMILIES));
    &TABLE
}

/// The content of `COMMANDS.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Commands\n\n\
         Valthree understands these commands. The list is made from the server's table of commands by `cargo test`: change\n\
         the table, not this file.\n\n\
         | Command | Effect |\n|---|---|\n",
    );
    for spec in commands().all().filter(|spec| !matches!(spec.meaning, Meaning::Container)) {
        let name = spec.name.to_ascii_uppercase().replace('|', " ");
        // A bar ends a cell even within code.
        let usage = format!("{name} {}", spec.syntax).trim_end().replace('|', "\\|");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{usage}` | {} |", spec.summary);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::command::flag::Flag::{Readonly, Write};

    #[test]
    fn every_row_is_found_in_any_case() {
        for spec in commands().rows() {
            let found = commands().find(spec.name.to_ascii_uppercase().as_bytes());
            assert_eq!(found.map(|found| found.name), Some(spec.name));
        }
        for name in ["", "ge", "gett", "client|list", "get\0"] {
            assert!(commands().find(name.as_bytes()).is_none(), "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_sorted() {
        assert!(commands().rows().is_sorted_by(|a, b| a.name < b.name));
        assert!(commands().rows().iter().all(|spec| spec.subcommands.is_sorted_by(|a, b| a.name < b.name)));
    }

    #[test]
    fn subcommands_have_the_name_of_their_command_and_are_found_by_their_own() {
        for spec in commands().rows() {
            for subcommand in spec.subcommands {
                assert_eq!(subcommand.name, format!("{}|{}", spec.name, subcommand.own_name()));
                let found = spec.subcommand(subcommand.own_name().to_ascii_uppercase().as_bytes());
                assert_eq!(found.map(|found| found.name), Some(subcommand.name));
                let found = commands().find_full(subcommand.name.as_bytes());
                assert_eq!(found.map(|found| found.name), Some(subcommand.name));
            }
        }
    }

    #[test]
    fn every_row_is_whole() {
        for spec in commands().all() {
            assert!(!spec.summary.is_empty() && !spec.group.is_empty(), "{}", spec.name);
            assert!(spec.summary.ends_with('.'), "{}", spec.name);
            assert!(spec.arity != 0, "{}", spec.name);
            let is_container = matches!(spec.meaning, Meaning::Container);
            assert!(!is_container || !spec.subcommands.is_empty() && spec.arity == -2, "{} means nothing", spec.name);
        }
    }

    #[test]
    fn commands_on_keys_either_read_or_write() {
        for spec in commands().all() {
            assert!(!(spec.is(Readonly) && spec.is(Write)), "{}", spec.name);
            // Only what they execute tells.
            let is_scripting = matches!(spec.group, "scripting" | "transactions") || spec.name.starts_with("debug|");
            assert!(spec.keys.is_empty() || spec.is(Readonly) || spec.is(Write) || is_scripting, "{}", spec.name);
            let is_data = matches!(spec.meaning, Meaning::Data(_)) && !is_scripting;
            assert_eq!((spec.is(Readonly) || spec.is(Write)) && !is_scripting, is_data, "{}", spec.name);
        }
    }

    #[test]
    fn the_list_of_commands_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../COMMANDS.md");
        let list = markdown();
        assert!(list.contains("| `GETRANGE key start end` |") && list.contains("[NX \\| XX"), "{list}");
        assert!(!list.contains("| `CLIENT` |"), "{list}");
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&list) {
            std::fs::write(&path, list).unwrap();
            panic!("COMMANDS.md was not what the table says; it is now");
        }
    }
}
