//! SADD, SREM, SISMEMBER, SMEMBERS, SSCAN, SCARD, SPOP, SMOVE, SUNIONSTORE, SINTERSTORE and SDIFFSTORE.

use std::collections::BTreeSet;

use super::cursor;
use super::reply::Reply;
use super::state::{Site, State, TypedValue};
use crate::word::Word;

/// How several sets make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Combination {
    /// The members of any of them.
    Union,
    /// The members of all of them.
    Intersection,
    /// The members of the first that are in no other one.
    Difference,
}

/// A command about sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetCommand {
    /// Adds members and returns how many are new.
    Add(Word, Vec<Word>),
    /// Removes members and returns how many were there.
    Remove(Word, Vec<Word>),
    /// Removes a member of the server's choice and returns it.
    Pop(Word),
    /// Removes so many members of the server's choice, or all if there are fewer, and returns them.
    PopMany(Word, u32),
    /// Moves a member from the first set to the second one. Returns whether it was there.
    Move(Word, Word, Word),
    /// Gives a key the combination of sets, whatever it held before, and returns the size.
    Store(Combination, Word, Vec<Word>),
    /// Returns whether the set has a member.
    Has(Word, Word),
    /// Returns all members.
    Members(Word),
    /// Returns the number of members.
    Size(Word),
    /// Returns some of the members, from a cursor on, and the next cursor: SSCAN with COUNT.
    Scan(Word, Word, u32),
}

/// How the commands are written.
impl SetCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            SetCommand::Add(..) => "SADD",
            SetCommand::Remove(..) => "SREM",
            SetCommand::Pop(_) | SetCommand::PopMany(..) => "SPOP",
            SetCommand::Move(..) => "SMOVE",
            SetCommand::Store(combination, ..) => combination.name(),
            SetCommand::Has(..) => "SISMEMBER",
            SetCommand::Members(_) => "SMEMBERS",
            SetCommand::Size(_) => "SCARD",
            SetCommand::Scan(..) => "SSCAN",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            SetCommand::Add(key, added) => [key].into_iter().chain(added).collect(),
            SetCommand::Remove(key, removed) => [key].into_iter().chain(removed).collect(),
            SetCommand::Pop(key) => vec![key],
            SetCommand::PopMany(key, number) => vec![key, Word::from(number.to_string())],
            SetCommand::Move(from, to, member) => vec![from, to, member],
            SetCommand::Store(_, to, of) => [to].into_iter().chain(of).collect(),
            SetCommand::Has(key, member) => vec![key, member],
            SetCommand::Members(key) => vec![key],
            SetCommand::Size(key) => vec![key],
            SetCommand::Scan(key, cursor, count) => cursor::arguments(key, cursor, count),
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<SetCommand> {
        match (name, arguments) {
            ("SADD", [key, added @ ..]) if !added.is_empty() => Some(SetCommand::Add(key.clone(), added.to_vec())),
            ("SREM", [key, removed @ ..]) if !removed.is_empty() => {
                Some(SetCommand::Remove(key.clone(), removed.to_vec()))
            }
            ("SPOP", [key]) => Some(SetCommand::Pop(key.clone())),
            ("SPOP", [key, number]) => {
                let number = u32::try_from(number.to_integer()?).ok().filter(|number| *number > 0)?;
                Some(SetCommand::PopMany(key.clone(), number))
            }
            ("SMOVE", [from, to, member]) => Some(SetCommand::Move(from.clone(), to.clone(), member.clone())),
            ("SISMEMBER", [key, member]) => Some(SetCommand::Has(key.clone(), member.clone())),
            ("SMEMBERS", [key]) => Some(SetCommand::Members(key.clone())),
            ("SCARD", [key]) => Some(SetCommand::Size(key.clone())),
            ("SSCAN", arguments) => {
                cursor::parse(arguments).map(|(key, cursor, count)| SetCommand::Scan(key, cursor, count))
            }
            (name, [to, of @ ..]) if !of.is_empty() => {
                Some(SetCommand::Store(Combination::named(name)?, to.clone(), of.to_vec()))
            }
            _ => None,
        }
    }
}

impl Combination {
    const ALL: [Combination; 3] = [Combination::Union, Combination::Intersection, Combination::Difference];

    fn name(self) -> &'static str {
        match self {
            Combination::Union => "SUNIONSTORE",
            Combination::Intersection => "SINTERSTORE",
            Combination::Difference => "SDIFFSTORE",
        }
    }

    fn named(name: &str) -> Option<Combination> {
        Combination::ALL.into_iter().find(|combination| combination.name() == name)
    }

    fn of(self, one: &BTreeSet<Word>, other: &BTreeSet<Word>) -> BTreeSet<Word> {
        match self {
            Combination::Union => one | other,
            Combination::Intersection => one & other,
            Combination::Difference => one - other,
        }
    }
}

/// The members of a set. Those of an absent key are none.
fn members_of(state: &State, database: u8, key: &Word) -> Result<BTreeSet<Word>, Reply> {
    match state.entry(database, key).map(|entry| &entry.value) {
        None => Ok(BTreeSet::new()),
        Some(TypedValue::Set(members)) => Ok(members.clone()),
        Some(_) => Err(Reply::wrong_type()),
    }
}

