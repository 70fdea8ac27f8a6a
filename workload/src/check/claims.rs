//! A history in numbers: what each of its operations claims, and what is known of each value and key.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use foldhash::fast::FixedState;

use super::claim::{ABSENT, Claim, Count, Demand, FIRST_NAMED, Spoken, UNNAMED, Value};
use super::parts::Part;
use super::words::Words;
use crate::history::{History, Operation};
use crate::model;
use crate::operation::{Command, Outcome, Reply};
use crate::word::Word;

/// A map that is the same in every run.
pub(super) type Map<K, V> = HashMap<K, V, FixedState>;

/// The end of what never ended.
pub(super) const NEVER: u64 = u64::MAX;

/// No act.
pub(super) const NONE: u32 = u32::MAX;

/// An operation that took effect, or may have.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// Its place in the history.
    pub(super) place: u32,
    pub(super) client: u64,
    pub(super) call: u64,
    /// When it was answered; [`NEVER`] if it is open.
    pub(super) end: u64,
    pub(super) claim: Claim,
    /// The answered act that its client called before it, if that is not answered yet when it is called.
    pub(super) before: u32,
    /// The answered act that its client called next, if it is not answered yet by then.
    pub(super) after: u32,
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// An answered act is called.
    Call,
    /// An answered act is answered.
    End,
    /// An open act is called.
    Open,
}

#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) act: u32,
    pub(super) what: What,
}

impl Event {
    pub(super) fn moment(self, claims: &Claims) -> u64 {
        let act = &claims.acts[self.act as usize];
        if self.what == What::End { act.end } else { act.call }
    }
}

/// What the whole history says of a value.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// How many operations may write it.
    pub(super) writers: u32,
    /// One of them that makes a difference, as a number of an act; or [`NONE`].
    pub(super) writer: u32,
    /// When the first operation that names it ends; [`NEVER`] if none does.
    pub(super) first_end: u64,
    /// When the last operation that names it is called.
    pub(super) last_call: u64,
    /// When the last operation that names it ends.
    pub(super) last_end: u64,
}

/// A history in numbers.
#[derive(Default)]
pub(super) struct Claims {
    pub(super) acts: Vec<Act>,
    pub(super) events: Vec<Event>,
    pub(super) keys: usize,
    /// The keys in words.
    pub(super) words: Vec<Word>,
    /// By value, minus [`FIRST_NAMED`].
    pub(super) named: Vec<Named>,
    /// For each key, until when somebody wants it to be absent, or present whatever its value.
    pub(super) sensitive: Vec<Sensitive>,
    /// For each key, when the last operation has ended that asks whether it exists.
    pub(super) indifferent_after: Vec<u64>,
}

/// Until when, exclusively of what comes later, somebody asks these questions of a key.
#[derive(Clone, Copy, Default)]
pub(super) struct Sensitive {
    pub(super) absent: u64,
    pub(super) present: u64,
}

/// A reply that nothing could explain, by the place of its operation.
pub(super) struct Impossible {
    pub(super) place: usize,
    pub(super) why: String,
}

impl Claims {
    /// Turns words into numbers, as far as something is known at an event: what is called later is not there, and what
    /// ends later has not ended. Fails at a reply that by itself cannot be.
    pub(super) fn of(history: &History, until: u64) -> Result<Claims, Impossible> {
        let size = history.operations.len();
        let mut claims = Claims { acts: Vec::with_capacity(size), ..Claims::default() };
        let mut words = Words::with_capacity(size / 2);
        let mut speak_of_all = Vec::new();
        let called = history.operations.iter().take_while(|operation| operation.call.event <= until);
        for (place, operation) in called.enumerate() {
            let (end, reply) = match &operation.end {
                Some((end, Outcome::Failed(_))) if end.event <= until => continue,
                Some((end, Outcome::Reply(reply))) if end.event <= until => (end.event, Some(reply)),
                _ => (NEVER, None),
            };
            if let Some(reply) = reply
                && let Some(why) = model::impossible(&operation.command, reply)
            {
                return Err(Impossible { place, why });
            }
            let call = operation.call.event;
            let claim = claims.claim(Spoken::of(&operation.command, reply), &mut words, call, end);
            if operation.command.concerns_all_keys() {
                speak_of_all.push(claims.acts.len());
            } else if claim.is_idle(end == NEVER) {
                continue;
            }
            let (place, client) = (place as u32, operation.client);
            claims.acts.push(Act { place, client, call, end, claim, before: NONE, after: NONE, rides: false });
        }
        claims.words = words.into_keys();
        claims.keys = claims.words.len();
        claims.sensitive = vec![Sensitive::default(); claims.keys];
        claims.speak_of_all(history, &speak_of_all);
        claims.find_writers();
        claims.phantoms(history)?;
        claims.simplify();
        claims.line_up();
        Ok(claims)
    }

