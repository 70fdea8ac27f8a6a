//! ZADD, ZREM, ZINCRBY, ZSCORE, ZRANK, and ZRANGE of the whole set with scores.

use std::collections::BTreeMap;

use super::reply::Reply;
use super::state::{Site, State, TypedValue};
use crate::word::Word;

/// A command about sorted sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SortedSetCommand {
    /// Sets scores of members and returns how many are new.
    Add(Word, Vec<(i64, Word)>),
    /// Removes members and returns how many were there.
    Remove(Word, Vec<Word>),
    /// Adds to the score of a member and returns the sum.
    IncrBy(Word, i64, Word),
    /// Returns the score of a member.
    Score(Word, Word),
    /// Returns how many members stand before a member in the order of scores.
    Rank(Word, Word),
    /// Returns all members with their scores, in the order of scores: ZRANGE from 0 to -1 WITHSCORES.
    All(Word),
    /// Returns the number of members.
    Size(Word),
}

/// How the commands are written.
impl SortedSetCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            SortedSetCommand::Add(..) => "ZADD",
            SortedSetCommand::Remove(..) => "ZREM",
            SortedSetCommand::IncrBy(..) => "ZINCRBY",
            SortedSetCommand::Score(..) => "ZSCORE",
            SortedSetCommand::Rank(..) => "ZRANK",
            SortedSetCommand::All(_) => "ZRANGE",
            SortedSetCommand::Size(_) => "ZCARD",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            SortedSetCommand::Add(key, added) => [key]
                .into_iter()
                .chain(added.into_iter().flat_map(|(score, member)| [Word::from(score.to_string()), member]))
                .collect(),
            SortedSetCommand::Remove(key, removed) => [key].into_iter().chain(removed).collect(),
            SortedSetCommand::IncrBy(key, amount, member) => vec![key, Word::from(amount.to_string()), member],
            SortedSetCommand::Score(key, member) | SortedSetCommand::Rank(key, member) => vec![key, member],
            SortedSetCommand::All(key) => vec![key, Word::from("0"), Word::from("-1"), Word::from("WITHSCORES")],
            SortedSetCommand::Size(key) => vec![key],
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<SortedSetCommand> {
        match (name, arguments) {
            ("ZADD", [key, added @ ..]) if !added.is_empty() && added.len().is_multiple_of(2) => {
                let pair = |pair: &[Word]| Some((pair[0].to_integer()?, pair[1].clone()));
                Some(SortedSetCommand::Add(key.clone(), added.chunks_exact(2).map(pair).collect::<Option<_>>()?))
            }
            ("ZREM", [key, removed @ ..]) if !removed.is_empty() => {
                Some(SortedSetCommand::Remove(key.clone(), removed.to_vec()))
            }
            ("ZINCRBY", [key, amount, member]) => {
                Some(SortedSetCommand::IncrBy(key.clone(), amount.to_integer()?, member.clone()))
            }
            ("ZSCORE", [key, member]) => Some(SortedSetCommand::Score(key.clone(), member.clone())),
            ("ZRANK", [key, member]) => Some(SortedSetCommand::Rank(key.clone(), member.clone())),
            ("ZRANGE", [key, first, last, option])
                if first.to_integer() == Some(0)
                    && last.to_integer() == Some(-1)
                    && option.to_upper_case().as_deref() == Some("WITHSCORES") =>
            {
                Some(SortedSetCommand::All(key.clone()))
            }
            ("ZCARD", [key]) => Some(SortedSetCommand::Size(key.clone())),
            _ => None,
        }
    }
}

/// What the commands mean.
impl SortedSetCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        let (database, key) = (site.database, self.key());
        let mut members = match state.entry(database, key).map(|entry| &entry.value) {
            None => BTreeMap::new(),
            Some(TypedValue::SortedSet(members)) => members.clone(),
            Some(_) => return Reply::wrong_type(),
        };
        let reply = match self {
            SortedSetCommand::Add(_, added) => {
                Reply::count(added.iter().filter(|(score, member)| members.insert(member.clone(), *score).is_none()))
            }
            SortedSetCommand::Remove(_, removed) => {
                Reply::count(removed.iter().filter(|member| members.remove(*member).is_some()))
            }
            SortedSetCommand::IncrBy(_, amount, member) => {
                let score = members.entry(member.clone()).or_default();
                *score = score.saturating_add(*amount);
                score_reply(*score)
            }
            SortedSetCommand::Score(_, member) => members.get(member).map_or(Reply::Nil, |score| score_reply(*score)),
            SortedSetCommand::Rank(_, member) => match members.get(member) {
                None => Reply::Nil,
                Some(score) => Reply::count(members.iter().filter(|(other, its)| (*its, *other) < (score, member))),
            },
            SortedSetCommand::All(_) => {
                let mut ranked: Vec<(i64, &Word)> = members.iter().map(|(member, score)| (*score, member)).collect();
                ranked.sort_unstable();
                let pair = |(score, member): (i64, &Word)| [Reply::Value(member.clone()), score_reply(score)];
                Reply::Array(ranked.into_iter().flat_map(pair).collect())
            }
            SortedSetCommand::Size(_) => Reply::count(members.iter()),
        };
        if self.may_write() && !matches!(reply, Reply::Error { .. }) {
            state.change(database, key, TypedValue::SortedSet(members));
        }
        reply
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            SortedSetCommand::Add(_, added) => reply.is_count_up_to(added.len()),
            SortedSetCommand::Remove(_, removed) => reply.is_count_up_to(removed.len()),
            SortedSetCommand::IncrBy(..) => reply.is_value_or_nil() && *reply != Reply::Nil,
            SortedSetCommand::Score(..) => reply.is_value_or_nil(),
            SortedSetCommand::Rank(..) => *reply == Reply::Nil || reply.is_count_up_to(usize::MAX),
            SortedSetCommand::All(_) => reply.is_values(2),
            SortedSetCommand::Size(_) => reply.is_count_up_to(usize::MAX),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            SortedSetCommand::Add(..) => "a count of at most its members",
            SortedSetCommand::Remove(..) => "a count of at most its members",
            SortedSetCommand::IncrBy(..) => "a score",
            SortedSetCommand::Score(..) => "a score or nil",
            SortedSetCommand::Rank(..) => "a rank or nil",
            SortedSetCommand::All(_) => "an array of members and scores",
            SortedSetCommand::Size(_) => "a count",
        };
        expected.into()
    }
}

/// What the commands concern.
impl SortedSetCommand {
    pub(super) fn key(&self) -> &Word {
        match self {
            SortedSetCommand::Add(key, ..)
            | SortedSetCommand::Remove(key, ..)
            | SortedSetCommand::IncrBy(key, ..)
            | SortedSetCommand::Score(key, ..)
            | SortedSetCommand::Rank(key, ..)
            | SortedSetCommand::All(key)
            | SortedSetCommand::Size(key) => key,
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            SortedSetCommand::Add(..) | SortedSetCommand::Remove(..) | SortedSetCommand::IncrBy(..) => true,
            SortedSetCommand::Score(..)
            | SortedSetCommand::Rank(..)
            | SortedSetCommand::All(_)
            | SortedSetCommand::Size(_) => false,
        }
    }
}

/// A score as a server spells it.
fn score_reply(score: i64) -> Reply {
    Reply::Value(score.to_string().into())
}
