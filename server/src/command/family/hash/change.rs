//! Changing fields and their values.

use bytes::Bytes;

use super::template::{CHANGE, GROW, NAMED_FIELDS};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, exactly, integer, wrong_arity};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::hash::Hash;
use crate::value::number::{self, Extended};
use crate::zoo::planted;

pub(super) const SET: Spec = Spec {
    name: "hset",
    summary: "Sets fields and returns how many of them are new.",
    meaning: Meaning::Data(|draft, words| Ok(Reply::count(set(draft, words, SET.name)?))),
    check: Some(|words| pairs(words, SET.name).map(drop)),
    ..SET_FIELDS
};

pub(super) const SET_MANY: Spec = Spec {
    name: "hmset",
    summary: "Sets fields. HSET does the same.",
    meaning: Meaning::Data(|draft, words| set(draft, words, SET_MANY.name).map(|_| Reply::OK)),
    check: Some(|words| pairs(words, SET_MANY.name).map(drop)),
    ..SET_FIELDS
};

const SET_FIELDS: Spec =
    Spec { syntax: "key field value [field value ...]", arity: -4, complexity: NAMED_FIELDS, ..GROW };

pub(super) const SET_IF_ABSENT: Spec = Spec {
    name: "hsetnx",
    syntax: "key field value",
    arity: 4,
    keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
    summary: "Sets a field if it is absent.",
    meaning: Meaning::Data(set_if_absent),
    ..GROW
};

pub(super) const DELETE: Spec = Spec {
    name: "hdel",
    syntax: "key field [field ...]",
    arity: -3,
    keys: &[Keys { access: &["RW", "delete"], ..Keys::ONE }],
    complexity: NAMED_FIELDS,
    summary: "Removes fields. The key goes with its last field.",
    meaning: Meaning::Data(delete),
    ..CHANGE
};

pub(super) const INCREMENT: Spec = Spec {
    name: "hincrby",
    syntax: "key field increment",
    summary: "Adds an integer to the value of a field.",
    meaning: Meaning::Data(increment),
    check: Some(|words| integer(&words[3]).map(drop).ok_or(NOT_AN_INTEGER)),
    ..ADD_TO_VALUE
};

pub(super) const INCREMENT_FLOAT: Spec = Spec {
    name: "hincrbyfloat",
    syntax: "key field increment",
    since: "2.6.0",
    summary: "Adds a number with a fraction to the value of a field.",
    meaning: Meaning::Data(increment_float),
    check: Some(|words| float(&words[3]).map(drop)),
    ..ADD_TO_VALUE
};

/// An absent field counts as zero.
const ADD_TO_VALUE: Spec =
    Spec { arity: 4, keys: &[Keys { access: &["RW", "access", "update"], ..Keys::ONE }], ..GROW };

/// The fields and values of an `HSET`. An arity cannot demand that they come in pairs.
fn pairs<'a>(words: &'a [Bytes], command: &str) -> Result<&'a [[Bytes; 2]], Reply> {
    match words[2..].as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(wrong_arity(command)),
    }
}

/// Returns how many fields are new.
fn set(draft: &mut Draft<'_>, words: &[Bytes], command: &str) -> Result<usize, Reply> {
    let (key, pairs) = (&words[1], pairs(words, command)?);
    let mut hash = Hash::open_or_new(draft, key)?;
    let mut new = 0;
    for [field, value] in pairs {
        let kept = planted!("hset-keeps-the-life-of-a-field").then(|| hash.get(draft, field)).flatten();
        new += usize::from(hash.set(draft, field, value.clone(), kept.and_then(|(_, until)| until)));
    }
    hash.keep(draft, key);
    Ok(new)
}

fn set_if_absent(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, field, value] = exactly(words)?;
    let mut hash = Hash::open_or_new(draft, key)?;
    let is_absent = !hash.has(draft, field);
    if is_absent {
        hash.set(draft, field, value.clone(), None);
        hash.keep(draft, key);
    }
    Ok(Reply::Integer(i64::from(is_absent)))
}

fn delete(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, fields @ ..] = words else { return Err(SYNTAX) };
    let Some(mut hash) = Hash::open(draft, key)? else { return Ok(Reply::Integer(0)) };
    let removed = fields.iter().filter(|field| hash.remove(draft, field).is_some()).count();
    hash.keep(draft, key);
    Ok(Reply::count(removed))
}

fn increment(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, field, increment] = exactly(words)?;
    let increment = integer(increment).ok_or(NOT_AN_INTEGER)?;
    let mut hash = Hash::open_or_new(draft, key)?;
    let (old, until) = match hash.get(draft, field) {
        Some((value, until)) => (integer(&value).ok_or(Reply::fault("ERR hash value is not an integer"))?, until),
        None => (0, None),
    };
    let sum = old.checked_add(increment).ok_or(Reply::fault("ERR increment or decrement would overflow"))?;
    let until = until.filter(|_| !planted!("hincrby-lifts-the-life-of-a-field"));
    hash.set(draft, field, sum.to_string().into(), until);
    hash.keep(draft, key);
    Ok(Reply::Integer(sum))
}

/// The increment of an `HINCRBYFLOAT`.
fn float(word: &[u8]) -> Result<Extended, Reply> {
    let increment = Extended::parse(word).ok_or(Reply::fault(number::NOT_A_FLOAT))?;
    if increment.is_finite() { Ok(increment) } else { Err(Reply::fault(number::INCREMENT_NOT_FINITE)) }
}

fn increment_float(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, field, increment] = exactly(words)?;
    let increment = float(increment)?;
    let mut hash = Hash::open_or_new(draft, key)?;
    let (old, until) = match hash.get(draft, field) {
        Some((value, until)) => (Extended::parse(&value).ok_or(Reply::fault(number::FIELD_NOT_A_FLOAT))?, until),
        None => (Extended::ZERO, None),
    };
    let sum = old.sum(increment).ok_or(Reply::fault(number::SUM_NOT_FINITE))?;
    let sum = Bytes::from(sum.to_string());
    hash.set(draft, field, sum.clone(), until);
    hash.keep(draft, key);
    Ok(Reply::Bulk(sum))
}
