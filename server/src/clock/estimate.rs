//! The estimate: what time it is, as far as one server can tell.
//!
//! A commit stores the larger of the previous `now` and the estimate of its server. An estimate that is behind gives a
//! lock of 60 seconds no time at all. One that is far ahead expires everything, and for ever, since `now` never goes
//! back. Nobody can trust the wall clock of a machine that far, so the clock of the store bounds it from both sides.
//!
//! This module is pure. It reads no clock: the caller passes the wall clock, a monotonic clock, and what the store
//! said.
//!
//! # Leads
//!
//! The monotonic clock is the ruler. The *lead* of another clock is what it shows minus what the monotonic clock
//! shows. While nobody sets that clock, its lead is a constant, so leads that were measured at different times can be
//! compared.
//!
//! The store writes `Date` at some moment between `sent` and `received`, and it cuts off the fraction of the second.
//! So each answer bounds the lead of the store:
//!
//! | | lead at least | lead at most |
//! |---|---|---|
//! | an answer of the store | `Date` - `received` | `Date` + 1 s - `sent` |
//! | an answer from a cache | `Date` - `received` | `Date` + `Age` + 2 s - `sent` |
//!
//! The estimate is the monotonic clock plus the lead of the wall clock, clamped into what the last 64 answers have in
//! common. It is the larger of that and the last estimate.
//!
//! # Rules that the plain ones lack
//!
//! - **Bounds widen.** Two clocks drift apart, by up to 0.05 % while one of them is slewed. Bounds that only move on
//!   would exclude the truth after some hours and outvote every new answer. Each bound widens by 0.1 % of its age.
//! - **The majority is a point.** "Leave out those that do not meet the majority" is ambiguous: A meets B and B meets
//!   C, but A does not meet C. The server takes the region that the largest number of bounds covers (Marzullo's rule).
//!   Of equal regions it takes the earliest that does not end before the stored `now`: the database has been there
//!   already, and an early estimate expires least.
//! - **64 answers span 16 seconds.** A busy server hears 64 answers in as many milliseconds, and a proxy with a clock
//!   of its own could turn the vote in half of that. After the first eight, the server takes an answer every 250 ms.
//!   This also finds the store's time more exactly, since the answers see different fractions of the second.
//! - **Eight in a row win.** The monotonic clock may stop while the machine sleeps, and the store's clock may be set.
//!   Then all old bounds are wrong together, and 33 new answers may take hours. If the newest eight have a point in
//!   common and none of them meets the majority, the server forgets the older ones. The wall clock has no vote in
//!   this: with a forged clock and a proxy on the same machine it would be one liar who votes twice.
//! - **Vague answers do not count.** Bounds wider than a minute, after a long round trip or with a large `Age`, meet
//!   every other and only take up room. A cache may overstate `Age`, so `Age` raises the upper bound only.
//! - **Nothing is forgotten for its age alone.** A server that was idle for a day still has its old bounds, widened to
//!   86 seconds. Without them, a wall clock that is years ahead would count until the next answer.
//! - **No answer, no wall clock.** Before the first answer the estimate goes on from the stored `now`. If the wall
//!   clock counted then, a forged one would stick: an estimate never goes back.
//! - **More than a day beyond `now` needs two witnesses.** The stored `now`, plus the time that the server has watched
//!   since, has passed for certain. So has the earlier of wall clock and store. The store alone may add one day to the
//!   later of these two; if it says more, they count without it. The plain rule, that wall clock and store must agree
//!   to a minute, would leave a server whose clock is two minutes off days behind after every idle weekend. Locks
//!   taken there would end when a server with a better clock commits. The time is watched from the version that puts
//!   it highest, not from the first: otherwise it would fall behind a `now` that another server has moved.
//! - **The first version takes the store's time.** An unborn database has no `now` that could be a witness.
//! - **A day behind `now` goes on from `now`.** If a wrong clock once moved the stored `now` far ahead, time would
//!   stand still for years, and no lock would ever end. The estimate goes on from the stored `now`, with a warning.
//!   Less than a day heals by standing still.
//!
//! # What remains
//!
//! After a sleep that the monotonic clock did not count, the estimate is behind until eight answers are taken. A
//! server whose wall clock is more than a day behind, on a database that was idle for more than a day, is behind until
//! another server commits. Locks that are taken meanwhile end early. A monotonic clock that counts sleep
//! (`CLOCK_BOOTTIME`) would avoid the first case. Nothing helps if the store and the machine are both far ahead.

use std::collections::VecDeque;
use std::time::Duration;

use crate::zoo::planted;

/// How many answers vote. More would not make the bounds much narrower.
const ANSWERS: usize = 64;

/// How many answers in a row overrule the majority. A proxy that gives one wrong answer in ten does so once in 10^8.
const RUN: usize = 8;

/// The least time between two answers that are taken, in ms. [`ANSWERS`] of them span 16 seconds, [`RUN`] nearly two.
const SPACING: i64 = 250;

/// Wider bounds than these, in ms, are ignored: they say too little to take the room of others.
const WIDEST: i64 = 60_000;

