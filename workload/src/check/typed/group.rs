//! Cuts deeds into groups that can be judged alone: those that share no key and no pipeline (`check/parts.rs` says why).

use std::collections::BTreeMap;

use super::super::claims::NONE;
use super::deed::Deeds;
use super::doing::Doing;

/// Deeds that must be judged together.
#[derive(Default)]
pub(super) struct Group {
    /// Their numbers, in the order of their calls.
    pub(super) deeds: Vec<u32>,
    /// The numbers of the keys that they touch, in order.
    pub(super) places: Vec<u32>,
}

impl Group {
    /// Whether the claims of the other judge cover the group: registers of one database.
    pub(super) fn is_about_registers(&self, deeds: &Deeds<'_>) -> bool {
        let first = self.places.first().map(|place| deeds.places[*place as usize].0);
        let one_database = self.places.iter().all(|place| Some(deeds.places[*place as usize].0) == first);
        one_database
            && self.deeds.iter().all(|deed| match &deeds.all[*deed as usize].doing {
                Doing::Command { command, site, .. } => {
                    command.is_about_registers() && (Some(site.database) == first || command.is_flush())
                }
                Doing::Death { .. } => false,
            })
    }
}

/// The groups of some deeds.
pub(super) fn groups(deeds: &Deeds<'_>) -> Vec<Group> {
    let mut above: Vec<u32> = (0..deeds.places.len() as u32).collect();
    let mut join = |one: u32, other: u32| {
        let (one, other) = (root(&above, one), root(&above, other));
        above[one.max(other) as usize] = one.min(other);
    };
    for deed in &deeds.all {
        let Some(first) = deed.touches.first() else { continue };
        deed.touches.iter().for_each(|touch| join(first.place, touch.place));
        if deed.before != NONE
            && let Some(touch) = deeds.all[deed.before as usize].touches.first()
        {
            join(touch.place, first.place);
        }
    }
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    for place in 0..deeds.places.len() as u32 {
        groups.entry(root(&above, place)).or_default().places.push(place);
    }
    for (number, deed) in deeds.all.iter().enumerate() {
        if let Some(touch) = deed.touches.first() {
            groups.entry(root(&above, touch.place)).or_default().deeds.push(number as u32);
        }
    }
    groups.into_values().collect()
}

fn root(above: &[u32], mut place: u32) -> u32 {
    while above[place as usize] != place {
        place = above[place as usize];
    }
    place
}
