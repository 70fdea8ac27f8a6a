//! `COMMAND` and the `HELP` texts: the table, told to clients.

use std::borrow::Cow;

use bytes::Bytes;

use super::glob::{self, Case};
use super::parse::{self, SYNTAX};
use super::spec::{Category, Keys, Spec};
use super::{Request, table};
use crate::resp::Reply;

const NO_SUCH_COMMAND: Reply = Reply::Error(Cow::Borrowed("ERR Invalid command specified"));
const NO_KEYS: Reply = Reply::Error(Cow::Borrowed("ERR The command has no key arguments"));
const WRONG_ARITY: Reply = Reply::Error(Cow::Borrowed("ERR Invalid number of arguments specified for command"));

/// `COMMAND` and `COMMAND INFO [name...]`
pub fn info(words: Vec<Bytes>) -> Result<Request, Reply> {
    let entries = match names(&words) {
        [] => table::COMMANDS.iter().map(describe).collect(),
        names => names.iter().map(|name| find(name).map_or(Reply::Null, describe)).collect(),
    };
    Ok(Request::Answer(Reply::Array(entries)))
}

/// `COMMAND DOCS [name...]`; unknown names are left out.
pub fn docs(words: Vec<Bytes>) -> Result<Request, Reply> {
    let entries = match names(&words) {
        [] => table::COMMANDS.iter().map(document).collect(),
        names => names.iter().filter_map(|name| find(name)).map(document).collect(),
    };
    Ok(Request::Answer(Reply::Map(entries)))
}

/// `COMMAND COUNT`
pub fn count(_: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Answer(Reply::Integer(table::COMMANDS.len() as i64)))
}

/// `COMMAND LIST [FILTERBY MODULE | ACLCAT | PATTERN what]`
pub fn list(words: Vec<Bytes>) -> Result<Request, Reply> {
    let listed: Vec<&Spec> = match names(&words) {
        [] => table::all().collect(),
        [filter, kind, what] if filter.eq_ignore_ascii_case(b"FILTERBY") => {
            let chosen = filter_by(kind)?;
            table::all().filter(|spec| chosen(spec, what)).collect()
        }
        _ => return Err(SYNTAX),
    };
    let names = listed.iter().map(|spec| bulk(spec.name)).collect();
    Ok(Request::Answer(Reply::Array(names)))
}

/// Whether a command passes a filter with that argument.
type Filter = fn(&Spec, &[u8]) -> bool;

fn filter_by(kind: &[u8]) -> Result<Filter, Reply> {
    if kind.eq_ignore_ascii_case(b"PATTERN") {
        Ok(|spec, pattern| glob::matches(pattern, spec.name.as_bytes(), Case::Insensitive))
    } else if kind.eq_ignore_ascii_case(b"ACLCAT") {
        Ok(|spec, name| {
            let is = |category: &Category| name.eq_ignore_ascii_case(category.name().as_bytes());
            spec.all_categories().iter().any(is)
        })
    } else if kind.eq_ignore_ascii_case(b"MODULE") {
        Ok(|_, _| false)
    } else {
        Err(SYNTAX)
    }
}

/// `COMMAND GETKEYS command [argument...]`
pub fn keys(words: Vec<Bytes>) -> Result<Request, Reply> {
    let words = names(&words);
    let spec = parse::resolve(words).map_err(|_| NO_SUCH_COMMAND)?;
    if spec.keys.is_none() {
        return Err(NO_KEYS);
    }
    if !spec.admits(words.len()) {
        return Err(WRONG_ARITY);
    }
    let keys = spec.key_positions(words.len()).filter_map(|at| words.get(at));
    Ok(Request::Answer(Reply::Array(keys.cloned().map(Reply::Bulk).collect())))
}

/// `HELP` of a command with subcommands.
pub fn help(container: &str) -> Result<Request, Reply> {
    let spec = table::find(container.as_bytes()).ok_or(NO_SUCH_COMMAND)?;
    let name = spec.name.to_ascii_uppercase();
    let mut lines = vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    let mut explain = |usage: String, summary: &str| {
        lines.push(usage);
        lines.push(format!("    {summary}"));
    };
    if spec.parse.is_some() {
        explain("(no subcommand)".to_owned(), spec.summary);
    }
    // HELP itself comes last, where people look for it.
    let is_help = |spec: &&Spec| spec.own_name() == "help";
    let subcommands = || spec.subcommands.iter();
    for subcommand in subcommands().filter(|spec| !is_help(spec)).chain(subcommands().filter(is_help)) {
        let usage = format!("{} {}", subcommand.own_name().to_ascii_uppercase(), subcommand.syntax);
        explain(usage.trim_end().to_owned(), subcommand.summary);
    }
    Ok(Request::Answer(Reply::Array(lines.into_iter().map(|line| Reply::Simple(Cow::Owned(line))).collect())))
}