/// Bounds widen by one part in so many. Slewed clocks drift by 1 in 2,000, and crystals by much less.
const DRIFT: i64 = 1_000;

/// Without an answer for so long, in ms, the bounds have widened by 1.8 seconds, and the server wants a new answer.
#[cfg(test)]
const SILENCE: i64 = 30 * 60_000;

/// How far one clock alone may lead the estimate away from the stored `now`, in ms.
const DAY: i64 = 24 * 60 * 60_000;

/// The least time between two warnings, in ms. `now` runs for every batch and must not fill the log.
const WARNING_PAUSE: i64 = 60 * 60_000;

/// The end of the year 9999, in ms. `Date` cannot show a later time. It also keeps the sums far from overflow.
const LAST_MOMENT: u64 = 253_402_300_800_000;

/// What an answer of the store tells about the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatedAnswer {
    /// `Date`, in seconds since the beginning of 1970.
    pub date: u64,
    /// `Age` in seconds, zero without that header.
    pub age: u64,
    /// The monotonic clock before the request was sent.
    pub sent: Duration,
    /// The monotonic clock after the head of the answer was received.
    pub received: Duration,
}

/// Whose clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The wall clock of the machine: the store is a folder, or its answers have no `Date`.
    Machine,
    /// The store, by the `Date` of its answers.
    Store,
}

/// Something about the clocks that an operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockWarning {
    /// The store's time is far beyond what `now` and the wall clock confirm. The estimate follows these two.
    FarBeyond {
        /// How far it is beyond, in ms.
        beyond: u64,
        /// The wall clock minus the store's time, in ms.
        disagreement: i64,
    },
    /// `now` is far ahead of the clock that counts. The estimate goes on from `now`; `repair --now` mends it.
    FarBehind {
        /// How far `now` is ahead, in ms.
        behind: u64,
    },
}

/// Bounds of a lead, in ms. Both ends belong to them.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: i64,
    high: i64,
}

impl Bounds {
    fn widened(self, by: i64) -> Bounds {
        Bounds { low: self.low - by, high: self.high + by }
    }

    fn meets(self, other: Bounds) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// Bounds as they were at a time of the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Measured {
    bounds: Bounds,
    at: i64,
}

impl Measured {
    /// The bounds at a later time.
    fn at(self, monotonic: i64) -> Bounds {
        self.bounds.widened((monotonic - self.at).max(0) / DRIFT)
    }
}

/// The estimate of one server. See the module's documentation for its rules.
#[derive(Debug)]
pub struct Estimate {
    authority: Authority,
    /// The last answers that were taken, oldest first, at most [`ANSWERS`].
    answers: VecDeque<Measured>,
    /// What the majority of the answers has in common.
    common: Option<Measured>,
    /// Whether the newest answer meets `common`.
    newest_agrees: bool,
    /// The highest lead of a stored `now`, when this server first saw it.
    stored: Option<i64>,
    latest: u64,
    warned: Option<i64>,
    warning: Option<ClockWarning>,
}

impl Estimate {
    /// An estimate of a server that has heard and seen nothing yet.
    pub fn new(authority: Authority) -> Estimate {
        Estimate {
            authority,
            answers: VecDeque::new(),
            common: None,
            newest_agrees: true,
            stored: None,
            latest: 0,
            warned: None,
            warning: None,
        }
    }

    /// Learns from an answer of the store. Answers may come late and in any order.
    ///
    /// The caller passes answers that the store itself must have given. A proxy writes the `Date` of an error of its
    /// own.
    pub fn heard(&mut self, answer: DatedAnswer) {
        let Some(measured) = measure(answer).filter(|_| self.authority == Authority::Store) else { return };
        if self.answers.len() >= RUN && self.answers.back().is_some_and(|last| measured.at - last.at < SPACING) {
            return;
        }
        if self.answers.len() == ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(measured);
        let at = self.common.map_or(measured.at, |common| common.at.max(measured.at));
        let bounds = self.agreed(at);
        self.common = Some(Measured { bounds, at });
        self.newest_agrees = measured.at(at).meets(bounds);
    }

    /// Learns that a version of the database with this `now` exists.
    pub fn known(&mut self, stored_now: u64, monotonic: Duration) {
        // A database that nobody has written to has no time yet, and one of format 1 has none. Then the first version takes
        // the store's: nothing else says that the wall clock is right.
        if stored_now == 0 && !planted!("no-time-counts-as-a-time") {
            return;
        }
        let lead = milliseconds(stored_now) - whole(monotonic);
        self.stored = Some(self.stored.map_or(lead, |stored| stored.max(lead)));
    }

