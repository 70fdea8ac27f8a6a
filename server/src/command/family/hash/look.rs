//! Reading fields.

use bytes::Bytes;

use super::template::{LIST, LOOK, NAMED_FIELDS};
use crate::command::arguments::{SYNTAX, exactly};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::hash::Hash;

const ALL_FIELDS: &str = "O(N) where N is the number of fields";

/// Commands that return something of every field.
const WHOLE: Spec =
    Spec { syntax: "key", arity: 2, tips: &["nondeterministic_output_order"], complexity: ALL_FIELDS, ..LIST };

/// Commands that tell about fields, but not their values.
const TELL: Spec = Spec { keys: &[Keys { access: &["RO"], ..Keys::ONE }], ..LOOK };

pub(super) const GET: Spec = Spec {
    name: "hget",
    syntax: "key field",
    arity: 3,
    summary: "Returns the value of a field.",
    meaning: Meaning::Data(get),
    ..LOOK
};

pub(super) const GET_MANY: Spec = Spec {
    name: "hmget",
    syntax: "key field [field ...]",
    arity: -3,
    complexity: NAMED_FIELDS,
    summary: "Returns the values of several fields.",
    meaning: Meaning::Data(get_many),
    ..LOOK
};

pub(super) const ALL: Spec = Spec {
    name: "hgetall",
    summary: "Returns all fields with their values.",
    meaning: Meaning::Data(|draft, words| {
        let pairs = pairs(draft, words)?.into_iter();
        Ok(Reply::Map(pairs.map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value))).collect()))
    }),
    ..WHOLE
};

pub(super) const FIELDS: Spec = Spec {
    name: "hkeys",
    summary: "Returns all fields.",
    meaning: Meaning::Data(|draft, words| {
        Ok(Reply::Array(pairs(draft, words)?.into_iter().map(|(field, _)| Reply::Bulk(field)).collect()))
    }),
    ..WHOLE
};

pub(super) const VALUES: Spec = Spec {
    name: "hvals",
    summary: "Returns the values of all fields.",
    meaning: Meaning::Data(|draft, words| {
        Ok(Reply::Array(pairs(draft, words)?.into_iter().map(|(_, value)| Reply::Bulk(value)).collect()))
    }),
    ..WHOLE
};

pub(super) const LENGTH: Spec = Spec {
    name: "hlen",
    syntax: "key",
    arity: 2,
    complexity: "O(1), or O(log(N)) where N is the number of fields that expire",
    summary: "Returns the number of fields.",
    meaning: Meaning::Data(length),
    ..TELL
};

pub(super) const EXISTS: Spec = Spec {
    name: "hexists",
    syntax: "key field",
    arity: 3,
    summary: "Tells whether there is a field.",
    meaning: Meaning::Data(exists),
    ..TELL
};

pub(super) const VALUE_LENGTH: Spec = Spec {
    name: "hstrlen",
    syntax: "key field",
    arity: 3,
    since: "3.2.0",
    summary: "Returns the length of the value of a field.",
    meaning: Meaning::Data(value_length),
    ..TELL
};

/// The value of the field that a request of three words names.
fn value_of(draft: &Draft<'_>, words: &[Bytes]) -> Result<Option<Bytes>, Reply> {
    let [_, key, field] = exactly(words)?;
    Ok(Hash::open(draft, key)?.and_then(|hash| hash.value(draft, field)))
}

/// All fields of the key that a request of two words names.
fn pairs(draft: &Draft<'_>, words: &[Bytes]) -> Result<Vec<(Bytes, Bytes)>, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Hash::open(draft, key)?.map_or_else(Vec::new, |hash| hash.pairs(draft)))
}

fn get(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(value_of(draft, words)?.into())
}

fn get_many(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, fields @ ..] = words else { return Err(SYNTAX) };
    let hash = Hash::open(draft, key)?;
    let value = |field: &Bytes| hash.as_ref()?.value(draft, field);
    Ok(Reply::Array(fields.iter().map(|field| value(field).into()).collect()))
}

fn length(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Reply::count(Hash::open(draft, key)?.map_or(0, |hash| hash.len(draft))))
}

fn exists(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::Integer(i64::from(value_of(draft, words)?.is_some())))
}

fn value_length(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::count(value_of(draft, words)?.map_or(0, |value| value.len())))
}
