//! DEL, EXISTS, RENAME, COPY and MOVE, and the commands about the life of a key.

use std::collections::{BTreeMap, BTreeSet};

use super::life::{Holding, Limit, SECOND};
use super::reply::Reply;
use super::state::{Lifetime, Site, State};
use crate::word::Word;

/// A command about keys, whatever their values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyCommand {
    /// Deletes keys and returns how many were present.
    Del(Vec<Word>),
    /// Returns how many of the keys are present. A key that is named twice counts twice.
    Exists(Vec<Word>),
    /// Gives a key another name, whatever had that name before. An error if the key is absent.
    Rename(Word, Word),
    /// Gives a copy of a key another name or database, with its life. Returns whether it did.
    Copy {
        /// The key.
        from: Word,
        /// The name of the copy.
        to: Word,
        /// The database of the copy, if it is another one.
        database: Option<u8>,
        /// Whether the copy may replace a key.
        replace: bool,
    },
    /// Moves a key to another database unless it has one of that name. Returns whether it did.
    Move(Word, u8),
    /// Limits the life of a key to so many seconds. Returns whether the key is present.
    Expire(Word, i64),
    /// Does so under a condition, and returns whether it did.
    ExpireIf(Word, i64, Limit),
    /// Limits it to so many milliseconds.
    PExpire(Word, i64),
    /// Lifts the limit, and returns whether there was one.
    Persist(Word),
    /// Returns what is left in milliseconds, -1 without a limit, and -2 for an absent key.
    PTtl(Word),
}

/// How the commands are written.
impl KeyCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            KeyCommand::Del(_) => "DEL",
            KeyCommand::Exists(_) => "EXISTS",
            KeyCommand::Rename(..) => "RENAME",
            KeyCommand::Copy { .. } => "COPY",
            KeyCommand::Move(..) => "MOVE",
            KeyCommand::Expire(..) | KeyCommand::ExpireIf(..) => "EXPIRE",
            KeyCommand::PExpire(..) => "PEXPIRE",
            KeyCommand::Persist(_) => "PERSIST",
            KeyCommand::PTtl(_) => "PTTL",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            KeyCommand::Del(keys) | KeyCommand::Exists(keys) => keys,
            KeyCommand::Rename(from, to) => vec![from, to],
            KeyCommand::Copy { from, to, database, replace } => {
                let database = database.map(|number| ["DB".into(), Word::from(number.to_string())]);
                let replace = replace.then(|| Word::from("REPLACE"));
                [from, to].into_iter().chain(database.into_iter().flatten()).chain(replace).collect()
            }
            KeyCommand::Move(key, database) => vec![key, Word::from(database.to_string())],
            KeyCommand::Expire(key, life) | KeyCommand::PExpire(key, life) => vec![key, Word::from(life.to_string())],
            KeyCommand::ExpireIf(key, life, limit) => {
                vec![key, Word::from(life.to_string()), Word::from(limit.word())]
            }
            KeyCommand::Persist(key) | KeyCommand::PTtl(key) => vec![key],
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<KeyCommand> {
        match (name, arguments) {
            ("DEL", [_, ..]) => Some(KeyCommand::Del(arguments.to_vec())),
            ("EXISTS", [_, ..]) => Some(KeyCommand::Exists(arguments.to_vec())),
            ("RENAME", [from, to]) => Some(KeyCommand::Rename(from.clone(), to.clone())),
            ("COPY", [from, to, options @ ..]) => parse_copy(from, to, options),
            ("MOVE", [key, database]) => Some(KeyCommand::Move(key.clone(), number_of(database)?)),
            ("EXPIRE", [key, life, limit]) => {
                Some(KeyCommand::ExpireIf(key.clone(), life.to_integer()?, Limit::parse(limit)?))
            }
            ("EXPIRE", [key, life]) => Some(KeyCommand::Expire(key.clone(), life.to_integer()?)),
            ("PEXPIRE", [key, life]) => Some(KeyCommand::PExpire(key.clone(), life.to_integer()?)),
            ("PERSIST", [key]) => Some(KeyCommand::Persist(key.clone())),
            ("PTTL", [key]) => Some(KeyCommand::PTtl(key.clone())),
            _ => None,
        }
    }
}

fn number_of(database: &Word) -> Option<u8> {
    u8::try_from(database.to_integer()?).ok()
}

