//! A history in numbers: what each of its operations claims, and what is known of each value and key.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::claim::{ABSENT, Claim, Count, Demand, FIRST_NAMED, Spoken, UNNAMED, Value};
use super::parts::Part;
use crate::history::{History, Operation};
use crate::model;
use crate::operation::{Command, Reply};
use crate::word::Word;

/// A map that is the same in every run.
pub(super) type Map<K, V> = HashMap<K, V, FixedState>;

/// The end of what never ended.
pub(super) const NEVER: u64 = u64::MAX;

/// An operation that took effect, or may have.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// Its place in the history.
    pub(super) place: usize,
    pub(super) client: u64,
    pub(super) call: u64,
    /// When it was answered; [`NEVER`] if it is open.
    pub(super) end: u64,
    pub(super) claim: Claim,
    /// It writes what nobody sees onto what is there anyway (`frontier::riders`).
    pub(super) rides: bool,
}

impl Act {
    pub(super) fn is_open(&self) -> bool {
        self.end == NEVER
    }

    pub(super) fn writes_a_named_value(&self) -> bool {
        self.claim.writes.iter().any(|(_, value)| *value >= FIRST_NAMED)
    }
}

/// What the whole history says of a value that some reply names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// How many operations may write it.
    pub(super) writers: u32,
    /// One of them, as a number of an act.
    pub(super) writer: u32,
    /// When the first operation that names it ends.
    pub(super) first_end: u64,
    /// When the last operation that names it is called.
    pub(super) last_call: u64,
    /// When the last operation that names it ends.
    pub(super) last_end: u64,
}

/// A history in numbers.
pub(super) struct Claims {
    pub(super) acts: Vec<Act>,
    pub(super) keys: usize,
    /// The keys in words.
    pub(super) words: Vec<Word>,
    /// By value, minus [`FIRST_NAMED`].
    pub(super) named: Vec<Named>,
    /// For each key, until when somebody wants it to be absent, or present whatever its value.
    sensitive: Vec<Sensitive>,
}

/// Until when, exclusively of what comes later, somebody asks these questions of a key.
#[derive(Clone, Copy, Default)]
struct Sensitive {
    absent: u64,
    present: u64,
}

/// A reply that nothing could explain, by the place of its operation.
pub(super) struct Impossible {
    pub(super) place: usize,
    pub(super) why: String,
}

impl Claims {
    /// Turns words into numbers. Fails at a reply that by itself cannot be.
    pub(super) fn of(history: &History) -> Result<Claims, Impossible> {
        let operations = &history.operations;
        let mut keys: Map<&Word, u32> = Map::default();
        let mut words = Vec::new();
        for operation in operations {
            for key in operation.command.keys() {
                let next = words.len() as u32;
                if *keys.entry(key).or_insert(next) == next {
                    words.push(key.clone());
                }
            }
        }
        let mut claims = Claims {
            acts: Vec::new(),
            keys: keys.len(),
            words,
            named: Vec::new(),
            sensitive: vec![Sensitive::default(); keys.len()],
        };
        let mut values: Map<(u32, &Word), Value> = Map::default();
        for (place, operation) in operations.iter().enumerate() {
            let (Some((end, _)), Some(reply)) = (&operation.end, operation.reply()) else { continue };
            if let Some(why) = model::impossible(&operation.command, reply) {
                return Err(Impossible { place, why });
            }
            for (key, value) in Spoken::of(&operation.command, Some(reply)).named {
                let next = claims.named.len() as Value + FIRST_NAMED;
                let value = *values.entry((keys[key], value)).or_insert(next);
                if value == next {
                    claims.named.push(Named { writers: 0, writer: 0, first_end: NEVER, last_call: 0, last_end: 0 });
                }
                let named = &mut claims.named[(value - FIRST_NAMED) as usize];
                named.first_end = named.first_end.min(end.event);
                named.last_call = named.last_call.max(operation.call.event);
                named.last_end = named.last_end.max(end.event);
            }
        }
        for (place, operation) in operations.iter().enumerate().filter(|(_, operation)| !operation.has_failed()) {
            let spoken = Spoken::of(&operation.command, operation.reply());
            let end = operation.end.as_ref().filter(|_| !operation.is_open()).map_or(NEVER, |(end, _)| end.event);
            let claim = claims.number(spoken, &keys, &values);
            let act = Act { place, client: operation.client, call: operation.call.event, end, claim, rides: false };
            claims.acts.push(act);
        }
        claims.phantoms(history)?;
        claims.simplify();
        claims.find_riders();
        Ok(claims)
    }

