//! Unions, intersections and differences of sorted sets. Sets take part, too: their members have the score 1.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::listing::listed;
use super::template::{COMPUTE, COMPUTE_AND_STORE};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer, is};
use crate::command::combined::{Subtraction, bound_elements, of_intersection};
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::row::Shape;
use crate::state::{By, Draft};
use crate::value::collection::{self, Collection, Kind, WRONG_TYPE};
use crate::value::number;
use crate::value::zset::{Scored, Zset, scored};

const AGGREGATED: &str =
    "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]";
const AGGREGATED_STORE: &str =
    "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]";
const ALL_MEMBERS: &str = "O(N*log(N)) where N is the number of members in all sorted sets together";
const LEAST_MEMBERS: &str = "O(N*K*log(M)) where N is the number of members in the smallest sorted set, K that of sorted \
                             sets, and M that of members in the largest one";

pub(super) const UNION: Spec = Spec {
    name: "zunion",
    syntax: AGGREGATED,
    since: "6.2.0",
    complexity: ALL_MEMBERS,
    summary: "Returns the members of any of the sorted sets, with combined scores.",
    meaning: Meaning::Data(|draft, words| list(draft, words, Operation::Union)),
    check: Some(|words| Inputs::parse(&words[1..], "zunion").map(drop)),
    ..COMPUTE
};

pub(super) const INTERSECTION: Spec = Spec {
    name: "zinter",
    syntax: AGGREGATED,
    since: "6.2.0",
    complexity: LEAST_MEMBERS,
    summary: "Returns the members of all of the sorted sets, with combined scores.",
    meaning: Meaning::Data(|draft, words| list(draft, words, Operation::Intersection)),
    check: Some(|words| Inputs::parse(&words[1..], "zinter").map(drop)),
    ..COMPUTE
};

pub(super) const DIFFERENCE: Spec = Spec {
    name: "zdiff",
    syntax: "numkeys key [key ...] [WITHSCORES]",
    since: "6.2.0",
    complexity: ALL_MEMBERS,
    summary: "Returns the members of the first sorted set that are in none of the others.",
    meaning: Meaning::Data(|draft, words| list(draft, words, Operation::Difference)),
    check: Some(|words| Inputs::parse(&words[1..], "zdiff").map(drop)),
    ..COMPUTE
};

pub(super) const INTERSECTION_CARDINALITY: Spec = Spec {
    name: "zintercard",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    since: "7.0.0",
    complexity: LEAST_MEMBERS,
    summary: "Returns the number of members that are in all of the sorted sets.",
    meaning: Meaning::Data(intersection_cardinality),
    check: Some(|words| Inputs::parse(&words[1..], "zintercard").map(drop)),
    ..COMPUTE
};

pub(super) const UNION_STORE: Spec = Spec {
    name: "zunionstore",
    syntax: AGGREGATED_STORE,
    since: "2.0.0",
    complexity: ALL_MEMBERS,
    summary: "Stores the members of any of the sorted sets, with combined scores.",
    meaning: Meaning::Data(|draft, words| store(draft, words, Operation::Union)),
    check: Some(|words| Inputs::parse(&words[2..], "zunionstore").map(drop)),
    ..COMPUTE_AND_STORE
};

pub(super) const INTERSECTION_STORE: Spec = Spec {
    name: "zinterstore",
    syntax: AGGREGATED_STORE,
    since: "2.0.0",
    complexity: LEAST_MEMBERS,
    summary: "Stores the members of all of the sorted sets, with combined scores.",
    meaning: Meaning::Data(|draft, words| store(draft, words, Operation::Intersection)),
    check: Some(|words| Inputs::parse(&words[2..], "zinterstore").map(drop)),
    ..COMPUTE_AND_STORE
};

pub(super) const DIFFERENCE_STORE: Spec = Spec {
    name: "zdiffstore",
    syntax: "destination numkeys key [key ...]",
    since: "6.2.0",
    complexity: ALL_MEMBERS,
    summary: "Stores the members of the first sorted set that are in none of the others.",
    meaning: Meaning::Data(|draft, words| store(draft, words, Operation::Difference)),
    check: Some(|words| Inputs::parse(&words[2..], "zdiffstore").map(drop)),
    ..COMPUTE_AND_STORE
};

/// What is computed from several sorted sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

impl Operation {
    /// The command that lists the result, or the one that stores it.
    fn command(self, stores: bool) -> &'static str {
        match (self, stores) {
            (Operation::Union, false) => UNION.name,
            (Operation::Union, true) => UNION_STORE.name,
            (Operation::Intersection, false) => INTERSECTION.name,
            (Operation::Intersection, true) => INTERSECTION_STORE.name,
            (Operation::Difference, false) => DIFFERENCE.name,
            (Operation::Difference, true) => DIFFERENCE_STORE.name,
        }
    }
}

/// How the scores of a member in several sorted sets become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Aggregate {
    #[default]
    Sum,
    Least,
    Greatest,
}

