//! The layout of a search state, which the search of a part fixes before it begins.

use super::claim::{Claim, FIRST_NAMED};
use super::claims::{Act, Claims, Event, Map, NEVER, What};
use super::parts::Part;

/// Open acts with the same claim, in the order of their calls.
///
/// They are interchangeable. None of them ever has to take effect, so the search always uses the first. A search
/// state only counts how many have taken effect.
pub(super) struct Kind {
    pub(super) acts: Vec<u32>,
    /// The word of a search state that counts them.
    pub(super) word: usize,
    /// How many have been called so far.
    pub(super) called: u32,
    /// When the search can stop counting: the kind alone wrote some value, and this is the end of the first reply that
    /// names it. [`NEVER`] if there is no such value.
    pub(super) settled: u64,
}

/// The kinds of open acts of a part, and the layout of its search states.
pub(super) struct Plan {
    pub(super) kinds: Vec<Kind>,
    /// The first word that counts open acts which are never settled.
    pub(super) opens: usize,
    /// The number of words of a search state.
    pub(super) words: usize,
}

impl Plan {
    /// Plans the search of a part, and gives each act its seat. The seat of an answered act is its bit in a search state
    /// while it is pending. The seat of an open act is its kind.
    pub(super) fn of(claims: &Claims, part: &Part, seats: &mut [u32]) -> Plan {
        let bits = seat_answered(&part.events, seats);
        let first = part.keys + bits.div_ceil(32);
        let (mut kinds, settling, lasting) = seat_open(claims, &part.events, seats);
        let opens = first + settling;
        for kind in &mut kinds {
            kind.word += if kind.settled == NEVER { opens } else { first };
        }
        Plan { kinds, opens, words: opens + lasting }
    }
}

/// Numbers from 0, handed out and taken back.
#[derive(Default)]
struct NumberPool {
    free: Vec<u32>,
    /// How many there are, free or not.
    all: u32,
}

impl NumberPool {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.all += 1;
            self.all - 1
        })
    }
}

/// Gives each answered act a bit from its call to its end, and returns the number of bits.
fn seat_answered(events: &[Event], seats: &mut [u32]) -> usize {
    let mut bits = NumberPool::default();
    for event in events {
        let seat = &mut seats[event.act as usize];
        match event.what {
            What::Open => {}
            What::End => bits.free.push(*seat),
            What::Call => *seat = bits.take(),
        }
    }
    bits.all as usize
}

/// Sorts open acts into kinds and gives each kind a word until it is settled. Returns the kinds, the number of words for
/// kinds that get settled, and the number of words for the others.
fn seat_open(claims: &Claims, events: &[Event], seats: &mut [u32]) -> (Vec<Kind>, usize, usize) {
    let mut lasting = NumberPool::default();
    let mut words = NumberPool::default();
    let mut kinds: Vec<Kind> = Vec::new();
    let mut unsettled: Vec<(u64, u32)> = Vec::new();
    let mut by_claim: Map<&Claim, u32> = Map::default();
    for event in events.iter().filter(|event| event.what == What::Open) {
        let act = &claims.acts[event.act as usize];
        unsettled.retain(|(settled, word)| {
            let over = *settled < act.call;
            if over {
                words.free.push(*word);
            }
            !over
        });
        let number = *by_claim.entry(&act.claim).or_insert(kinds.len() as u32);
        if number as usize == kinds.len() {
            let settled = settled(claims, act);
            let word = if settled == NEVER { lasting.take() } else { words.take() };
            if settled != NEVER {
                unsettled.push((settled, word));
            }
            kinds.push(Kind { acts: Vec::new(), word: word as usize, called: 0, settled });
        }
        kinds[number as usize].acts.push(event.act);
        seats[event.act as usize] = number;
    }
    (kinds, words.all as usize, lasting.all as usize)
}

/// When the kind of an act is settled.
fn settled(claims: &Claims, act: &Act) -> u64 {
    let named =
        act.claim.writes.iter().filter(|(_, value)| *value >= FIRST_NAMED).map(|(_, value)| claims.named(*value));
    named.filter(|named| named.writers == 1).map(|named| named.first_end).min().unwrap_or(NEVER)
}
