//! What a server knows about the health of its store, for the log, for INFO and for refused clients.
//!
//! One failed request is no outage: a store that is up fails now and then. The store *fails* when some requests failed
//! and none succeeded for a second. The log says so once, again when the cause changes, and once more when the store is
//! back.
//!
//! Reads and writes are judged apart, because on a full disk reads still succeed. A read that succeeds after failed
//! reads shows that the whole store is back; a read that succeeds beside failing writes shows nothing about them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Reason, StoreError};
use super::proof;

/// Failures for this long, without a success in between, are an outage. A shorter hiccup concerns nobody: commands are
/// tried again until their deadline.
const OUTAGE: Duration = Duration::from_secs(1);

/// A failure after this long without any request begins a new count. Nobody knows whether the store failed meanwhile.
const FORGET: Duration = Duration::from_secs(30);

/// A request that takes this long, and several times as long as usual, is what a waiting client suffers from.
const SLOW: Duration = Duration::from_millis(300);

/// A cause that differs from the one before is said after this time.
const CAUSE_AGAIN: Duration = Duration::from_secs(1);

/// The most objects whose failures are remembered, to count retries. There are few: `db.json`, and the runs of an upload.
const MOST_FAILED: usize = 1000;

/// How many times as long as usual.
const SEVERAL: u32 = 4;

/// The newest measurement counts for one part in so many of the smoothed latency.
const SMOOTHING: u32 = 8;

const SILENT: &str = "the store does not answer";

/// Whether a request reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// A get or a list.
    Read,
    /// A put.
    Write,
    /// A delete. It says little about the store: deletes succeed on a full disk, and nobody waits for them.
    Delete,
}

/// The health of one store. Everything that shows it holds the same `Arc`.
#[derive(Debug, Default)]
pub struct Health(Mutex<HealthRecord>);

/// What INFO shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HealthReport {
    /// Requests that were sent. A request that the store itself repeats counts once.
    pub requests: u64,
    /// Requests that failed. A conflict is no failure.
    pub errors: u64,
    /// Requests about an object whose last request of the same kind had failed.
    pub retries: u64,
    /// Writes of the database whose condition did not hold. The proof at the start has some on purpose.
    pub conflicts: u64,
    /// Answers that could not be true and were asked for again.
    pub rereads: u64,
    /// How long a successful request takes, smoothed; `None` before the first one.
    pub latency: Option<Duration>,
    /// The newest error and its age.
    pub last_error: Option<(String, Duration)>,
    /// How long the store has been failing; `None` if it works.
    pub failing_for: Option<Duration>,
}

#[derive(Debug, Default)]
struct HealthRecord {
    report: HealthReport,
    last_error: Option<Failed>,
    reads: Track,
    writes: Track,
    /// The present outage, if the log has said that there is one.
    announced: Option<Announced>,
    /// The objects whose last request of this kind failed.
    failed: BTreeSet<(Access, String)>,
    /// What the unanswered requests do and when they were sent, by their numbers.
    under_way: BTreeMap<u64, (Access, Instant)>,
}

/// What the log has said of an outage.
#[derive(Debug)]
struct Announced {
    began: Instant,
    /// When it last said a cause.
    at: Instant,
    /// The first cause.
    gist: Cow<'static, str>,
}

#[derive(Debug)]
struct Failed {
    text: String,
    gist: Cow<'static, str>,
    at: Instant,
}

/// The requests of one kind.
#[derive(Debug, Default)]
struct Track {
    /// The first failure since the last success, and the newest one.
    failures: Option<(Instant, Instant)>,
    succeeded: Option<Instant>,
    /// The cause that the log said last in this outage.
    said: Option<Cow<'static, str>>,
}

impl Track {
    fn fail(&mut self, since: Instant, now: Instant) {
        let first = match self.failures {
            Some((first, newest)) if now.duration_since(newest) < FORGET => first,
            _ => since,
        };
        self.failures = Some((first, now));
    }

    fn failing_since(&self) -> Option<Instant> {
        self.failures.map(|(first, _)| first)
    }
}

