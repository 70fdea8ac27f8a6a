//! Taking the members with the lowest or highest scores.

use bytes::Bytes;

use super::listing::listed;
use super::template::SORTED;
use crate::command::arguments::{SYNTAX, integer, is};
use crate::command::flag::Flag::{Fast, MovableKeys, Write};
use crate::command::keys::Find;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::zset::{Scored, Zset, members};

const TAKEN: Keys = Keys::TAKEN;

const POP: Spec = Spec {
    syntax: "key [count]",
    arity: -2,
    flags: &[Write, Fast],
    keys: &[TAKEN],
    since: "5.0.0",
    complexity: "O(M*log(N)) where N is the number of members in the sorted set, and M that of removed ones",
    check: Some(|words| count(&words[2..]).map(drop)),
    ..SORTED
};

pub(super) const POP_LOWEST: Spec = Spec {
    name: "zpopmin",
    summary: "Removes and returns the members with the lowest scores.",
    meaning: Meaning::Data(|draft, words| pop_one(draft, words, false)),
    ..POP
};

pub(super) const POP_HIGHEST: Spec = Spec {
    name: "zpopmax",
    summary: "Removes and returns the members with the highest scores.",
    meaning: Meaning::Data(|draft, words| pop_one(draft, words, true)),
    ..POP
};

pub(super) const POP_OF_MANY: Spec = Spec {
    name: "zmpop",
    syntax: "numkeys key [key ...] <MIN | MAX> [COUNT count]",
    arity: -4,
    flags: &[Write, MovableKeys],
    keys: &[Keys { find: Find::Counted, ..TAKEN }],
    since: "7.0.0",
    complexity: "O(K)+O(M*log(N)) where K is the number of keys, N that of members in the sorted set, and M that of \
                 removed ones",
    summary: "Removes and returns the lowest or highest members of the first key that is there.",
    meaning: Meaning::Data(pop_of_many),
    check: Some(|words| PopOfMany::parse(&words[1..]).map(drop)),
    ..SORTED
};

/// Takes members from one end.
fn take(draft: &mut Draft<'_>, key: &Bytes, zset: Zset, count: usize, highest: bool) -> Vec<Scored> {
    let (length, count) = (zset.len(), count.min(zset.len()));
    let positions = if highest { length - count..length } else { 0..count };
    let taken = members(&zset.order(draft), positions.clone(), highest);
    zset.cut(draft, key, positions);
    taken
}

/// A member and its score.
fn pair((member, score): Scored) -> [Reply; 2] {
    [Reply::Bulk(member), Reply::Double(score)]
}

/// The number of members that a request asks for, or none if it does not say.
fn count(arguments: &[Bytes]) -> Result<Option<usize>, Reply> {
    match arguments {
        [] => Ok(None),
        [count] => {
            let count = integer(count).and_then(|count| usize::try_from(count).ok());
            count.map(Some).ok_or(Reply::fault("ERR value is out of range, must be positive"))
        }
        _ => Err(SYNTAX),
    }
}

/// Without a count the reply has one level in both protocols.
fn pop_one(draft: &mut Draft<'_>, words: &[Bytes], highest: bool) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let count = count(arguments)?;
    let Some(zset) = Zset::open(draft, key)? else { return Ok(Reply::Array(Vec::new())) };
    let taken = take(draft, key, zset, count.unwrap_or(1), highest);
    Ok(match count {
        Some(_) => listed(taken, true),
        None => Reply::Array(taken.into_iter().flat_map(pair).collect()),
    })
}

/// The arguments of a `ZMPOP`.
pub(crate) struct PopOfMany<'a> {
    /// The keys, in the order in which they are tried.
    pub(crate) keys: &'a [Bytes],
    highest: bool,
    count: usize,
}

impl<'a> PopOfMany<'a> {
    /// Parses the words from the number of keys on.
    pub(crate) fn parse(arguments: &'a [Bytes]) -> Result<PopOfMany<'a>, Reply> {
        let positive = |word: &Bytes| integer(word).filter(|number| *number > 0)?.try_into().ok();
        let [number, rest @ ..] = arguments else { return Err(SYNTAX) };
        let number = positive(number).ok_or(Reply::fault("ERR numkeys should be greater than 0"))?;
        let (keys, rest) = rest.split_at_checked(number).ok_or(SYNTAX)?;
        let [end, options @ ..] = rest else { return Err(SYNTAX) };
        let highest = match end {
            _ if is(end, "MIN") => false,
            _ if is(end, "MAX") => true,
            _ => return Err(SYNTAX),
        };
        let (count, rest) = match options {
            [option, count, rest @ ..] if is(option, "COUNT") => {
                (positive(count).ok_or(Reply::fault("ERR count should be greater than 0"))?, rest)
            }
            rest => (1, rest),
        };
        if !rest.is_empty() {
            return Err(SYNTAX);
        }
        Ok(PopOfMany { keys, highest, count })
    }

    /// Takes members of the first key that is there. None if no key is.
    pub(crate) fn pop(&self, draft: &mut Draft<'_>) -> Result<Option<Reply>, Reply> {
        for key in self.keys {
            let Some(zset) = Zset::open(draft, key)? else { continue };
            let taken = take(draft, key, zset, self.count, self.highest);
            let taken = taken.into_iter().map(|scored| Reply::Array(pair(scored).into()));
            return Ok(Some(Reply::Array(vec![Reply::Bulk(key.clone()), Reply::Array(taken.collect())])));
        }
        Ok(None)
    }
}

/// The members are nested in both protocols.
fn pop_of_many(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(PopOfMany::parse(&words[1..])?.pop(draft)?.unwrap_or(Reply::NullArray))
}
