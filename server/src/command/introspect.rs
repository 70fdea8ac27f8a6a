//! `COMMAND` and `HELP`: the table, told to clients.

use bytes::Bytes;

use super::arguments::SYNTAX;
use super::description::{description, flags};
use super::flag::{Category, Flag};
use super::glob::{self, Case};
use super::keys::KeyPosition;
use super::resolve::resolve;
use super::spec::{CommandTable, Meaning, Spec};
use crate::resp::Reply;

/// The row of the subcommand `HELP`, which each command with subcommands completes.
pub const HELP: Spec = Spec {
    arity: 2,
    flags: &[Flag::Loading, Flag::Stale],
    since: "5.0.0",
    summary: "Returns this text.",
    meaning: Meaning::Table(help),
    ..Spec::BLANK
};

const NO_SUCH_COMMAND: Reply = Reply::fault("ERR Invalid command specified");

/// `COMMAND` and `COMMAND INFO [name...]`
pub fn info(table: &'static CommandTable, words: &[Bytes]) -> Result<Reply, Reply> {
    let info = |spec: &Spec| Reply::Prepared(&description(table, spec).info);
    let entries = match names(words) {
        [] => table.rows().iter().map(|spec| info(spec)).collect(),
        names => names.iter().map(|name| table.find_full(name).map_or(Reply::Null, info)).collect(),
    };
    Ok(Reply::Array(entries))
}

/// `COMMAND DOCS [name...]`. Leaves out unknown names.
pub fn docs(table: &'static CommandTable, words: &[Bytes]) -> Result<Reply, Reply> {
    let document = |spec: &'static Spec| (Reply::text(spec.name), Reply::Prepared(&description(table, spec).document));
    let entries = match names(words) {
        [] => table.rows().iter().copied().map(document).collect(),
        names => names.iter().filter_map(|name| table.find_full(name)).map(document).collect(),
    };
    Ok(Reply::Map(entries))
}

/// `COMMAND COUNT`
pub fn count(table: &'static CommandTable, _: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::count(table.rows().len()))
}

/// `COMMAND LIST [FILTERBY MODULE | ACLCAT | PATTERN argument]`
pub fn list(table: &'static CommandTable, words: &[Bytes]) -> Result<Reply, Reply> {
    let listed: Vec<&Spec> = match names(words) {
        [] => table.all().collect(),
        [filter, kind, argument] if filter.eq_ignore_ascii_case(b"FILTERBY") => {
            let passes = filter_by(kind)?;
            table.all().filter(|spec| passes(spec, argument)).collect()
        }
        _ => return Err(SYNTAX),
    };
    Ok(Reply::Array(listed.iter().map(|spec| Reply::text(spec.name)).collect()))
}

/// Whether a command passes a filter with this argument.
type CommandFilter = fn(&Spec, &[u8]) -> bool;

