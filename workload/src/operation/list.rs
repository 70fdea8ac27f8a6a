//! RPUSH, LPUSH, LPOP, RPOP, LMPOP, LMOVE, LSET, LTRIM, LINSERT, LREM of all equal elements, LRANGE of the whole list,
//! LINDEX, LPOS and LLEN.

use std::collections::VecDeque;

use super::reply::Reply;
use super::state::{Site, State, TypedValue};
use crate::word::Word;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Its first element.
    Left,
    /// Its last element.
    Right,
}

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
    /// Moves an element from an end of the first list to an end of the second one and returns it: LMOVE.
    Move(Word, Word, Side, Side),
    /// Removes at most so many elements from an end of the first list that has any. Returns its key and the elements: LMPOP.
    PopMany(Vec<Word>, Side, u32),
    /// Replaces the element at an index, which counts from the right if it is negative. An error if there is none.
    Replace(Word, i64, Word),
    /// Keeps the elements from an index to another one.
    Trim(Word, i64, i64),
    /// Returns the element at an index.
    At(Word, i64),
    /// Returns the index of the first element of this value.
    Find(Word, Word),
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
            ListCommand::Move(..) => "LMOVE",
            ListCommand::PopMany(..) => "LMPOP",
            ListCommand::Replace(..) => "LSET",
            ListCommand::Trim(..) => "LTRIM",
            ListCommand::At(..) => "LINDEX",
            ListCommand::Find(..) => "LPOS",
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
            ListCommand::Move(from, to, out, into) => vec![from, to, out.word(), into.word()],
            ListCommand::PopMany(keys, side, most) => {
                let number = Word::from(keys.len().to_string());
                let options = [side.word(), Word::from("COUNT"), Word::from(most.to_string())];
                [number].into_iter().chain(keys).chain(options).collect()
            }
            ListCommand::Replace(key, index, element) => vec![key, Word::from(index.to_string()), element],
            ListCommand::Trim(key, first, last) => {
                vec![key, Word::from(first.to_string()), Word::from(last.to_string())]
            }
            ListCommand::At(key, index) => vec![key, Word::from(index.to_string())],
            ListCommand::Find(key, element) => vec![key, element],
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
            ("LMOVE", [from, to, out, into]) => {
                Some(ListCommand::Move(from.clone(), to.clone(), Side::parse(out)?, Side::parse(into)?))
            }
            ("LMPOP", [number, keys @ .., side, count, most]) if count.to_upper_case()? == "COUNT" => {
                let whole = usize::try_from(number.to_integer()?) == Ok(keys.len()) && !keys.is_empty();
                let most = u32::try_from(most.to_integer()?).ok().filter(|most| whole && *most > 0)?;
                Some(ListCommand::PopMany(keys.to_vec(), Side::parse(side)?, most))
            }
            ("LSET", [key, index, element]) => {
                Some(ListCommand::Replace(key.clone(), index.to_integer()?, element.clone()))
            }
            ("LTRIM", [key, first, last]) => {
                Some(ListCommand::Trim(key.clone(), first.to_integer()?, last.to_integer()?))
            }
            ("LINDEX", [key, index]) => Some(ListCommand::At(key.clone(), index.to_integer()?)),
            ("LPOS", [key, element]) => Some(ListCommand::Find(key.clone(), element.clone())),
            ("LRANGE", [key, first, last]) if first.to_integer() == Some(0) && last.to_integer() == Some(-1) => {
                Some(ListCommand::All(key.clone()))
            }
            ("LLEN", [key]) => Some(ListCommand::Size(key.clone())),
            _ => None,
        }
    }
}

impl Side {
    fn word(self) -> Word {
        Word::from(match self {
            Side::Left => "LEFT",
            Side::Right => "RIGHT",
        })
    }

    fn parse(word: &Word) -> Option<Side> {
        match word.to_upper_case()?.as_str() {
            "LEFT" => Some(Side::Left),
            "RIGHT" => Some(Side::Right),
            _ => None,
        }
    }

    fn pop(self, elements: &mut VecDeque<Word>) -> Option<Word> {
        match self {
            Side::Left => elements.pop_front(),
            Side::Right => elements.pop_back(),
        }
    }

    fn push(self, elements: &mut VecDeque<Word>, element: Word) {
        match self {
            Side::Left => elements.push_front(element),
            Side::Right => elements.push_back(element),
        }
    }
}

/// The elements of a list. Those of an absent key are none.
fn elements_of(state: &State, database: u8, key: &Word) -> Result<VecDeque<Word>, Reply> {
    match state.entry(database, key).map(|entry| &entry.value) {
        None => Ok(VecDeque::new()),
        Some(TypedValue::List(elements)) => Ok(elements.clone()),
        Some(_) => Err(Reply::wrong_type()),
    }
}

/// The place at an index, which counts from the right if it is negative. `None` if it is before the first place.
fn place_at(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.saturating_add(i64::try_from(length).unwrap_or(i64::MAX)) } else { index };
    usize::try_from(index).ok()
}

