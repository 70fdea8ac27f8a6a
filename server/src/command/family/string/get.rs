//! Commands that read whole values.

use bytes::Bytes;

use super::expiry::ExpiryOption;
use super::template::{READ, STRING};
use crate::command::arguments::{SYNTAX, exactly};
use crate::command::flag::Flag::{Fast, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::row::Row;
use crate::state::Draft;
use crate::value::{self, WRONG_TYPE, lifetime, string_row};
use crate::zoo::planted;

pub(super) const GET: Spec = Spec {
    name: "get",
    syntax: "key",
    arity: 2,
    flags: &[Readonly, Fast],
    summary: "Returns the value of a key.",
    meaning: Meaning::Data(get),
    ..READ
};

pub(super) const GET_MANY: Spec = Spec {
    name: "mget",
    syntax: "key [key ...]",
    arity: -2,
    flags: &[Readonly, Fast],
    keys: &[Keys { access: &["RO", "access"], ..Keys::MANY }],
    tips: &["request_policy:multi_shard"],
    complexity: "O(N) where N is the number of keys",
    summary: "Returns the values of several keys, all from the same version of the database.",
    meaning: Meaning::Data(get_many),
    ..READ
};

pub(super) const GET_AND_EXPIRE: Spec = Spec {
    name: "getex",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
    arity: -2,
    flags: &[Write, Fast],
    keys: &[Keys {
        access: &["RW", "access", "update"],
        notes: "RW and UPDATE because it changes the TTL",
        ..Keys::ONE
    }],
    since: "6.2.0",
    summary: "Returns the value of a key, and sets or removes its expiry.",
    meaning: Meaning::Data(get_and_expire),
    check: Some(|words| expiry(&words[2..]).map(drop)),
    ..STRING
};

pub(super) const GET_AND_DELETE: Spec = Spec {
    name: "getdel",
    syntax: "key",
    arity: 2,
    flags: &[Write, Fast],
    keys: &[Keys::TAKEN],
    since: "6.2.0",
    summary: "Returns the value of a key, and deletes the key.",
    meaning: Meaning::Data(get_and_delete),
    ..STRING
};

pub(super) const DELETE_IF_EQUAL: Spec = Spec {
    name: "delifeq",
    syntax: "key value",
    arity: 3,
    flags: &[Write, Fast],
    keys: &[Keys { access: &["RM", "delete"], ..Keys::ONE }],
    since: "9.0.0",
    summary: "Deletes a key if it has this value.",
    meaning: Meaning::Data(delete_if_equal),
    ..STRING
};

fn get(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    if planted!("canary") {
        return Ok(Reply::Null);
    }
    let [_, key] = exactly(words)?;
    value_of(draft, key)
}

/// A collection counts as absent here.
fn get_many(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let values = words[1..].iter().map(|key| value_of(draft, key).unwrap_or(Reply::Null));
    Ok(Reply::Array(values.collect()))
}

fn expiry(mut options: &[Bytes]) -> Result<ExpiryOption<'_>, Reply> {
    let mut expiry = ExpiryOption::Unsaid;
    while !options.is_empty() {
        options = expiry.take(options, ("PERSIST", ExpiryOption::Persist))?;
    }
    Ok(expiry)
}

/// Like Valkey, it looks at the key before it looks at the number.
fn get_and_expire(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, options @ ..] = words else { return Err(SYNTAX) };
    let expiry = expiry(options)?;
    let Some((value, until)) = value::string(draft, key)? else { return Ok(Reply::Null) };
    if let Some(moment) = expiry.moment(draft.now(), "getex")? {
        lifetime::put_until(draft, key, Row::Value(value.clone()), moment);
    } else if expiry == ExpiryOption::Persist && until.is_some() {
        draft.put(key.clone(), string_row(value.clone(), None));
    }
    Ok(Reply::Bulk(value))
}

fn get_and_delete(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    let reply = value_of(draft, key)?;
    draft.delete(key);
    Ok(reply)
}

fn delete_if_equal(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, expected] = exactly(words)?;
    let Some(row) = draft.find(key) else { return Ok(Reply::Integer(0)) };
    let is_equal = row.value().ok_or(WRONG_TYPE)? == expected;
    Ok(Reply::Integer(i64::from(is_equal && draft.delete(key))))
}

/// The value of a key, or null. An error if the key is a collection.
pub(super) fn value_of(draft: &Draft<'_>, key: &[u8]) -> Result<Reply, Reply> {
    Ok(value::string(draft, key)?.map(|(value, _)| value).into())
}
