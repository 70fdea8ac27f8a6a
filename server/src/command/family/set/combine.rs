//! Unions, intersections and differences of sets.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::member::unordered;
use super::template::{READ, SET};
use crate::command::arguments::{SYNTAX, integer, is};
use crate::command::combined::{Subtraction, bound_elements, of_intersection};
use crate::command::flag::Flag::{Denyoom, MovableKeys, Readonly, Write};
use crate::command::keys::{Begin, Find};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::set::Set;

const ALL_MEMBERS: &str = "O(N*log(N)) where N is the number of members in all sets together";
const LEAST_MEMBERS: &str = "O(N*K*log(M)) where N is the number of members in the smallest set, K that of sets, and M that \
                             of members in the largest one";

/// Commands that list what they compute from several keys.
const COMPUTE: Spec = Spec {
    syntax: "key [key ...]",
    arity: -2,
    flags: &[Readonly],
    keys: &[Keys { find: Find::ALL, ..READ }],
    tips: &["nondeterministic_output_order"],
    complexity: ALL_MEMBERS,
    ..SET
};

/// Commands that replace the key that comes first by what they compute from the others.
const COMPUTE_AND_STORE: Spec = Spec {
    syntax: "destination key [key ...]",
    arity: -3,
    flags: &[Write, Denyoom],
    keys: &[Keys::REPLACED, Keys { begin: Begin::At(2), find: Find::ALL, ..Keys::READ }],
    complexity: ALL_MEMBERS,
    ..SET
};

pub(super) const UNION: Spec = Spec {
    name: "sunion",
    summary: "Returns the members of any of the sets.",
    meaning: Meaning::Data(|draft, words| list(draft, words, union)),
    ..COMPUTE
};

pub(super) const INTERSECTION: Spec = Spec {
    name: "sinter",
    complexity: LEAST_MEMBERS,
    summary: "Returns the members of all of the sets.",
    meaning: Meaning::Data(|draft, words| list(draft, words, intersection)),
    ..COMPUTE
};

pub(super) const DIFFERENCE: Spec = Spec {
    name: "sdiff",
    summary: "Returns the members of the first set that are in none of the others.",
    meaning: Meaning::Data(|draft, words| list(draft, words, difference)),
    ..COMPUTE
};

pub(super) const UNION_STORE: Spec = Spec {
    name: "sunionstore",
    summary: "Stores the members of any of the sets.",
    meaning: Meaning::Data(|draft, words| store(draft, words, union)),
    ..COMPUTE_AND_STORE
};

pub(super) const INTERSECTION_STORE: Spec = Spec {
    name: "sinterstore",
    complexity: LEAST_MEMBERS,
    summary: "Stores the members of all of the sets.",
    meaning: Meaning::Data(|draft, words| store(draft, words, intersection)),
    ..COMPUTE_AND_STORE
};

pub(super) const DIFFERENCE_STORE: Spec = Spec {
    name: "sdiffstore",
    summary: "Stores the members of the first set that are in none of the others.",
    meaning: Meaning::Data(|draft, words| store(draft, words, difference)),
    ..COMPUTE_AND_STORE
};

pub(super) const INTERSECTION_CARDINALITY: Spec = Spec {
    name: "sintercard",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    arity: -3,
    flags: &[Readonly, MovableKeys],
    keys: &[Keys { find: Find::Counted, ..READ }],
    since: "7.0.0",
    complexity: LEAST_MEMBERS,
    summary: "Returns the number of members that are in all of the sets.",
    meaning: Meaning::Data(intersection_cardinality),
    check: Some(|words| Counting::parse(&words[1..]).map(drop)),
    ..SET
};

