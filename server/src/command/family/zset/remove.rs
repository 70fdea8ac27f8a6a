//! Removing members: named ones, and parts of the order.

use bytes::Bytes;

use super::range::{RangeMeasure, extent};
use super::template::SORTED;
use crate::command::arguments::{SYNTAX, exactly};
use crate::command::flag::Flag::{Fast, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::zset::Zset;

const REMOVAL: Spec = Spec {
    arity: 4,
    flags: &[Write],
    keys: &[Keys { access: &["RW", "delete"], ..Keys::ONE }],
    complexity: "O(log(N)+M) where N is the number of members in the sorted set, and M that of removed ones",
    ..SORTED
};

pub(super) const MEMBERS: Spec = Spec {
    name: "zrem",
    syntax: "key member [member ...]",
    arity: -3,
    flags: &[Write, Fast],
    since: "1.2.0",
    complexity: "O(M*log(N)) where N is the number of members in the sorted set, and M that of named ones",
    summary: "Removes members and returns how many of them were there.",
    meaning: Meaning::Data(remove),
    ..REMOVAL
};

pub(super) const BY_RANK: Spec = Spec {
    name: "zremrangebyrank",
    syntax: "key start stop",
    since: "2.0.0",
    summary: "Removes the members between two positions.",
    meaning: Meaning::Data(|draft, words| remove_part(draft, words, RangeMeasure::Rank)),
    check: Some(|words| extent(RangeMeasure::Rank, &words[2], &words[3]).map(drop)),
    ..REMOVAL
};

pub(super) const BY_SCORE: Spec = Spec {
    name: "zremrangebyscore",
    syntax: "key min max",
    since: "1.2.0",
    summary: "Removes the members with a score between two bounds.",
    meaning: Meaning::Data(|draft, words| remove_part(draft, words, RangeMeasure::Score)),
    check: Some(|words| extent(RangeMeasure::Score, &words[2], &words[3]).map(drop)),
    ..REMOVAL
};

pub(super) const BY_NAME: Spec = Spec {
    name: "zremrangebylex",
    syntax: "key min max",
    since: "2.8.9",
    summary: "Removes the members between two bounds, if all scores are equal.",
    meaning: Meaning::Data(|draft, words| remove_part(draft, words, RangeMeasure::Name)),
    check: Some(|words| extent(RangeMeasure::Name, &words[2], &words[3]).map(drop)),
    ..REMOVAL
};

fn remove(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, members @ ..] = words else { return Err(SYNTAX) };
    let Some(mut zset) = Zset::open(draft, key)? else { return Ok(Reply::Integer(0)) };
    let removed = members.iter().filter(|member| zset.remove(draft, member).is_some()).count();
    zset.keep(draft, key);
    Ok(Reply::count(removed))
}

fn remove_part(draft: &mut Draft<'_>, words: &[Bytes], measure: RangeMeasure) -> Result<Reply, Reply> {
    let [_, key, low, high] = exactly(words)?;
    let extent = extent(measure, low, high)?;
    let Some(zset) = Zset::open(draft, key)? else { return Ok(Reply::Integer(0)) };
    let positions = extent.positions(&zset.order(draft), false);
    let removed = positions.len();
    zset.cut(draft, key, positions);
    Ok(Reply::count(removed))
}