    /// Estimates the time, in ms since the beginning of 1970. It never returns less than before.
    ///
    /// It is zero if the store's clock counts, no answer was heard, and no version is known.
    pub fn now(&mut self, wall_ms: u64, monotonic: Duration) -> u64 {
        let monotonic = whole(monotonic);
        let wall = milliseconds(wall_ms) - monotonic;
        let bounded = match (self.authority, self.common) {
            (Authority::Machine, _) => Some(wall),
            (Authority::Store, Some(common)) => {
                let Bounds { low, high } = common.at(monotonic);
                Some(wall.clamp(low, high))
            }
            (Authority::Store, None) => None,
        };
        let lead = match (bounded, self.stored) {
            (Some(bounded), Some(stored)) => self.beside_stored(bounded, stored, wall, monotonic),
            (Some(lead), None) | (None, Some(lead)) => lead,
            (None, None) => return self.latest,
        };
        self.latest = self.latest.max(u64::try_from(monotonic + lead).unwrap_or(0));
        self.latest
    }

    /// Whether one more answer would make the estimate much better: none was heard for long, or the newest one contradicts
    /// the majority. The model's servers ask; a real one asks the store often enough without it.
    #[cfg(test)]
    pub fn wants_answer(&self, monotonic: Duration) -> bool {
        let silent = |last: &Measured| whole(monotonic) - last.at > SILENCE;
        self.authority == Authority::Store && (!self.newest_agrees || self.answers.back().is_none_or(silent))
    }

    /// Takes the warning that the log should show, if one is due. It is due once an hour while the estimate does not
    /// follow the clock that should count.
    pub fn take_warning(&mut self) -> Option<ClockWarning> {
        self.warning.take()
    }

    /// Compares a lead with that of the stored `now`, and returns the one that counts.
    fn beside_stored(&mut self, bounded: i64, stored: i64, wall: i64, monotonic: i64) -> i64 {
        let certain = stored.max(wall); // if the wall clock is the latest of all, nothing is beyond it
        let (lead, warning) = if bounded - certain > DAY {
            let beyond = (bounded - certain).unsigned_abs();
            (certain, ClockWarning::FarBeyond { beyond, disagreement: wall - bounded })
        } else if stored - bounded > DAY {
            (stored, ClockWarning::FarBehind { behind: (stored - bounded).unsigned_abs() })
        } else {
            return bounded;
        };
        if self.warned.is_none_or(|warned| monotonic - warned >= WARNING_PAUSE) {
            self.warned = Some(monotonic);
            self.warning = Some(warning);
        }
        lead
    }

    /// What the answers agree on. It forgets the older ones if the newest overrule them.
    fn agreed(&mut self, at: i64) -> Bounds {
        let majority = self.majority(at);
        let newest = || self.answers.iter().rev().take(RUN).map(|answer| answer.at(at));
        let run = newest().fold(Bounds { low: i64::MIN, high: i64::MAX }, |run, bounds| Bounds {
            low: run.low.max(bounds.low),
            high: run.high.min(bounds.high),
        });
        let overrules =
            self.answers.len() > RUN && run.low <= run.high && newest().all(|bounds| !bounds.meets(majority));
        if !overrules {
            return majority;
        }
        self.answers.drain(..self.answers.len() - RUN);
        run
    }

    /// The region that the largest number of bounds covers, found by a sweep over their ends.
    fn majority(&self, at: i64) -> Bounds {
        let bounds = self.answers.iter().map(|answer| answer.at(at));
        let mut ends: Vec<(i64, bool)> = bounds.flat_map(|Bounds { low, high }| [(low, false), (high, true)]).collect();
        ends.sort_unstable(); // at the same place a region begins before another ends: both ends belong to it

        let (mut best, mut most) = (Bounds { low: i64::MIN, high: i64::MAX }, 0);
        let (mut covering, mut begun) = (0, None);
        for (end, closes) in ends {
            if !closes {
                covering += 1;
                begun = Some(end);
                continue;
            }
            if let Some(low) = begun.take() {
                let past = self.stored.is_some_and(|stored| best.high < stored);
                if covering > most || (covering == most && past) {
                    (best, most) = (Bounds { low, high: end }, covering);
                }
            }
            covering -= 1;
        }
        best
    }
}

/// The bounds that an answer gives, or none if they cannot be used. Rounding only makes them wider.
fn measure(answer: DatedAnswer) -> Option<Measured> {
    let DatedAnswer { date, age, sent, received } = answer;
    let usable = sent <= received && date < LAST_MOMENT / 1_000 && age <= WIDEST.unsigned_abs() / 1_000;
    let (date, age) = usable.then(|| (milliseconds(date * 1_000), milliseconds(age * 1_000)))?;
    let latest = if age == 0 { date + 1_000 } else { date + age + 2_000 };
    let received = whole(received) + 1;
    let bounds = Bounds { low: date - received, high: latest - whole(sent) };
    (bounds.high - bounds.low <= WIDEST).then_some(Measured { bounds, at: received })
}

/// Whole milliseconds of the monotonic clock.
fn whole(monotonic: Duration) -> i64 {
    milliseconds(u64::try_from(monotonic.as_millis()).unwrap_or(u64::MAX))
}

/// A time in ms as a signed number, cut at the last moment that counts.
fn milliseconds(time: u64) -> i64 {
    i64::try_from(time.min(LAST_MOMENT)).expect("the last moment fits")
}

#[cfg(test)]
mod tests;