impl Aggregate {
    fn combine(self, one: f64, other: f64) -> f64 {
        match self {
            // The sum of both infinities is no number.
            Aggregate::Sum => number_or_zero(one + other),
            Aggregate::Least if other < one => other,
            Aggregate::Greatest if other > one => other,
            Aggregate::Least | Aggregate::Greatest => one,
        }
    }
}

/// By convention what is no number counts as zero.
fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The keys of a request, and the words after them.
#[derive(Debug)]
struct Inputs<'a> {
    keys: &'a [Bytes],
    options: &'a [Bytes],
}

impl<'a> Inputs<'a> {
    /// Parses the words from the number of keys on. The options stay as they are: Valkey looks at the keys first.
    fn parse(arguments: &'a [Bytes], command: &str) -> Result<Inputs<'a>, Reply> {
        let [number, rest @ ..] = arguments else { return Err(SYNTAX) };
        let number = integer(number).ok_or(NOT_AN_INTEGER)?;
        if number < 1 {
            return Err(Reply::error(format!("ERR at least 1 input key is needed for '{command}' command")));
        }
        let split = usize::try_from(number).ok().and_then(|number| rest.split_at_checked(number));
        let (keys, options) = split.ok_or(SYNTAX)?;
        Ok(Inputs { keys, options })
    }

    fn open(&self, draft: &Draft<'_>) -> Result<Vec<Input>, Reply> {
        self.keys.iter().map(|key| Input::open(draft, key)).collect()
    }
}

/// The options of a union, an intersection or a difference.
#[derive(Debug, Default)]
struct Combination {
    /// One for each key, or none where all are 1.
    weights: Option<Vec<f64>>,
    aggregate: Aggregate,
    scores: bool,
}

impl Combination {
    fn parse(inputs: &Inputs<'_>, operation: Operation, stores: bool) -> Result<Combination, Reply> {
        let aggregates = operation != Operation::Difference;
        let mut parsed = Combination::default();
        let mut options = inputs.options;
        while let [option, rest @ ..] = options {
            let weighed = rest.split_at_checked(inputs.keys.len());
            options = match (rest, weighed) {
                (_, Some((weights, rest))) if aggregates && is(option, "WEIGHTS") => {
                    let weight =
                        |word: &Bytes| number::score(word).ok_or(Reply::fault("ERR weight value is not a float"));
                    parsed.weights = Some(weights.iter().map(weight).collect::<Result<_, _>>()?);
                    rest
                }
                ([aggregate, rest @ ..], _) if aggregates && is(option, "AGGREGATE") => {
                    parsed.aggregate = match aggregate {
                        _ if is(aggregate, "SUM") => Aggregate::Sum,
                        _ if is(aggregate, "MIN") => Aggregate::Least,
                        _ if is(aggregate, "MAX") => Aggregate::Greatest,
                        _ => return Err(SYNTAX),
                    };
                    rest
                }
                _ if !stores && is(option, "WITHSCORES") => {
                    parsed.scores = true;
                    rest
                }
                _ => return Err(SYNTAX),
            };
        }
        Ok(parsed)
    }

    /// The result, in the order of scores.
    fn compute(&self, draft: &Draft<'_>, inputs: Vec<Input>, operation: Operation) -> Result<Vec<Scored>, Reply> {
        match operation {
            Operation::Difference => return difference(draft, &inputs),
            Operation::Union => bound_elements(inputs.iter().map(Input::len).fold(0, usize::saturating_add))?,
            Operation::Intersection => bound_elements(of_intersection(inputs.iter().map(Input::len)))?,
        }
        let weight = |at: usize| self.weights.as_ref().map_or(1.0, |weights| weights[at]);
        let mut weighed: Vec<(Input, f64)> =
            inputs.into_iter().enumerate().map(|(at, input)| (input, weight(at))).collect();
        // Valkey begins with the smallest, too. Sums depend on it: infinities and rounding do not commute.
        weighed.sort_by_key(|(input, _)| input.len());
        let mut members = match operation {
            Operation::Union => self.union(draft, &weighed),
            _ => self.intersection(draft, &weighed),
        };
        members.sort_by(|(name, score), (other, rival)| {
            score.partial_cmp(rival).expect("scores are numbers").then_with(|| name.cmp(other))
        });
        Ok(members)
    }

    fn union(&self, draft: &Draft<'_>, weighed: &[(Input, f64)]) -> Vec<Scored> {
        let mut union: BTreeMap<Bytes, f64> = BTreeMap::new();
        for (input, weight) in weighed {
            input.each(draft, |(member, score)| {
                let score = number_or_zero(score * weight);
                union.entry(member).and_modify(|sum| *sum = self.aggregate.combine(*sum, score)).or_insert(score);
                true
            });
        }
        union.into_iter().collect()
    }

