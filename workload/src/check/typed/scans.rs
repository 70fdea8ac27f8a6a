//! Judges iterations: HSCAN, SSCAN and ZSCAN, from a call with the cursor 0 to a reply with the cursor 0.
//!
//! - An element that is in the collection from the beginning to the end of an iteration is shown at least once.
//! - No call shows an element that nobody can have added before its end.
//!
//! Whatever comes or goes meanwhile may be shown or not, and so may a field whose life may end before the history does. A cursor is all that a server knows of an iteration, so a call goes on
//! from every earlier call of the same key that gave its cursor, on whatever connection.
//!
//! These rules go by real time alone, so they do not search. They may miss a wrong reply while other operations are under
//! way. The model knows no more of a call of SSCAN or ZSCAN than the type of its key. Of a call of HSCAN it knows that the
//! fields are there with their values, since their lives may end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::claims::{Impossible, NEVER};
use super::super::impact;
use super::super::known::{KnownOperation, known};
use super::change::{Change, changes};
use super::doing::{Doing, Place};
use crate::history::History;
use crate::model::Site;
use crate::operation::{BEGINNING, Command, Scan, ServerCommand};
use crate::word::Word;

/// How early a life may end, in milliseconds, since the clocks of servers may be off.
const EARLY: i64 = 60_000;

/// The call and the end of an operation.
type Interval = (u64, u64);

/// The first reply to a call of an iteration, as known at an event, that is certainly wrong.
pub(in super::super) fn wrong(history: &History, until: u64) -> Option<Impossible> {
    if !history.operations.iter().any(|operation| Scan::of(&operation.command).is_some()) {
        return None;
    }
    let databases = history.databases();
    let collections = Collections::of(history, &databases, until);
    let mut calls: Vec<Call> = Vec::new();
    for KnownOperation { index, operation, end, reply } in known(history, until) {
        let (Some(scan), Some(reply)) = (Scan::of(&operation.command), reply) else { continue };
        let Some((next, elements)) = scan.shown(reply) else { continue };
        let place = (databases[index], scan.key);
        let goes_on = |call: &&Call| call.place == place && call.next == scan.cursor && call.end < operation.call.event;
        let call = if *scan.cursor == Word::from(BEGINNING) {
            Call { place, next, from: operation.call.event, end, shown: elements.iter().copied().collect() }
        } else {
            let Some(before) = calls.iter().rev().find(goes_on) else { continue };
            let shown = before.shown.iter().copied().chain(elements.iter().copied()).collect();
            Call { place, next, from: before.from, end, shown }
        };
        if let Some(why) = collections.objection(&call, &elements) {
            return Some(Impossible { index, why });
        }
        calls.push(call);
    }
    None
}

/// A call with what the iteration has shown up to it.
struct Call<'h> {
    place: Place<'h>,
    /// The cursor that the reply gives.
    next: &'h Word,
    /// The beginning of the iteration.
    from: u64,
    end: u64,
    shown: BTreeSet<&'h Word>,
}

/// What operations did to the elements of a collection.
#[derive(Default)]
struct ScannedElements {
    /// For each element, the operations that certainly added it.
    added: BTreeMap<Word, Vec<Interval>>,
    /// For each element, the first call of one that may have added it.
    addable: BTreeMap<Word, u64>,
    /// The operations that may have removed one element, each with it.
    removed: Vec<(Word, Interval)>,
    /// Those that may have removed any.
    emptied: Vec<Interval>,
    /// The first call of one that may have added anything.
    wild: Option<u64>,
}

/// The collections of a history.
struct Collections<'h> {
    by_place: HashMap<Place<'h>, ScannedElements>,
    /// The operations that concern all keys.
    of_all: Vec<Interval>,
    /// The first call of one that may bring any key.
    swapped: Option<u64>,
    /// The keys that may end by themselves.
    limited: BTreeSet<&'h Word>,
    /// The fields that may end by themselves before the history does, each with its key.
    ending: BTreeSet<(&'h Word, &'h Word)>,
}