fn parse_copy(from: &Word, to: &Word, options: &[Word]) -> Option<KeyCommand> {
    let (mut database, mut replace, mut options) = (None, false, options.iter());
    while let Some(option) = options.next() {
        match option.to_upper_case()?.as_str() {
            "DB" => database = Some(number_of(options.next()?)?),
            "REPLACE" => replace = true,
            _ => return None,
        }
    }
    Some(KeyCommand::Copy { from: from.clone(), to: to.clone(), database, replace })
}

/// What the commands mean.
impl KeyCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        let database = site.database;
        match self {
            KeyCommand::Del(keys) => Reply::count(keys.iter().filter(|key| state.remove(database, key).is_some())),
            KeyCommand::Exists(keys) => Reply::count(keys.iter().filter(|key| state.has(database, key))),
            KeyCommand::Rename(from, to) => {
                let Some(entry) = state.remove(database, from) else { return Reply::no_key() };
                state.put(database, to, Some(entry));
                Reply::ok()
            }
            KeyCommand::Copy { from, to, database: other, replace } => {
                let other = other.unwrap_or(database);
                let entry = state.entry(database, from).filter(|_| *replace || !state.has(other, to)).cloned();
                let Some(entry) = entry else { return Reply::Integer(0) };
                state.put(other, to, Some(entry));
                Reply::Integer(1)
            }
            KeyCommand::Move(key, other) => {
                if !state.has(database, key) || state.has(*other, key) {
                    return Reply::Integer(0);
                }
                let entry = state.remove(database, key);
                state.put(*other, key, entry);
                Reply::Integer(1)
            }
            KeyCommand::Expire(key, _) | KeyCommand::PExpire(key, _) | KeyCommand::ExpireIf(key, ..) => {
                let milliseconds = self.milliseconds().unwrap_or_default();
                // An unclear condition does not hold here. `model::step` tries both.
                if self.holds(state, database) != Holding::Holds {
                    return Reply::Integer(0);
                }
                let Some(mut entry) = state.remove(database, key) else { return Reply::Integer(0) };
                if milliseconds > 0 {
                    entry.lifetime = Some(Lifetime::of(site, milliseconds));
                    state.put(database, key, Some(entry));
                }
                Reply::Integer(1)
            }
            KeyCommand::Persist(key) => {
                let Some(mut entry) = state.remove(database, key) else { return Reply::Integer(0) };
                let lifted = entry.lifetime.take().is_some();
                state.put(database, key, Some(entry));
                Reply::Integer(lifted.into())
            }
            // The reply depends on the time. `model::step` asks whether it may be so.
            KeyCommand::PTtl(key) => match state.entry(database, key).map(|entry| entry.lifetime) {
                None => Reply::Integer(-2),
                Some(None) => Reply::Integer(-1),
                Some(Some(lifetime)) => Reply::Integer(lifetime.milliseconds),
            },
        }
    }

    /// Whether the condition of an EXPIRE holds. It does without any, and an absent key has none.
    pub(crate) fn holds(&self, state: &State, database: u8) -> Holding {
        let KeyCommand::ExpireIf(key, seconds, limit) = self else { return Holding::Holds };
        let entry = state.entry(database, key);
        entry.map_or(Holding::Holds, |entry| limit.holds(entry.lifetime, seconds.saturating_mul(SECOND)))
    }

    /// The same EXPIRE without its condition.
    pub(crate) fn unconditional(&self) -> Option<KeyCommand> {
        match self {
            KeyCommand::ExpireIf(key, seconds, _) => Some(KeyCommand::Expire(key.clone(), *seconds)),
            KeyCommand::Del(_)
            | KeyCommand::Exists(_)
            | KeyCommand::Rename(..)
            | KeyCommand::Copy { .. }
            | KeyCommand::Move(..)
            | KeyCommand::Expire(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_)
            | KeyCommand::PTtl(_) => None,
        }
    }

    /// The life that the command gives to a key, in milliseconds.
    pub(crate) fn milliseconds(&self) -> Option<i64> {
        match self {
            KeyCommand::Expire(_, seconds) | KeyCommand::ExpireIf(_, seconds, _) => {
                Some(seconds.saturating_mul(SECOND))
            }
            KeyCommand::PExpire(_, milliseconds) => Some(*milliseconds),
            KeyCommand::Del(_)
            | KeyCommand::Exists(_)
            | KeyCommand::Rename(..)
            | KeyCommand::Copy { .. }
            | KeyCommand::Move(..)
            | KeyCommand::Persist(_)
            | KeyCommand::PTtl(_) => None,
        }
    }

    /// Whether a reply about what is left of a life fits the times of the command and of the one that limited the life.
    pub(super) fn fits_time(&self, state: &State, site: Site, seen: &Reply) -> bool {
        match (self, seen) {
            (KeyCommand::PTtl(key), Reply::Integer(left)) => {
                let limit = state.entry(site.database, key).and_then(|entry| entry.lifetime);
                limit.is_none_or(|limit| limit.left(site, 1).contains(left))
            }
            _ => true,
        }
    }

    /// Whether a reply is right where the model gives another one, whatever the time.
    pub(super) fn accepts(&self, model: &Reply, seen: &Reply) -> bool {
        match (self, model, seen) {
            (KeyCommand::PTtl(_), Reply::Integer(whole @ 0..), Reply::Integer(left)) => (0..=*whole).contains(left),
            _ => model == seen,
        }
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            KeyCommand::Del(keys) => reply.is_count_up_to(distinct(keys)),
            KeyCommand::Exists(keys) => reply.is_count_up_to(keys.len()) && can_add_up(keys, reply),
            KeyCommand::Rename(..) => reply.is_status("OK"),
            KeyCommand::Copy { .. }
            | KeyCommand::Move(..)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_) => reply.is_count_up_to(1),
            KeyCommand::PTtl(_) => matches!(reply, Reply::Integer(-2..)),
        }
    }

    pub(crate) fn expected(&self) -> String {
        match self {
            KeyCommand::Del(keys) => format!("a count of at most {}", distinct(keys)),
            KeyCommand::Exists(keys) => format!("a count that its {} keys can add up to", keys.len()),
            KeyCommand::Rename(..) => "OK".into(),
            KeyCommand::Copy { .. }
            | KeyCommand::Move(..)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_) => "0 or 1".into(),
            KeyCommand::PTtl(_) => "a time, -1 or -2".into(),
        }
    }
}