    fn intersection(&self, draft: &Draft<'_>, weighed: &[(Input, f64)]) -> Vec<Scored> {
        let mut intersection = Vec::new();
        let [(smallest, weight), others @ ..] = weighed else { return intersection };
        smallest.each(draft, |(member, score)| {
            let first = number_or_zero(score * weight);
            let all = others.iter().try_fold(first, |sum, (input, weight)| {
                Some(self.aggregate.combine(sum, input.score(draft, &member)? * weight))
            });
            intersection.extend(all.map(|score| (member, score)));
            true
        });
        intersection
    }
}

/// The members of the first input that are in none of the others, in the order of scores.
fn difference(draft: &Draft<'_>, inputs: &[Input]) -> Result<Vec<Scored>, Reply> {
    let mut members = Vec::new();
    let [first, others @ ..] = inputs else { return Ok(members) };
    let way = Subtraction::of(first.len(), others.iter().map(Input::len));
    way.bound()?;
    let mut left = BTreeSet::new();
    if let Subtraction::Removals(_) = way {
        first.each(draft, |(member, _)| left.insert(member));
        for input in others {
            input.each(draft, |(member, _)| {
                left.remove(&member);
                true
            });
        }
    }
    first.each(draft, |(member, score)| {
        let is_left = match way {
            Subtraction::Lookups(_) => others.iter().all(|input| input.score(draft, &member).is_none()),
            Subtraction::Removals(_) => left.contains(&member),
        };
        if is_left {
            members.push((member, score));
        }
        true
    });
    // Members of a set have the same score, but come in another order.
    if let Input::Set(_) = first {
        members.sort_by(|(name, _), (other, _)| name.cmp(other));
    }
    Ok(members)
}

/// What stands under a key that takes part.
enum Input {
    Absent,
    Sorted(Zset),
    Set(Collection),
}

/// The score of a set's members.
const SCORE_IN_SETS: f64 = 1.0;

impl Input {
    fn open(draft: &Draft<'_>, key: &[u8]) -> Result<Input, Reply> {
        match draft.find(key).map(|row| Kind::of(&row)) {
            None => Ok(Input::Absent),
            Some(Kind::Zset) => Ok(Zset::open(draft, key)?.map_or(Input::Absent, Input::Sorted)),
            Some(Kind::Set) => Ok(collection::open(draft, key, Kind::Set)?.map_or(Input::Absent, Input::Set)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    fn len(&self) -> usize {
        match self {
            Input::Absent => 0,
            Input::Sorted(zset) => zset.len(),
            Input::Set(Collection { head, .. }) => match head.shape {
                Shape::Set { length } => usize::try_from(length).unwrap_or(usize::MAX),
                _ => 0,
            },
        }
    }

    fn score(&self, draft: &Draft<'_>, member: &[u8]) -> Option<f64> {
        match self {
            Input::Absent => None,
            Input::Sorted(zset) => zset.score(draft, member),
            Input::Set(set) => set.get(draft, member).map(|_| SCORE_IN_SETS),
        }
    }

    /// Visits the members until `visit` returns false.
    fn each(&self, draft: &Draft<'_>, mut visit: impl FnMut(Scored) -> bool) {
        match self {
            Input::Absent => {}
            Input::Sorted(zset) => {
                zset.order(draft).iter().all(|place| visit(scored(place)));
            }
            Input::Set(set) => {
                set.order(draft, By::Hash).iter().all(|place| visit((place.name(), SCORE_IN_SETS)));
            }
        }
    }
}

fn list(draft: &mut Draft<'_>, words: &[Bytes], operation: Operation) -> Result<Reply, Reply> {
    let inputs = Inputs::parse(&words[1..], operation.command(false))?;
    let opened = inputs.open(draft)?;
    let combination = Combination::parse(&inputs, operation, false)?;
    Ok(listed(combination.compute(draft, opened, operation)?, combination.scores))
}

fn store(draft: &mut Draft<'_>, words: &[Bytes], operation: Operation) -> Result<Reply, Reply> {
    let inputs = Inputs::parse(&words[2..], operation.command(true))?;
    let opened = inputs.open(draft)?;
    let combination = Combination::parse(&inputs, operation, true)?;
    let members = combination.compute(draft, opened, operation)?;
    Ok(Reply::count(Zset::store(draft, &words[1], members)))
}

/// A limit of 0 means none.
fn intersection_cardinality(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let inputs = Inputs::parse(&words[1..], INTERSECTION_CARDINALITY.name)?;
    let mut opened = inputs.open(draft)?;
    let mut limit = 0;
    for pair in inputs.options.chunks(2) {
        let [option, number] = pair else { return Err(SYNTAX) };
        if !is(option, "LIMIT") {
            return Err(SYNTAX);
        }
        let number = integer(number).and_then(|number| usize::try_from(number).ok());
        limit = number.ok_or(Reply::fault("ERR LIMIT can't be negative"))?;
    }
    bound_elements(of_intersection(opened.iter().map(Input::len)))?;
    opened.sort_by_key(Input::len);
    let mut count = 0;
    if let [smallest, others @ ..] = &opened[..] {
        smallest.each(draft, |(member, _)| {
            count += usize::from(others.iter().all(|input| input.score(draft, &member).is_some()));
            count != limit || limit == 0
        });
    }
    Ok(Reply::count(count))
}