fn filter_by(kind: &[u8]) -> Result<CommandFilter, Reply> {
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
pub fn keys(table: &'static CommandTable, words: &[Bytes]) -> Result<Reply, Reply> {
    let words = names(words);
    let keys = keys_of(table, words)?.into_iter().map(|(at, _)| Reply::Bulk(words[at].clone()));
    Ok(Reply::Array(keys.collect()))
}

/// `COMMAND GETKEYSANDFLAGS command [argument...]`
pub fn keys_and_flags(table: &'static CommandTable, words: &[Bytes]) -> Result<Reply, Reply> {
    let words = names(words);
    let with_flags = |(at, access): KeyPosition| Reply::Array(vec![Reply::Bulk(words[at].clone()), flags(access)]);
    Ok(Reply::Array(keys_of(table, words)?.into_iter().map(with_flags).collect()))
}

fn keys_of(table: &'static CommandTable, words: &[Bytes]) -> Result<Vec<KeyPosition>, Reply> {
    let spec = resolve(table, words).map_err(|_| NO_SUCH_COMMAND)?;
    if spec.keys.is_empty() {
        return Err(Reply::fault("ERR The command has no key arguments"));
    }
    if !spec.admits(words.len()) {
        return Err(Reply::fault("ERR Invalid number of arguments specified for command"));
    }
    match spec.keys_of(words) {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ if spec.is(Flag::NoMandatoryKeys) => Ok(Vec::new()),
        _ => Err(Reply::fault("ERR Invalid arguments specified for command")),
    }
}

/// `HELP` of the command that the first word names.
fn help(table: &'static CommandTable, words: &[Bytes]) -> Result<Reply, Reply> {
    let spec = words.first().and_then(|name| table.find(name)).ok_or(NO_SUCH_COMMAND)?;
    let name = spec.name.to_ascii_uppercase();
    let mut lines = vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    let mut explain = |usage: String, summary: &str| {
        lines.push(usage);
        lines.push(format!("    {summary}"));
    };
    if !matches!(spec.meaning, Meaning::Container) {
        explain("(no subcommand)".to_owned(), spec.summary);
    }
    // HELP itself comes last, where people look for it.
    let is_help = |spec: &&Spec| spec.own_name() == "help";
    let subcommands = || spec.subcommands.iter();
    for subcommand in subcommands().filter(|spec| !is_help(spec)).chain(subcommands().filter(is_help)) {
        let usage = format!("{} {}", subcommand.own_name().to_ascii_uppercase(), subcommand.syntax);
        explain(usage.trim_end().to_owned(), subcommand.summary);
    }
    Ok(Reply::Array(lines.into_iter().map(Reply::simple).collect()))
}

/// The words after the name of the subcommand.
fn names(words: &[Bytes]) -> &[Bytes] {
    words.get(2..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::command::table::commands;

    fn answer(line: &str) -> Result<Reply, Reply> {
        let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        let command = Command::parse(words)?;
        match command.spec().meaning {
            Meaning::Table(tell) => tell(commands(), command.words()),
            other => panic!("{line} is not answered from the table: {other:?}"),
        }
    }

    /// A reply on one line: arrays in brackets, sets and maps in braces, simple strings with a plus.
    fn shown(reply: &Reply) -> String {
        let joined = |replies: &[Reply]| replies.iter().map(shown).collect::<Vec<_>>().join(" ");
        match reply {
            Reply::Simple(text) => format!("+{}", String::from_utf8_lossy(text)),
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
            Reply::Prepared(prepared) => shown(prepared.reply()),
            other => format!("{other:?}"),
        }
    }

    fn told(line: &str) -> String {
        match answer(line) {
            Ok(reply) => shown(&reply),
            Err(Reply::Error(text)) => String::from_utf8_lossy(&text).into_owned(),
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
        let fcall = "[[fcall -3 {+noscript +stale +skip_monitor +no_mandatory_keys +movablekeys} 0 0 0 \
                     {+@slow +@scripting} {} {{notes=We cannot tell how the keys will be used so we assume the worst, \
                     RW and UPDATE flags={+RW +access +update} begin_search={type=index spec={index=2}} \
                     find_keys={type=keynum spec={keynumidx=0 firstkey=1 keystep=1}}}} {}]]";
        assert_eq!(told("command info fcall"), fcall);
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
        let count = commands().rows().len();
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
    fn docs_tell_the_arguments() {
        let expected = "arguments=[{name=key type=key display_text=key} {name=before type=oneof arguments=[\
                        {name=before type=pure-token display_text=before token=BEFORE} \
                        {name=after type=pure-token display_text=after token=AFTER}]} \
                        {name=pivot type=string display_text=pivot} {name=element type=string display_text=element}]";
        let told = told("command docs linsert");
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn lists_can_be_filtered() {
        assert_eq!(told("command list filterby pattern M*ET"), "[mget mset]");
        assert_eq!(
            told("command list FILTERBY pattern config|*"),
            "[config|get config|help config|resetstat config|rewrite config|set]"
        );
        assert_eq!(told("command list filterby aclcat HyperLogLog"), "[pfadd pfcount pfdebug pfmerge pfselftest]");
        assert_eq!(told("command list filterby aclcat @string"), "[]");
        assert_eq!(told("command list filterby module json"), "[]");
        assert!(told("command list").contains("client client|capa client|getname client|getredir client|help"));
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
        assert_eq!(told("command getkeys rename a b"), "[a b]");
        assert_eq!(told("command getkeys sort a GET STORE store d"), "[a d]");
        assert_eq!(told("command getkeys eval s 0"), "[]");
        assert_eq!(told("command getkeys zunion 3 a"), "ERR Invalid arguments specified for command");
        assert_eq!(told("command getkeysandflags set a 1"), "[[a {+OW +update}]]");
        assert_eq!(told("command getkeysandflags bitfield a get u8 0"), "[[a {+RO +access}]]");
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
                      +RESETSTAT +    Sets the counters of INFO and of LATENCY HISTOGRAM to zero. \
                      +REWRITE \
                      +    Is an error: the server is set up with flags, and has no file of parameters. \
                      +SET parameter value [parameter value ...] \
                      +    Sets parameters of this server until it stops. \
                      +HELP +    Returns this text.]";
        assert_eq!(told("config help"), config);
        assert!(told("command help").contains(" +(no subcommand) +    Describes all commands. +COUNT +    "));
        assert!(told("client HELP").ends_with(" +HELP +    Returns this text.]"));
    }
}