fn distinct(keys: &[Word]) -> usize {
    if keys.len() == 1 { 1 } else { keys.iter().collect::<BTreeSet<_>>().len() }
}

/// Whether some set of the keys gives this count, if each key counts as often as the command names it.
fn can_add_up(keys: &[Word], reply: &Reply) -> bool {
    if keys.len() == 1 {
        return true;
    }
    let mut named: BTreeMap<&Word, i64> = BTreeMap::new();
    keys.iter().for_each(|key| *named.entry(key).or_default() += 1);
    let mut reached = BTreeSet::from([0]);
    for times in named.values() {
        let with: Vec<i64> = reached.iter().map(|sum| sum + times).collect();
        reached.extend(with);
    }
    matches!(reply, Reply::Integer(count) if reached.contains(count))
}

/// Which keys and values the commands concern.
impl KeyCommand {
    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            KeyCommand::Del(keys) | KeyCommand::Exists(keys) => keys.iter().collect(),
            KeyCommand::Rename(from, to) | KeyCommand::Copy { from, to, .. } => vec![from, to],
            KeyCommand::Move(key, _)
            | KeyCommand::Expire(key, _)
            | KeyCommand::ExpireIf(key, ..)
            | KeyCommand::PExpire(key, _)
            | KeyCommand::Persist(key)
            | KeyCommand::PTtl(key) => vec![key],
        }
    }

    /// The database of the last key, if it is not that of the client.
    pub(super) fn elsewhere(&self) -> Option<u8> {
        match self {
            KeyCommand::Copy { database, .. } => *database,
            KeyCommand::Move(_, database) => Some(*database),
            KeyCommand::Del(_)
            | KeyCommand::Exists(_)
            | KeyCommand::Rename(..)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_)
            | KeyCommand::PTtl(_) => None,
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            KeyCommand::Del(_)
            | KeyCommand::Rename(..)
            | KeyCommand::Copy { .. }
            | KeyCommand::Move(..)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_) => true,
            KeyCommand::Exists(_) | KeyCommand::PTtl(_) => false,
        }
    }

    pub(super) fn ends_value(&self, key: &Word) -> bool {
        match self {
            KeyCommand::Del(keys) => keys.contains(key),
            KeyCommand::Rename(from, to) => from != to && (from == key || to == key),
            KeyCommand::Copy { to, replace, .. } => *replace && to == key,
            KeyCommand::Move(moved, _) => moved == key,
            // A life that is limited has not ended.
            KeyCommand::Exists(_)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_)
            | KeyCommand::PTtl(_) => false,
        }
    }
}
