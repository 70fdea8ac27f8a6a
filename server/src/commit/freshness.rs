//! Proofs that memory is current, without reading the database.
//!
//! A check is a GET of `db.json` that names the version in memory. Its answer was true at some moment after the check was
//! sent. So it serves every read that arrived before that. Arrivals are numbered. A check's *mark* is the number that the
//! next arrival will get, and the check serves the arrivals below its mark.
//!
//! Checks and commits may overlap, because a proof holds for newer versions too: if version V was current after the read
//! arrived, and W was stored after V, then W also was current after the read arrived.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::{Backoff, Linger, RoundTrip};
use crate::store::ETag;
use crate::zoo::planted;

/// How many checks may be under way at once, evenly spread over a round trip. A read waits for the next check to start
/// and then for its answer. With four checks this takes about 1.1 round trips; with one it would take 1.5.
const CHECKS: usize = 4;

/// The share of a round trip, as a divisor, that a check may wait for the clients that the last one served. It is half the
/// distance between two checks, the mean time that these clients would wait for the next one.
const LINGER: u32 = 8;

/// A GET of `db.json` under way.
#[derive(Clone, Debug)]
pub struct Check {
    /// Later checks have higher numbers.
    pub number: u64,
    /// It serves the arrivals below this number.
    pub mark: u64,
    /// The generation in memory when it was sent. An older one cannot come back.
    pub generation: u64,
    /// The version that it asked about.
    pub etag: Option<ETag>,
    /// When it was sent.
    pub sent: Instant,
}

/// The checks under way, and what the answered ones have proven.
#[derive(Default)]
pub struct Checks {
    under_way: Vec<(u64, u64, Instant)>,
    sent: u64,
    last_sent: Option<Instant>,
    proven: u64,
    round_trip: RoundTrip,
    linger: Linger,
    backoff: Backoff,
}

impl Checks {
    /// The number of the next check: those from this one on are sent after now.
    pub fn next(&self) -> u64 {
        self.sent
    }

    /// Arrivals below this mark have been proven fresh.
    pub fn proven(&self) -> u64 {
        if planted!("read-without-check") { u64::MAX } else { self.proven }
    }

    /// Arrivals below this mark have been proven fresh or are about to be.
    pub fn covered(&self, now: Instant) -> u64 {
        self.lively(now).map(|&(_, mark, _)| mark).fold(self.proven, u64::max)
    }

    /// Whether a check from `number` on is about to be answered.
    pub fn expected(&self, number: u64, now: Instant) -> bool {
        self.lively(now).any(|&(other, _, _)| other >= number)
    }

    /// The checks that may still be answered. Nobody counts on a check that is long overdue, but its answer counts if it
    /// comes.
    fn lively(&self, now: Instant) -> impl Iterator<Item = &(u64, u64, Instant)> {
        let patience = self.round_trip.patience();
        self.under_way.iter().filter(move |(_, _, sent)| now < *sent + patience)
    }

    /// When the next check for reads may be sent: at its turn, and after the clients that were just served had time to ask
    /// again. `None` if an answer has to come first.
    pub fn turn(&self, arrivals: u64, now: Instant) -> Option<Instant> {
        if self.lively(now).count() >= CHECKS {
            return None;
        }
        let spacing = self.round_trip.estimate() / CHECKS as u32;
        let turn = self.last_sent.map_or(now, |sent| now.max(sent + spacing));
        Some(self.linger.until(arrivals, now).map_or(turn, |until| until.max(turn)))
    }

    /// Notes that reads have been answered, after so many arrivals.
    pub fn served(&mut self, answered: usize, arrivals: u64, now: Instant) {
        self.linger.after(answered, arrivals, self.round_trip.estimate() / LINGER, now);
    }

    /// The estimate of a check's round trip.
    pub fn round_trip(&self) -> Duration {
        self.round_trip.estimate()
    }

    /// Until when to leave a failing store alone.
    pub fn pause(&self, now: Instant) -> Option<Instant> {
        self.backoff.until(now)
    }

    /// When the next check becomes overdue.
    pub fn overdue(&self, now: Instant) -> Option<Instant> {
        self.lively(now).map(|(_, _, sent)| *sent + self.round_trip.patience()).min()
    }

    /// Notes that a check is sent.
    pub fn send(&mut self, mark: u64, generation: u64, etag: Option<ETag>, now: Instant) -> Check {
        let check = Check { number: self.sent, mark, generation, etag, sent: now };
        self.sent += 1;
        self.last_sent = Some(now);
        self.under_way.push((check.number, mark, now));
        check
    }

    /// Notes that memory holds the version that a check has shown to be current, or a newer one.
    pub fn prove(&mut self, check: &Check) {
        self.proven = self.proven.max(check.mark);
    }

    /// Notes that a check was answered with a version.
    pub fn answered(&mut self, check: &Check, now: Instant) {
        self.under_way.retain(|(number, _, _)| *number != check.number);
        self.round_trip.measured(now.duration_since(check.sent));
        self.backoff.succeeded();
    }

    /// Notes that a check brought nothing.
    pub fn failed(&mut self, check: &Check, now: Instant) {
        self.under_way.retain(|(number, _, _)| *number != check.number);
        self.backoff.failed(now);
    }
}
