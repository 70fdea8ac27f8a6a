//! HyperLogLogs: strings that estimate how many different elements were added to them.

use bytes::Bytes;

use crate::command::arguments::{SYNTAX, error_about, exactly};
use crate::command::combined::bound_bytes;
use crate::command::flag::{
    Category::HyperLogLog as Estimates,
    Flag::{Admin, Denyoom, Fast, Readonly, Write},
};
use crate::command::keys::{Begin, Find};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::hyperloglog::{self, HyperLogLog, HyperLogLogError};
use crate::value::{string, string_row};

const HYPERLOGLOG: Spec = Spec { group: "hyperloglog", categories: &[Estimates], since: "2.8.9", ..Spec::BLANK };

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "pfadd",
        syntax: "key [element [element ...]]",
        arity: -2,
        flags: &[Write, Denyoom, Fast],
        keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
        complexity: "O(N) where N is the number of elements",
        summary: "Adds elements to a HyperLogLog, and returns whether its estimate may have changed.",
        meaning: Meaning::Data(add),
        ..HYPERLOGLOG
    },
    Spec {
        name: "pfcount",
        syntax: "key [key ...]",
        arity: -2,
        flags: &[Readonly],
        keys: &[Keys { access: &["RW", "access"], ..Keys::MANY }],
        complexity: "O(N) where N is the number of keys",
        summary: "Estimates how many different elements were added to HyperLogLogs together.",
        meaning: Meaning::Data(count),
        ..HYPERLOGLOG
    },
    Spec {
        name: "pfdebug",
        syntax: "subcommand key",
        arity: 3,
        flags: &[Write, Denyoom, Admin],
        keys: &[Keys { begin: Begin::At(2), access: &["RW", "access"], ..Keys::ONE }],
        summary: "Shows the inside of a HyperLogLog, for tests.",
        meaning: Meaning::Data(debug),
        ..HYPERLOGLOG
    },
    Spec {
        name: "pfmerge",
        syntax: "destkey [sourcekey [sourcekey ...]]",
        arity: -2,
        flags: &[Write, Denyoom],
        keys: &[
            Keys { access: &["RW", "access", "insert"], ..Keys::ONE },
            Keys { begin: Begin::At(2), find: Find::ALL, ..Keys::READ },
        ],
        complexity: "O(N) where N is the number of keys",
        summary: "Merges HyperLogLogs into one.",
        meaning: Meaning::Data(merge),
        ..HYPERLOGLOG
    },
    Spec {
        name: "pfselftest",
        arity: 1,
        flags: &[Admin],
        summary: "Checks the arithmetic of HyperLogLogs, for tests.",
        meaning: Meaning::Session(|_, _| self_test()),
        ..HYPERLOGLOG
    },
];

/// The elements of the self-test depend on it. The test is about the arithmetic, so one seed is as good as another.
const SELF_TEST_SEED: u64 = 42;

fn refusal(error: HyperLogLogError) -> Reply {
    Reply::error(error.to_string())
}

fn open(bytes: &[u8]) -> Result<HyperLogLog<'_>, Reply> {
    HyperLogLog::open(bytes).map_err(refusal)
}

/// Adding nothing to an absent key creates an empty one.
fn add(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, elements @ ..] = words else { return Err(SYNTAX) };
    let old = string(draft, key)?;
    let mut changed = old.is_none();
    let (bytes, until) = old.unwrap_or_default();
    let mut hyperloglog = if changed { HyperLogLog::default() } else { open(&bytes)? };
    for element in elements {
        changed |= hyperloglog.add(element).map_err(refusal)?;
    }
    if changed {
        hyperloglog.mark_out_of_date();
        let bytes = hyperloglog.into_bytes().into();
        draft.put(key.clone(), string_row(bytes, until));
    }
    Ok(Reply::Integer(changed.into()))
}

/// The strings under those of the keys that are there. Like Valkey, it reports the first key in their order that is wrong: of
/// another type, or damaged.
fn strings(draft: &Draft<'_>, keys: &[Bytes]) -> Result<Vec<Bytes>, Reply> {
    let mut strings: Vec<Bytes> = Vec::new();
    let checked = |key| match string(draft, key)? {
        Some((bytes, _)) => open(&bytes).map(|_| Some(bytes.clone())),
        None => Ok(None),
    };
    for key in keys {
        match checked(key) {
            Ok(string) => strings.extend(string),
            Err(error) => {
                let damaged = strings.iter().find_map(|bytes| open(bytes).ok()?.registers().err());
                return Err(damaged.map_or(error, refusal));
            }
        }
    }
    bound_bytes(strings.iter().map(Bytes::len))?;
    Ok(strings)
}

/// Unlike Valkey, this writes no estimate into the string: reads are answered without a commit.
fn count(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let strings = strings(draft, &words[1..])?;
    let opened: Result<Vec<_>, Reply> = strings.iter().map(|bytes| open(bytes)).collect();
    let estimate = match (&opened?[..], words.len()) {
        ([], _) => 0,
        ([one], 2) => one.stored_estimate().map_or_else(|| one.estimate(), Ok).map_err(refusal)?,
        (all, _) => hyperloglog::estimate_union(all).map_err(refusal)?,
    };
    Ok(Reply::Integer(estimate.cast_signed()))
}

fn merge(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, ..] = words else { return Err(SYNTAX) };
    let destination = string(draft, key)?;
    let (bytes, until) = destination.clone().unwrap_or_default();
    let target = if destination.is_some() { open(&bytes)? } else { HyperLogLog::default() };
    let strings = strings(draft, &words[1..])?;
    let opened: Result<Vec<_>, Reply> = strings.iter().map(|bytes| open(bytes)).collect();
    let merged = hyperloglog::merge(target, &opened?).map_err(refusal)?;
    let bytes = merged.into_bytes().into();
    draft.put(key.clone(), string_row(bytes, until));
    Ok(Reply::OK)
}

fn debug(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, subcommand, key] = exactly(words)?;
    let Some((bytes, until)) = string(draft, key)? else {
        return Err(Reply::fault("ERR The specified key does not exist"));
    };
    let mut hyperloglog = open(&bytes)?;
    let is_dense = hyperloglog.is_dense();
    let reply = match subcommand.to_ascii_lowercase().as_slice() {
        b"getreg" => {
            hyperloglog.make_dense().map_err(refusal)?;
            let registers = hyperloglog.registers().map_err(refusal)?;
            Reply::Array(registers.into_iter().map(|count| Reply::Integer(count.into())).collect())
        }
        b"decode" => match hyperloglog.describe_runs() {
            Some(runs) => Reply::bulk(runs),
            None => return Err(Reply::fault("ERR HLL encoding is not sparse")),
        },
        b"encoding" => Reply::status(if is_dense { "dense" } else { "sparse" }),
        b"todense" => Reply::Integer(hyperloglog.make_dense().map_err(refusal)?.into()),
        _ => return Err(error_about("ERR Unknown PFDEBUG subcommand '", subcommand, "'")),
    };
    if hyperloglog.is_dense() != is_dense {
        let bytes = hyperloglog.into_bytes().into();
        draft.put(key.clone(), string_row(bytes, until));
    }
    Ok(reply)
}

fn self_test() -> Result<Reply, Reply> {
    hyperloglog::self_test(SELF_TEST_SEED).map_err(Reply::error)?;
    Ok(Reply::OK)
}
