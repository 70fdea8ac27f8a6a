//! The arguments of a search.
//!
//! All searches share one parser. Valkey finds mistakes from left to right, and it looks for the member in the centre when
//! it comes to its name. So only the meaning of a command can parse the arguments, with the sorted set at hand.

use bytes::Bytes;

use super::notation::{is, place, unit};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, error_about, integer};
use crate::resp::Reply;
use crate::value::geohash::{Coordinates, DistanceUnit, SearchShape};
use crate::value::number;

/// What the arguments begin with, after the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchForm {
    /// `GEORADIUS`: longitude, latitude, radius and unit.
    Coordinates,
    /// `GEORADIUSBYMEMBER`: member, radius and unit.
    Member,
    /// `GEOSEARCH`: options name the centre and the area.
    Options,
}

/// Where a search begins.
#[derive(Clone, Copy, Debug)]
enum Centre {
    /// At coordinates.
    Coordinates(Coordinates),
    /// At a member. None if the key is absent.
    Member(Option<Coordinates>),
}

/// How far a search reaches, in a unit.
#[derive(Clone, Copy, Debug)]
enum Area {
    Circle(f64, DistanceUnit),
    Rectangle(f64, f64, DistanceUnit),
}

/// By what the found places are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// `ASC`
    NearestFirst,
    /// `DESC`
    FarthestFirst,
}

/// What a reply says of each place, beside its name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Details {
    /// `WITHDIST`
    pub(super) distance: bool,
    /// `WITHHASH`
    pub(super) score: bool,
    /// `WITHCOORD`
    pub(super) coordinates: bool,
}

/// A search, as a request describes it.
#[derive(Debug, Default)]
pub(super) struct Query<'a> {
    centre: Option<Centre>,
    area: Option<Area>,
    /// The order of the places that are found.
    pub(super) sequence: Option<Sequence>,
    /// How many places are wanted. None means all.
    pub(super) count: Option<usize>,
    /// `ANY`: the first places that are found will do, though others may be nearer.
    pub(super) any: bool,
    /// What the reply says of each place.
    pub(super) details: Details,
    /// Where the places are stored, instead of a reply with them.
    pub(super) destination: Option<&'a Bytes>,
    /// Whether the scores of stored places are their distances.
    pub(super) stores_distances: bool,
}

/// Finds the place of a member. None if the key is absent.
type Locate<'l> = &'l dyn Fn(&Bytes) -> Result<Option<Coordinates>, Reply>;

