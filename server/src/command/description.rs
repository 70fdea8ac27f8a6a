//! What `COMMAND` says of the rows of the table.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::keys::{Begin, Find, Keys, as_one_range};
use super::spec::{CommandTable, Spec};
use super::syntax;
use crate::resp::{PreparedReply, Reply};

/// What `COMMAND` says of one row. Clients may name a row a million times in one request, so replies share it.
pub(super) struct Description {
    /// The reply to `COMMAND INFO`.
    pub(super) info: PreparedReply,
    /// The reply to `COMMAND DOCS`.
    pub(super) document: PreparedReply,
}

/// What `COMMAND` says of a row of the table.
pub(super) fn description(table: &'static CommandTable, spec: &Spec) -> &'static Description {
    static DESCRIPTIONS: OnceLock<BTreeMap<&'static str, Description>> = OnceLock::new();
    let describe_all = || {
        let describe = |spec| Description {
            info: PreparedReply::new(describe(spec)),
            document: PreparedReply::new(document(spec)),
        };
        table.all().map(|spec| (spec.name, describe(spec))).collect()
    };
    &DESCRIPTIONS.get_or_init(describe_all)[spec.name]
}

/// The ten fields of `COMMAND INFO`.
fn describe(spec: &Spec) -> Reply {
    let (first, last, step) = as_one_range(spec.keys);
    let categories = spec.all_categories();
    let subcommands: Vec<_> = spec.subcommands.iter().map(describe).collect();
    Reply::Array(vec![
        Reply::text(spec.name),
        Reply::Integer(spec.arity.into()),
        Reply::Set(spec.flags.iter().map(|flag| Reply::status(flag.name())).collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        Reply::Set(categories.iter().map(|it| Reply::simple(format!("@{}", it.name()))).collect()),
        Reply::Set(spec.tips.iter().copied().map(Reply::text).collect()),
        Reply::Set(spec.keys.iter().map(key_specification).collect()),
        // Like Valkey: an array, unless there are none.
        if subcommands.is_empty() { Reply::Set(subcommands) } else { Reply::Array(subcommands) },
    ])
}

/// The positions of the keys, for clients that need more than three numbers.
fn key_specification(keys: &Keys) -> Reply {
    let number = |name, number: i8| (Reply::text(name), Reply::Integer(number.into()));
    let search = |kind, spec| {
        Reply::Map(vec![(Reply::text("type"), Reply::text(kind)), (Reply::text("spec"), Reply::Map(spec))])
    };
    let begin = match keys.begin {
        Begin::At(position) => search("index", vec![(Reply::text("index"), Reply::Integer(position.into()))]),
        Begin::Behind(word, from) => {
            let from = (Reply::text("startfrom"), Reply::Integer(from.into()));
            search("keyword", vec![(Reply::text("keyword"), Reply::text(word)), from])
        }
        Begin::Unknown => search("unknown", Vec::new()),
    };
    let find = match keys.find {
        Find::Range { last, step } => {
            let step = (Reply::text("keystep"), Reply::Integer(step.into()));
            search("range", vec![number("lastkey", last), step, number("limit", 0)])
        }
        Find::Counted => search("keynum", vec![number("keynumidx", 0), number("firstkey", 1), number("keystep", 1)]),
        Find::Unknown => search("unknown", Vec::new()),
    };
    let notes = (!keys.notes.is_empty()).then(|| (Reply::text("notes"), Reply::text(keys.notes)));
    let fields = [
        (Reply::text("flags"), flags(keys.access)),
        (Reply::text("begin_search"), begin),
        (Reply::text("find_keys"), find),
    ];
    Reply::Map(notes.into_iter().chain(fields).collect())
}

/// The documentation of a command and its subcommands.
fn document(spec: &Spec) -> Reply {
    let mut fields = vec![
        (Reply::text("summary"), Reply::text(spec.summary)),
        (Reply::text("since"), Reply::text(spec.since)),
        (Reply::text("group"), Reply::text(spec.group)),
        (Reply::text("complexity"), Reply::text(spec.complexity)),
    ];
    let arguments = syntax::arguments(spec.syntax);
    if !arguments.is_empty() {
        fields.push((Reply::text("arguments"), Reply::Array(arguments)));
    }
    if !spec.subcommands.is_empty() {
        let subcommands = spec.subcommands.iter().map(|spec| (Reply::text(spec.name), document(spec)));
        fields.push((Reply::text("subcommands"), Reply::Map(subcommands.collect())));
    }
    Reply::Map(fields)
}

/// The flags of a key, as a reply has them.
pub(super) fn flags(names: &'static [&'static str]) -> Reply {
    Reply::Set(names.iter().copied().map(Reply::status).collect())
}
