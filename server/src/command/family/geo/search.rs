//! Searches for places.
//!
//! Four commands are older forms of `GEOSEARCH`. They differ in their arguments only, which [`query`](super::query)
//! parses.

use bytes::Bytes;

use super::nearest::{Ordering, arrange};
use super::notation::{coordinates, distance};
use super::query::{Query, SearchForm, Sequence};
use super::template::{LOOK, PLACES};
use crate::command::arguments::SYNTAX;
use crate::command::flag::Flag::{Denyoom, MovableKeys, Write};
use crate::command::keys::Begin;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::order::Order;
use crate::state::{Draft, score_of_rank};
use crate::value::geohash::{Coordinates, DistanceUnit, ScoreRange, SearchShape};
use crate::value::number::ScoreBound;
use crate::value::zset::{Extent, Zset};

const COMPLEXITY: &str = "O(log(N)+M*log(M)) where N is the number of places in the sorted set, and M that of places in \
                          up to nine squares around the area";

pub(super) const SEARCH: Spec = Spec {
    name: "geosearch",
    syntax: "key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | BYBOX width \
             height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
    arity: -7,
    since: "6.2.0",
    complexity: COMPLEXITY,
    summary: "Returns the places in a circle or a rectangle.",
    meaning: Meaning::Data(|draft, words| search(draft, words, SearchForm::Options, false)),
    ..LOOK
};

pub(super) const SEARCH_AND_STORE: Spec = Spec {
    name: "geosearchstore",
    syntax: "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> \
             | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
    arity: -8,
    flags: &[Write, Denyoom],
    keys: &[Keys::REPLACED, Keys { begin: Begin::At(2), ..Keys::READ }],
    since: "6.2.0",
    complexity: COMPLEXITY,
    summary: "Stores the places in a circle or a rectangle under another key.",
    meaning: Meaning::Data(|draft, words| search(draft, words, SearchForm::Options, true)),
    ..PLACES
};

/// An older form of `GEOSEARCH` that can also store.
const OLDER: Spec = Spec {
    flags: &[Write, Denyoom, MovableKeys],
    keys: &[
        Keys::READ,
        Keys { begin: Begin::Behind("STORE", 6), ..Keys::REPLACED },
        Keys { begin: Begin::Behind("STOREDIST", 6), ..Keys::REPLACED },
    ],
    since: "3.2.0",
    complexity: COMPLEXITY,
    ..PLACES
};

pub(super) const AROUND_PLACE: Spec = Spec {
    name: "georadius",
    syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC] [STORE key | STOREDIST key]",
    arity: -6,
    summary: "Returns the places in a circle, or stores them.",
    meaning: Meaning::Data(|draft, words| search(draft, words, SearchForm::Coordinates, true)),
    ..OLDER
};

pub(super) const AROUND_PLACE_READONLY: Spec = Spec {
    name: "georadius_ro",
    syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC]",
    arity: -6,
    since: "3.2.10",
    complexity: COMPLEXITY,
    summary: "Returns the places in a circle.",
    meaning: Meaning::Data(|draft, words| search(draft, words, SearchForm::Coordinates, false)),
    ..LOOK
};

pub(super) const AROUND_MEMBER: Spec = Spec {
    name: "georadiusbymember",
    syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC] \
             [STORE key | STOREDIST key]",
    arity: -5,
    keys: &[
        Keys::READ,
        Keys { begin: Begin::Behind("STORE", 5), ..Keys::REPLACED },
        Keys { begin: Begin::Behind("STOREDIST", 5), ..Keys::REPLACED },
    ],
    summary: "Returns the places in a circle around one of them, or stores them.",
    meaning: Meaning::Data(|draft, words| search(draft, words, SearchForm::Member, true)),
    ..OLDER
};

pub(super) const AROUND_MEMBER_READONLY: Spec = Spec {
    name: "georadiusbymember_ro",
    syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
    arity: -5,
    since: "3.2.10",
    complexity: COMPLEXITY,
    summary: "Returns the places in a circle around one of them.",
    meaning: Meaning::Data(|draft, words| search(draft, words, SearchForm::Member, false)),
    ..LOOK
};

