//! Places: which element stands where in each list, by everything that the history shows.

use super::super::claims::{Impossible, NONE};
use super::unit::{Access, Units, is_word};
use crate::operation::Reply;

/// The lists of a history.
pub(super) struct Lists {
    /// For each place of each list, the access that pushed its element. [`NONE`] if nobody knows.
    pub(super) places: Vec<Vec<u32>>,
    /// Whether a place is empty: an operation of unknown outcome must have filled it.
    pub(super) has_gaps: bool,
    /// The accesses whose elements somebody saw.
    placed: Vec<bool>,
}

impl Lists {
    /// Finds the places, and fails at a reply that does not fit. An open unit that somebody saw has happened, and gets its
    /// bases.
    pub(super) fn of(units: &mut Units<'_>) -> Result<Lists, Impossible> {
        let (places, placed) = (vec![Vec::new(); units.lists.len()], vec![false; units.accesses.len()]);
        let mut lists = Lists { places, has_gaps: false, placed };
        let longest = longest_looks(units)?;
        for (list, look) in longest.iter().enumerate() {
            if let Some(look) = look {
                lists.place_seen(units, list as u32, *look)?;
            }
        }
        lists.place_pushed(units)?;
        lists.place_open(units)?;
        lists.check_looks(units)?;
        lists.check_gaps(units)?;
        Ok(lists)
    }

    /// Places what the longest look at a list shows.
    fn place_seen(&mut self, units: &Units<'_>, list: u32, look: u32) -> Result<(), Impossible> {
        let index = units.all[units.accesses[look as usize].unit as usize].index as usize;
        let seen = units.accesses[look as usize].seen.unwrap_or_default();
        let places = &mut self.places[list as usize];
        // The access that pushed the element before, and how many of its elements are still to come.
        let (mut newest, mut missing) = (NONE, 0);
        for reply in seen {
            let Reply::Value(word) = reply else { continue };
            let wrong = |why: String| Impossible { index, why };
            let Some((access, within)) = units.pushers.get(&(list, word)).copied() else {
                return Err(wrong(format!("saw {word}, which nobody pushed, or whose push did nothing")));
            };
            let goes_on = missing > 0 && access == newest && within == units.pushes(access) - missing;
            let begins = missing == 0 && within == 0 && !self.placed[access as usize];
            if !goes_on && !begins {
                return Err(wrong(format!("saw {word} twice, or apart from what was pushed with it at one moment")));
            }
            self.placed[access as usize] = true;
            (newest, missing) = (access, units.pushes(access) - within - 1);
            places.push(access);
        }
        Ok(())
    }

    /// Places what a push of a known base pushed.
    fn place_pushed(&mut self, units: &Units<'_>) -> Result<(), Impossible> {
        for (number, access) in units.accesses.iter().enumerate() {
            if let Some(base) = access.base {
                self.place(units, number as u32, access, base)?;
            }
        }
        Ok(())
    }

    fn place(&mut self, units: &Units<'_>, number: u32, access: &Access<'_>, base: u32) -> Result<(), Impossible> {
        let places = &mut self.places[access.list as usize];
        for place in base as usize..base as usize + access.pushed.len() {
            if places.len() <= place {
                places.resize(place + 1, NONE);
            }
            let other = std::mem::replace(&mut places[place], number);
            if other != NONE && other != number {
                let index = units.all[access.unit as usize].index as usize;
                let (key, word) = (units.lists[access.list as usize].1, access.pushed[place - base as usize]);
                let why = format!("put {word} at place {place} of {key}, where another element stands");
                return Err(Impossible { index, why });
            }
        }
        Ok(())
    }