    fn number(&mut self, spoken: Spoken<'_>, keys: &Map<&Word, u32>, values: &Map<(u32, &Word), Value>) -> Claim {
        let mut claim = Claim::default();
        for (key, value) in spoken.named {
            claim.demands.push((keys[key], Demand::Is(values[&(keys[key], value)])));
        }
        claim.demands.extend(spoken.absent.into_iter().map(|key| (keys[key], Demand::Is(ABSENT))));
        claim.demands.extend(spoken.present.into_iter().map(|key| (keys[key], Demand::Present)));
        claim.count = spoken.count.map(|(counted, sum)| Count {
            keys: counted.into_iter().map(|(key, weight)| (keys[key], weight)).collect(),
            sum,
        });
        if let Some(sum) = spoken.counts_all {
            let all = 0..self.keys as u32;
            match sum {
                0 => claim.demands.extend(all.map(|key| (key, Demand::Is(ABSENT)))),
                sum if sum == all.end => claim.demands.extend(all.map(|key| (key, Demand::Present))),
                sum => claim.count = Some(Count { keys: all.map(|key| (key, 1)).collect(), sum }),
            }
        }
        for (key, value) in spoken.writes {
            let key = keys[key];
            let value = value.map_or(ABSENT, |value| values.get(&(key, value)).copied().unwrap_or(UNNAMED));
            if value >= FIRST_NAMED {
                self.named[(value - FIRST_NAMED) as usize].writers += 1;
            }
            claim.writes.push((key, value));
        }
        if spoken.deletes_all {
            claim.writes = (0..self.keys as u32).map(|key| (key, ABSENT)).collect();
        }
        claim.demands.sort_unstable();
        claim.demands.dedup();
        claim.writes.sort_unstable();
        claim
    }

    /// A value that nobody asked to write, or only an operation that did nothing; more keys than there can be.
    fn phantoms(&self, history: &History) -> Result<(), Impossible> {
        for act in self.acts.iter().filter(|act| !act.is_open()) {
            let most = |count: &Count| count.keys.iter().map(|(_, weight)| *weight).sum::<u32>();
            if let Some(count) = act.claim.count.as_ref().filter(|count| count.sum > most(count)) {
                let why = format!("counted {} keys, although no more than {} are ever named", count.sum, most(count));
                return Err(Impossible { place: act.place, why });
            }
            for (_, demand) in &act.claim.demands {
                let Demand::Is(value @ FIRST_NAMED..) = demand else { continue };
                if self.named[(value - FIRST_NAMED) as usize].writers > 0 {
                    continue;
                }
                let operation = &history.operations[act.place];
                let reply = operation.reply().map(ToString::to_string).unwrap_or_default();
                let why =
                    format!("was answered {reply}, with a value that nobody {} there", phantom(history, operation));
                return Err(Impossible { place: act.place, why });
            }
        }
        Ok(())
    }

