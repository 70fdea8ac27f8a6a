//! SADD, SREM, SISMEMBER, SMEMBERS, SCARD and SPOP.

use std::collections::BTreeSet;

use super::reply::Reply;
use super::state::{Site, State, TypedValue};
use crate::word::Word;

/// A command about sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetCommand {
    /// Adds members and returns how many are new.
    Add(Word, Vec<Word>),
    /// Removes members and returns how many were there.
    Remove(Word, Vec<Word>),
    /// Removes a member of the server's choice and returns it.
    Pop(Word),
    /// Returns whether the set has a member.
    Has(Word, Word),
    /// Returns all members.
    Members(Word),
    /// Returns the number of members.
    Size(Word),
}

/// How the commands are written.
impl SetCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            SetCommand::Add(..) => "SADD",
            SetCommand::Remove(..) => "SREM",
            SetCommand::Pop(_) => "SPOP",
            SetCommand::Has(..) => "SISMEMBER",
            SetCommand::Members(_) => "SMEMBERS",
            SetCommand::Size(_) => "SCARD",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            SetCommand::Add(key, added) => [key].into_iter().chain(added).collect(),
            SetCommand::Remove(key, removed) => [key].into_iter().chain(removed).collect(),
            SetCommand::Pop(key) => vec![key],
            SetCommand::Has(key, member) => vec![key, member],
            SetCommand::Members(key) => vec![key],
            SetCommand::Size(key) => vec![key],
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<SetCommand> {
        match (name, arguments) {
            ("SADD", [key, added @ ..]) if !added.is_empty() => Some(SetCommand::Add(key.clone(), added.to_vec())),
            ("SREM", [key, removed @ ..]) if !removed.is_empty() => {
                Some(SetCommand::Remove(key.clone(), removed.to_vec()))
            }
            ("SPOP", [key]) => Some(SetCommand::Pop(key.clone())),
            ("SISMEMBER", [key, member]) => Some(SetCommand::Has(key.clone(), member.clone())),
            ("SMEMBERS", [key]) => Some(SetCommand::Members(key.clone())),
            ("SCARD", [key]) => Some(SetCommand::Size(key.clone())),
            _ => None,
        }
    }
}

/// What the commands mean.
impl SetCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        let (database, key) = (site.database, self.key());
        let mut members = match state.entry(database, key).map(|entry| &entry.value) {
            None => BTreeSet::new(),
            Some(TypedValue::Set(members)) => members.clone(),
            Some(_) => return Reply::wrong_type(),
        };
        let reply = match self {
            SetCommand::Add(_, added) => Reply::count(added.iter().filter(|member| members.insert((*member).clone()))),
            SetCommand::Remove(_, removed) => Reply::count(removed.iter().filter(|member| members.remove(*member))),
            SetCommand::Pop(_) => Reply::value(members.pop_first().as_ref()),
            SetCommand::Has(_, member) => Reply::Integer(members.contains(member).into()),
            SetCommand::Members(_) => Reply::Array(members.iter().cloned().map(Reply::Value).collect()),
            SetCommand::Size(_) => Reply::count(members.iter()),
        };
        if self.may_write() && !matches!(reply, Reply::Error { .. }) {
            state.change(database, key, TypedValue::Set(members));
        }
        reply
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            SetCommand::Add(_, added) => reply.is_count_up_to(added.len()),
            SetCommand::Remove(_, removed) => reply.is_count_up_to(removed.len()),
            SetCommand::Pop(_) => reply.is_value_or_nil(),
            SetCommand::Has(..) => reply.is_count_up_to(1),
            SetCommand::Members(_) => reply.is_values(1),
            SetCommand::Size(_) => reply.is_count_up_to(usize::MAX),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            SetCommand::Add(..) => "a count of at most its members",
            SetCommand::Remove(..) => "a count of at most its members",
            SetCommand::Pop(_) => "a member or nil",
            SetCommand::Has(..) => "0 or 1",
            SetCommand::Members(_) => "an array of members",
            SetCommand::Size(_) => "a count",
        };
        expected.into()
    }
}

/// What the commands concern.
impl SetCommand {
    pub(super) fn key(&self) -> &Word {
        match self {
            SetCommand::Add(key, ..)
            | SetCommand::Remove(key, ..)
            | SetCommand::Pop(key)
            | SetCommand::Has(key, ..)
            | SetCommand::Members(key)
            | SetCommand::Size(key) => key,
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            SetCommand::Add(..) | SetCommand::Remove(..) | SetCommand::Pop(_) => true,
            SetCommand::Has(..) | SetCommand::Members(_) | SetCommand::Size(_) => false,
        }
    }
}
