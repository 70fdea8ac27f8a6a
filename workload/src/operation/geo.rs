//! GEOADD, GEOPOS, GEODIST, GEOSEARCH and GEOSEARCHSTORE: places on the Earth as members of sorted sets.
//!
//! The score of a place is a number of 52 bits: the ranges of longitude and latitude are halved 26 times each, and the
//! choices alternate, the longitude first. A place is then the middle of its cell, half a metre from where it was put.
//!
//! Scores and positions are exact. Distances need sines, so they are compared within a millimetre. A search has no order
//! here, and clients search so far around so few places ([`PLACES`](super::places::PLACES), [`RADII`](super::places::RADII)) that none of them is close to the circle. The
//! longitude 180 is no such place: its number is one more than 26 bits hold, so a server gives it a score of its own.

use super::reply::Reply;
use super::scores::{Scores, alter, replace, scores_of};
use super::state::State;
use crate::word::Word;

/// A place, in millionths of a degree. Commands write it with six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GeoPlace {
    /// East is positive.
    pub longitude: i64,
    /// North is positive.
    pub latitude: i64,
}

/// Where a search begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GeoCentre {
    /// A member of the sorted set. An error if it is absent.
    Member(Word),
    /// A place.
    Place(GeoPlace),
}

/// What a search looks for: the places around a centre, so many kilometres away at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GeoCircle {
    /// The centre.
    pub centre: GeoCentre,
    /// The radius in kilometres.
    pub radius: u32,
}

/// A command about places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GeoCommand {
    /// Puts members at places, and returns how many are new.
    Add(Word, Vec<(GeoPlace, Word)>),
    /// Returns the places of members.
    Position(Word, Vec<Word>),
    /// Returns the distance of two members in metres.
    Distance(Word, Word, Word),
    /// Returns the members in a circle.
    Search(Word, GeoCircle),
    /// Gives the first key the members of the second one in a circle, whatever it held before. Returns their number.
    Store(Word, Word, GeoCircle),
}

/// How the commands are written.
impl GeoCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            GeoCommand::Add(..) => "GEOADD",
            GeoCommand::Position(..) => "GEOPOS",
            GeoCommand::Distance(..) => "GEODIST",
            GeoCommand::Search(..) => "GEOSEARCH",
            GeoCommand::Store(..) => "GEOSEARCHSTORE",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            GeoCommand::Add(key, added) => {
                let words = |(place, member): (GeoPlace, Word)| place.words().into_iter().chain([member]);
                [key].into_iter().chain(added.into_iter().flat_map(words)).collect()
            }
            GeoCommand::Position(key, members) => [key].into_iter().chain(members).collect(),
            GeoCommand::Distance(key, one, other) => vec![key, one, other],
            GeoCommand::Search(key, circle) => [key].into_iter().chain(circle.words()).collect(),
            GeoCommand::Store(to, from, circle) => [to, from].into_iter().chain(circle.words()).collect(),
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<GeoCommand> {
        match (name, arguments) {
            ("GEOADD", [key, added @ ..]) if !added.is_empty() && added.len().is_multiple_of(3) => {
                let one = |words: &[Word]| Some((GeoPlace::parse(&words[0], &words[1])?, words[2].clone()));
                Some(GeoCommand::Add(key.clone(), added.chunks_exact(3).map(one).collect::<Option<_>>()?))
            }
            ("GEOPOS", [key, members @ ..]) => Some(GeoCommand::Position(key.clone(), members.to_vec())),
            ("GEODIST", [key, one, other]) => Some(GeoCommand::Distance(key.clone(), one.clone(), other.clone())),
            ("GEOSEARCH", [key, circle @ ..]) => Some(GeoCommand::Search(key.clone(), GeoCircle::parse(circle)?)),
            ("GEOSEARCHSTORE", [to, from, circle @ ..]) => {
                Some(GeoCommand::Store(to.clone(), from.clone(), GeoCircle::parse(circle)?))
            }
            _ => None,
        }
    }
}

