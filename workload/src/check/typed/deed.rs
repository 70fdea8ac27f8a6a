//! Deeds: operations, and the ends of lives, as things that happen at one moment each.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use super::super::claims::{Impossible, NEVER, NONE};
use super::super::impact;
use super::doing::{Doing, Place};
use super::touch::{Touch, touches};
use crate::history::{History, Operation};
use crate::model::{self, Lifetime, Site, Window};
use crate::operation::{Command, Outcome, Reply, ServerCommand, TransactionCommand};
use crate::word::Word;

/// Something that happens at one moment between its call and its end, or that may have happened if it is open.
pub(super) struct Deed<'h> {
    /// The index of its operation in the history. For the end of a life, that of the operation which set it.
    pub(super) index: u32,
    pub(super) client: Option<u64>,
    /// Moments are events times two, so that the end of a life finds room between two events.
    pub(super) call: u64,
    /// [`NEVER`] if it is open.
    pub(super) end: u64,
    pub(super) doing: Doing<'h>,
    /// What it looks at and writes.
    pub(super) touches: Vec<Touch>,
    /// The answered deed that its client called before and that is unanswered when the client calls this one, or [`NONE`].
    pub(super) before: u32,
    /// Whether it never changes anything, as its reply shows.
    pub(super) is_harmless: bool,
}

impl Deed<'_> {
    pub(super) fn is_open(&self) -> bool {
        self.end == NEVER
    }

    /// Whether it concerns keys that it does not name.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.doing, Doing::Command { command, .. } if command.concerns_all_keys())
    }

    pub(super) fn is_death(&self) -> bool {
        matches!(self.doing, Doing::Death { .. })
    }

    /// Whether its order and that of another deed matters.
    pub(super) fn conflicts(&self, other: &Deed<'_>) -> bool {
        self.touches.iter().any(|touch| other.touches.iter().any(|with| touch.conflicts(with)))
    }
}

/// The deeds of a history, in the order of their calls.
#[derive(Default)]
pub(super) struct Deeds<'h> {
    pub(super) all: Vec<Deed<'h>>,
    /// Every key that can ever have been present, by its number.
    pub(super) places: Vec<Place<'h>>,
}

impl<'h> Deeds<'h> {
    /// The deeds known at an event, if the clocks of servers are off by `margin` at most. Fails at a reply that no order explains, whatever the other operations are.
    pub(super) fn of(history: &'h History, until: u64, margin: Duration) -> Result<Deeds<'h>, Impossible> {
        let mut deeds = Deeds::default();
        let databases = history.databases();
        let clock = Clock::of(history, until, margin);
        let guards = guards(history, until);
        let called = history.operations.iter().take_while(|operation| operation.call.event <= until);
        for (index, operation) in called.enumerate() {
            let (end, reply) = match &operation.end {
                Some((end, Outcome::Failed(_))) if end.event <= until => continue,
                Some((end, Outcome::Reply(reply))) if end.event <= until => (end.event, Some(reply)),
                _ => (NEVER, None),
            };
            if let Some(why) = reply.and_then(|reply| model::impossible(&operation.command, reply)) {
                return Err(Impossible { index, why });
            }
            if !is_pointless_watch(operation, &guards) {
                deeds.add(index, operation, databases[index], end, reply, &clock);
            }
        }
        deeds.all.sort_by_key(|deed| deed.call);
        deeds.find_places(history, &databases);
        deeds.line_up();
        Ok(deeds)
    }

    fn add(
        &mut self,
        index: usize,
        operation: &'h Operation,
        database: u8,
        end: u64,
        reply: Option<&Reply>,
        clock: &Clock,
    ) {
        let command = &operation.command;
        if end == NEVER && !command.may_write() || impact::is_idle(command, reply) {
            return;
        }
        let (index, call) = (index as u32, 2 * operation.call.event);
        let stop = if end == NEVER { NEVER } else { 2 * end };
        let window = operation.window(clock.margin);
        let window = if end == NEVER { Window { to: i64::MAX, ..window } } else { window };
        let site = Site { database, stamp: index, client: operation.client, window };
        let seen = reply.map(|reply| command.comparable(reply.clone()));
        let is_harmless = seen.as_ref().is_some_and(|seen| impact::is_harmless(command, seen));
        let lives = lives(command, seen.as_ref());
        let doing = Doing::Command { command, seen, site };
        let client = Some(operation.client);
        self.all.push(Deed { index, client, call, end: stop, doing, touches: Vec::new(), before: NONE, is_harmless });
        for ((key, milliseconds), fields) in lives {
            let life = Duration::from_millis(milliseconds.unsigned_abs());
            let from = clock.from(operation.call.at + life.saturating_sub(clock.margin)).max(call + 1);
            let answered = operation.end.as_ref().filter(|_| end != NEVER);
            let by = answered.map_or(NEVER, |(moment, _)| clock.by(moment.at + life + clock.margin));
            if from != NEVER {
                let doing = Doing::Death { key, limit: Lifetime::of(site, milliseconds), fields };
                let (client, touches, before, is_harmless) = (None, Vec::new(), NONE, false);
                self.all.push(Deed { index, client, call: from, end: by, doing, touches, before, is_harmless });
            }
        }
    }

    /// Numbers the keys, and finds what each deed touches.
    fn find_places(&mut self, history: &'h History, databases: &[u8]) {
        let mut places: BTreeSet<Place> = BTreeSet::new();
        for deed in &self.all {
            if let Doing::Command { command, site, .. } = deed.doing {
                places.extend(command.places(site.database));
            }
        }
        let swapped = |operation: &Operation| match operation.command {
            Command::Server(ServerCommand::SwapDb(one, other)) => vec![one, other],
            _ => Vec::new(),
        };
        let swapped: BTreeSet<u8> = history.operations.iter().flat_map(swapped).collect();
        if !swapped.is_empty() {
            let words: BTreeSet<&Word> = places.iter().map(|(_, word)| *word).collect();
            let everywhere: BTreeSet<u8> = swapped.into_iter().chain(databases.iter().copied()).collect();
            places.extend(words.iter().flat_map(|word| everywhere.iter().map(move |database| (*database, *word))));
        }
        self.places = places.into_iter().collect();
        let numbers: BTreeMap<Place, u32> = self.places.iter().copied().zip(0..).collect();
        // A life ends with the last element of a collection, so its elements do not commute.
        let limited: BTreeSet<&Word> = self
            .all
            .iter()
            .flat_map(|deed| match &deed.doing {
                Doing::Command { command, .. } => command.lifetimes().into_iter().map(|(key, _)| key).collect(),
                Doing::Death { .. } => Vec::new(),
            })
            .collect();
        for deed in &mut self.all {
            deed.touches = touches(&deed.doing, &self.places, &numbers, &limited);
        }
    }

    /// Links the deeds of each client's pipelines.
    fn line_up(&mut self) {
        let mut newest: BTreeMap<u64, u32> = BTreeMap::new();
        for number in 0..self.all.len() {
            let Deed { client: Some(client), call, end, .. } = self.all[number] else { continue };
            if end == NEVER {
                continue;
            }
            let before = newest.insert(client, number as u32);
            self.all[number].before = before.filter(|before| self.all[*before as usize].end > call).unwrap_or(NONE);
        }
    }

    /// The same deeds without some that are open.
    pub(super) fn without(&self, left_out: impl Fn(&Deed) -> bool) -> Deeds<'h> {
        let copy = |deed: &Deed<'h>| Deed {
            doing: match &deed.doing {
                Doing::Command { command, seen, site } => Doing::Command { command, seen: seen.clone(), site: *site },
                Doing::Death { key, limit, fields } => Doing::Death { key, limit: *limit, fields: fields.clone() },
            },
            touches: deed.touches.clone(),
            ..*deed
        };
        let all = self.all.iter().filter(|deed| !left_out(deed)).map(copy).collect();
        let mut deeds = Deeds { all, places: self.places.clone() };
        deeds.line_up();
        deeds
    }
}

