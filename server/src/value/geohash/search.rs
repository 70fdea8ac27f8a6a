//! Searches for places around a centre.
//!
//! A search picks cells about as large as its shape and reads the cell around the centre and its eight neighbours. It
//! skips neighbours that the shape does not reach. Then it tests the distance of each place that it found.
//!
//! The order of the cells is the order of an unsorted reply, so it is the same as on real servers. So are the limits of
//! the method: a shape across a pole or across the corner of the world can miss places.

use super::cell::{Cell, STEPS};
use super::coordinates::{Coordinates, Degrees, EARTH_RADIUS_METERS, LATITUDE_LIMIT};
use super::unit::DistanceUnit;
use crate::zoo::planted;

/// Half of the circumference of the Earth in the Mercator projection, in meters.
const MERCATOR_LIMIT_METERS: f64 = 20_037_726.37;
/// Beyond the first latitude, cells of one size more are needed, and beyond the second one two.
const NARROW_LATITUDES: [f64; 2] = [66.0, 80.0];
/// The centre and its neighbours as steps to the east and to the north, in the order of the replies.
const DIRECTIONS: [(i8, i8); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// Scores from `lowest` up to but without `end`. Compare them with stored scores as `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreRange {
    /// The lowest score.
    pub lowest: u64,
    /// The first score beyond the range.
    pub end: u64,
}

/// The area of a search. Lengths are finite or infinite and not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchShape {
    centre: Coordinates,
    outline: Outline,
    unit: DistanceUnit,
}

/// The form of a shape, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outline {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
}

/// The least rectangle of degrees around a shape.
struct BoundingBox {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl SearchShape {
    /// The shape of BYRADIUS.
    pub fn circle(centre: Coordinates, radius: f64, unit: DistanceUnit) -> SearchShape {
        SearchShape { centre, outline: Outline::Circle { radius }, unit }
    }

    /// The shape of BYBOX.
    pub fn rectangle(centre: Coordinates, width: f64, height: f64, unit: DistanceUnit) -> SearchShape {
        SearchShape { centre, outline: Outline::Rectangle { width, height }, unit }
    }

    /// The scores to read, at most nine ranges, in the order of an unsorted reply.
    pub fn ranges(&self) -> Vec<ScoreRange> {
        let bounds = self.bounds();
        let cell = self.centre_cell(&bounds);
        let edges = cell.edges();
        let mut ranges: Vec<ScoreRange> = Vec::with_capacity(DIRECTIONS.len());
        for (east, north) in DIRECTIONS {
            planted!("geosearch-in-one-cell" => if (east, north) != (0, 0) {
                continue;
            });
            // With one halving there are only four cells, which are their own neighbours on both sides.
            let unreached = (north < 0 && edges.south < bounds.south)
                || (north > 0 && edges.north > bounds.north)
                || (east < 0 && edges.west < bounds.west)
                || (east > 0 && edges.east > bounds.east);
            if cell.steps >= 2 && unreached {
                continue;
            }
            let (lowest, end) = cell.neighbour(east, north).scores();
            let range = ScoreRange { lowest, end };
            // Opposite neighbours can be the same cell. Servers compare with the previous neighbour, not with the
            // centre.
            let repeated = ranges.len() > 1 && ranges.last() == Some(&range);
            if !repeated {
                ranges.push(range);
            }
        }
        ranges
    }

    /// The distance between the centre and a place in meters, if the place is inside of this shape.
    pub fn distance_if_inside(&self, place: Coordinates) -> Option<f64> {
        let unit = self.unit.meters();
        let outside = match self.outline {
            Outline::Circle { radius } => self.centre.distance(place) > radius * unit,
            Outline::Rectangle { width, height } => {
                // The width counts on the parallel of the place, not on that of the centre.
                let beside = Coordinates { longitude: self.centre.longitude, latitude: place.latitude };
                place.latitude_distance(self.centre) > height * unit / 2.0
                    || place.distance(beside) > width * unit / 2.0
            }
        };
        (!outside).then(|| self.centre.distance(place))
    }