impl GeoCircle {
    fn words(self) -> Vec<Word> {
        let centre = match self.centre {
            GeoCentre::Member(member) => vec![Word::from("FROMMEMBER"), member],
            GeoCentre::Place(place) => [Word::from("FROMLONLAT")].into_iter().chain(place.words()).collect(),
        };
        let radius = ["BYRADIUS".into(), self.radius.to_string(), "km".into()].map(Word::from);
        centre.into_iter().chain(radius).collect()
    }

    fn parse(words: &[Word]) -> Option<GeoCircle> {
        let [centre @ .., by, radius, unit] = words else { return None };
        let whole = by.to_upper_case()? == "BYRADIUS" && unit.to_upper_case()? == "KM";
        let centre = match (centre.first()?.to_upper_case()?.as_str(), &centre[1..]) {
            ("FROMMEMBER", [member]) => GeoCentre::Member(member.clone()),
            ("FROMLONLAT", [longitude, latitude]) => GeoCentre::Place(GeoPlace::parse(longitude, latitude)?),
            _ => return None,
        };
        let radius = u32::try_from(radius.to_integer()?).ok()?;
        whole.then_some(GeoCircle { centre, radius })
    }
}

/// The millionths of a degree.
const MILLION: i64 = 1_000_000;

impl GeoPlace {
    pub(super) fn words(self) -> [Word; 2] {
        [self.longitude, self.latitude].map(|degrees| Word::from(decimal(degrees)))
    }

    pub(super) fn parse(longitude: &Word, latitude: &Word) -> Option<GeoPlace> {
        Some(GeoPlace { longitude: millionths(longitude, EAST)?, latitude: millionths(latitude, NORTH)? })
    }

    /// The score of a member at this place.
    fn score(self) -> i64 {
        let index = |millionths: i64, limit: f64| {
            // A server reads the decimal number, so the nearest number of 64 bits counts.
            let degrees: f64 = decimal(millionths).parse().unwrap_or_default();
            ((degrees + limit) / (limit + limit) * CELLS) as u64
        };
        let (longitude, latitude) = (index(self.longitude, EAST), index(self.latitude, NORTH));
        (0..STEPS)
            .map(|bit| (latitude >> bit & 1) << (2 * bit) | (longitude >> bit & 1) << (2 * bit + 1))
            .sum::<u64>()
            .cast_signed()
    }
}

/// Millionths as a decimal number.
fn decimal(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let absolute = millionths.unsigned_abs();
    format!("{sign}{}.{:06}", absolute / MILLION.unsigned_abs(), absolute % MILLION.unsigned_abs())
}

/// The millionths of a word with six decimals, up to a limit in degrees.
fn millionths(word: &Word, limit: f64) -> Option<i64> {
    let text = word.to_upper_case()?;
    let degrees: f64 = text.parse().ok().filter(|degrees: &f64| degrees.abs() <= limit)?;
    let millionths = (degrees * MILLION as f64).round() as i64;
    (decimal(millionths) == text).then_some(millionths)
}

/// The halvings of each range.
const STEPS: u32 = 26;

/// The cells of each range.
const CELLS: f64 = (1_u64 << STEPS) as f64;

/// The largest longitude in degrees, and the largest latitude. There the map of the world is a square.
const EAST: f64 = 180.0;
const NORTH: f64 = 85.051_128_78;

/// The radius of the Earth in metres.
const EARTH: f64 = 6_372_797.560_856;

/// Where a member is, in degrees.
#[derive(Clone, Copy, Debug)]
pub(super) struct GeoPosition {
    longitude: f64,
    latitude: f64,
}

