//! RPUSH, LPUSH, LPOP, RPOP, LINSERT, LREM of all equal elements, LRANGE of the whole list, and LLEN.

use std::collections::VecDeque;

use super::reply::Reply;
use super::state::{Site, State, TypedValue};
use crate::word::Word;

/// A command about lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListCommand {
    /// Pushes elements at the right and returns the length.
    PushRight(Word, Vec<Word>),
    /// Pushes elements at the left and returns the length.
    PushLeft(Word, Vec<Word>),
    /// Removes the element at the left and returns it.
    PopLeft(Word),
    /// Removes the element at the right and returns it.
    PopRight(Word),
    /// Adds the last element behind the first one that equals the other, and returns the length: LINSERT AFTER. Returns -1
    /// if there is none, and 0 for an absent key.
    Insert(Word, Word, Word),
    /// Removes all elements of this value and returns how many there were: LREM 0.
    Remove(Word, Word),
    /// Returns all elements: LRANGE from 0 to -1.
    All(Word),
    /// Returns the length.
    Size(Word),
}

/// How the commands are written.
impl ListCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            ListCommand::PushRight(..) => "RPUSH",
            ListCommand::PushLeft(..) => "LPUSH",
            ListCommand::PopLeft(_) => "LPOP",
            ListCommand::PopRight(_) => "RPOP",
            ListCommand::Insert(..) => "LINSERT",
            ListCommand::Remove(..) => "LREM",
            ListCommand::All(_) => "LRANGE",
            ListCommand::Size(_) => "LLEN",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            ListCommand::PushRight(key, pushed) => [key].into_iter().chain(pushed).collect(),
            ListCommand::PushLeft(key, pushed) => [key].into_iter().chain(pushed).collect(),
            ListCommand::PopLeft(key) => vec![key],
            ListCommand::PopRight(key) => vec![key],
            ListCommand::Insert(key, pivot, element) => vec![key, Word::from("AFTER"), pivot, element],
            ListCommand::Remove(key, element) => vec![key, Word::from("0"), element],
            ListCommand::All(key) => vec![key, Word::from("0"), Word::from("-1")],
            ListCommand::Size(key) => vec![key],
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<ListCommand> {
        match (name, arguments) {
            ("RPUSH", [key, pushed @ ..]) if !pushed.is_empty() => {
                Some(ListCommand::PushRight(key.clone(), pushed.to_vec()))
            }
            ("LPUSH", [key, pushed @ ..]) if !pushed.is_empty() => {
                Some(ListCommand::PushLeft(key.clone(), pushed.to_vec()))
            }
            ("LPOP", [key]) => Some(ListCommand::PopLeft(key.clone())),
            ("RPOP", [key]) => Some(ListCommand::PopRight(key.clone())),
            ("LINSERT", [key, side, pivot, element]) if side.to_upper_case().as_deref() == Some("AFTER") => {
                Some(ListCommand::Insert(key.clone(), pivot.clone(), element.clone()))
            }
            ("LREM", [key, count, element]) if count.to_integer() == Some(0) => {
                Some(ListCommand::Remove(key.clone(), element.clone()))
            }
            ("LRANGE", [key, first, last]) if first.to_integer() == Some(0) && last.to_integer() == Some(-1) => {
                Some(ListCommand::All(key.clone()))
            }
            ("LLEN", [key]) => Some(ListCommand::Size(key.clone())),
            _ => None,
        }
    }
}

/// What the commands mean.
impl ListCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        let (database, key) = (site.database, self.key());
        let mut elements = match state.entry(database, key).map(|entry| &entry.value) {
            None => VecDeque::new(),
            Some(TypedValue::List(elements)) => elements.clone(),
            Some(_) => return Reply::wrong_type(),
        };
        let reply = match self {
            ListCommand::PushRight(_, pushed) => {
                pushed.iter().for_each(|element| elements.push_back(element.clone()));
                Reply::count(elements.iter())
            }
            ListCommand::PushLeft(_, pushed) => {
                pushed.iter().for_each(|element| elements.push_front(element.clone()));
                Reply::count(elements.iter())
            }
            ListCommand::PopLeft(_) => Reply::value(elements.pop_front().as_ref()),
            ListCommand::PopRight(_) => Reply::value(elements.pop_back().as_ref()),
            ListCommand::Insert(_, pivot, element) => match elements.iter().position(|other| other == pivot) {
                _ if elements.is_empty() => Reply::Integer(0),
                None => Reply::Integer(-1),
                Some(place) => {
                    elements.insert(place + 1, element.clone());
                    Reply::count(elements.iter())
                }
            },
            ListCommand::Remove(_, element) => {
                let before = elements.len();
                elements.retain(|other| other != element);
                Reply::count(elements.len()..before)
            }
            ListCommand::All(_) => Reply::Array(elements.iter().cloned().map(Reply::Value).collect()),
            ListCommand::Size(_) => Reply::count(elements.iter()),
        };
        if self.may_write() && !matches!(reply, Reply::Error { .. }) {
            state.change(database, key, TypedValue::List(elements));
        }
        reply
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            ListCommand::PushRight(..) => reply.is_count_up_to(usize::MAX),
            ListCommand::PushLeft(..) => reply.is_count_up_to(usize::MAX),
            ListCommand::PopLeft(_) => reply.is_value_or_nil(),
            ListCommand::PopRight(_) => reply.is_value_or_nil(),
            ListCommand::Insert(..) => *reply == Reply::Integer(-1) || reply.is_count_up_to(usize::MAX),
            ListCommand::Remove(..) => reply.is_count_up_to(usize::MAX),
            ListCommand::All(_) => reply.is_values(1),
            ListCommand::Size(_) => reply.is_count_up_to(usize::MAX),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            ListCommand::PushRight(..) => "a length",
            ListCommand::PushLeft(..) => "a length",
            ListCommand::PopLeft(_) => "an element or nil",
            ListCommand::PopRight(_) => "an element or nil",
            ListCommand::Insert(..) => "a length, 0 or -1",
            ListCommand::Remove(..) => "a count",
            ListCommand::All(_) => "an array of elements",
            ListCommand::Size(_) => "a length",
        };
        expected.into()
    }
}

/// What the commands concern.
impl ListCommand {
    pub(super) fn key(&self) -> &Word {
        match self {
            ListCommand::PushRight(key, ..)
            | ListCommand::PushLeft(key, ..)
            | ListCommand::PopLeft(key)
            | ListCommand::PopRight(key)
            | ListCommand::Insert(key, ..)
            | ListCommand::Remove(key, _)
            | ListCommand::All(key)
            | ListCommand::Size(key) => key,
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            ListCommand::PushRight(..)
            | ListCommand::PushLeft(..)
            | ListCommand::PopLeft(_)
            | ListCommand::PopRight(_)
            | ListCommand::Insert(..)
            | ListCommand::Remove(..) => true,
            ListCommand::All(_) | ListCommand::Size(_) => false,
        }
    }
}
