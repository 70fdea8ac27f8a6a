//! Adding places, and looking at single ones.

use bytes::Bytes;

use super::notation::{coordinates, distance, is, place, unit};
use super::template::{LOOK, PLACES};
use crate::command::arguments::SYNTAX;
use crate::command::flag::Flag::{Denyoom, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::geohash::{Coordinates, DistanceUnit};
use crate::value::zset::Zset;

pub(super) const ADD: Spec = Spec {
    name: "geoadd",
    syntax: "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
    arity: -5,
    flags: &[Write, Denyoom],
    keys: &[Keys { access: &["RW", "update"], ..Keys::ONE }],
    since: "3.2.0",
    complexity: "O(log(N)) for each place, where N is the number of places in the sorted set",
    summary: "Adds places, or moves them.",
    meaning: Meaning::Data(add),
    check: Some(|words| Placement::parse(&words[2..]).map(drop)),
    ..PLACES
};

pub(super) const DISTANCE: Spec = Spec {
    name: "geodist",
    syntax: "key member1 member2 [M | KM | FT | MI]",
    arity: -4,
    since: "3.2.0",
    complexity: "O(1)",
    summary: "Returns the distance between two places.",
    meaning: Meaning::Data(distance_between),
    check: Some(|words| unit_of_distance(&words[4..]).map(drop)),
    ..LOOK
};

pub(super) const HASH: Spec = Spec {
    name: "geohash",
    syntax: "key [member [member ...]]",
    arity: -2,
    since: "3.2.0",
    complexity: "O(1) for each place",
    summary: "Returns the geohashes of places, as texts of eleven digits.",
    meaning: Meaning::Data(|draft, words| {
        each(draft, words, |place| place.map_or(Reply::Null, |place| Reply::bulk(place.geohash())))
    }),
    ..LOOK
};

pub(super) const POSITION: Spec = Spec {
    name: "geopos",
    syntax: "key [member [member ...]]",
    arity: -2,
    since: "3.2.0",
    complexity: "O(1) for each place",
    summary: "Returns the longitudes and latitudes of places.",
    meaning: Meaning::Data(|draft, words| each(draft, words, |place| place.map_or(Reply::NullArray, coordinates))),
    ..LOOK
};

/// The options of a `GEOADD`, and its places as scores with their members.
#[derive(Debug, Default)]
struct Placement<'a> {
    /// `NX`: places that are there stay where they are.
    only_new: bool,
    /// `XX`: no place is added.
    only_old: bool,
    /// `CH`: the reply counts moved places, too.
    changes: bool,
    scores: Vec<(f64, &'a Bytes)>,
}

impl<'a> Placement<'a> {
    /// Parses the words after the key.
    fn parse(mut words: &'a [Bytes]) -> Result<Placement<'a>, Reply> {
        let mut parsed = Placement::default();
        while let [option, rest @ ..] = words {
            let switch = match option {
                _ if is(option, "NX") => &mut parsed.only_new,
                _ if is(option, "XX") => &mut parsed.only_old,
                _ if is(option, "CH") => &mut parsed.changes,
                _ => break,
            };
            *switch = true;
            words = rest;
        }
        let (places, rest) = words.as_chunks();
        if places.is_empty() || !rest.is_empty() || parsed.only_new && parsed.only_old {
            return Err(SYNTAX);
        }
        let scores =
            places.iter().map(|[longitude, latitude, member]| Ok((place(longitude, latitude)?.score(), member)));
        parsed.scores = scores.collect::<Result<_, Reply>>()?;
        Ok(parsed)
    }
}

fn add(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let addition = Placement::parse(arguments)?;
    let mut zset = match Zset::open(draft, key)? {
        Some(zset) => zset,
        None if addition.only_old => return Ok(Reply::Integer(0)),
        None => Zset::new(draft),
    };
    let (mut added, mut moved) = (0, 0);
    for (score, member) in &addition.scores {
        let old = zset.score(draft, member);
        let refused = if old.is_some() { addition.only_new } else { addition.only_old };
        if refused {
            continue;
        }
        zset.set(draft, member, *score);
        match old {
            None => added += 1,
            Some(old) => moved += usize::from(old != *score),
        }
    }
    zset.keep(draft, key);
    Ok(Reply::count(if addition.changes { added + moved } else { added }))
}

/// The unit after the members of a `GEODIST`.
fn unit_of_distance(words: &[Bytes]) -> Result<DistanceUnit, Reply> {
    match words {
        [] => Ok(DistanceUnit::Meters),
        [name] => unit(name),
        _ => Err(SYNTAX),
    }
}

fn distance_between(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, from, to, rest @ ..] = words else { return Err(SYNTAX) };
    let unit = unit_of_distance(rest)?;
    let Some(zset) = Zset::open(draft, key)? else { return Ok(Reply::Null) };
    Ok(match (zset.score(draft, from), zset.score(draft, to)) {
        (Some(from), Some(to)) => distance(Coordinates::from_score(from).distance(Coordinates::from_score(to)), unit),
        _ => Reply::Null,
    })
}

/// The replies for places, or for their absence.
fn each(draft: &Draft<'_>, words: &[Bytes], reply: fn(Option<Coordinates>) -> Reply) -> Result<Reply, Reply> {
    let [_, key, members @ ..] = words else { return Err(SYNTAX) };
    let zset = Zset::open(draft, key)?;
    let place = |member| zset.as_ref().and_then(|zset| zset.score(draft, member)).map(Coordinates::from_score);
    Ok(Reply::Array(members.iter().map(|member| reply(place(member))).collect()))
}