    /// The claim of an operation, but for what speaks of all keys, which are not known yet.
    fn claim<'h>(&mut self, spoken: Spoken<'h>, words: &mut Words<'h>, call: u64, end: u64) -> Claim {
        let mut claim = Claim::default();
        for (key, value) in spoken.named {
            let key = words.key(key);
            let value = self.value(key, value, words);
            let named = &mut self.named[(value - FIRST_NAMED) as usize];
            named.first_end = named.first_end.min(end);
            named.last_call = named.last_call.max(call);
            named.last_end = named.last_end.max(end);
            claim.demands.push((key, Demand::Is(value)));
        }
        for key in spoken.absent {
            claim.demands.push((words.key(key), Demand::Is(ABSENT)));
        }
        for key in spoken.present {
            claim.demands.push((words.key(key), Demand::Present));
        }
        if let Some((counted, sum)) = spoken.count {
            let keys = counted.into_iter().map(|(key, weight)| (words.key(key), weight)).collect();
            claim.count = Some(Box::new(Count { keys, sum }));
        }
        for (key, value) in spoken.writes {
            let key = words.key(key);
            claim.writes.push((key, value.map_or(ABSENT, |value| self.value(key, value, words))));
        }
        claim.demands.sort_unstable();
        claim.demands.dedup();
        claim.writes.sort_unstable();
        claim
    }

    fn value<'h>(&mut self, key: u32, word: &'h Word, words: &mut Words<'h>) -> Value {
        let number = words.value(key, word);
        if number as usize == self.named.len() {
            self.named.push(Named { writers: 0, writer: NONE, first_end: NEVER, last_call: 0, last_end: 0 });
        }
        number + FIRST_NAMED
    }

    /// What FLUSHALL and DBSIZE claim: something of every key that can ever have been there.
    fn speak_of_all(&mut self, history: &History, acts: &[usize]) {
        let all = 0..self.keys as u32;
        for act in acts {
            let act = &mut self.acts[*act];
            let operation = &history.operations[act.place as usize];
            match (&operation.command, operation.reply().filter(|_| !act.is_open())) {
                (Command::FlushAll, _) => act.claim.writes = all.clone().map(|key| (key, ABSENT)).collect(),
                (Command::DbSize, Some(Reply::Integer(sum))) => match u32::try_from(*sum).unwrap_or(u32::MAX) {
                    0 => act.claim.demands = all.clone().map(|key| (key, Demand::Is(ABSENT))).collect(),
                    sum if sum == all.end => {
                        act.claim.demands = all.clone().map(|key| (key, Demand::Present)).collect();
                    }
                    sum => {
                        let keys = all.clone().map(|key| (key, 1)).collect();
                        act.claim.count = Some(Box::new(Count { keys, sum }));
                    }
                },
                _ => {}
            }
        }
    }

    /// Counts the writers of values that some reply names; all other values are one.
    fn find_writers(&mut self) {
        for act in &mut self.acts {
            for (_, value) in act.claim.writes.iter_mut().filter(|(_, value)| *value >= FIRST_NAMED) {
                let named = &mut self.named[(*value - FIRST_NAMED) as usize];
                if named.first_end == NEVER {
                    *value = UNNAMED;
                } else {
                    named.writers += 1;
                }
            }
        }
    }

    /// A value that nobody asked to write, or only an operation that did nothing; more keys than there can be.
    fn phantoms(&self, history: &History) -> Result<(), Impossible> {
        for act in self.acts.iter().filter(|act| !act.is_open()) {
            let most = |count: &Count| count.keys.iter().map(|(_, weight)| *weight).sum::<u32>();
            if let Some(count) = act.claim.count.as_ref().filter(|count| count.sum > most(count)) {
                let why = format!("counted {} keys, although no more than {} are ever named", count.sum, most(count));
                return Err(Impossible { place: act.place as usize, why });
            }
            for (_, demand) in &act.claim.demands {
                let Demand::Is(value @ FIRST_NAMED..) = demand else { continue };
                if self.named(*value).writers > 0 {
                    continue;
                }
                let operation = &history.operations[act.place as usize];
                let reply = operation.reply().map(ToString::to_string).unwrap_or_default();
                let why =
                    format!("was answered {reply}, with a value that nobody {} there", phantom(history, operation));
                return Err(Impossible { place: act.place as usize, why });
            }
        }
        Ok(())
    }

    /// Finds what is next to what: the events in their order, and in each client's pipelines who comes after whom.
    fn line_up(&mut self) {
        let mut waiting = Waiting::default();
        self.events.reserve(2 * self.acts.len());
        for number in 0..self.acts.len() as u32 {
            let Act { client, call, end, .. } = self.acts[number as usize];
            self.answer(&mut waiting, call);
            if end == NEVER {
                self.events.push(Event { act: number, what: What::Open });
                continue;
            }
            self.events.push(Event { act: number, what: What::Call });
            waiting.ends.push(Reverse((end, number)));
            if let Some(before) = waiting.newest.insert(client, number) {
                self.acts[before as usize].after = number;
                self.acts[number as usize].before = before;
            }
        }
        self.answer(&mut waiting, NEVER);
    }

    /// Goes on until a moment.
    fn answer(&mut self, waiting: &mut Waiting, until: u64) {
        while let Some(Reverse((_, act))) = waiting.ends.peek().copied().filter(|Reverse((end, _))| *end < until) {
            waiting.ends.pop();
            self.events.push(Event { act, what: What::End });
            let client = self.acts[act as usize].client;
            if waiting.newest.get(&client) == Some(&act) {
                waiting.newest.remove(&client);
            }
        }
    }

    /// The keys of a part, some more than once.
    pub(super) fn keys_of(&self, part: &Part) -> impl Iterator<Item = u32> {
        part.acts().flat_map(|act| self.acts[act as usize].claim.keys())
    }

    /// What is known of a named value.
    pub(super) fn named(&self, value: Value) -> &Named {
        &self.named[(value - FIRST_NAMED) as usize]
    }
}

/// The answered acts that are called and have not ended: few, however many clients and acts there are.
#[derive(Default)]
struct Waiting {
    ends: BinaryHeap<Reverse<(u64, u32)>>,
    /// Of each client that waits, its newest.
    newest: Map<u64, u32>,
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