impl<'h> Collections<'h> {
    fn of(history: &'h History, databases: &[u8], until: u64) -> Collections<'h> {
        let (by_place, of_all, swapped) = (HashMap::new(), Vec::new(), None);
        let (limited, ending) = (BTreeSet::new(), BTreeSet::new());
        let mut collections = Collections { by_place, of_all, swapped, limited, ending };
        let ends = history.operations.iter().filter_map(|operation| operation.end.as_ref().map(|(end, _)| end.at));
        let last = ends.max().unwrap_or_default();
        for KnownOperation { index, operation, end, reply } in known(history, until) {
            let (command, call) = (&operation.command, operation.call.event);
            let seen = reply.map(|reply| command.comparable(reply.clone()));
            if !command.may_write() || seen.as_ref().is_some_and(|seen| impact::does_nothing(command, seen)) {
                continue;
            }
            collections.limited.extend(command.lifetimes().into_iter().map(|(key, _)| key));
            // Who ends later than the history leaves nothing out.
            let left = last.saturating_sub(operation.call.at).as_millis();
            let is_short = |life: i64| i128::from(life - EARLY) <= left.cast_signed();
            let ending = command.field_lifetimes().into_iter().filter(|(_, life, _)| is_short(*life));
            collections
                .ending
                .extend(ending.flat_map(|(key, _, fields)| fields.into_iter().map(move |field| (key, field))));
            if command.concerns_all_keys() {
                collections.of_all.push((call, end));
                if matches!(command, Command::Server(ServerCommand::SwapDb(..))) {
                    collections.swapped.get_or_insert(call);
                }
            }
            let places: BTreeSet<Place> =
                command.parts().into_iter().flat_map(|part| part.places(databases[index])).collect();
            let (database, client) = (databases[index], operation.client);
            let site = Site { database, stamp: index as u32, client, ..Site::default() };
            let doing = Doing::Command { command, seen, site };
            for place in places {
                let collection = collections.by_place.entry(place).or_default();
                changes(&doing, place.1).into_iter().for_each(|change| collection.add(change, (call, end)));
            }
        }
        collections
    }

    /// Why a call cannot be right, with the elements that its own reply shows.
    fn objection(&self, call: &Call<'h>, elements: &[&Word]) -> Option<String> {
        let nothing = ScannedElements::default();
        let collection = self.by_place.get(&call.place).unwrap_or(&nothing);
        let before = |first: Option<u64>| first.is_some_and(|first| first < call.end);
        let known = |element: &&&Word| before(collection.addable.get(**element).copied());
        if !before(collection.wild)
            && !before(self.swapped)
            && let Some(element) = elements.iter().find(|element| !known(element))
        {
            return Some(format!("shows {element}, which nobody can have added"));
        }
        if *call.next != Word::from(BEGINNING) || self.limited.contains(call.place.1) {
            return None;
        }
        let stays = |element: &&Word| {
            let added = collection.added[*element].iter().filter(|(_, end)| *end < call.from);
            added.into_iter().any(|(from, _)| {
                let meanwhile = |(start, end): &Interval| end > from && *start < call.end;
                let emptied = self.of_all.iter().chain(&collection.emptied).any(meanwhile);
                let removed = collection.removed.iter().any(|(other, span)| other == *element && meanwhile(span));
                !emptied && !removed
            })
        };
        let may_end = |element: &&Word| self.ending.contains(&(call.place.1, *element));
        let missed =
            collection.added.keys().filter(|element| !call.shown.contains(element) && !may_end(element)).find(stays)?;
        Some(format!("ended an iteration that did not show {missed}, which was there all the time"))
    }
}

impl ScannedElements {
    fn add(&mut self, change: Change<'_>, span: Interval) {
        let (call, end) = span;
        match change {
            Change::Nothing => {}
            Change::Adds(elements) => {
                for element in elements {
                    self.addable.entry(element.clone()).or_insert(call);
                    if end != NEVER {
                        self.added.entry(element.clone()).or_default().push(span);
                    }
                }
            }
            Change::Removes(elements) => self.removed.extend(elements.into_iter().map(|element| (element, span))),
            Change::Pops | Change::Shrinks => self.emptied.push(span),
            // They replace the whole value, or may.
            Change::Anything | Change::Increases(_) | Change::Sets(_) | Change::Appends => {
                self.emptied.push(span);
                self.wild.get_or_insert(call);
            }
        }
    }
}