/// A place that a search found.
struct FoundPlace {
    member: Bytes,
    score: f64,
    place: Coordinates,
    /// The distance from the centre in meters.
    distance: f64,
}

fn search(draft: &mut Draft<'_>, words: &[Bytes], opening: SearchForm, stores: bool) -> Result<Reply, Reply> {
    let (name, destination, source, arguments) = match words {
        [name, destination, source, arguments @ ..] if stores && opening == SearchForm::Options => {
            (name, Some(destination), source, arguments)
        }
        [name, source, arguments @ ..] => (name, None, source, arguments),
        _ => return Err(SYNTAX),
    };
    let zset = Zset::open(draft, source)?;
    let locate = |member: &Bytes| {
        let Some(zset) = &zset else { return Ok(None) };
        let score = zset.score(draft, member);
        let score = score.ok_or(Reply::fault("ERR could not decode requested zset member"))?;
        Ok(Some(Coordinates::from_score(score)))
    };
    let query = Query::parse(name, arguments, opening, destination, stores, &locate)?;
    let (found, unit) = match (zset, query.shape()) {
        (Some(zset), Some((shape, unit))) => (find(&zset.order(draft), &shape, &query), unit),
        _ => (Vec::new(), DistanceUnit::Meters),
    };
    Ok(match query.destination {
        Some(destination) => {
            let score = |found: &FoundPlace| {
                if query.stores_distances { found.distance / unit.meters() } else { found.score }
            };
            let members = found.into_iter().map(|found| (found.member.clone(), score(&found))).collect();
            Reply::count(Zset::store(draft, destination, members))
        }
        None => Reply::Array(found.into_iter().map(|found| describe(found, unit, &query)).collect()),
    })
}

/// The places that a query wants, in its order.
fn find(order: &Order, shape: &SearchShape, query: &Query<'_>) -> Vec<FoundPlace> {
    let ranges = shape.ranges().into_iter();
    let found = ranges.flat_map(|range| within(order, shape, range));
    let wanted = query.count.unwrap_or(usize::MAX);
    let mut found: Vec<FoundPlace> = if query.any { found.take(wanted).collect() } else { found.collect() };
    let direction: Option<Ordering<FoundPlace>> = match query.sequence {
        Some(Sequence::FarthestFirst) => Some(|a, b| b.distance.total_cmp(&a.distance)),
        Some(Sequence::NearestFirst) => Some(|a, b| a.distance.total_cmp(&b.distance)),
        // The first places of no order are meant to be the nearest ones, unless any will do.
        None if query.count.is_some() && !query.any => Some(|a, b| a.distance.total_cmp(&b.distance)),
        None => None,
    };
    if let Some(direction) = direction {
        arrange(&mut found, wanted, direction);
    }
    found.truncate(wanted);
    found
}

/// The places inside of a shape whose scores are in a range.
fn within(order: &Order, shape: &SearchShape, range: ScoreRange) -> impl Iterator<Item = FoundPlace> {
    let low = ScoreBound { score: range.lowest as f64, exclusive: false };
    let high = ScoreBound { score: range.end as f64, exclusive: true };
    let positions = Extent::Scores(low, high).positions(order, false);
    order.iter_from(positions.start).take(positions.len()).filter_map(|at| {
        let score = score_of_rank(at.rank);
        let place = Coordinates::from_score(score);
        let distance = shape.distance_if_inside(place)?;
        Some(FoundPlace { member: at.name(), score, place, distance })
    })
}

/// What the reply says of a place: its name, or an array that begins with it.
fn describe(found: FoundPlace, unit: DistanceUnit, query: &Query<'_>) -> Reply {
    let details = query.details;
    let more = [
        details.distance.then(|| distance(found.distance, unit)),
        details.score.then_some(Reply::Integer(found.score as i64)),
        details.coordinates.then(|| coordinates(found.place)),
    ];
    let member = Reply::Bulk(found.member);
    if more.iter().all(Option::is_none) {
        return member;
    }
    Reply::Array([member].into_iter().chain(more.into_iter().flatten()).collect())
}
