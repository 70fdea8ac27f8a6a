//! GET, SET, MGET, MSET, and the commands that change a string in place.

use super::reply::Reply;
use super::state::{Lifetime, Site, State, TypedValue};
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
    /// Sets a value that lives for so many milliseconds: SET with PX.
    SetFor(Word, Word, i64),
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

/// How the commands are written.
impl StringCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            StringCommand::Get(_) => "GET",
            StringCommand::Set { .. } | StringCommand::SetFor(..) => "SET",
            StringCommand::MGet(_) => "MGET",
            StringCommand::MSet(_) => "MSET",
            StringCommand::GetDel(_) => "GETDEL",
            StringCommand::SetNx(..) => "SETNX",
            StringCommand::GetSet(..) => "GETSET",
            StringCommand::Append(..) => "APPEND",
            StringCommand::IncrBy(..) => "INCRBY",
            StringCommand::StrLen(_) => "STRLEN",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            StringCommand::Get(key) | StringCommand::GetDel(key) | StringCommand::StrLen(key) => vec![key],
            StringCommand::SetFor(key, value, milliseconds) => {
                vec![key, value, Word::from("PX"), Word::from(milliseconds.to_string())]
            }
            StringCommand::SetNx(key, value)
            | StringCommand::GetSet(key, value)
            | StringCommand::Append(key, value) => {
                vec![key, value]
            }
            StringCommand::IncrBy(key, amount) => vec![key, Word::from(amount.to_string())],
            StringCommand::Set { key, value, condition, get } => {
                let condition = condition.map(|condition| match condition {
                    Condition::Absent => Word::from("NX"),
                    Condition::Present => Word::from("XX"),
                });
                [key, value].into_iter().chain(condition).chain(get.then(|| Word::from("GET"))).collect()
            }
            StringCommand::MGet(keys) => keys,
            StringCommand::MSet(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<StringCommand> {
        match (name, arguments) {
            ("GET", [key]) => Some(StringCommand::Get(key.clone())),
            ("SET", [key, value, px, milliseconds]) if px.to_upper_case().as_deref() == Some("PX") => {
                Some(StringCommand::SetFor(key.clone(), value.clone(), milliseconds.to_integer()?))
            }
            ("GETDEL", [key]) => Some(StringCommand::GetDel(key.clone())),
            ("STRLEN", [key]) => Some(StringCommand::StrLen(key.clone())),
            ("SETNX", [key, value]) => Some(StringCommand::SetNx(key.clone(), value.clone())),
            ("GETSET", [key, value]) => Some(StringCommand::GetSet(key.clone(), value.clone())),
            ("APPEND", [key, value]) => Some(StringCommand::Append(key.clone(), value.clone())),
            ("INCRBY", [key, amount]) => Some(StringCommand::IncrBy(key.clone(), amount.to_integer()?)),
            ("SET", [key, value, options @ ..]) => parse_set(key, value, options),
            ("MGET", [_, ..]) => Some(StringCommand::MGet(arguments.to_vec())),
            ("MSET", [_, _, ..]) if arguments.len().is_multiple_of(2) => {
                let pairs = arguments.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                Some(StringCommand::MSet(pairs.collect()))
            }
            _ => None,
        }
    }

    pub(super) fn abridged(self) -> StringCommand {
        match self {
            StringCommand::Set { key, value, condition, get } => {
                StringCommand::Set { key: key.abridged(), value: value.abridged(), condition, get }
            }
            StringCommand::MSet(pairs) => {
                StringCommand::MSet(pairs.into_iter().map(|(key, value)| (key.abridged(), value.abridged())).collect())
            }
            StringCommand::SetFor(key, value, milliseconds) => {
                StringCommand::SetFor(key.abridged(), value.abridged(), milliseconds)
            }
            StringCommand::SetNx(key, value) => StringCommand::SetNx(key.abridged(), value.abridged()),
            StringCommand::GetSet(key, value) => StringCommand::GetSet(key.abridged(), value.abridged()),
            StringCommand::Append(..)
            | StringCommand::GetDel(_)
            | StringCommand::IncrBy(..)
            | StringCommand::StrLen(_)
            | StringCommand::Get(_)
            | StringCommand::MGet(_) => self,
        }
    }
}

fn parse_set(key: &Word, value: &Word, options: &[Word]) -> Option<StringCommand> {
    let (mut condition, mut get) = (None, false);
    for option in options {
        match option.to_upper_case()?.as_str() {
            "NX" if condition != Some(Condition::Present) => condition = Some(Condition::Absent),
            "XX" if condition != Some(Condition::Absent) => condition = Some(Condition::Present),
            "GET" => get = true,
            _ => return None,
        }
    }
    Some(StringCommand::Set { key: key.clone(), value: value.clone(), condition, get })
}