impl GeoPosition {
    /// The middle of the cell of a score.
    fn of(score: i64) -> GeoPosition {
        let index = |first: u32| (0..STEPS).map(|bit| (score >> (2 * bit + first) & 1) << bit).sum::<i64>() as f64;
        let middle = |index: f64, limit: f64| {
            let edge = |index: f64| -limit + index / CELLS * (limit + limit);
            f64::midpoint(edge(index), edge(index + 1.0))
        };
        GeoPosition { longitude: middle(index(1), EAST), latitude: middle(index(0), NORTH) }
    }

    /// The position of a place, which need not be the middle of a cell.
    pub(super) fn at(place: GeoPlace) -> GeoPosition {
        let degrees = |millionths: i64| millionths as f64 / MILLION as f64;
        GeoPosition { longitude: degrees(place.longitude), latitude: degrees(place.latitude) }
    }

    /// The distance in metres, by the haversine formula.
    pub(super) fn distance(self, other: GeoPosition) -> f64 {
        let half = |one: f64, other: f64| ((other - one).to_radians() / 2.0).sin().powi(2);
        let cosines = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let square = half(self.latitude, other.latitude) + cosines * half(self.longitude, other.longitude);
        2.0 * EARTH * square.sqrt().asin()
    }

    fn reply(self) -> Reply {
        let degrees = |degrees: f64| Reply::Value(degrees.to_string().into());
        Reply::Array(vec![degrees(self.longitude), degrees(self.latitude)])
    }
}

/// What the commands mean.
impl GeoCommand {
    pub(super) fn execute(&self, state: &mut State, database: u8) -> Result<Reply, Reply> {
        match self {
            GeoCommand::Add(key, added) => alter(state, database, key, |members| {
                let new = |(place, member): &&(GeoPlace, Word)| members.insert(member.clone(), place.score()).is_none();
                Reply::count(added.iter().filter(new))
            }),
            GeoCommand::Position(key, named) => {
                let members = scores_of(state, database, key)?;
                let reply = |member| members.get(member).map_or(Reply::Nil, |score| GeoPosition::of(*score).reply());
                Ok(Reply::Array(named.iter().map(reply).collect()))
            }
            GeoCommand::Distance(key, one, other) => {
                let members = scores_of(state, database, key)?;
                let (Some(one), Some(other)) = (members.get(one), members.get(other)) else { return Ok(Reply::Nil) };
                let distance = GeoPosition::of(*one).distance(GeoPosition::of(*other));
                Ok(Reply::Value(distance.to_string().into()))
            }
            GeoCommand::Search(key, circle) => {
                let found = circle.of(scores_of(state, database, key)?)?;
                Ok(Reply::Array(found.into_keys().map(Reply::Value).collect()))
            }
            GeoCommand::Store(to, from, circle) => {
                let found = circle.of(scores_of(state, database, from)?)?;
                Ok(replace(state, database, to, found))
            }
        }
    }

    /// Whether the reply has no order.
    pub(super) fn is_unordered(&self) -> bool {
        matches!(self, GeoCommand::Search(..))
    }

    /// Whether a reply is right where the model gives another one.
    pub(super) fn accepts(&self, model: &Reply, seen: &Reply) -> bool {
        /// A thousandth of the smaller side of a cell, in degrees.
        const DEGREES: f64 = 2e-9;
        /// A millimetre.
        const METRES: f64 = 1e-3;
        match self {
            GeoCommand::Position(..) => is_near(model, seen, DEGREES),
            GeoCommand::Distance(..) => is_near(model, seen, METRES),
            GeoCommand::Add(..) | GeoCommand::Search(..) | GeoCommand::Store(..) => model == seen,
        }
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            GeoCommand::Add(_, added) => reply.is_count_up_to(added.len()),
            GeoCommand::Position(_, members) => {
                let pair = |reply: &Reply| reply.is_values(2) && reply.is_values_up_to(2) && !reply.is_values_up_to(0);
                let possible = |reply: &Reply| *reply == Reply::Nil || pair(reply);
                matches!(reply, Reply::Array(places) if places.len() == members.len() && places.iter().all(possible))
            }
            GeoCommand::Distance(..) => reply.is_value_or_nil(),
            GeoCommand::Search(..) => reply.is_values(1),
            GeoCommand::Store(..) => reply.is_count_up_to(usize::MAX),
        }
    }

    pub(crate) fn expected(&self) -> &'static str {
        match self {
            GeoCommand::Add(..) => "a count of at most its members",
            GeoCommand::Position(..) => "an array of a place or nil for each member",
            GeoCommand::Distance(..) => "a distance or nil",
            GeoCommand::Search(..) => "an array of members",
            GeoCommand::Store(..) => "a count",
        }
    }
}