/// What the commands mean.
impl ListCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        self.execute(state, site.database).unwrap_or_else(|error| error)
    }

    fn execute(&self, state: &mut State, database: u8) -> Result<Reply, Reply> {
        let Some(key) = self.keys().first().copied() else { return Ok(Reply::Nil) };
        let mut elements = elements_of(state, database, key)?;
        let reply = match self {
            ListCommand::Move(_, to, out, into) => match out.pop(&mut elements) {
                None => Reply::Nil,
                Some(element) => {
                    if to == key {
                        into.push(&mut elements, element.clone());
                    } else {
                        let mut others = elements_of(state, database, to)?;
                        into.push(&mut others, element.clone());
                        state.change(database, to, TypedValue::List(others));
                    }
                    Reply::Value(element)
                }
            },
            ListCommand::PopMany(keys, side, most) => return pop_many(state, database, keys, (*side, *most)),
            ListCommand::Replace(_, index, element) => {
                if elements.is_empty() {
                    return Err(Reply::no_key());
                }
                let place = place_at(*index, elements.len()).and_then(|place| elements.get_mut(place));
                *place.ok_or_else(Reply::no_index)? = element.clone();
                Reply::ok()
            }
            ListCommand::Trim(_, first, last) => {
                let first = place_at(*first, elements.len()).unwrap_or(0);
                let kept = place_at(*last, elements.len()).map_or(0, |last| last.saturating_add(1));
                elements.truncate(kept);
                elements.drain(..first.min(elements.len()));
                Reply::ok()
            }
            ListCommand::At(_, index) => {
                Reply::value(place_at(*index, elements.len()).and_then(|place| elements.get(place)))
            }
            ListCommand::Find(_, element) => match elements.iter().position(|other| other == element) {
                None => Reply::Nil,
                Some(place) => Reply::count(0..place),
            },
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
        if self.may_write() {
            state.change(database, key, TypedValue::List(elements));
        }
        Ok(reply)
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            ListCommand::PushRight(..) => reply.is_count_up_to(usize::MAX),
            ListCommand::PushLeft(..) => reply.is_count_up_to(usize::MAX),
            ListCommand::PopLeft(_) => reply.is_value_or_nil(),
            ListCommand::PopRight(_) => reply.is_value_or_nil(),
            ListCommand::Insert(..) => *reply == Reply::Integer(-1) || reply.is_count_up_to(usize::MAX),
            ListCommand::Remove(..) => reply.is_count_up_to(usize::MAX),
            ListCommand::Move(..) | ListCommand::At(..) => reply.is_value_or_nil(),
            ListCommand::PopMany(keys, _, most) => match reply {
                Reply::Nil => true,
                Reply::Array(replies) => match replies.as_slice() {
                    [Reply::Value(key), popped] => keys.contains(key) && popped.is_values_up_to(*most as usize),
                    _ => false,
                },
                _ => false,
            },
            ListCommand::Replace(..) | ListCommand::Trim(..) => reply.is_status("OK"),
            ListCommand::Find(..) => *reply == Reply::Nil || reply.is_count_up_to(usize::MAX),
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
            ListCommand::Move(..) | ListCommand::At(..) => "an element or nil",
            ListCommand::PopMany(..) => "a key with its elements, or nil",
            ListCommand::Replace(..) | ListCommand::Trim(..) => "OK",
            ListCommand::Find(..) => "an index or nil",
            ListCommand::All(_) => "an array of elements",
            ListCommand::Size(_) => "a length",
        };
        expected.into()
    }
}

/// What the commands concern.
impl ListCommand {
    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            ListCommand::PushRight(key, ..)
            | ListCommand::PushLeft(key, ..)
            | ListCommand::PopLeft(key)
            | ListCommand::PopRight(key)
            | ListCommand::Insert(key, ..)
            | ListCommand::Remove(key, _)
            | ListCommand::Replace(key, ..)
            | ListCommand::Trim(key, ..)
            | ListCommand::At(key, _)
            | ListCommand::Find(key, _)
            | ListCommand::All(key)
            | ListCommand::Size(key) => vec![key],
            ListCommand::Move(from, to, ..) => vec![from, to],
            ListCommand::PopMany(keys, ..) => keys.iter().collect(),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            ListCommand::PushRight(..)
            | ListCommand::PushLeft(..)
            | ListCommand::PopLeft(_)
            | ListCommand::PopRight(_)
            | ListCommand::Insert(..)
            | ListCommand::Remove(..)
            | ListCommand::Move(..)
            | ListCommand::PopMany(..)
            | ListCommand::Replace(..)
            | ListCommand::Trim(..) => true,
            ListCommand::At(..) | ListCommand::Find(..) | ListCommand::All(_) | ListCommand::Size(_) => false,
        }
    }
}

/// Removes elements from the first of some lists that has any.
fn pop_many(state: &mut State, database: u8, keys: &[Word], (side, most): (Side, u32)) -> Result<Reply, Reply> {
    for key in keys {
        let mut elements = elements_of(state, database, key)?;
        let popped: Vec<Reply> = (0..most).map_while(|_| side.pop(&mut elements)).map(Reply::Value).collect();
        if !popped.is_empty() {
            state.change(database, key, TypedValue::List(elements));
            return Ok(Reply::Array(vec![Reply::Value(key.clone()), Reply::Array(popped)]));
        }
    }
    Ok(Reply::Nil)
}