    /// The cell of the centre, so large that the shape does not reach beyond the neighbours.
    fn centre_cell(&self, bounds: &BoundingBox) -> Cell {
        let steps = steps_for(self.reach_meters(), self.centre.latitude);
        let cell = Cell::around(self.centre, steps, LATITUDE_LIMIT);
        let edges = |east, north| cell.neighbour(east, north).edges();
        let too_small = edges(0, 1).north < bounds.north
            || edges(0, -1).south > bounds.south
            || edges(1, 0).east < bounds.east
            || edges(-1, 0).west > bounds.west;
        if steps > 1 && too_small { Cell::around(self.centre, steps - 1, LATITUDE_LIMIT) } else { cell }
    }

    /// The largest distance from the centre.
    fn reach_meters(&self) -> f64 {
        let reach = match self.outline {
            Outline::Circle { radius } => radius,
            Outline::Rectangle { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        reach * self.unit.meters()
    }

    fn bounds(&self) -> BoundingBox {
        let unit = self.unit.meters();
        let (width, height) = match self.outline {
            Outline::Circle { radius } => (unit * radius, unit * radius),
            Outline::Rectangle { width, height } => (unit * width / 2.0, unit * height / 2.0),
        };
        let Coordinates { longitude, latitude } = self.centre;
        let latitudes = (height / EARTH_RADIUS_METERS).to_degrees_of_place();
        // The edge nearer to the pole spans more degrees.
        let widest = if latitude < 0.0 { latitude - latitudes } else { latitude + latitudes };
        let longitudes = (width / EARTH_RADIUS_METERS / widest.to_radians_of_place().cos()).to_degrees_of_place();
        BoundingBox {
            west: longitude - longitudes,
            east: longitude + longitudes,
            south: latitude - latitudes,
            north: latitude + latitudes,
        }
    }
}

/// How often the ranges are halved for cells as large as `reach`.
fn steps_for(mut reach: f64, latitude: f64) -> u32 {
    if reach == 0.0 {
        return STEPS;
    }
    let mut steps = 1_i32;
    // The smallest positive reach takes about 1100 rounds.
    while reach < MERCATOR_LIMIT_METERS {
        reach *= 2.0;
        steps += 1;
    }
    // Two sizes more, so that the neighbours cover most shapes at the first attempt.
    steps -= 2;
    steps -= NARROW_LATITUDES.iter().filter(|&&limit| latitude.abs() > limit).count() as i32;
    steps.clamp(1, STEPS as i32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_twice() {
        for longitude in [-180.0, -90.0, 0.0, 13.4, 180.0] {
            for latitude in [-85.05, -70.0, 0.0, 52.5, 85.05112878] {
                for radius in [0.0, 1e-300, 1.0, 100.0, 5e6, 1e7, 1e300, f64::INFINITY] {
                    let centre = Coordinates { longitude, latitude };
                    let mut ranges = SearchShape::circle(centre, radius, DistanceUnit::Meters).ranges();
                    assert!(!ranges.is_empty() && ranges.len() <= 9);
                    ranges.sort_by_key(|range| range.lowest);
                    assert!(ranges.is_sorted_by(|a, b| a.end <= b.lowest), "{centre:?} {radius} {ranges:?}");
                }
            }
        }
    }

    #[test]
    fn the_world_is_four_ranges() {
        let centre = Coordinates { longitude: 1.0, latitude: 1.0 };
        let shape = SearchShape::rectangle(centre, f64::INFINITY, f64::INFINITY, DistanceUnit::Kilometers);
        assert_eq!(shape.ranges().len(), 4);
        assert!(shape.distance_if_inside(Coordinates { longitude: -179.0, latitude: -1.0 }).is_some());
    }
}
