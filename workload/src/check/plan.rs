//! What the search of a part can know before it begins: where in a configuration everything stands.

use super::claim::{Claim, FIRST_NAMED};
use super::claims::{Act, Claims, Event, Map, NEVER, What};
use super::parts::Part;

/// Open acts that do the same, in the order of their calls. They are interchangeable: none of them ever has to happen,
/// so whichever happens, the first may stand for it. A configuration only counts them.
pub(super) struct Kind {
    pub(super) acts: Vec<u32>,
    /// The word of a configuration that counts them.
    pub(super) word: usize,
    /// How many have been called.
    pub(super) called: u32,
    /// When it is settled that the only one has happened: it alone wrote a value, and this is when a reply that names
    /// that value came.
    pub(super) settled: u64,
}

pub(super) struct Plan {
    pub(super) kinds: Vec<Kind>,
    /// Where in a configuration the counts of those open acts begin that are never settled.
    pub(super) opens: usize,
    /// How many words a configuration has.
    pub(super) words: usize,
}

impl Plan {
    /// Plans a part, and gives its acts their seats: of an answered act, its bit in a configuration while it is pending; of
    /// an open one, its kind.
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

/// Numbers that can be used again.
#[derive(Default)]
struct Numbers {
    free: Vec<u32>,
    all: u32,
}

impl Numbers {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.all += 1;
            self.all - 1
        })
    }
}

/// Gives each answered act a bit from its call to its end; says how many bits that takes.
fn seat_answered(events: &[Event], seats: &mut [u32]) -> usize {
    let mut bits = Numbers::default();
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

/// Sorts open acts into kinds, and gives each kind a word until it is settled; says how many words that takes, for those
/// that are settled and for those that never are.
fn seat_open(claims: &Claims, events: &[Event], seats: &mut [u32]) -> (Vec<Kind>, usize, usize) {
    let mut lasting = Numbers::default();
    let mut words = Numbers::default();
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

fn settled(claims: &Claims, act: &Act) -> u64 {
    let named =
        act.claim.writes.iter().filter(|(_, value)| *value >= FIRST_NAMED).map(|(_, value)| claims.named(*value));
    named.filter(|named| named.writers == 1).map(|named| named.first_end).min().unwrap_or(NEVER)
}
