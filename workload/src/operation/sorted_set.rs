//! ZADD, ZREM, ZINCRBY, ZPOPMIN, ZPOPMAX, ZRANGESTORE, ZUNIONSTORE, ZSCORE, ZRANK, ZCARD, ZSCAN, and ZRANGE with
//! scores.

use super::cursor;
use super::geo::GeoCommand;
use super::reply::Reply;
use super::scores::{Scores, alter, replace, scores_of};
use super::span::Span;
use super::state::{Site, State, TypedValue};
use crate::word::Word;

/// An end of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extreme {
    /// The members of the lowest scores.
    Lowest,
    /// The members of the highest scores.
    Highest,
}

/// A command about sorted sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SortedSetCommand {
    /// Sets scores of members and returns how many are new.
    Add(Word, Vec<(i64, Word)>),
    /// Removes members and returns how many were there.
    Remove(Word, Vec<Word>),
    /// Adds to the score of a member and returns the sum.
    IncrBy(Word, i64, Word),
    /// Removes so many members from an end, or all if there are fewer. Returns them with their scores.
    Pop(Word, Extreme, u32),
    /// Gives the first key a range of the second one, whatever it held before, and returns the size.
    StoreRange(Word, Word, Span),
    /// Gives a key the members of several sorted sets or sets, each with the end of its scores. Returns the size.
    Union(Word, Vec<Word>, Extreme),
    /// Returns a range with scores.
    Range(Word, Span),
    /// Returns the score of a member.
    Score(Word, Word),
    /// Returns how many members stand before a member in the order of scores.
    Rank(Word, Word),
    /// Returns all members with their scores, in the order of scores: ZRANGE from 0 to -1 WITHSCORES.
    All(Word),
    /// Returns the number of members.
    Size(Word),
    /// Returns some of the members with their scores, from a cursor on, and the next cursor: ZSCAN with COUNT.
    Scan(Word, Word, u32),
    /// A command about places on the Earth.
    Geo(GeoCommand),
}

/// How the commands are written.
impl SortedSetCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            SortedSetCommand::Add(..) => "ZADD",
            SortedSetCommand::Remove(..) => "ZREM",
            SortedSetCommand::IncrBy(..) => "ZINCRBY",
            SortedSetCommand::Pop(_, Extreme::Lowest, _) => "ZPOPMIN",
            SortedSetCommand::Pop(_, Extreme::Highest, _) => "ZPOPMAX",
            SortedSetCommand::StoreRange(..) => "ZRANGESTORE",
            SortedSetCommand::Union(..) => "ZUNIONSTORE",
            SortedSetCommand::Score(..) => "ZSCORE",
            SortedSetCommand::Rank(..) => "ZRANK",
            SortedSetCommand::All(_) | SortedSetCommand::Range(..) => "ZRANGE",
            SortedSetCommand::Size(_) => "ZCARD",
            SortedSetCommand::Scan(..) => "ZSCAN",
            SortedSetCommand::Geo(command) => command.name(),
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
            SortedSetCommand::Scan(key, cursor, count) => cursor::arguments(key, cursor, count),
            SortedSetCommand::Geo(command) => command.arguments(),
            SortedSetCommand::Pop(key, _, number) => vec![key, Word::from(number.to_string())],
            SortedSetCommand::StoreRange(to, from, span) => [vec![to, from], span.words()].concat(),
            SortedSetCommand::Range(key, span) => [vec![key], span.words(), vec![Word::from("WITHSCORES")]].concat(),
            SortedSetCommand::Union(to, of, kept) => {
                let number = Word::from(of.len().to_string());
                [to, number].into_iter().chain(of).chain([Word::from("AGGREGATE"), kept.word()]).collect()
            }
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
            ("ZRANGE", [key, span @ .., option]) if option.to_upper_case()? == "WITHSCORES" => {
                Some(SortedSetCommand::Range(key.clone(), Span::parse(span)?))
            }
            ("ZRANGESTORE", [to, from, span @ ..]) => {
                Some(SortedSetCommand::StoreRange(to.clone(), from.clone(), Span::parse(span)?))
            }
            ("ZPOPMIN" | "ZPOPMAX", [key, number]) => {
                let number = u32::try_from(number.to_integer()?).ok().filter(|number| *number > 0)?;
                let end = if name == "ZPOPMIN" { Extreme::Lowest } else { Extreme::Highest };
                Some(SortedSetCommand::Pop(key.clone(), end, number))
            }
            ("ZUNIONSTORE", [to, number, of @ .., option, kept]) if option.to_upper_case()? == "AGGREGATE" => {
                let whole = usize::try_from(number.to_integer()?) == Ok(of.len()) && !of.is_empty();
                whole.then_some(())?;
                Some(SortedSetCommand::Union(to.clone(), of.to_vec(), Extreme::parse(kept)?))
            }
            ("ZCARD", [key]) => Some(SortedSetCommand::Size(key.clone())),
            ("ZSCAN", arguments) => {
                cursor::parse(arguments).map(|(key, cursor, count)| SortedSetCommand::Scan(key, cursor, count))
            }
            _ => GeoCommand::parse(name, arguments).map(SortedSetCommand::Geo),
        }
    }
}