impl<'a> Query<'a> {
    /// Parses the words after the key. `name` is the command as the client spells it.
    pub(super) fn parse(
        name: &[u8],
        words: &'a [Bytes],
        opening: SearchForm,
        destination: Option<&'a Bytes>,
        stores: bool,
        locate: Locate<'_>,
    ) -> Result<Query<'a>, Reply> {
        let mut query = Query { destination, ..Query::default() };
        let mut options = query.open(words, opening, locate)?;
        while let [option, rest @ ..] = options {
            options = match query.follow(option, rest)? {
                Some(rest) => rest,
                None if opening == SearchForm::Options => query.aim(option, rest, locate)?,
                None if stores => query.store(option, rest)?,
                None => return Err(SYNTAX),
            };
        }
        query.refuse_contradictions(name, opening)?;
        Ok(query)
    }

    /// The area to search, and its unit. None if the key is absent.
    pub(super) fn shape(&self) -> Option<(SearchShape, DistanceUnit)> {
        let (Centre::Coordinates(centre) | Centre::Member(Some(centre))) = self.centre? else { return None };
        Some(match self.area? {
            Area::Circle(radius, unit) => (SearchShape::circle(centre, radius, unit), unit),
            Area::Rectangle(width, height, unit) => (SearchShape::rectangle(centre, width, height, unit), unit),
        })
    }

    /// Takes the words in fixed positions, and returns the rest.
    fn open(&mut self, words: &'a [Bytes], opening: SearchForm, locate: Locate<'_>) -> Result<&'a [Bytes], Reply> {
        match (opening, words) {
            (SearchForm::Options, options) => Ok(options),
            (SearchForm::Coordinates, [longitude, latitude, radius, unit, options @ ..]) => {
                self.centre = Some(Centre::Coordinates(place(longitude, latitude)?));
                self.area = Some(circle(radius, unit)?);
                Ok(options)
            }
            (SearchForm::Member, [member, radius, unit, options @ ..]) => {
                let centre = locate(member)?;
                self.centre = Some(Centre::Member(centre));
                // If the key is absent, nobody looks at the radius.
                if centre.is_some() {
                    self.area = Some(circle(radius, unit)?);
                }
                Ok(options)
            }
            _ => Err(SYNTAX),
        }
    }

    /// Takes an option that all searches have. Returns the words after it, or none if it is another option.
    fn follow(&mut self, option: &Bytes, rest: &'a [Bytes]) -> Result<Option<&'a [Bytes]>, Reply> {
        match rest {
            _ if is(option, "WITHDIST") => self.details.distance = true,
            _ if is(option, "WITHHASH") => self.details.score = true,
            _ if is(option, "WITHCOORD") => self.details.coordinates = true,
            _ if is(option, "ANY") => self.any = true,
            _ if is(option, "ASC") => self.sequence = Some(Sequence::NearestFirst),
            _ if is(option, "DESC") => self.sequence = Some(Sequence::FarthestFirst),
            [count, rest @ ..] if is(option, "COUNT") => {
                let count = integer(count).ok_or(NOT_AN_INTEGER)?;
                if count <= 0 {
                    return Err(Reply::fault("ERR COUNT must be > 0"));
                }
                self.count = Some(usize::try_from(count).unwrap_or(usize::MAX));
                return Ok(Some(rest));
            }
            _ => return Ok(None),
        }
        Ok(Some(rest))
    }

    /// Takes an option that says where to search. An option may come again, but it excludes its alternative.
    fn aim(&mut self, option: &Bytes, rest: &'a [Bytes], locate: Locate<'_>) -> Result<&'a [Bytes], Reply> {
        let at_place = matches!(self.centre, Some(Centre::Coordinates(_)));
        let at_member = matches!(self.centre, Some(Centre::Member(_)));
        let in_circle = matches!(self.area, Some(Area::Circle(..)));
        let in_rectangle = matches!(self.area, Some(Area::Rectangle(..)));
        match rest {
            _ if is(option, "STOREDIST") && self.destination.is_some() => {
                self.stores_distances = true;
                Ok(rest)
            }
            [member, rest @ ..] if is(option, "FROMMEMBER") && !at_place => {
                self.centre = Some(Centre::Member(locate(member)?));
                Ok(rest)
            }
            [longitude, latitude, rest @ ..] if is(option, "FROMLONLAT") && !at_member => {
                self.centre = Some(Centre::Coordinates(place(longitude, latitude)?));
                Ok(rest)
            }
            [radius, unit, rest @ ..] if is(option, "BYRADIUS") && !in_rectangle => {
                self.area = Some(circle(radius, unit)?);
                Ok(rest)
            }
            [width, height, unit, rest @ ..] if is(option, "BYBOX") && !in_circle => {
                self.area = Some(rectangle(width, height, unit)?);
                Ok(rest)
            }
            _ => Err(SYNTAX),
        }
    }

    /// Takes the option of `GEORADIUS` that names a key to store places under. The last one counts.
    fn store(&mut self, option: &Bytes, rest: &'a [Bytes]) -> Result<&'a [Bytes], Reply> {
        let [key, rest @ ..] = rest else { return Err(SYNTAX) };
        self.stores_distances = match option {
            _ if is(option, "STORE") => false,
            _ if is(option, "STOREDIST") => true,
            _ => return Err(SYNTAX),
        };
        self.destination = Some(key);
        Ok(rest)
    }

    fn refuse_contradictions(&self, name: &[u8], opening: SearchForm) -> Result<(), Reply> {
        let Details { distance, score, coordinates } = self.details;
        let searches = opening == SearchForm::Options;
        if self.destination.is_some() && (distance || score || coordinates) {
            return Err(Reply::fault(if searches {
                "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            } else {
                "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            }));
        }
        if searches && self.centre.is_none() {
            let rule = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
            return Err(error_about(rule, name, ""));
        }
        if searches && self.area.is_none() {
            return Err(error_about("ERR exactly one of BYRADIUS and BYBOX can be specified for ", name, ""));
        }
        if self.any && self.count.is_none() {
            return Err(Reply::fault("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}

fn circle(radius: &[u8], name: &[u8]) -> Result<Area, Reply> {
    let radius = number::score(radius).ok_or(Reply::fault("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(Reply::fault("ERR radius cannot be negative"));
    }
    Ok(Area::Circle(radius, unit(name)?))
}

fn rectangle(width: &[u8], height: &[u8], name: &[u8]) -> Result<Area, Reply> {
    let width = number::score(width).ok_or(Reply::fault("ERR need numeric width"))?;
    let height = number::score(height).ok_or(Reply::fault("ERR need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(Reply::fault("ERR height or width cannot be negative"));
    }
    Ok(Area::Rectangle(width, height, unit(name)?))
}