/// Whether two replies are equal, up to so much between their numbers.
fn is_near(model: &Reply, seen: &Reply, most: f64) -> bool {
    let number = |word: &Word| word.to_upper_case().and_then(|text| text.parse::<f64>().ok());
    match (model, seen) {
        (Reply::Array(model), Reply::Array(seen)) => {
            model.len() == seen.len() && model.iter().zip(seen).all(|(model, seen)| is_near(model, seen, most))
        }
        (Reply::Value(model), Reply::Value(seen)) => match (number(model), number(seen)) {
            (Some(model), Some(seen)) => (model - seen).abs() <= most,
            _ => false,
        },
        _ => model == seen,
    }
}

impl GeoCircle {
    /// Those of some members that are in the circle. An error if its centre is a member that is not there.
    fn of(&self, mut members: Scores) -> Result<Scores, Reply> {
        if members.is_empty() {
            return Ok(members);
        }
        let centre = match &self.centre {
            GeoCentre::Place(place) => GeoPosition::at(*place),
            GeoCentre::Member(member) => GeoPosition::of(*members.get(member).ok_or_else(Reply::no_member)?),
        };
        let most = f64::from(self.radius) * 1000.0;
        members.retain(|_, score| centre.distance(GeoPosition::of(*score)) <= most);
        Ok(members)
    }
}

/// What the commands concern.
impl GeoCommand {
    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            GeoCommand::Add(key, _)
            | GeoCommand::Position(key, _)
            | GeoCommand::Distance(key, ..)
            | GeoCommand::Search(key, _) => vec![key],
            GeoCommand::Store(to, from, _) => vec![to, from],
        }
    }

    /// The members that the command concerns. `None` if it concerns all of them.
    pub(crate) fn members(&self) -> Option<Vec<&Word>> {
        match self {
            GeoCommand::Add(_, added) => Some(added.iter().map(|(_, member)| member).collect()),
            GeoCommand::Position(_, members) => Some(members.iter().collect()),
            GeoCommand::Distance(_, one, other) => Some(vec![one, other]),
            GeoCommand::Search(..) | GeoCommand::Store(..) => None,
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            GeoCommand::Add(..) | GeoCommand::Store(..) => true,
            GeoCommand::Position(..) | GeoCommand::Distance(..) | GeoCommand::Search(..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::PLACES;
    use super::*;

    #[test]
    fn scores_and_positions_are_those_of_the_documentation() {
        let [palermo, catania, ..] = PLACES;
        assert_eq!(palermo.score(), 3_479_099_956_230_698);
        assert_eq!(catania.score(), 3_479_447_370_796_909);
        let position = GeoPosition::of(palermo.score());
        assert_eq!((position.longitude, position.latitude), (13.361_389_338_970_184, 38.115_556_395_496_3));
        let distance = position.distance(GeoPosition::of(catania.score()));
        assert!((distance - 166_274.151_6).abs() < 1e-3, "{distance}");
    }

    #[test]
    fn a_place_is_written_with_six_decimals() {
        for place in PLACES {
            let [longitude, latitude] = place.words();
            assert_eq!(GeoPlace::parse(&longitude, &latitude), Some(place));
        }
        assert_eq!(GeoPlace::parse(&"181.000000".into(), &"0.000000".into()), None);
        assert_eq!(GeoPlace::parse(&"1.0000001".into(), &"0.000000".into()), None);
    }
}