impl Extreme {
    /// The option of ZUNIONSTORE.
    fn word(self) -> Word {
        Word::from(match self {
            Extreme::Lowest => "MIN",
            Extreme::Highest => "MAX",
        })
    }

    fn parse(word: &Word) -> Option<Extreme> {
        match word.to_upper_case()?.as_str() {
            "MIN" => Some(Extreme::Lowest),
            "MAX" => Some(Extreme::Highest),
            _ => None,
        }
    }

    fn of(self, one: i64, other: i64) -> i64 {
        match self {
            Extreme::Lowest => one.min(other),
            Extreme::Highest => one.max(other),
        }
    }
}

/// The members in the order of their scores.
fn ranked(members: &Scores) -> Vec<(i64, &Word)> {
    let mut ranked: Vec<(i64, &Word)> = members.iter().map(|(member, score)| (*score, member)).collect();
    ranked.sort_unstable();
    ranked
}

/// Members with their scores as a server shows them.
fn with_scores(members: Vec<(i64, &Word)>) -> Reply {
    let pair = |(score, member): (i64, &Word)| [Reply::Value(member.clone()), score_reply(score)];
    Reply::Array(members.into_iter().flat_map(pair).collect())
}

/// What the commands mean.
impl SortedSetCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        self.execute(state, site.database).unwrap_or_else(|error| error)
    }

    fn execute(&self, state: &mut State, database: u8) -> Result<Reply, Reply> {
        match self {
            SortedSetCommand::Add(key, added) => alter(state, database, key, |members| {
                Reply::count(added.iter().filter(|(score, member)| members.insert(member.clone(), *score).is_none()))
            }),
            SortedSetCommand::Remove(key, removed) => alter(state, database, key, |members| {
                Reply::count(removed.iter().filter(|member| members.remove(*member).is_some()))
            }),
            SortedSetCommand::IncrBy(key, amount, member) => alter(state, database, key, |members| {
                let score = members.entry(member.clone()).or_default();
                *score = score.saturating_add(*amount);
                score_reply(*score)
            }),
            SortedSetCommand::Pop(key, end, number) => alter(state, database, key, |members| {
                let before = members.clone();
                let mut popped = ranked(&before);
                if *end == Extreme::Highest {
                    popped.reverse();
                }
                popped.truncate(*number as usize);
                members.retain(|member, _| !popped.iter().any(|(_, popped)| *popped == member));
                with_scores(popped)
            }),
            SortedSetCommand::StoreRange(to, from, span) => {
                let members = scores_of(state, database, from)?;
                let kept = span.of(ranked(&members)).into_iter().map(|(score, member)| (member.clone(), score));
                Ok(replace(state, database, to, kept.collect()))
            }
            SortedSetCommand::Union(to, of, kept) => {
                let mut union = Scores::new();
                for key in of {
                    // Each member of a set has the score 1.
                    let members = match state.entry(database, key).map(|entry| &entry.value) {
                        Some(TypedValue::Set(members)) => members.iter().map(|member| (member.clone(), 1)).collect(),
                        _ => scores_of(state, database, key)?,
                    };
                    for (member, score) in members {
                        union.entry(member).and_modify(|other| *other = kept.of(*other, score)).or_insert(score);
                    }
                }
                Ok(replace(state, database, to, union))
            }
            SortedSetCommand::Score(key, member) => {
                let members = scores_of(state, database, key)?;
                Ok(members.get(member).map_or(Reply::Nil, |score| score_reply(*score)))
            }
            SortedSetCommand::Rank(key, member) => {
                let members = scores_of(state, database, key)?;
                let place = ranked(&members).iter().position(|(_, other)| *other == member);
                Ok(place.map_or(Reply::Nil, |place| Reply::count(0..place)))
            }
            SortedSetCommand::All(key) => Ok(with_scores(ranked(&scores_of(state, database, key)?))),
            SortedSetCommand::Range(key, span) => Ok(with_scores(span.of(ranked(&scores_of(state, database, key)?)))),
            SortedSetCommand::Scan(key, ..) => match with_scores(ranked(&scores_of(state, database, key)?)) {
                Reply::Array(members) => Ok(cursor::all(members)),
                error => Err(error),
            },
            SortedSetCommand::Size(key) => Ok(Reply::count(scores_of(state, database, key)?.iter())),
            SortedSetCommand::Geo(command) => command.execute(state, database),
        }
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            SortedSetCommand::Add(_, added) => reply.is_count_up_to(added.len()),
            SortedSetCommand::Remove(_, removed) => reply.is_count_up_to(removed.len()),
            SortedSetCommand::IncrBy(..) => reply.is_value_or_nil() && *reply != Reply::Nil,
            SortedSetCommand::Score(..) => reply.is_value_or_nil(),
            SortedSetCommand::Rank(..) => *reply == Reply::Nil || reply.is_count_up_to(usize::MAX),
            SortedSetCommand::Pop(_, _, number) => {
                reply.is_values(2) && reply.is_values_up_to((*number as usize).saturating_mul(2))
            }
            SortedSetCommand::StoreRange(..) | SortedSetCommand::Union(..) => reply.is_count_up_to(usize::MAX),
            SortedSetCommand::All(_) | SortedSetCommand::Range(..) => reply.is_values(2),
            SortedSetCommand::Size(_) => reply.is_count_up_to(usize::MAX),
            SortedSetCommand::Scan(..) => cursor::allows(reply, 2),
            SortedSetCommand::Geo(command) => command.allows(reply),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            SortedSetCommand::Add(..) => "a count of at most its members",
            SortedSetCommand::Remove(..) => "a count of at most its members",
            SortedSetCommand::IncrBy(..) => "a score",
            SortedSetCommand::Score(..) => "a score or nil",
            SortedSetCommand::Rank(..) => "a rank or nil",
            SortedSetCommand::StoreRange(..) | SortedSetCommand::Union(..) => "a count",
            SortedSetCommand::Pop(..) | SortedSetCommand::All(_) | SortedSetCommand::Range(..) => {
                "an array of members and scores"
            }
            SortedSetCommand::Size(_) => "a count",
            SortedSetCommand::Scan(..) => "a cursor and an array of elements",
            SortedSetCommand::Geo(command) => command.expected(),
        };
        expected.into()
    }
}