/// What the commands mean.
impl StringCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        let Site { database, stamp, .. } = site;
        // MGET takes a key of another type for an absent one. The other commands refuse it, unless they overwrite it.
        let text = |state: &State, key: &Word| match state.entry(database, key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(TypedValue::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Reply::wrong_type()),
        };
        let set = |state: &mut State, key: &Word, value: &Word| {
            state.set(database, key, TypedValue::Text(value.clone()), None);
        };
        let old = match self {
            StringCommand::MGet(_)
            | StringCommand::MSet(_)
            | StringCommand::SetFor(..)
            | StringCommand::SetNx(..)
            | StringCommand::Set { get: false, .. } => Ok(None),
            StringCommand::Get(key)
            | StringCommand::Set { key, get: true, .. }
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
            StringCommand::Set { key, value, condition, get } => {
                let present = state.has(database, key);
                let holds = match condition {
                    None => true,
                    Some(Condition::Absent) => !present,
                    Some(Condition::Present) => present,
                };
                if holds {
                    set(state, key, value);
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
            StringCommand::SetFor(key, value, milliseconds) => {
                let lifetime = Lifetime { setter: stamp, milliseconds: *milliseconds };
                state.set(database, key, TypedValue::Text(value.clone()), Some(lifetime));
                Reply::ok()
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
            | StringCommand::GetSet(..)
            | StringCommand::Set { get: true, .. } => reply.is_value_or_nil(),
            StringCommand::SetNx(..) => reply.is_count_up_to(1),
            StringCommand::StrLen(_) | StringCommand::Append(..) => reply.is_count_up_to(usize::MAX),
            StringCommand::IncrBy(..) => reply.is_integer(),
            StringCommand::Set { condition: Some(_), .. } => *reply == Reply::Nil || reply.is_status("OK"),
            StringCommand::Set { .. } | StringCommand::SetFor(..) | StringCommand::MSet(_) => reply.is_status("OK"),
            StringCommand::MGet(keys) => {
                let values = |replies: &[Reply]| replies.iter().all(Reply::is_value_or_nil);
                matches!(reply, Reply::Array(replies) if replies.len() == keys.len() && values(replies))
            }
        }
    }

    pub(crate) fn expected(&self) -> String {
        match self {
            StringCommand::Get(_) | StringCommand::GetDel(_) => "a value or nil".into(),
            StringCommand::Set { get: true, .. } | StringCommand::GetSet(..) => "the old value or nil".into(),
            StringCommand::SetNx(..) => "0 or 1".into(),
            StringCommand::StrLen(_) | StringCommand::Append(..) => "a length".into(),
            StringCommand::IncrBy(..) => "an integer".into(),
            StringCommand::Set { condition: Some(_), .. } => "OK or nil".into(),
            StringCommand::Set { .. } | StringCommand::SetFor(..) | StringCommand::MSet(_) => "OK".into(),
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
            | StringCommand::SetFor(key, ..)
            | StringCommand::GetDel(key)
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
            StringCommand::Set { .. }
            | StringCommand::SetFor(..)
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
                | StringCommand::GetSet(key, _)
                | StringCommand::Set { key, get: true, .. },
                reply,
            ) => reply.shown_of(key).into_iter().collect(),
            (StringCommand::MGet(keys), Reply::Array(replies)) => {
                keys.iter().zip(replies).filter_map(|(key, reply)| reply.shown_of(key)).collect()
            }
            (
                StringCommand::MGet(_)
                | StringCommand::Set { get: false, .. }
                | StringCommand::SetFor(..)
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
            | StringCommand::SetFor(key, value, _)
            | StringCommand::SetNx(key, value)
            | StringCommand::GetSet(key, value) => vec![(key, value)],
            StringCommand::MSet(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
            StringCommand::Get(_)
            | StringCommand::MGet(_)
            | StringCommand::GetDel(_)
            | StringCommand::Append(..)
            | StringCommand::IncrBy(..)
            | StringCommand::StrLen(_) => Vec::new(),
        }
    }

    pub(super) fn always_sets(&self) -> Vec<&Word> {
        match self {
            StringCommand::Set { value, condition: None, .. }
            | StringCommand::SetFor(_, value, _)
            | StringCommand::GetSet(_, value) => vec![value],
            StringCommand::MSet(pairs) => pairs.iter().map(|(_, value)| value).collect(),
            StringCommand::Set { condition: Some(_), .. }
            | StringCommand::Get(_)
            | StringCommand::MGet(_)
            | StringCommand::GetDel(_)
            | StringCommand::SetNx(..)
            | StringCommand::Append(..)
            | StringCommand::IncrBy(..)
            | StringCommand::StrLen(_) => Vec::new(),
        }
    }

    pub(super) fn ends_value(&self, key: &Word) -> bool {
        match self {
            StringCommand::Set { key: set, condition, .. } => set == key && *condition != Some(Condition::Absent),
            StringCommand::SetFor(set, ..)
            | StringCommand::GetDel(set)
            | StringCommand::GetSet(set, _)
            | StringCommand::Append(set, _)
            | StringCommand::IncrBy(set, _) => set == key,
            StringCommand::MSet(pairs) => pairs.iter().any(|(set, _)| set == key),
            StringCommand::Get(_) | StringCommand::MGet(_) | StringCommand::SetNx(..) | StringCommand::StrLen(_) => {
                false
            }
        }
    }
}

/// The integer that a value spells. An absent value counts as 0.
pub(super) fn number_in(value: Option<&Word>) -> Option<i64> {
    value.map_or(Some(0), Word::to_integer)
}
