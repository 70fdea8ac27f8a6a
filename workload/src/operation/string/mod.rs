//! GET, SET, MGET, MSET, and the commands that change a string in place.

mod spelling;

use super::life::Life;
use super::reply::Reply;
use super::state::{Entry, Site, State, TypedValue};
use crate::word::Word;

/// A command about string values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StringCommand {
    /// Returns a value.
    Get(Word),
    /// Sets a value.
    Set {
        /// The key.
        key: Word,
        /// Its new value.
        value: Word,
        /// The condition under which the command sets it.
        condition: Option<Condition>,
        /// Whether the command returns the old value.
        get: bool,
    },
    /// Returns several values, all as of one moment.
    MGet(Vec<Word>),
    /// Sets several values at one moment.
    MSet(Vec<(Word, Word)>),
    /// Sets a value and says how long it lives.
    SetFor {
        /// The key.
        key: Word,
        /// Its new value.
        value: Word,
        /// The condition under which the command sets it.
        condition: Option<Condition>,
        /// Whether the command returns the old value.
        get: bool,
        /// What becomes of the life of the key.
        life: Life,
    },
    /// Returns a value and says how long it lives on.
    GetEx(Word, Life),
    /// Returns a value and deletes the key.
    GetDel(Word),
    /// Sets a value if the key is absent, and returns whether it did.
    SetNx(Word, Word),
    /// Sets a value and returns the old one.
    GetSet(Word, Word),
    /// Appends to a value and returns the new length.
    Append(Word, Word),
    /// Adds to a number and returns the sum.
    IncrBy(Word, i64),
    /// Returns the length of a value.
    StrLen(Word),
}

/// The condition of a SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// NX: the key is absent.
    Absent,
    /// XX: the key is present.
    Present,
}