/// What follows the name of the subcommand, if there is one.
fn names(words: &[Bytes]) -> &[Bytes] {
    words.get(2..).unwrap_or_default()
}

/// Finds a row by a full name such as `client|list`.
fn find(name: &[u8]) -> Option<&'static Spec> {
    match name.iter().position(|byte| *byte == b'|') {
        None => table::find(name),
        Some(bar) => table::find_subcommand(table::find(&name[..bar])?, &name[bar + 1..]),
    }
}

/// The ten fields of `COMMAND INFO`.
fn describe(spec: &Spec) -> Reply {
    let (first, last, step) = match spec.keys {
        None => (0, 0, 0),
        Some(Keys { last, step, .. }) if last < 0 => (1, i64::from(last), i64::from(step)),
        Some(Keys { last, step, .. }) => (1, 1 + i64::from(last), i64::from(step)),
    };
    let categories = spec.all_categories();
    let subcommands: Vec<_> = spec.subcommands.iter().map(describe).collect();
    Reply::Array(vec![
        bulk(spec.name),
        Reply::Integer(spec.arity.into()),
        Reply::Set(spec.flags.iter().map(|flag| simple(flag.name())).collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        Reply::Set(categories.iter().map(|it| Reply::Simple(Cow::Owned(format!("@{}", it.name())))).collect()),
        Reply::Set(spec.tips.iter().copied().map(bulk).collect()),
        Reply::Set(spec.keys.iter().map(key_specification).collect()),
        // Odd, but Valkey's: an array, unless there are none.
        if subcommands.is_empty() { Reply::Set(subcommands) } else { Reply::Array(subcommands) },
    ])
}

/// Where the keys are, for clients that can not make do with three numbers.
fn key_specification(keys: &Keys) -> Reply {
    let notes = (!keys.notes.is_empty()).then(|| (bulk("notes"), bulk(keys.notes)));
    let search = |kind, spec| Reply::Map(vec![(bulk("type"), bulk(kind)), (bulk("spec"), Reply::Map(spec))]);
    let range = vec![
        (bulk("lastkey"), Reply::Integer(keys.last.into())),
        (bulk("keystep"), Reply::Integer(keys.step.into())),
        (bulk("limit"), Reply::Integer(0)),
    ];
    let fields = [
        (bulk("flags"), Reply::Set(keys.access.iter().copied().map(simple).collect())),
        (bulk("begin_search"), search("index", vec![(bulk("index"), Reply::Integer(1))])),
        (bulk("find_keys"), search("range", range)),
    ];
    Reply::Map(notes.into_iter().chain(fields).collect())
}

/// The name and the documentation of a command, as `COMMAND DOCS` pairs them.
fn document(spec: &Spec) -> (Reply, Reply) {
    let mut fields = vec![
        (bulk("summary"), bulk(spec.summary)),
        (bulk("since"), bulk(spec.since)),
        (bulk("group"), bulk(spec.group)),
        (bulk("complexity"), bulk(spec.complexity)),
    ];
    if !spec.subcommands.is_empty() {
        fields.push((bulk("subcommands"), Reply::Map(spec.subcommands.iter().map(document).collect())));
    }
    (bulk(spec.name), Reply::Map(fields))
}

fn bulk(text: &'static str) -> Reply {
    Reply::Bulk(Bytes::from_static(text.as_bytes()))
}

fn simple(text: &'static str) -> Reply {
    Reply::Simple(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Result<Reply, Reply> {
        let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        match parse::command(words)? {
            Request::Answer(reply) => Ok(reply),
            other => panic!("{line} is not answered from the table: {other:?}"),
        }
    }

    /// A reply on one line: arrays in brackets, sets and maps in braces, simple strings with a plus.
    fn shown(reply: &Reply) -> String {
        let joined = |replies: &[Reply]| replies.iter().map(shown).collect::<Vec<_>>().join(" ");
        match reply {
            Reply::Simple(text) => format!("+{text}"),
            Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Reply::Integer(number) => number.to_string(),
            Reply::Null => "null".to_owned(),
            Reply::Array(replies) => format!("[{}]", joined(replies)),
            Reply::Set(replies) => format!("{{{}}}", joined(replies)),
            Reply::Map(pairs) => {
                let pairs: Vec<_> =
                    pairs.iter().map(|(key, value)| format!("{}={}", shown(key), shown(value))).collect();
                format!("{{{}}}", pairs.join(" "))
            }
            other => format!("{other:?}"),
        }
    }

    fn told(line: &str) -> String {
        match answer(line) {
            Ok(reply) => shown(&reply),
            Err(Reply::Error(text)) => text.into_owned(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_command_is_described_as_redis_describes_it() {
        let range = |last, step| {
            format!(
                "begin_search={{type=index spec={{index=1}}}} \
                 find_keys={{type=range spec={{lastkey={last} keystep={step} limit=0}}}}"
            )
        };
        let get = format!(
            "[[get 2 {{+readonly +fast}} 1 1 1 {{+@read +@string +@fast}} {{}} {{{{flags={{+RO +access}} {}}}}} {{}}]]",
            range(0, 1)
        );
        assert_eq!(told("command info GET"), get);
        let set = format!(
            "[[set -3 {{+write +denyoom}} 1 1 1 {{+@write +@string +@slow}} {{}} \
             {{{{notes=RW and ACCESS due to the optional `GET` argument \
             flags={{+RW +access +update +variable_flags}} {}}}}} {{}}]]",
            range(0, 1)
        );
        assert_eq!(told("command info set"), set);
        let mset = format!(
            "[[mset -3 {{+write +denyoom}} 1 -1 2 {{+@write +@string +@slow}} \
             {{request_policy:multi_shard response_policy:all_succeeded}} {{{{flags={{+OW +update}} {}}}}} {{}}]]",
            range(-1, 2)
        );
        assert_eq!(told("command info mset"), mset);
    }

    #[test]
    fn flags_imply_categories() {
        for (name, categories) in [
            ("del", "{+@keyspace +@write +@slow}"),
            ("exists", "{+@keyspace +@read +@fast}"),
            ("flushall", "{+@keyspace +@write +@slow +@dangerous}"),
            ("time", "{+@fast}"),
            ("info", "{+@slow +@dangerous}"),
            ("command", "{+@slow +@connection}"),
            ("client", "{+@slow}"),
            ("client|list", "{+@admin +@slow +@dangerous +@connection}"),
            ("client|setname", "{+@slow +@connection}"),
            ("config|get", "{+@admin +@slow +@dangerous}"),
            ("config|help", "{+@slow}"),
        ] {
            let told = told(&format!("command info {name}"));
            assert!(told.contains(&format!(" {categories} ")), "{told}");
        }
    }

    #[test]
    fn unknown_names_are_null_in_infos_and_missing_in_docs() {
        assert_eq!(told("command info foo client|foo foo|bar"), "[null null null]");
        assert_eq!(told("command docs foo"), "{}");
    }

    #[test]
    fn all_commands_are_described_if_none_is_named() {
        let count = table::COMMANDS.len();
        assert_eq!(told("command count"), count.to_string());
        assert_eq!(answer("command"), answer("command info"));
        let Ok(Reply::Array(infos)) = answer("command") else { panic!("an array") };
        let Ok(Reply::Map(docs)) = answer("command docs") else { panic!("a map") };
        assert_eq!((infos.len(), docs.len()), (count, count));
    }

    #[test]
    fn docs_nest_subcommands_by_their_full_names() {
        let dbsize = "{dbsize={summary=Returns the number of keys. since=1.0.0 group=server complexity=O(1)}}";
        assert_eq!(told("command docs DbSize"), dbsize);
        let config = told("command docs config");
        assert!(config.contains("subcommands={config|get={summary="), "{config}");
    }

    #[test]
    fn lists_can_be_filtered() {
        assert_eq!(told("command list filterby pattern M*ET"), "[mget mset]");
        assert_eq!(told("command list FILTERBY pattern config|*"), "[config|get config|help]");
        assert_eq!(told("command list filterby aclcat String"), "[get mget mset set]");
        assert_eq!(told("command list filterby aclcat @string"), "[]");
        assert_eq!(told("command list filterby module json"), "[]");
        assert!(told("command list").contains("client client|getname client|help"));
        for line in ["command list foo", "command list filterby pattern", "command list filterby foo bar"] {
            assert_eq!(told(line), "ERR syntax error", "{line}");
        }
    }

    #[test]
    fn the_keys_of_a_command_are_found() {
        assert_eq!(told("command getkeys GET a"), "[a]");
        assert_eq!(told("command getkeys set a b NX"), "[a]");
        assert_eq!(told("command getkeys del a b"), "[a b]");
        assert_eq!(told("command getkeys mset a 1 b 2"), "[a b]");
        assert_eq!(told("command getkeys mset a 1 b"), "[a b]");
        assert_eq!(told("command getkeys foo"), "ERR Invalid command specified");
        assert_eq!(told("command getkeys client foo"), "ERR Invalid command specified");
        assert_eq!(told("command getkeys client id"), "ERR The command has no key arguments");
        assert_eq!(told("command getkeys get a b"), "ERR Invalid number of arguments specified for command");
    }

    #[test]
    fn help_lists_the_subcommands_and_itself_last() {
        let config = "[+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are: \
                      +GET parameter [parameter ...] \
                      +    Returns the parameters that match a glob pattern, and their values. \
                      +HELP +    Prints this help.]";
        assert_eq!(told("config help"), config);
        assert!(told("command help").contains(" +(no subcommand) +    Describes every command. +COUNT +    "));
        assert!(told("client HELP").ends_with(" +HELP +    Prints this help.]"));
    }
}
