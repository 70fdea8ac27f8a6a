//! Counters: strings that are numbers.

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, exactly, integer};
use crate::command::flag::{
    Category::String as Text,
    Flag::{Denyoom, Fast, Write},
};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::number::{Extended, NOT_A_FLOAT, SUM_NOT_FINITE};
use crate::value::{string, string_row};
use crate::zoo::planted;

const COUNTER: Spec = Spec {
    group: "string",
    categories: &[Text],
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "access", "update"], ..Keys::ONE }],
    ..Spec::BLANK
};

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "decr",
        syntax: "key",
        arity: 2,
        summary: "Subtracts one from an integer. An absent key counts as 0.",
        meaning: Meaning::Data(|draft, words| count(draft, &words[1], -1)),
        ..COUNTER
    },
    Spec {
        name: "decrby",
        syntax: "key decrement",
        arity: 3,
        summary: "Subtracts a number from an integer. An absent key counts as 0.",
        meaning: Meaning::Data(|draft, words| count(draft, &words[1], decrement(words)?)),
        check: Some(|words| decrement(words).map(drop)),
        ..COUNTER
    },
    Spec {
        name: "incr",
        syntax: "key",
        arity: 2,
        summary: "Adds one to an integer. An absent key counts as 0.",
        meaning: Meaning::Data(|draft, words| count(draft, &words[1], 1)),
        ..COUNTER
    },
    Spec {
        name: "incrby",
        syntax: "key increment",
        arity: 3,
        summary: "Adds a number to an integer. An absent key counts as 0.",
        meaning: Meaning::Data(|draft, words| count(draft, &words[1], increment(words)?)),
        check: Some(|words| increment(words).map(drop)),
        ..COUNTER
    },
    Spec {
        name: "incrbyfloat",
        syntax: "key increment",
        arity: 3,
        since: "2.6.0",
        summary: "Adds a number to a number with a fraction. An absent key counts as 0.",
        meaning: Meaning::Data(add_fraction),
        ..COUNTER
    },
];

fn increment(words: &[Bytes]) -> Result<i64, Reply> {
    integer(&words[2]).ok_or(NOT_AN_INTEGER)
}

fn decrement(words: &[Bytes]) -> Result<i64, Reply> {
    increment(words)?.checked_neg().ok_or(Reply::fault("ERR decrement would overflow"))
}

fn count(draft: &mut Draft<'_>, key: &Bytes, by: i64) -> Result<Reply, Reply> {
    let (old, until) = match string(draft, key)? {
        None => (0, None),
        Some((value, until)) => (integer(&value).ok_or(NOT_AN_INTEGER)?, until),
    };
    planted!("incr-on-a-stale-copy" => return Ok(crate::zoo::command::count_stored(draft, key, by)));
    let new = old.checked_add(by).ok_or(Reply::fault("ERR increment or decrement would overflow"))?;
    let text = Bytes::copy_from_slice(itoa::Buffer::new().format(new).as_bytes());
    draft.put(key.clone(), string_row(text, until));
    Ok(Reply::Integer(new))
}

/// Like Valkey, it looks at the type of the key first, and says the same of both numbers.
fn add_fraction(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, by] = exactly(words)?;
    let parse = |text: &[u8]| Extended::parse(text).ok_or(Reply::fault(NOT_A_FLOAT));
    let (old, until) = match string(draft, key)? {
        None => (Extended::ZERO, None),
        Some((value, until)) => (parse(&value)?, until),
    };
    let sum = old.sum(parse(by)?).ok_or(Reply::fault(SUM_NOT_FINITE))?;
    let text = Bytes::from(sum.to_string());
    draft.put(key.clone(), string_row(text.clone(), until));
    Ok(Reply::Bulk(text))
}
