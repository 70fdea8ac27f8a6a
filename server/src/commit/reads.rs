//! Checks, and the reads that they prove fresh.

use std::collections::BTreeSet;
use std::sync::Arc;

use antithesis_sdk::{assert_always, assert_reachable};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::background::Background;
use super::batch::{self, Arrival, Executed};
use super::fetch::{Obstacle, Reader};
use super::freshness::Check;
use super::{Ahead, Committer, Done, REQUEST_TIMEOUT, Unusable};
use crate::root::{self, Id, Root};
use crate::state::{Database, Draft};
use crate::store::{ETag, Got, Store, StoreError};
use crate::zoo::planted;

/// What the assertions say about two versions that should not have met.
#[derive(Serialize)]
struct Versions<'a> {
    server: Id,
    known: u64,
    read: u64,
    database: Id,
    etag: &'a str,
}

impl<S: Store> Committer<S> {
    /// Sends a check if somebody needs one: a commit in doubt at once, reads when it is their turn.
    pub(super) fn begin_checks(&mut self, now: Instant) {
        if self.check_due(now).is_none_or(|due| now < due) {
            return;
        }
        self.stats.freshness_checks.add(1);
        self.stats.gets.add(1);
        let check = self.checks.send(self.arrivals, self.database.root.header.generation, self.etag.clone(), now);
        let store = Arc::clone(&self.store);
        self.under_way.push(Box::pin(async move {
            let result = timeout(REQUEST_TIMEOUT, store.get(root::NAME, check.etag.as_ref())).await;
            let result = result.unwrap_or_else(|_| Err(StoreError::Unclear("no answer to the GET".into())));
            Done::Check { check, result }
        }));
    }

    /// When the next check is to be sent, if somebody needs one and no answer has to come first.
    pub(super) fn check_due(&self, now: Instant) -> Option<Instant> {
        let doubt = self.commit.as_ref().and_then(|commit| commit.doubt);
        let doubt = doubt.filter(|&from| !self.checks.expected(from, now));
        let settle = doubt.map(|_| self.backoff.until(now).unwrap_or(now));
        let read = self.reads_wait(now).then(|| self.checks.turn(self.arrivals, now)).flatten();
        // While the runs of a newer version are being read, whatever a check brings would have to wait for them.
        let due = settle.into_iter().chain(read).min().filter(|_| self.ahead.is_none())?;
        Some(self.checks.pause(now).map_or(due, |pause| pause.max(due)))
    }

    /// Whether an entry that needs a proof has arrived since the newest check was sent. A write needs none as long as it
    /// may yet become part of a commit.
    fn reads_wait(&self, now: Instant) -> bool {
        let barren = self.commit.is_none() && self.barren == self.waiting.len();
        let Some((oldest, newest)) = self.waiting.front().zip(self.waiting.back()) else { return false };
        let newest = if barren { newest.number + 1 } else { self.newest_read };
        newest > oldest.number.max(self.checks.covered(now))
    }

    /// A check was answered.
    pub(super) fn check_answered(&mut self, check: &Check, result: Result<Got, StoreError>) -> Result<(), Unusable> {
        let now = Instant::now();
        let got = match result {
            Ok(got) => got,
            Err(StoreError::Obstructed(why)) => return Err(self.unusable(&why)),
            Err(error) => {
                tracing::debug!(%error, "a check failed");
                self.checks.failed(check, now);
                return Ok(());
            }
        };
        self.checks.answered(check, now);
        match got {
            Got::Unchanged => self.has_seen(check, check.generation, now),
            Got::Absent if check.etag.is_none() => self.has_seen(check, 0, now),
            Got::Absent => return Err(self.unusable("has disappeared")),
            Got::Object { bytes, etag } => {
                self.stats.bytes_got.add(bytes.len() as u64);
                self.read(check, &bytes, etag, now)?;
            }
        }
        Ok(())
    }

    /// What a check has seen is known now, or something newer is.
    fn has_seen(&mut self, check: &Check, seen: u64, now: Instant) {
        self.checks.prove(check);
        self.stirred = true;
        self.resend(check, seen, now);
    }

