//! Whether keys are there, and making them go.

use bytes::Bytes;

use super::template::GENERIC;
use crate::command::arguments::exactly;
use crate::command::flag::Flag::{Fast, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::{By, Draft};
use crate::value::Kind;
use crate::value::chance::Chance;

pub(super) const DELETE: Spec = Spec {
    name: "del",
    syntax: "key [key ...]",
    arity: -2,
    flags: &[Write],
    keys: &[Keys { access: &["RM", "delete"], ..Keys::MANY }],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    complexity: "O(N) where N is the number of keys",
    summary: "Deletes keys and returns how many of them existed.",
    meaning: Meaning::Data(delete),
    ..GENERIC
};

pub(super) const UNLINK: Spec = Spec {
    name: "unlink",
    flags: &[Write, Fast],
    since: "4.0.0",
    summary: "Deletes keys and returns how many of them existed, like DEL.",
    ..DELETE
};

pub(super) const EXISTS: Spec = Spec {
    name: "exists",
    syntax: "key [key ...]",
    arity: -2,
    flags: &[Readonly, Fast],
    keys: &[Keys { access: &["RO"], ..Keys::MANY }],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    complexity: "O(N) where N is the number of keys",
    summary: "Returns how many of the keys exist.",
    meaning: Meaning::Data(exists),
    ..GENERIC
};

pub(super) const TOUCH: Spec = Spec {
    name: "touch",
    since: "3.2.1",
    summary: "Returns how many of the keys exist, like EXISTS: the server does not note when a key was used.",
    ..EXISTS
};

pub(super) const TYPE: Spec = Spec {
    name: "type",
    syntax: "key",
    arity: 2,
    flags: &[Readonly, Fast],
    keys: &[Keys { access: &["RO"], ..Keys::ONE }],
    summary: "Returns the type of a key.",
    meaning: Meaning::Data(kind),
    ..GENERIC
};

pub(super) const RANDOM: Spec = Spec {
    name: "randomkey",
    arity: 1,
    flags: &[Readonly],
    tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
    complexity: "O(log(N)) where N is the number of keys",
    summary: "Returns a random key.",
    meaning: Meaning::Data(random),
    ..GENERIC
};

/// How often RANDOMKEY draws a key before it takes the next one that is alive. Few keys have expired and were not removed
/// yet, unless nobody writes.
const DRAWS: usize = 100;

fn delete(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::count(words[1..].iter().filter(|key| draft.delete(key)).count()))
}

/// Counts a key again each time it is named.
fn exists(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::count(words[1..].iter().filter(|key| draft.find(key).is_some()).count()))
}

fn kind(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Reply::status(draft.find(key).map_or("none", |row| Kind::of(&row).name())))
}

fn random(draft: &mut Draft<'_>, _: &[Bytes]) -> Result<Reply, Reply> {
    let order = draft.order(draft.keys_table(), By::Hash);
    if order.is_empty() {
        return Ok(Reply::Null);
    }
    let mut chance = Chance::of(draft);
    let drawn = (0..DRAWS).filter_map(|_| order.at(chance.below(order.len())));
    let mut names = drawn.chain(&order).map(|place| place.name());
    Ok(names.find(|name| draft.find(name).is_some()).into())
}
