//! Single members, and all of them.

use bytes::Bytes;

use super::template::{LIST, LOOK, READ, SHRINK};
use crate::command::arguments::{SYNTAX, exactly};
use crate::command::flag::Flag::{Denyoom, Fast, Write};
use crate::command::keys::Begin;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::set::Set;

const NAMED_MEMBERS: &str = "O(N) where N is the number of members that are named";

pub(super) const ADD: Spec = Spec {
    name: "sadd",
    syntax: "key member [member ...]",
    arity: -3,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
    complexity: NAMED_MEMBERS,
    summary: "Adds members and returns how many of them are new.",
    meaning: Meaning::Data(add),
    ..SHRINK
};

pub(super) const REMOVE: Spec = Spec {
    name: "srem",
    syntax: "key member [member ...]",
    arity: -3,
    keys: &[Keys { access: &["RW", "delete"], ..Keys::ONE }],
    complexity: NAMED_MEMBERS,
    summary: "Removes members. The key goes with its last member.",
    meaning: Meaning::Data(remove),
    ..SHRINK
};

pub(super) const MOVE: Spec = Spec {
    name: "smove",
    syntax: "source destination member",
    arity: 4,
    keys: &[Keys::TAKEN, Keys { begin: Begin::At(2), access: &["RW", "insert"], ..Keys::ONE }],
    summary: "Moves a member from one set to another.",
    meaning: Meaning::Data(move_member),
    ..SHRINK
};

pub(super) const CARDINALITY: Spec = Spec {
    name: "scard",
    syntax: "key",
    arity: 2,
    summary: "Returns the number of members.",
    meaning: Meaning::Data(cardinality),
    ..LOOK
};

pub(super) const CONTAINS: Spec = Spec {
    name: "sismember",
    syntax: "key member",
    arity: 3,
    summary: "Tells whether a set has a member.",
    meaning: Meaning::Data(contains),
    ..LOOK
};

pub(super) const CONTAINS_MANY: Spec = Spec {
    name: "smismember",
    syntax: "key member [member ...]",
    arity: -3,
    keys: &[READ],
    since: "6.2.0",
    complexity: NAMED_MEMBERS,
    summary: "Tells which of several members a set has.",
    meaning: Meaning::Data(contains_many),
    ..LOOK
};

pub(super) const MEMBERS: Spec = Spec {
    name: "smembers",
    syntax: "key",
    arity: 2,
    tips: &["nondeterministic_output_order"],
    complexity: "O(N) where N is the number of members",
    summary: "Returns all members.",
    meaning: Meaning::Data(members),
    ..LIST
};

fn add(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, members @ ..] = words else { return Err(SYNTAX) };
    let mut set = Set::open_or_new(draft, key)?;
    let new = members.iter().filter(|member| set.add(draft, member)).count();
    set.keep(draft, key);
    Ok(Reply::count(new))
}

fn remove(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, members @ ..] = words else { return Err(SYNTAX) };
    let Some(mut set) = Set::open(draft, key)? else { return Ok(Reply::Integer(0)) };
    let removed = members.iter().filter(|member| set.remove(draft, member)).count();
    set.keep(draft, key);
    Ok(Reply::count(removed))
}

/// If the source is absent, the type of the destination does not matter.
fn move_member(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, from, to, member] = exactly(words)?;
    let Some(mut source) = Set::open(draft, from)? else { return Ok(Reply::Integer(0)) };
    let mut destination = Set::open_or_new(draft, to)?;
    let moves = source.has(draft, member);
    if moves && from != to {
        source.remove(draft, member);
        source.keep(draft, from);
        destination.add(draft, member);
        destination.keep(draft, to);
    }
    Ok(Reply::Integer(i64::from(moves)))
}

fn cardinality(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Reply::count(Set::open(draft, key)?.map_or(0, |set| set.len())))
}

fn contains(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, member] = exactly(words)?;
    let contains = Set::open(draft, key)?.is_some_and(|set| set.has(draft, member));
    Ok(Reply::Integer(i64::from(contains)))
}

fn contains_many(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, members @ ..] = words else { return Err(SYNTAX) };
    let set = Set::open(draft, key)?;
    let contains = |member: &Bytes| set.as_ref().is_some_and(|set| set.has(draft, member));
    Ok(Reply::Array(members.iter().map(|member| Reply::Integer(i64::from(contains(member)))).collect()))
}

fn members(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    let order = Set::open(draft, key)?.map(|set| set.members(draft)).unwrap_or_default();
    Ok(unordered(order.iter().map(|place| place.name()).collect()))
}

/// Members as a set, in the protocol that has sets.
pub(super) fn unordered(members: Vec<Bytes>) -> Reply {
    Reply::Set(members.into_iter().map(Reply::Bulk).collect())
}