/// What the commands mean.
impl StringCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        let database = site.database;
        // MGET takes a key of another type for an absent one. The other commands refuse it, unless they overwrite it.
        let text = |state: &State, key: &Word| match state.entry(database, key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(TypedValue::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Reply::wrong_type()),
        };
        let set = |state: &mut State, key: &Word, value: &Word| {
            state.set(database, key, TypedValue::Text(value.clone()), None);
        };
        // A life that is over at once leaves no key.
        let put = |state: &mut State, key: &Word, value: TypedValue, life: Life| {
            let old = state.entry(database, key).and_then(|entry| entry.lifetime);
            let entry = Entry { value, lifetime: life.after(old, site) };
            state.put(database, key, Some(entry).filter(|_| life.milliseconds() != Some(0)));
        };
        let old = match self {
            StringCommand::MGet(_)
            | StringCommand::MSet(_)
            | StringCommand::SetNx(..)
            | StringCommand::Set { get: false, .. }
            | StringCommand::SetFor { get: false, .. } => Ok(None),
            StringCommand::Get(key)
            | StringCommand::Set { key, get: true, .. }
            | StringCommand::SetFor { key, get: true, .. }
            | StringCommand::GetEx(key, _)
            | StringCommand::GetDel(key)
            | StringCommand::GetSet(key, _)
            | StringCommand::Append(key, _)
            | StringCommand::IncrBy(key, _)
            | StringCommand::StrLen(key) => text(state, key),
        };
        let old = match old {
            Ok(old) => old,
            Err(refused) => return refused,
        };
        match self {
            StringCommand::Get(_) => Reply::value(old.as_ref()),
            StringCommand::Set { key, value, condition, get }
            | StringCommand::SetFor { key, value, condition, get, .. } => {
                let life = if let StringCommand::SetFor { life, .. } = self { *life } else { Life::Lifted };
                let present = state.has(database, key);
                let holds = match condition {
                    None => true,
                    Some(Condition::Absent) => !present,
                    Some(Condition::Present) => present,
                };
                if holds {
                    put(state, key, TypedValue::Text(value.clone()), life);
                }
                match (get, holds) {
                    // With GET the reply shows the old value alone, not whether the SET took place.
                    (true, _) => Reply::value(old.as_ref()),
                    (false, true) => Reply::ok(),
                    (false, false) => Reply::Nil,
                }
            }
            StringCommand::MGet(keys) => {
                let shown = |key| Reply::value(text(state, key).unwrap_or(None).as_ref());
                Reply::Array(keys.iter().map(shown).collect())
            }
            StringCommand::MSet(pairs) => {
                pairs.iter().for_each(|(key, value)| set(state, key, value)); // the last value of a key wins
                Reply::ok()
            }
            StringCommand::GetEx(key, life) => {
                if let Some(old) = &old {
                    put(state, key, TypedValue::Text(old.clone()), *life);
                }
                Reply::value(old.as_ref())
            }
            StringCommand::GetDel(key) => {
                state.remove(database, key);
                Reply::value(old.as_ref())
            }
            StringCommand::SetNx(key, value) => {
                let absent = !state.has(database, key);
                if absent {
                    set(state, key, value);
                }
                Reply::Integer(absent.into())
            }
            StringCommand::GetSet(key, value) => {
                set(state, key, value);
                Reply::value(old.as_ref())
            }
            StringCommand::Append(key, suffix) => {
                let value = old.map_or_else(|| suffix.clone(), |old| old.followed_by(suffix));
                let length = value.length();
                state.change(database, key, TypedValue::Text(value));
                Reply::Integer(length.cast_signed())
            }
            StringCommand::IncrBy(key, amount) => {
                let Some(sum) = number_in(old.as_ref()).and_then(|number| number.checked_add(*amount)) else {
                    return Reply::no_integer();
                };
                state.change(database, key, TypedValue::Text(sum.to_string().into()));
                Reply::Integer(sum)
            }
            StringCommand::StrLen(_) => Reply::Integer(old.map_or(0, |old| old.length()).cast_signed()),
        }
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            StringCommand::Get(_)
            | StringCommand::GetDel(_)
            | StringCommand::GetEx(..)
            | StringCommand::GetSet(..)
            | StringCommand::Set { get: true, .. }
            | StringCommand::SetFor { get: true, .. } => reply.is_value_or_nil(),
            StringCommand::SetNx(..) => reply.is_count_up_to(1),
            StringCommand::StrLen(_) | StringCommand::Append(..) => reply.is_count_up_to(usize::MAX),
            StringCommand::IncrBy(..) => reply.is_integer(),
            StringCommand::Set { condition: Some(_), .. } | StringCommand::SetFor { condition: Some(_), .. } => {
                *reply == Reply::Nil || reply.is_status("OK")
            }
            StringCommand::Set { .. } | StringCommand::SetFor { .. } | StringCommand::MSet(_) => reply.is_status("OK"),
            StringCommand::MGet(keys) => {
                let values = |replies: &[Reply]| replies.iter().all(Reply::is_value_or_nil);
                matches!(reply, Reply::Array(replies) if replies.len() == keys.len() && values(replies))
            }
        }
    }

    pub(crate) fn expected(&self) -> String {
        match self {
            StringCommand::Get(_) | StringCommand::GetDel(_) | StringCommand::GetEx(..) => "a value or nil".into(),
            StringCommand::Set { get: true, .. }
            | StringCommand::SetFor { get: true, .. }
            | StringCommand::GetSet(..) => "the old value or nil".into(),
            StringCommand::SetNx(..) => "0 or 1".into(),
            StringCommand::StrLen(_) | StringCommand::Append(..) => "a length".into(),
            StringCommand::IncrBy(..) => "an integer".into(),
            StringCommand::Set { condition: Some(_), .. } | StringCommand::SetFor { condition: Some(_), .. } => {
                "OK or nil".into()
            }
            StringCommand::Set { .. } | StringCommand::SetFor { .. } | StringCommand::MSet(_) => "OK".into(),
            StringCommand::MGet(keys) => format!("an array of {} values or nils", keys.len()),
        }
    }
}