    /// Forgets what makes no difference.
    ///
    /// - Where nobody asks whether a key exists, an unnamed value is as good as none: no reply tells them apart.
    /// - What is open and never wrote what anybody asks for need not have happened: take it out of an order that
    ///   explains the history, and it still does, as every reply was one that it did not help.
    fn simplify(&mut self) {
        self.acts.retain(|act| !act.is_open() || !act.claim.writes.is_empty());
        self.acts
            .retain(|act| !(act.claim.demands.is_empty() && act.claim.count.is_none() && act.claim.writes.is_empty()));
        for act in &self.acts {
            let names = act.claim.writes.iter().any(|(_, value)| *value >= FIRST_NAMED);
            if act.is_open() && !names {
                continue; // its condition is no reason to bring anything about: see below
            }
            for (key, demand) in &act.claim.demands {
                let sensitive = &mut self.sensitive[*key as usize];
                match demand {
                    Demand::Is(ABSENT) => sensitive.absent = sensitive.absent.max(act.end),
                    Demand::Is(_) => {}
                    Demand::Present => sensitive.present = sensitive.present.max(act.end),
                }
            }
            for (key, _) in act.claim.count.iter().flat_map(|count| &count.keys) {
                let sensitive = &mut self.sensitive[*key as usize];
                sensitive.absent = sensitive.absent.max(act.end);
                sensitive.present = sensitive.present.max(act.end);
            }
        }
        let (sensitive, named) = (&self.sensitive, &self.named);
        self.acts.retain(|act| {
            // An open SET XX that nobody sees turns one present value into another.
            let is_wanted_present = |key: u32| {
                sensitive[key as usize].present > act.call && !act.claim.demands.contains(&(key, Demand::Present))
            };
            let wanted = |(key, value): &(u32, Value)| match *value {
                ABSENT => sensitive[*key as usize].absent > act.call,
                UNNAMED => is_wanted_present(*key),
                // One that is named may come too late to be seen, and still be there when something has to be.
                value => named[(value - FIRST_NAMED) as usize].last_end > act.call || is_wanted_present(*key),
            };
            !act.is_open() || act.claim.writes.iter().any(wanted)
        });
        for (number, act) in self.acts.iter().enumerate() {
            for (_, value) in act.claim.writes.iter().filter(|(_, value)| *value >= FIRST_NAMED) {
                self.named[(value - FIRST_NAMED) as usize].writer = number as u32;
            }
        }
    }

    fn find_riders(&mut self) {
        let mut deletions: Vec<Deletions> = vec![Deletions::default(); self.keys];
        for act in &self.acts {
            for (key, _) in act.claim.writes.iter().filter(|(_, value)| *value == ABSENT) {
                deletions[*key as usize].add(act.call, act.end);
            }
        }
        for act in self.acts.iter_mut().filter(|act| !act.is_open()) {
            let Claim { demands, count, writes } = &act.claim;
            act.rides = !writes.is_empty()
                && count.is_none()
                && writes.iter().all(|(key, value)| {
                    let is_there = demands.iter().any(|(k, demand)| k == key && demand.is_presence());
                    *value == UNNAMED && (is_there || !deletions[*key as usize].overlap(act.call, act.end))
                });
        }
    }

    /// The keys of a part, some more than once.
    pub(super) fn keys_of(&self, part: &Part) -> impl Iterator<Item = u32> {
        part.acts.iter().flat_map(|act| self.acts[*act as usize].claim.keys())
    }

    /// What is known of a named value.
    pub(super) fn named(&self, value: Value) -> &Named {
        &self.named[(value - FIRST_NAMED) as usize]
    }

    /// When the last operation has ended that asks whether a key exists.
    pub(super) fn indifferent_after(&self, key: u32) -> u64 {
        let Sensitive { absent, present } = self.sensitive[key as usize];
        absent.max(present)
    }
}

/// When a key may have been deleted.
#[derive(Clone, Default)]
struct Deletions {
    /// In the order of their calls: a call, and the last end so far.
    spans: Vec<(u64, u64)>,
}

impl Deletions {
    /// Adds one that was called after all others.
    fn add(&mut self, call: u64, end: u64) {
        let last = self.spans.last().map_or(end, |(_, last)| end.max(*last));
        self.spans.push((call, last));
    }

    /// Whether any was under way between a call and an end.
    fn overlap(&self, call: u64, end: u64) -> bool {
        let called = self.spans.partition_point(|(other, _)| *other < end);
        called > 0 && self.spans[called - 1].1 > call
    }
}

/// How to say that nobody wrote a value that was seen: perhaps an operation did that has failed.
fn phantom(history: &History, seen: &Operation) -> String {
    let Some(Reply::Value(value)) = seen.reply() else { return "had asked to write".into() };
    let wrote = |command: &Command| matches!(command, Command::Set { value: written, .. } if written == value);
    let failed = history.operations.iter().find(|operation| operation.has_failed() && wrote(&operation.command));
    failed.map_or("had asked to write".into(), |failed| {
        format!("but the failed operation {} had asked to write", failed.id)
    })
}
