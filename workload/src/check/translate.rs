//! Turns the operations of a history into acts with claims, and its words into numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::claim::{self, ABSENT, Claim, Count, Demand, FIRST_NAMED, Spoken, UNNAMED, Value};
use super::claims::{Act, Claims, Event, Impossible, Map, NEVER, NONE, Named, Sensitive, What};
use super::vocabulary::Vocabulary;
use crate::history::{History, Operation};
use crate::model;
use crate::operation::{Command, Outcome, Reply, ServerCommand};
use crate::word::Word;

/// The claims of a history, as far as they are known at an event. An operation that is called later is left out, and one
/// that ends later is open. Fails at a reply that no order explains, whatever the other operations are.
pub(super) fn claims(history: &History, until: u64) -> Result<Claims, Impossible> {
    let size = history.operations.len();
    let mut claims = Claims { acts: Vec::with_capacity(size), ..Claims::default() };
    let mut words = Vocabulary::with_capacity(size / 2);
    let mut about_all_keys = Vec::new();
    let called = history.operations.iter().take_while(|operation| operation.call.event <= until);
    for (index, operation) in called.enumerate() {
        let (end, reply) = match &operation.end {
            Some((end, Outcome::Failed(_))) if end.event <= until => continue,
            Some((end, Outcome::Reply(reply))) if end.event <= until => (end.event, Some(reply)),
            _ => (NEVER, None),
        };
        if let Some(reply) = reply
            && let Some(why) = model::impossible(&operation.command, reply)
        {
            return Err(Impossible { index, why });
        }
        // A register has no other type, so no error about types is right.
        if let Some(Reply::Error { error }) = reply {
            return Err(Impossible { index, why: format!("was answered with an error: {error}") });
        }
        let call = operation.call.event;
        let claim = claims.claim(Spoken::of(&operation.command, reply), &mut words, call, end);
        if operation.command.concerns_all_keys() {
            about_all_keys.push(claims.acts.len());
        } else if claim.is_idle(end == NEVER) {
            continue;
        }
        let (index, client) = (index as u32, operation.client);
        claims.acts.push(Act { index, client, call, end, claim, before: NONE, after: NONE, rides: false });
    }
    claims.words = words.into_keys();
    claims.keys = claims.words.len();
    claims.sensitive = vec![Sensitive::default(); claims.keys];
    claims.claim_all_keys(history, &about_all_keys);
    claims.find_writers();
    claims.refuse_phantoms(history)?;
    claims.simplify();
    claims.line_up();
    Ok(claims)
}

/// Claims that so many of the keys are present.
fn claim_size(claim: &mut Claim, keys: Range<u32>, sum: u32) {
    if sum == 0 {
        claim.demands = keys.map(|key| (key, Demand::Is(ABSENT))).collect();
    } else if sum == keys.end {
        claim.demands = keys.map(|key| (key, Demand::Present)).collect();
    } else {
        claim.count = Some(Box::new(Count { keys: keys.map(|key| (key, 1)).collect(), sum }));
    }
}

impl Claims {
    /// The claim of an operation in numbers. Commands about every key come later, when all keys have numbers.
    fn claim<'h>(&mut self, spoken: Spoken<'h>, words: &mut Vocabulary<'h>, call: u64, end: u64) -> Claim {
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

    /// The number of a value of a key.
    fn value<'h>(&mut self, key: u32, word: &'h Word, words: &mut Vocabulary<'h>) -> Value {
        let number = words.value(key, word);
        if number as usize == self.named.len() {
            self.named.push(Named { writers: 0, writer: NONE, first_end: NEVER, last_call: 0, last_end: 0 });
        }
        number + FIRST_NAMED
    }

    /// Adds the claims of FLUSHALL and DBSIZE, which concern every key that can ever have been present.
    fn claim_all_keys(&mut self, history: &History, acts: &[usize]) {
        let all = 0..self.keys as u32;
        for act in acts {
            let act = &mut self.acts[*act];
            let operation = &history.operations[act.index as usize];
            let reply = operation.reply().filter(|_| !act.is_open());
            match &operation.command {
                Command::Server(ServerCommand::FlushAll) => {
                    act.claim.writes = all.clone().map(|key| (key, ABSENT)).collect();
                }
                Command::Server(ServerCommand::DbSize) => {
                    if let Some(sum) = reply.and_then(claim::number) {
                        claim_size(&mut act.claim, all.clone(), sum);
                    }
                }
                // These claim the keys that they name, or nothing.
                Command::String(_)
                | Command::Set(_)
                | Command::Hash(_)
                | Command::List(_)
                | Command::SortedSet(_)
                | Command::Key(_)
                | Command::Transaction(_)
                | Command::Script(_)
                | Command::Server(
                    ServerCommand::Ping | ServerCommand::Select(_) | ServerCommand::FlushDb | ServerCommand::SwapDb(..),
                ) => {}
            }
        }
    }

    /// Counts the writers of each named value. All values that no reply names become one.
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

    /// Refuses a value that no operation wrote, and a count above the number of keys.
    fn refuse_phantoms(&self, history: &History) -> Result<(), Impossible> {
        for act in self.acts.iter().filter(|act| !act.is_open()) {
            let most = |count: &Count| count.keys.iter().map(|(_, weight)| *weight).sum::<u32>();
            if let Some(count) = act.claim.count.as_ref().filter(|count| count.sum > most(count)) {
                let why = format!("counted {} keys, but the history names only {}", count.sum, most(count));
                return Err(Impossible { index: act.index as usize, why });
            }
            for (_, demand) in &act.claim.demands {
                let Demand::Is(value @ FIRST_NAMED..) = demand else { continue };
                if self.named(*value).writers > 0 {
                    continue;
                }
                let operation = &history.operations[act.index as usize];
                let reply = operation.reply().map(ToString::to_string).unwrap_or_default();
                let why = format!("was answered {reply}, with a value that {}", nobody_wrote(history, operation));
                return Err(Impossible { index: act.index as usize, why });
            }
        }
        Ok(())
    }

    /// Puts the events in order, and links the acts of each client's pipelines.
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

    /// Adds the answers that come before an event.
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
}

/// The answered acts between their call and their end. They are few, however many clients and acts there are.
#[derive(Default)]
struct Waiting {
    ends: BinaryHeap<Reverse<(u64, u32)>>,
    /// The newest act of each client that waits for an answer.
    newest: Map<u64, u32>,
}

/// Says that no operation wrote the value that this one saw. A failed operation may have asked to write it.
fn nobody_wrote(history: &History, seer: &Operation) -> String {
    let nobody = "no operation had asked to write there".to_owned();
    let Some(Reply::Value(value)) = seer.reply() else { return nobody };
    let asked = |command: &Command| command.settable().iter().any(|(_, settable)| *settable == value);
    let failed = history.operations.iter().find(|operation| operation.has_failed() && asked(&operation.command));
    failed.map_or(nobody, |failed| format!("only the failed operation {} had asked to write there", failed.id))
}