    /// Finds the bases of open units that somebody saw.
    fn place_open(&mut self, units: &mut Units<'_>) -> Result<(), Impossible> {
        let mut found: Vec<(u32, u32)> = Vec::new();
        for places in &self.places {
            let mut before = NONE;
            for (place, access) in places.iter().enumerate() {
                if *access != NONE && *access != before && units.accesses[*access as usize].base.is_none() {
                    found.push((*access, place as u32));
                }
                before = *access;
            }
        }
        for (number, base) in found {
            let unit = units.accesses[number as usize].unit as usize;
            units.accesses[number as usize].base = Some(base);
            units.all[unit].happened = true;
            let access = &units.accesses[number as usize];
            self.place(units, number, access, base)?;
        }
        for (watch, exec) in std::mem::take(&mut units.open_guards) {
            units.accesses[watch as usize].base = units.accesses[exec as usize].base;
        }
        Ok(())
    }

    /// Checks that looks end between units.
    fn check_looks(&self, units: &Units<'_>) -> Result<(), Impossible> {
        for access in &units.accesses {
            let (Some(base), places) = (access.base, &self.places[access.list as usize]) else { continue };
            let index = units.all[access.unit as usize].index as usize;
            let at = |place: u32| places.get(place as usize).copied().unwrap_or(NONE);
            if base > 0 && at(base - 1) != NONE && at(base - 1) == at(base) {
                let other = &units.accesses[at(base) as usize];
                let (id, key) = (units.all[other.unit as usize].id, units.lists[access.list as usize].1);
                let why = format!("saw a part of what operation {id} pushed to {key} at one moment");
                return Err(Impossible { index, why });
            }
        }
        Ok(())
    }

    /// Checks that open units can have filled the empty places.
    fn check_gaps(&mut self, units: &Units<'_>) -> Result<(), Impossible> {
        let mut spare = vec![0_usize; units.lists.len()];
        for access in units.accesses.iter().filter(|access| access.base.is_none()) {
            spare[access.list as usize] += access.pushed.len();
        }
        for access in &units.accesses {
            let Some(base) = access.base else { continue };
            let places = &mut self.places[access.list as usize];
            if places.len() < base as usize {
                places.resize(base as usize, NONE);
            }
        }
        for (list, places) in self.places.iter().enumerate() {
            let gaps = places.iter().filter(|access| **access == NONE).count();
            self.has_gaps |= gaps > 0;
            if gaps > spare[list] {
                let gap = places.iter().position(|access| *access == NONE).unwrap_or_default();
                let beyond = |access: &&Access<'_>| {
                    access.list as usize == list && access.base.is_some_and(|base| base as usize > gap)
                };
                let witness = units.accesses.iter().find(beyond).map_or(0, |access| access.unit);
                let key = units.lists[list].1;
                let why = format!("counted more elements in {key} than were pushed: place {gap} is empty");
                return Err(Impossible { index: units.all[witness as usize].index as usize, why });
            }
        }
        Ok(())
    }
}

/// The longest look at each list. Every other look must be a beginning of it.
fn longest_looks(units: &Units<'_>) -> Result<Vec<Option<u32>>, Impossible> {
    let mut longest: Vec<Option<u32>> = vec![None; units.lists.len()];
    let seen = |look: u32| units.accesses[look as usize].seen.unwrap_or_default();
    for (number, access) in units.accesses.iter().enumerate() {
        let Some(look) = access.seen else { continue };
        let known = &mut longest[access.list as usize];
        if known.is_none_or(|known| seen(known).len() < look.len()) {
            *known = Some(number as u32);
        }
    }
    for access in &units.accesses {
        let (Some(look), Some(known)) = (access.seen, longest[access.list as usize]) else { continue };
        let differs = |(one, other): (&Reply, &Reply)| match other {
            Reply::Value(word) => !is_word(one, word),
            _ => one != other,
        };
        if let Some(place) = look.iter().zip(seen(known)).position(differs) {
            let index = units.all[access.unit as usize].index as usize;
            let (key, other) = (units.lists[access.list as usize].1, units.accesses[known as usize].unit);
            let why = format!(
                "saw {} at place {place} of {key}, where operation {} saw {}",
                look[place],
                units.all[other as usize].id,
                seen(known)[place]
            );
            return Err(Impossible { index, why });
        }
    }
    Ok(longest)
}