/// Which keys and values the commands concern.
impl StringCommand {
    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            StringCommand::Get(key)
            | StringCommand::Set { key, .. }
            | StringCommand::SetFor { key, .. }
            | StringCommand::GetDel(key)
            | StringCommand::GetEx(key, _)
            | StringCommand::SetNx(key, _)
            | StringCommand::GetSet(key, _)
            | StringCommand::Append(key, _)
            | StringCommand::IncrBy(key, _)
            | StringCommand::StrLen(key) => vec![key],
            StringCommand::MGet(keys) => keys.iter().collect(),
            StringCommand::MSet(pairs) => pairs.iter().map(|(key, _)| key).collect(),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            StringCommand::Get(_) | StringCommand::MGet(_) | StringCommand::StrLen(_) => false,
            StringCommand::GetEx(_, life) => *life != Life::Kept,
            StringCommand::Set { .. }
            | StringCommand::SetFor { .. }
            | StringCommand::MSet(_)
            | StringCommand::GetDel(_)
            | StringCommand::SetNx(..)
            | StringCommand::GetSet(..)
            | StringCommand::Append(..)
            | StringCommand::IncrBy(..) => true,
        }
    }

    pub(super) fn shown<'a>(&'a self, reply: &'a Reply) -> Vec<(&'a Word, Option<&'a Word>)> {
        match (self, reply) {
            (
                StringCommand::Get(key)
                | StringCommand::GetDel(key)
                | StringCommand::GetEx(key, _)
                | StringCommand::GetSet(key, _)
                | StringCommand::Set { key, get: true, .. }
                | StringCommand::SetFor { key, get: true, .. },
                reply,
            ) => reply.shown_of(key).into_iter().collect(),
            (StringCommand::MGet(keys), Reply::Array(replies)) => {
                keys.iter().zip(replies).filter_map(|(key, reply)| reply.shown_of(key)).collect()
            }
            (
                StringCommand::MGet(_)
                | StringCommand::Set { get: false, .. }
                | StringCommand::SetFor { get: false, .. }
                | StringCommand::MSet(_)
                | StringCommand::SetNx(..)
                | StringCommand::Append(..)
                | StringCommand::IncrBy(..)
                | StringCommand::StrLen(_),
                _,
            ) => Vec::new(),
        }
    }

    pub(super) fn settable(&self) -> Vec<(&Word, &Word)> {
        match self {
            StringCommand::Set { key, value, .. }
            | StringCommand::SetFor { key, value, .. }
            | StringCommand::SetNx(key, value)
            | StringCommand::GetSet(key, value) => vec![(key, value)],
            StringCommand::MSet(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
            StringCommand::Get(_)
            | StringCommand::MGet(_)
            | StringCommand::GetDel(_)
            | StringCommand::GetEx(..)
            | StringCommand::Append(..)
            | StringCommand::IncrBy(..)
            | StringCommand::StrLen(_) => Vec::new(),
        }
    }

    pub(super) fn always_sets(&self) -> Vec<&Word> {
        match self {
            StringCommand::Set { value, condition: None, .. }
            | StringCommand::SetFor { value, condition: None, .. }
            | StringCommand::GetSet(_, value) => vec![value],
            StringCommand::MSet(pairs) => pairs.iter().map(|(_, value)| value).collect(),
            StringCommand::Set { condition: Some(_), .. }
            | StringCommand::SetFor { condition: Some(_), .. }
            | StringCommand::Get(_)
            | StringCommand::MGet(_)
            | StringCommand::GetDel(_)
            | StringCommand::GetEx(..)
            | StringCommand::SetNx(..)
            | StringCommand::Append(..)
            | StringCommand::IncrBy(..)
            | StringCommand::StrLen(_) => Vec::new(),
        }
    }

    pub(super) fn ends_value(&self, key: &Word) -> bool {
        match self {
            StringCommand::Set { key: set, condition, .. } | StringCommand::SetFor { key: set, condition, .. } => {
                set == key && *condition != Some(Condition::Absent)
            }
            StringCommand::GetDel(set)
            | StringCommand::GetSet(set, _)
            | StringCommand::Append(set, _)
            | StringCommand::IncrBy(set, _) => set == key,
            StringCommand::MSet(pairs) => pairs.iter().any(|(set, _)| set == key),
            StringCommand::Get(_)
            | StringCommand::GetEx(..)
            | StringCommand::MGet(_)
            | StringCommand::SetNx(..)
            | StringCommand::StrLen(_) => false,
        }
    }
}

/// The integer that a value spells. An absent value counts as 0.
pub(super) fn number_in(value: Option<&Word>) -> Option<i64> {
    value.map_or(Some(0), Word::to_integer)
}