/// Computes members from sets, of which those that are absent are none.
type SetOperation = fn(&Draft<'_>, &[Option<Set>]) -> Result<Vec<Bytes>, Reply>;

fn open(draft: &Draft<'_>, keys: &[Bytes]) -> Result<Vec<Option<Set>>, Reply> {
    keys.iter().map(|key| Set::open(draft, key)).collect()
}

fn list(draft: &mut Draft<'_>, words: &[Bytes], operation: SetOperation) -> Result<Reply, Reply> {
    let sets = open(draft, &words[1..])?;
    Ok(unordered(operation(draft, &sets)?))
}

fn store(draft: &mut Draft<'_>, words: &[Bytes], operation: SetOperation) -> Result<Reply, Reply> {
    let sets = open(draft, &words[2..])?;
    let members = operation(draft, &sets)?;
    Ok(Reply::count(Set::store(draft, &words[1], &members)))
}

fn lengths(sets: &[Option<Set>]) -> impl ExactSizeIterator<Item = usize> {
    sets.iter().map(|set| set.as_ref().map_or(0, Set::len))
}

fn union(draft: &Draft<'_>, sets: &[Option<Set>]) -> Result<Vec<Bytes>, Reply> {
    bound_elements(lengths(sets).fold(0, usize::saturating_add))?;
    let mut union = BTreeSet::new();
    for set in sets.iter().flatten() {
        union.extend(set.members(draft).iter().map(|place| place.name()));
    }
    Ok(union.into_iter().collect())
}

fn intersection(draft: &Draft<'_>, sets: &[Option<Set>]) -> Result<Vec<Bytes>, Reply> {
    let mut members = Vec::new();
    each_common(draft, sets, |member| {
        members.push(member.clone());
        true
    })?;
    Ok(members)
}

fn difference(draft: &Draft<'_>, sets: &[Option<Set>]) -> Result<Vec<Bytes>, Reply> {
    let [Some(first), others @ ..] = sets else { return Ok(Vec::new()) };
    let way = Subtraction::of(first.len(), lengths(others));
    way.bound()?;
    let order = first.members(draft);
    let members = order.iter().map(|place| place.name());
    Ok(match way {
        Subtraction::Lookups(_) => {
            let is_left = |member: &Bytes| !others.iter().flatten().any(|set| set.has(draft, member));
            members.filter(is_left).collect()
        }
        Subtraction::Removals(_) => {
            let mut left: BTreeSet<Bytes> = members.collect();
            for set in others.iter().flatten() {
                for place in &set.members(draft) {
                    left.remove(&place.name());
                }
            }
            left.into_iter().collect()
        }
    })
}

/// Visits the members of all sets until `visit` returns false.
fn each_common(draft: &Draft<'_>, sets: &[Option<Set>], mut visit: impl FnMut(&Bytes) -> bool) -> Result<(), Reply> {
    bound_elements(of_intersection(lengths(sets)))?;
    let Some(mut sets) = sets.iter().map(Option::as_ref).collect::<Option<Vec<&Set>>>() else { return Ok(()) };
    sets.sort_by_key(|set| set.len());
    let [smallest, others @ ..] = &sets[..] else { return Ok(()) };
    for place in &smallest.members(draft) {
        let member = place.name();
        let is_common = others.iter().all(|set| set.has(draft, &member));
        if is_common && !visit(&member) {
            break;
        }
    }
    Ok(())
}

/// The arguments of a `SINTERCARD`.
#[derive(Debug)]
struct Counting<'a> {
    keys: &'a [Bytes],
    /// Where the count ends; 0 means nowhere.
    limit: usize,
}

impl<'a> Counting<'a> {
    /// Parses the words from the number of keys on.
    fn parse(arguments: &'a [Bytes]) -> Result<Counting<'a>, Reply> {
        let [number, rest @ ..] = arguments else { return Err(SYNTAX) };
        let number = integer(number).filter(|number| *number > 0);
        let number = number.ok_or(Reply::fault("ERR numkeys should be greater than 0"))?;
        let split = usize::try_from(number).ok().and_then(|number| rest.split_at_checked(number));
        let (keys, options) = split.ok_or(Reply::fault("ERR Number of keys can't be greater than number of args"))?;
        let mut limit = 0;
        for pair in options.chunks(2) {
            let [option, number] = pair else { return Err(SYNTAX) };
            if !is(option, "LIMIT") {
                return Err(SYNTAX);
            }
            let number = integer(number).and_then(|number| usize::try_from(number).ok());
            limit = number.ok_or(Reply::fault("ERR LIMIT can't be negative"))?;
        }
        Ok(Counting { keys, limit })
    }
}

fn intersection_cardinality(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let Counting { keys, limit } = Counting::parse(&words[1..])?;
    let sets = open(draft, keys)?;
    let mut count = 0;
    each_common(draft, &sets, |_| {
        count += 1;
        count != limit
    })?;
    Ok(Reply::count(count))
}