/// The lives that a command with this reply may have given to keys, or to fields of their hashes. Each has its key, its
/// milliseconds and the fields. The life of a key has none.
fn lives<'h>(command: &'h Command, seen: Option<&Reply>) -> BTreeMap<(&'h Word, i64), Vec<&'h Word>> {
    let answered = impact::parts(command, seen);
    let took_effect = |seen: Option<&Reply>, part| !seen.is_some_and(|seen| impact::is_harmless(part, seen));
    let mut lives: BTreeMap<(&Word, i64), Vec<&Word>> = BTreeMap::new();
    let parts = || {
        let answered = command.parts().into_iter().zip(answered.iter());
        answered.filter(|(part, (_, seen))| took_effect(*seen, part)).map(|(part, _)| part)
    };
    // All commands of a transaction see one time. So whatever gets the same life from them ends together.
    for (key, milliseconds, fields) in parts().flat_map(Command::field_lifetimes).filter(|(_, life, _)| *life > 0) {
        lives.entry((key, milliseconds)).or_default().extend(fields);
    }
    for limit in parts().flat_map(Command::lifetimes).filter(|(_, life)| *life > 0) {
        lives.insert(limit, Vec::new());
    }
    lives
}

/// The clients and keys of each EXEC that took effect, or may have, and that depends on a WATCH.
fn guards(history: &History, until: u64) -> HashSet<(u64, &Word)> {
    let called = history.operations.iter().take_while(|operation| operation.call.event <= until);
    let guarded = called.filter(|operation| match &operation.end {
        Some((end, Outcome::Reply(reply))) => end.event > until || *reply != Reply::Nil,
        Some((end, Outcome::Failed(_))) => end.event > until,
        Some((_, Outcome::Unknown(_))) | None => true,
    });
    guarded.flat_map(|operation| operation.command.watched().iter().map(move |key| (operation.client, key))).collect()
}

/// Whether an operation is a WATCH on which no EXEC depends.
fn is_pointless_watch(operation: &Operation, guards: &HashSet<(u64, &Word)>) -> bool {
    match operation.command.transaction() {
        Some(TransactionCommand::Watch(keys)) => !keys.iter().any(|key| guards.contains(&(operation.client, key))),
        _ => false,
    }
}

/// The times of the events of a history.
struct Clock {
    times: Vec<(Duration, u64)>,
    /// How far the clocks of servers may be off.
    margin: Duration,
}

impl Clock {
    fn of(history: &History, until: u64, margin: Duration) -> Clock {
        let calls = history.operations.iter().map(|operation| operation.call);
        let ends = history.operations.iter().filter_map(|operation| operation.end.as_ref().map(|(end, _)| *end));
        let known = calls.chain(ends).filter(|moment| moment.event <= until);
        let mut times: Vec<(Duration, u64)> = known.map(|moment| (moment.at, moment.event)).collect();
        times.sort_unstable();
        Clock { times, margin }
    }

    /// The moment just before the first event at a time or later.
    fn from(&self, at: Duration) -> u64 {
        let index = self.times.partition_point(|(time, _)| *time < at);
        self.times.get(index).map_or(NEVER, |(_, event)| (2 * event).saturating_sub(1))
    }

    /// The moment just before the first event after a time.
    fn by(&self, at: Duration) -> u64 {
        let index = self.times.partition_point(|(time, _)| *time <= at);
        self.times.get(index).map_or(NEVER, |(_, event)| (2 * event).saturating_sub(1))
    }
}