/// What the commands concern.
impl SortedSetCommand {
    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            SortedSetCommand::Add(key, ..)
            | SortedSetCommand::Remove(key, ..)
            | SortedSetCommand::IncrBy(key, ..)
            | SortedSetCommand::Pop(key, ..)
            | SortedSetCommand::Score(key, ..)
            | SortedSetCommand::Rank(key, ..)
            | SortedSetCommand::All(key)
            | SortedSetCommand::Range(key, _)
            | SortedSetCommand::Scan(key, ..)
            | SortedSetCommand::Size(key) => vec![key],
            SortedSetCommand::StoreRange(to, from, _) => vec![to, from],
            SortedSetCommand::Union(to, of, _) => [to].into_iter().chain(of).collect(),
            SortedSetCommand::Geo(command) => command.keys(),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            SortedSetCommand::Add(..)
            | SortedSetCommand::Remove(..)
            | SortedSetCommand::IncrBy(..)
            | SortedSetCommand::Pop(..)
            | SortedSetCommand::StoreRange(..)
            | SortedSetCommand::Union(..) => true,
            SortedSetCommand::Score(..)
            | SortedSetCommand::Rank(..)
            | SortedSetCommand::All(_)
            | SortedSetCommand::Range(..)
            | SortedSetCommand::Scan(..)
            | SortedSetCommand::Size(_) => false,
            SortedSetCommand::Geo(command) => command.may_write(),
        }
    }
}

/// A score as a server spells it.
fn score_reply(score: i64) -> Reply {
    Reply::Value(score.to_string().into())
}
