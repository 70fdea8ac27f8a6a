//! Leads: the states of the search, and the seats of the deeds in them.

use std::collections::BTreeMap;
use std::rc::Rc;

use smallvec::SmallVec;

use super::super::claims::{Map, NONE};
use super::atlas::GONE;
use super::deed::Deeds;
use super::doing::Doing;
use super::group::Group;

/// The numbers of the values of all keys, then a bit for each waiting deed, then a bit for each open one.
pub(super) type Words = SmallVec<[u32; 12]>;

/// A state that the deeds so far may have led to.
#[derive(Clone)]
pub(super) struct Lead {
    pub(super) words: Words,
    /// The newest step of the order that led here.
    pub(super) newest: u32,
    /// The newest step before this event.
    pub(super) since: u32,
}

/// Where the words of a lead hold each key and each deed of a group.
pub(super) struct Seating {
    /// For each key, its word.
    pub(super) local: BTreeMap<u32, usize>,
    /// For each deed, its bit.
    seats: Vec<u32>,
    /// For each open deed, the one before it that does the same.
    pub(super) twins: Vec<u32>,
    /// The first word of the bits of open deeds.
    pub(super) opens: usize,
    /// The number of words.
    words: usize,
}

impl Seating {
    /// Gives each deed its bit: an answered one from its call to its end, an open one for good.
    pub(super) fn of(deeds: &Deeds<'_>, group: &Group) -> Seating {
        let local: BTreeMap<u32, usize> = group.places.iter().copied().zip(0..).collect();
        let (mut seats, mut twins) = (vec![0; deeds.all.len()], vec![NONE; deeds.all.len()]);
        let (mut free, mut answered, mut open): (Vec<u32>, u32, u32) = (Vec::new(), 0, 0);
        let mut ends: Vec<(u64, u32)> = Vec::new();
        let mut like: Map<String, u32> = Map::default();
        for number in &group.deeds {
            let deed = &deeds.all[*number as usize];
            if deed.is_open() {
                seats[*number as usize] = open;
                open += 1;
                // Whether an EXEC with watched keys takes effect depends on its client.
                if let Doing::Command { command, site, .. } = &deed.doing
                    && command.lifetimes().is_empty()
                    && command.field_lifetimes().is_empty()
                    && command.watched().is_empty()
                {
                    let twin = like.insert(format!("{} {command}", site.database), *number);
                    twins[*number as usize] = twin.unwrap_or(NONE);
                }
                continue;
            }
            ends.retain(|(end, seat)| {
                if *end < deed.call {
                    free.push(*seat);
                }
                *end >= deed.call
            });
            let seat = free.pop().unwrap_or_else(|| {
                answered += 1;
                answered - 1
            });
            seats[*number as usize] = seat;
            ends.push((deed.end, seat));
        }
        let first = 32 * local.len() as u32;
        let opens = local.len() + answered.div_ceil(32) as usize;
        for number in &group.deeds {
            let is_open = deeds.all[*number as usize].is_open();
            seats[*number as usize] += if is_open { 32 * opens as u32 } else { first };
        }
        Seating { local, seats, twins, opens, words: opens + open.div_ceil(32) as usize }
    }

    /// The words of the first lead: no key is there, and nothing has happened.
    pub(super) fn empty(&self) -> Words {
        std::iter::repeat_n(GONE, self.words).collect()
    }

    /// Whether a waiting or open deed has happened.
    pub(super) fn has_happened(&self, lead: &Lead, number: u32) -> bool {
        let seat = self.seats[number as usize];
        lead.words[(seat / 32) as usize] >> (seat % 32) & 1 == 1
    }

    /// Notes whether a deed has happened.
    pub(super) fn set(&self, lead: &mut Lead, number: u32, happened: bool) {
        let seat = self.seats[number as usize];
        let word = &mut lead.words[(seat / 32) as usize];
        *word = *word & !(1 << (seat % 32)) | u32::from(happened) << (seat % 32);
    }

    /// Drops leads that differ from another one only in having used more open deeds. If the search is not `exact`, keeps one of
    /// those that differ only in open deeds: one that has used few.
    pub(super) fn distinct(&self, mut leads: Vec<Lead>, exact: bool) -> Vec<Lead> {
        let opens = self.opens;
        let used = |lead: &Lead| lead.words[opens..].iter().map(|word| word.count_ones()).sum::<u32>();
        leads.sort_by_cached_key(used);
        let mut groups: Map<Words, Rc<Vec<Words>>> = Map::default();
        let mut kept = Vec::with_capacity(leads.len());
        for lead in leads {
            let (rest, used) = lead.words.split_at(opens);
            let group = groups.entry(rest.into()).or_default();
            let uses_less = |other: &Words| other.iter().zip(used).all(|(less, more)| less & !more == 0);
            let dominated = if exact { group.iter().any(uses_less) } else { !group.is_empty() };
            if !dominated {
                Rc::make_mut(group).push(used.into());
                kept.push(lead);
            }
        }
        kept
    }
}
