//! Draws the commands about places.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Composer;
use crate::class::Class;
use crate::operation::{GeoCentre, GeoCircle, GeoCommand, GeoPlace, PLACES, RADII};

impl Composer<'_> {
    pub(super) fn of_place(&mut self, class: Class) -> GeoCommand {
        let key = self.key(class);
        match class {
            Class::GeoAdd => {
                let number = self.mint.chance.random_range(1..=2);
                GeoCommand::Add(key, (0..number).map(|_| (self.place(), self.mint.field())).collect())
            }
            Class::GeoPos => {
                let number = self.mint.chance.random_range(1..=2);
                GeoCommand::Position(key, (0..number).map(|_| self.mint.field()).collect())
            }
            Class::GeoDist => GeoCommand::Distance(key, self.mint.field(), self.mint.field()),
            Class::GeoSearchStore => GeoCommand::Store(key, self.key(class), self.circle()),
            _ => GeoCommand::Search(key, self.circle()), // only the classes about places come here
        }
    }

    pub(super) fn place(&mut self) -> GeoPlace {
        *PLACES.choose(&mut self.mint.chance).unwrap_or(&PLACES[0])
    }

    pub(super) fn radius(&mut self) -> u32 {
        *RADII.choose(&mut self.mint.chance).unwrap_or(&RADII[0])
    }

    /// A circle around a member, or around a place where one may be.
    fn circle(&mut self) -> GeoCircle {
        let radius = self.radius();
        let centre = if self.mint.chance.random_ratio(1, 3) {
            GeoCentre::Member(self.mint.field())
        } else {
            GeoCentre::Place(self.place())
        };
        GeoCircle { centre, radius }
    }
}
