//! Values with numbers, and the steps between them that the model allows.

use std::rc::Rc;

use smallvec::SmallVec;

use super::super::claims::Map;
use super::super::numbers::Numbers;
use super::deed::{Deed, Deeds};
use super::doing::Doing;
use crate::model::{self, State};
use crate::operation::{Entry, Held};

/// The numbers of the values of some keys.
pub(super) type Values = SmallVec<[u32; 4]>;

/// The number of no value: the key is absent, and nobody watches it.
pub(super) const GONE: u32 = 0;

/// The values that a search has seen, and where each deed leads from them.
pub(super) struct Atlas<'a> {
    deeds: &'a Deeds<'a>,
    values: Numbers<Held>,
    steps: Map<(u32, Values), Rc<Vec<Values>>>,
    /// Whether some deed led to more values than anybody can try. The atlas leaves them out, so a search that finds no
    /// order shows nothing.
    pub(super) is_incomplete: bool,
}

impl<'a> Atlas<'a> {
    pub(super) fn new(deeds: &'a Deeds<'a>) -> Atlas<'a> {
        let mut values = Numbers::with_capacity(0);
        let gone = values.number(&Held::default(), Held::default);
        debug_assert_eq!(gone, GONE);
        Atlas { deeds, values, steps: Map::default(), is_incomplete: false }
    }

    /// The entry of a number. `None` if the key is absent.
    pub(super) fn entry(&self, value: u32) -> Option<&Entry> {
        self.values.things[value as usize].entry.as_ref()
    }

    /// The values that a deed may leave at the keys that it touches, from the values there.
    pub(super) fn steps(&mut self, number: u32, before: &Values) -> Rc<Vec<Values>> {
        if let Some(steps) = self.steps.get(&(number, before.clone())) {
            return Rc::clone(steps);
        }
        let deed = &self.deeds.all[number as usize];
        let places: SmallVec<[u32; 4]> = places_of(deed);
        let mut state = State::new();
        for (place, value) in places.iter().zip(before) {
            let (database, word) = self.deeds.places[*place as usize];
            state.hold(database, word, self.values.things[*value as usize].clone());
        }
        let after = match &deed.doing {
            Doing::Command { command, seen, site } => {
                let after = model::step(&state, *site, command, seen.as_ref());
                self.is_incomplete |= after.is_none();
                after.unwrap_or_default()
            }
            Doing::Death { key, limit, .. } => {
                let mut after = state.clone();
                let of_key = places.iter().map(|place| self.deeds.places[*place as usize].0);
                of_key.for_each(|database| model::expire(&mut after, database, key, *limit));
                vec![after]
            }
        };
        let mut numbered = |state: &State| -> Values {
            let entries = places.iter().map(|place| {
                let (database, word) = self.deeds.places[*place as usize];
                let held = state.held(database, word);
                self.values.number(&held, || held.clone())
            });
            entries.collect()
        };
        let steps: Rc<Vec<Values>> = Rc::new(after.iter().map(&mut numbered).collect());
        self.steps.insert((number, before.clone()), Rc::clone(&steps));
        steps
    }
}

/// The keys that a deed touches, each once.
pub(super) fn places_of(deed: &Deed<'_>) -> SmallVec<[u32; 4]> {
    let mut places: SmallVec<[u32; 4]> = deed.touches.iter().map(|touch| touch.place).collect();
    places.sort_unstable();
    places.dedup();
    places
}