impl Health {
    /// Why the store does not work right now, in a few words for a client that has to be refused; `None` if it works.
    pub fn cause(&self) -> Option<Cow<'static, str>> {
        self.record().cause(Instant::now())
    }

    /// What INFO shows.
    pub fn report(&self) -> HealthReport {
        let (record, now) = (self.record(), Instant::now());
        HealthReport {
            last_error: record.last_error.as_ref().map(|error| (error.text.clone(), now.duration_since(error.at))),
            failing_for: record.failing_since().map(|since| now.duration_since(since)),
            ..record.report.clone()
        }
    }

    /// Notes that a request is sent, and gives its number.
    pub(super) fn sent(&self, access: Access, name: &str, now: Instant) -> u64 {
        let mut record = self.record();
        // Usually nothing has failed, and the name need not be copied.
        if !record.failed.is_empty() && record.failed.remove(&(access, name.to_owned())) {
            record.report.retries += 1;
        }
        record.report.requests += 1;
        let number = record.report.requests;
        record.under_way.insert(number, (access, now));
        number
    }

    /// Notes that nobody waits for the answer of a request any more.
    pub(super) fn forget(&self, number: u64) {
        self.record().under_way.remove(&number);
    }

    /// Notes how a request ended.
    pub(super) fn answered<T>(&self, access: Access, name: &str, sent: Instant, result: &Result<T, StoreError>) {
        let (mut record, now) = (self.record(), Instant::now());
        let is_failure = matches!(result, Err(StoreError::DidNotHappen(_) | StoreError::Unclear(_)));
        record.remember(access, name, is_failure);
        match result {
            Ok(_) => {
                record.measure(now.duration_since(sent));
                record.succeed(access, now);
            }
            Err(StoreError::Conflict(_)) => {
                record.report.conflicts += u64::from(!name.starts_with(proof::PREFIX));
                record.succeed(access, now);
            }
            // The store works, but somebody has to mend the object.
            Err(error @ StoreError::Obstructed(_)) => {
                record.note(error.reason(), now);
                record.succeed(access, now);
            }
            Err(error) => {
                record.note(error.reason(), now);
                record.fail(access, now, now);
            }
        }
    }

    /// Notes that a request has waited long for its answer. That is a failure unless another request of its kind
    /// succeeded meanwhile.
    pub(super) fn waits(&self, access: Access, sent: Instant, name: &str) {
        let (mut record, now) = (self.record(), Instant::now());
        if record.has_succeeded_since(access, sent) {
            return;
        }
        let seconds = now.duration_since(sent).as_secs_f32();
        let text = format!("no answer about {name} for {seconds:.0} s");
        record.note(&Reason::new(text).with_gist(SILENT), now);
        record.remember(access, name, true);
        record.fail(access, sent, now);
    }

    /// Notes how many answers were asked for again so far.
    pub(super) fn reread(&self, rereads: u64) {
        self.record().report.rereads = rereads;
    }

    fn record(&self) -> MutexGuard<'_, HealthRecord> {
        // Nothing is decided by a record, so one that a panic left half changed does no harm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HealthRecord {
    fn cause(&self, now: Instant) -> Option<Cow<'static, str>> {
        if self.failing_since().is_some() {
            return self.last_error.as_ref().map(|error| error.gist.clone());
        }
        let slow = SLOW.max(self.report.latency.unwrap_or_default() * SEVERAL);
        let mut waiting = self.under_way.values();
        let waits =
            waiting.any(|&(access, sent)| now.duration_since(sent) > slow && !self.has_succeeded_since(access, sent));
        waits.then(|| SILENT.into())
    }

    fn failing_since(&self) -> Option<Instant> {
        [&self.reads, &self.writes].into_iter().filter_map(Track::failing_since).min()
    }

    fn has_succeeded_since(&self, access: Access, sent: Instant) -> bool {
        let track = match access {
            Access::Read => &self.reads,
            Access::Write => &self.writes,
            Access::Delete => return true,
        };
        track.succeeded.is_some_and(|at| at > sent)
    }

    fn measure(&mut self, took: Duration) {
        let smoothed = self.report.latency.map_or(took, |usual| (usual * (SMOOTHING - 1) + took) / SMOOTHING);
        self.report.latency = Some(smoothed);
    }

    /// Remembers whether the last request of this kind about this object failed.
    fn remember(&mut self, access: Access, name: &str, failed: bool) {
        if failed && self.failed.len() < MOST_FAILED {
            self.failed.insert((access, name.to_owned()));
        } else if !self.failed.is_empty() {
            self.failed.remove(&(access, name.to_owned()));
        }
    }

    fn note(&mut self, reason: &Reason, now: Instant) {
        self.report.errors += 1;
        self.last_error = Some(Failed { text: reason.to_string(), gist: reason.gist().clone(), at: now });
    }

    fn fail(&mut self, access: Access, since: Instant, now: Instant) {
        let (track, verb) = match access {
            Access::Read => (&mut self.reads, "read from"),
            Access::Write => (&mut self.writes, "write to"),
            Access::Delete => return,
        };
        track.fail(since, now);
        let began = track.failing_since().unwrap_or(now);
        let Some(error) = &self.last_error else { return };
        // Reads and writes may fail for different causes at the same time. That is no change.
        let is_news = match &self.announced {
            None => now.duration_since(began) >= OUTAGE,
            Some(announced) => {
                let said = track.said.as_ref().unwrap_or(&announced.gist);
                *said != error.gist && now.duration_since(announced.at) >= CAUSE_AGAIN
            }
        };
        if !is_news {
            return;
        }
        track.said = Some(error.gist.clone());
        let outage = self.announced.as_ref().map_or(began, |announced| announced.began);
        let gist = self.announced.take().map_or_else(|| error.gist.clone(), |announced| announced.gist);
        self.announced = Some(Announced { began: outage, at: now, gist });
        let seconds = now.duration_since(began).as_secs_f32();
        tracing::warn!("cannot {verb} the store for {seconds:.1} s: {}", error.text);
    }

    fn succeed(&mut self, access: Access, now: Instant) {
        match access {
            Access::Read => {
                self.reads.succeeded = Some(now);
                if self.reads.failures.take().is_some() {
                    self.writes.failures = None;
                }
            }
            Access::Write => {
                self.writes.succeeded = Some(now);
                self.writes.failures = None;
            }
            Access::Delete => return,
        }
        if self.failing_since().is_none()
            && let Some(Announced { began, .. }) = self.announced.take()
        {
            (self.reads.said, self.writes.said) = (None, None);
            tracing::info!("the store is back after {:.1} s", now.duration_since(began).as_secs_f32());
        }
    }
}