    /// Takes in a version that a check has brought, or begins to read the runs that it names.
    fn read(&mut self, check: &Check, bytes: &[u8], etag: ETag, now: Instant) -> Result<(), Unusable> {
        let decoded = Root::decode(bytes);
        assert_always!(decoded.is_ok(), "The stored database can always be read");
        let read = decoded.map_err(|damage| self.unusable(&damage.to_string()))?;
        let (known, seen) = (self.database.root.header.generation, read.header.generation);
        let details = Versions {
            server: self.server,
            known: check.generation,
            read: seen,
            database: read.header.id,
            etag: &etag.0,
        };
        assert_always!(!etag.0.is_empty(), "Every version that is read has an ETag", &details);
        if self.etag.is_some() && read.header.id != self.database.root.header.id {
            return Err(self.unusable(&format!(
                "is another database now: its id was {} and is {}",
                self.database.root.header.id, read.header.id
            )));
        }
        assert_always!(seen >= check.generation, "The stored generation never goes back", &details);
        if seen < check.generation {
            return Err(self.unusable(&format!("has gone back from generation {} to {seen}", check.generation)));
        }
        self.is_no_other(seen, &etag)?;
        let (runs, missing) = self.database.runs.missing(&read);
        if seen <= known || missing.is_empty() {
            if seen > known || planted!("older-version-applied") && self.commit.is_none() {
                let database = Database::new(read, runs).map_err(|damage| self.unusable(&damage.to_string()))?;
                self.advance(database, etag);
            }
            self.has_seen(check, seen, now);
            return Ok(());
        }
        if let Some((gone, from)) = &self.gone
            && check.number >= *from
            && missing.iter().any(|run| run.name == *gone)
        {
            let place = self.store.locate(&gone.to_string());
            return Err(self.broken(&format!("{place} is missing, although {} names it", root::NAME)));
        }
        if self.ahead.is_none() {
            self.ahead = Some(Ahead { check: check.clone(), etag });
            let reader = Reader { store: Arc::clone(&self.store), stats: Arc::clone(&self.stats) };
            let reading = Background::start(reader.complete(read, self.database.runs.clone()));
            self.under_way.push(Box::pin(async move { Done::Completed(reading.await) }));
        }
        Ok(())
    }

    /// The version that is ahead has its runs now, unless something stood in the way.
    pub(super) fn completed(&mut self, result: Result<Database, Obstacle>) -> Result<(), Unusable> {
        let now = Instant::now();
        let Ahead { check, etag } = self.ahead.take().expect("one version at a time is ahead");
        match result {
            Ok(database) => {
                let seen = database.root.header.generation;
                self.gone = None;
                self.is_no_other(seen, &etag)?;
                if seen > self.database.root.header.generation {
                    self.advance(database, etag);
                }
                self.has_seen(&check, seen, now);
                Ok(())
            }
            Err(Obstacle::Gone(name)) => {
                assert_reachable!("A run that a version names is gone, because a newer one does not name it");
                tracing::debug!(%name, "a run is gone: reading the database again");
                self.gone = Some((name, self.checks.next()));
                Ok(())
            }
            Err(Obstacle::Damaged(what)) => Err(self.broken(&what)),
        }
    }

    /// A generation that is known can't be read as another version.
    fn is_no_other(&self, seen: u64, etag: &ETag) -> Result<(), Unusable> {
        if seen == self.database.root.header.generation && self.etag.as_ref() != Some(etag) {
            return Err(self.unusable(&format!("was replaced by another version with the same generation, {seen}")));
        }
        Ok(())
    }

    /// Answers the entries that a check has proven fresh and that change nothing, from the newest known version; unless
    /// an earlier entry of their client is still unanswered.
    pub(super) fn answer_reads(&mut self, now: Instant) {
        if self.on_trial || !std::mem::take(&mut self.stirred) {
            return;
        }
        let proven = self.checks.proven();
        let mut draft = Draft::new(&self.database, self.max_memory);
        let mut blocked = BTreeSet::new();
        let mut answered = 0;
        let mut answer = |arrival: Arrival, may_read: bool| {
            let trusted = planted!("counted-from-stale-copy") && arrival.entry.unit.may_write();
            if !may_read || (arrival.number >= proven && !trusted) || blocked.contains(&arrival.entry.client) {
                if planted!("read-overtakes-own-write") {
                    return Some(arrival);
                }
                blocked.insert(arrival.entry.client);
                return Some(arrival);
            }
            let (replies, _) = batch::execute(&mut draft, &arrival.entry.unit);
            arrival.answer(Ok(replies));
            answered += 1;
            None
        };
        if let Some(commit) = &mut self.commit {
            let entries = std::mem::take(&mut commit.entries).into_iter();
            let stay = entries.filter_map(|Executed { arrival, replies, changed }| {
                // A write of the batch is part of what was sent, even if it would change nothing on `root`.
                let may_read = !arrival.entry.unit.may_write();
                answer(arrival, may_read).map(|arrival| Executed { arrival, replies, changed })
            });
            commit.entries = stay.collect();
        }
        let untested = self.waiting.split_off(self.barren);
        let before = self.waiting.len() + untested.len();
        let barren = std::mem::take(&mut self.waiting).into_iter();
        self.waiting = barren.filter_map(|arrival| answer(arrival, true)).collect();
        self.barren = self.waiting.len();
        self.waiting.extend(untested.into_iter().filter_map(|arrival| {
            let may_read = !arrival.entry.unit.may_write();
            answer(arrival, may_read)
        }));
        if answered > 0 {
            self.checks.served(answered, self.arrivals, now);
        }
        debug_assert_eq!(draft.made(), 0, "what is answered as a read changes nothing");
        if self.etag.is_none() && self.waiting.len() < before {
            assert_reachable!("A read is answered before the database exists");
        }
    }
}