/// What the commands mean.
impl SetCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        self.execute(state, site.database).unwrap_or_else(|error| error)
    }

    fn execute(&self, state: &mut State, database: u8) -> Result<Reply, Reply> {
        match self {
            SetCommand::Add(key, added) => alter(state, database, key, |members| {
                Reply::count(added.iter().filter(|member| members.insert((*member).clone())))
            }),
            SetCommand::Remove(key, removed) => alter(state, database, key, |members| {
                Reply::count(removed.iter().filter(|member| members.remove(*member)))
            }),
            // The server chooses. `model::step` tries every choice.
            SetCommand::Pop(key) => alter(state, database, key, |members| Reply::value(members.pop_first().as_ref())),
            SetCommand::PopMany(key, number) => alter(state, database, key, |members| {
                Reply::Array((0..*number).map_while(|_| members.pop_first()).map(Reply::Value).collect())
            }),
            SetCommand::Move(from, to, member) => move_member(state, database, (from, to), member),
            SetCommand::Store(combination, to, of) => store(state, database, *combination, to, of),
            SetCommand::Has(key, member) => {
                Ok(Reply::Integer(members_of(state, database, key)?.contains(member).into()))
            }
            SetCommand::Members(key) => {
                Ok(Reply::Array(members_of(state, database, key)?.into_iter().map(Reply::Value).collect()))
            }
            SetCommand::Scan(key, ..) => {
                Ok(cursor::all(members_of(state, database, key)?.into_iter().map(Reply::Value).collect()))
            }
            SetCommand::Size(key) => Ok(Reply::count(members_of(state, database, key)?.iter())),
        }
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            SetCommand::Add(_, added) => reply.is_count_up_to(added.len()),
            SetCommand::Remove(_, removed) => reply.is_count_up_to(removed.len()),
            SetCommand::Pop(_) => reply.is_value_or_nil(),
            SetCommand::PopMany(_, number) => reply.is_values_up_to(*number as usize),
            SetCommand::Store(..) => reply.is_count_up_to(usize::MAX),
            SetCommand::Has(..) | SetCommand::Move(..) => reply.is_count_up_to(1),
            SetCommand::Members(_) => reply.is_values(1),
            SetCommand::Size(_) => reply.is_count_up_to(usize::MAX),
            SetCommand::Scan(..) => cursor::allows(reply, 1),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            SetCommand::Add(..) => "a count of at most its members",
            SetCommand::Remove(..) => "a count of at most its members",
            SetCommand::Pop(_) => "a member or nil",
            SetCommand::PopMany(..) => "an array of so many members at most",
            SetCommand::Store(..) => "a count",
            SetCommand::Has(..) | SetCommand::Move(..) => "0 or 1",
            SetCommand::Members(_) => "an array of members",
            SetCommand::Size(_) => "a count",
            SetCommand::Scan(..) => "a cursor and an array of elements",
        };
        expected.into()
    }
}

/// What the commands concern.
impl SetCommand {
    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            SetCommand::Add(key, ..)
            | SetCommand::Remove(key, ..)
            | SetCommand::Pop(key)
            | SetCommand::PopMany(key, _)
            | SetCommand::Has(key, ..)
            | SetCommand::Members(key)
            | SetCommand::Scan(key, ..)
            | SetCommand::Size(key) => vec![key],
            SetCommand::Move(from, to, _) => vec![from, to],
            SetCommand::Store(_, to, of) => [to].into_iter().chain(of).collect(),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            SetCommand::Add(..)
            | SetCommand::Remove(..)
            | SetCommand::Pop(_)
            | SetCommand::PopMany(..)
            | SetCommand::Move(..)
            | SetCommand::Store(..) => true,
            SetCommand::Has(..) | SetCommand::Members(_) | SetCommand::Scan(..) | SetCommand::Size(_) => false,
        }
    }
}

/// Changes the members of a set.
fn alter(
    state: &mut State,
    database: u8,
    key: &Word,
    change: impl FnOnce(&mut BTreeSet<Word>) -> Reply,
) -> Result<Reply, Reply> {
    let mut members = members_of(state, database, key)?;
    let reply = change(&mut members);
    state.change(database, key, TypedValue::Set(members));
    Ok(reply)
}

/// Gives a key the combination of sets.
fn store(state: &mut State, database: u8, combination: Combination, to: &Word, of: &[Word]) -> Result<Reply, Reply> {
    let sets = of.iter().map(|key| members_of(state, database, key)).collect::<Result<Vec<_>, _>>()?;
    let members = sets.into_iter().reduce(|one, other| combination.of(&one, &other)).unwrap_or_default();
    let size = Reply::count(members.iter());
    state.replace(database, to, TypedValue::Set(members));
    Ok(size)
}

/// Moves a member from one set to another.
fn move_member(state: &mut State, database: u8, (from, to): (&Word, &Word), member: &Word) -> Result<Reply, Reply> {
    let mut members = members_of(state, database, from)?;
    if members.is_empty() {
        return Ok(Reply::Integer(0)); // a server does not look at the other key
    }
    let mut others = members_of(state, database, to)?;
    if !members.remove(member) {
        return Ok(Reply::Integer(0));
    }
    if from != to {
        others.insert(member.clone());
        state.change(database, from, TypedValue::Set(members));
        state.change(database, to, TypedValue::Set(others));
    }
    Ok(Reply::Integer(1))
}
