//! Single members.

use bytes::Bytes;

use super::template::LOOK;
use crate::command::arguments::{SYNTAX, exactly, is, wrong_arity};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::zset::Zset;

pub(super) const CARDINALITY: Spec = Spec {
    name: "zcard",
    syntax: "key",
    arity: 2,
    keys: &[Keys { access: &["RO"], ..Keys::ONE }],
    since: "1.2.0",
    summary: "Returns the number of members.",
    meaning: Meaning::Data(cardinality),
    ..LOOK
};

pub(super) const SCORE: Spec = Spec {
    name: "zscore",
    syntax: "key member",
    arity: 3,
    since: "1.2.0",
    summary: "Returns the score of a member.",
    meaning: Meaning::Data(score),
    ..LOOK
};

pub(super) const SCORES: Spec = Spec {
    name: "zmscore",
    syntax: "key member [member ...]",
    arity: -3,
    since: "6.2.0",
    complexity: "O(N) where N is the number of members that are asked for",
    summary: "Returns the scores of several members.",
    meaning: Meaning::Data(scores),
    ..LOOK
};

const RANKS: Spec = Spec {
    syntax: "key member [WITHSCORE]",
    arity: -3,
    since: "2.0.0",
    complexity: "O(log(N)) where N is the number of members in the sorted set",
    ..LOOK
};

pub(super) const RANK: Spec = Spec {
    name: "zrank",
    summary: "Returns the position of a member, counted from the lowest score.",
    meaning: Meaning::Data(|draft, words| rank(draft, words, false)),
    check: Some(|words| wants_score(words, "zrank").map(drop)),
    ..RANKS
};

pub(super) const REVERSE_RANK: Spec = Spec {
    name: "zrevrank",
    summary: "Returns the position of a member, counted from the highest score.",
    meaning: Meaning::Data(|draft, words| rank(draft, words, true)),
    check: Some(|words| wants_score(words, "zrevrank").map(drop)),
    ..RANKS
};

fn cardinality(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Reply::count(Zset::open(draft, key)?.map_or(0, |zset| zset.len())))
}

fn score(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, member] = exactly(words)?;
    let score = Zset::open(draft, key)?.and_then(|zset| zset.score(draft, member));
    Ok(score.map_or(Reply::Null, Reply::Double))
}

fn scores(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, members @ ..] = words else { return Err(SYNTAX) };
    let zset = Zset::open(draft, key)?;
    let score = |member: &Bytes| zset.as_ref()?.score(draft, member);
    Ok(Reply::Array(members.iter().map(|member| score(member).map_or(Reply::Null, Reply::Double)).collect()))
}

fn rank(draft: &mut Draft<'_>, words: &[Bytes], backwards: bool) -> Result<Reply, Reply> {
    let [_, key, member, ..] = words else { return Err(SYNTAX) };
    let with_score = wants_score(words, if backwards { "zrevrank" } else { "zrank" })?;
    let rank = Zset::open(draft, key)?.and_then(|zset| zset.rank(draft, member, backwards));
    Ok(match rank {
        Some((rank, score)) if with_score => Reply::Array(vec![Reply::count(rank), Reply::Double(score)]),
        Some((rank, _)) => Reply::count(rank),
        None if with_score => Reply::NullArray,
        None => Reply::Null,
    })
}

/// Whether a request ends with WITHSCORE.
fn wants_score(words: &[Bytes], name: &str) -> Result<bool, Reply> {
    match &words[3..] {
        [] => Ok(false),
        [option] if is(option, "WITHSCORE") => Ok(true),
        [_] => Err(SYNTAX),
        _ => Err(wrong_arity(name)),
    }
}
