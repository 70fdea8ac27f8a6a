//! What the search of a part can know before it begins: its events, and where in a configuration everything stands.

use super::claim::{Claim, FIRST_NAMED};
use super::claims::{Act, Claims, Map, NEVER};
use super::parts::Part;

/// No act.
pub(super) const NONE: u32 = u32::MAX;

/// What is known of an act in its part.
#[derive(Clone, Copy)]
pub(super) struct Seat {
    /// Of an answered act, its bit in a configuration while it is pending; of an open one, its kind.
    pub(super) number: u32,
    /// The answered act that its client called before it, if that is not answered yet when it is called.
    pub(super) before: u32,
    /// When its client calls the next answered act.
    pub(super) next_call: u64,
}

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

#[derive(Clone, Copy)]
pub(super) enum What {
    /// An answered act is called.
    Call,
    /// An answered act is answered.
    End,
    /// An open act is called.
    Open,
}

pub(super) struct Event {
    pub(super) moment: u64,
    pub(super) act: u32,
    pub(super) what: What,
}

pub(super) struct Plan {
    pub(super) events: Vec<Event>,
    pub(super) kinds: Vec<Kind>,
    pub(super) keys: usize,
    /// Where in a configuration the counts of those open acts begin that are never settled.
    pub(super) opens: usize,
    /// How many words a configuration has.
    pub(super) words: usize,
}

impl Plan {
    /// Plans a part, and gives its acts their seats.
    pub(super) fn of(claims: &Claims, part: &Part, seats: &mut [Seat]) -> Plan {
        let mut events = Vec::with_capacity(2 * part.acts.len());
        for number in &part.acts {
            let act = &claims.acts[*number as usize];
            let what = if act.is_open() { What::Open } else { What::Call };
            events.push(Event { moment: act.call, act: *number, what });
            if !act.is_open() {
                events.push(Event { moment: act.end, act: *number, what: What::End });
            }
        }
        events.sort_unstable_by_key(|event| event.moment);
        let bits = seat_answered(claims, &events, seats);
        let first = part.keys + bits.div_ceil(32);
        let (mut kinds, settling, lasting) = seat_open(claims, &events, seats);
        let opens = first + settling;
        for kind in &mut kinds {
            kind.word += if kind.settled == NEVER { opens } else { first };
        }
        Plan { events, kinds, keys: part.keys, opens, words: opens + lasting }
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
fn seat_answered(claims: &Claims, events: &[Event], seats: &mut [Seat]) -> usize {
    let mut bits = Numbers::default();
    let mut newest: Map<u64, u32> = Map::default();
    for event in events {
        let act = &claims.acts[event.act as usize];
        match event.what {
            What::Open => {}
            What::End => bits.free.push(seats[event.act as usize].number),
            What::Call => {
                let before = newest.insert(act.client, event.act).filter(|before| *before != NONE);
                if let Some(before) = before {
                    seats[before as usize].next_call = act.call;
                }
                let before = before.filter(|before| claims.acts[*before as usize].end > act.call).unwrap_or(NONE);
                seats[event.act as usize] = Seat { number: bits.take(), before, next_call: NEVER };
            }
        }
    }
    bits.all as usize
}

/// Sorts open acts into kinds, and gives each kind a word until it is settled; says how many words that takes, for those
/// that are settled and for those that never are.
fn seat_open(claims: &Claims, events: &[Event], seats: &mut [Seat]) -> (Vec<Kind>, usize, usize) {
    let mut lasting = Numbers::default();
    let mut words = Numbers::default();
    let mut kinds: Vec<Kind> = Vec::new();
    let mut unsettled: Vec<(u64, u32)> = Vec::new();
    let mut by_claim: Map<&Claim, u32> = Map::default();
    for event in events.iter().filter(|event| matches!(event.what, What::Open)) {
        unsettled.retain(|(settled, word)| {
            let over = *settled < event.moment;
            if over {
                words.free.push(*word);
            }
            !over
        });
        let act = &claims.acts[event.act as usize];
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
        seats[event.act as usize] = Seat { number, before: NONE, next_call: NEVER };
    }
    (kinds, words.all as usize, lasting.all as usize)
}

fn settled(claims: &Claims, act: &Act) -> u64 {
    let named =
        act.claim.writes.iter().filter(|(_, value)| *value >= FIRST_NAMED).map(|(_, value)| claims.named(*value));
    named.filter(|named| named.writers == 1).map(|named| named.first_end).min().unwrap_or(NEVER)
}
