//! Checks, and the versions that they bring.

use antithesis_sdk::{assert_always, assert_reachable};
use serde::Serialize;
use tokio::time::Instant;

use crate::commit::core::{Core, Effect};
use crate::commit::fetch::Obstacle;
use crate::commit::freshness::Check;
use crate::commit::lineage;
use crate::commit::trouble::Unusable;
use crate::id::Id;
use crate::root::{self, Header, Root};
use crate::run::Name;
use crate::state::Runs;
use crate::store::{ETag, Got, StoreError};
use crate::zoo::planted;

/// What the assertions report about two versions that should not have met.
#[derive(Serialize)]
struct Versions<'a> {
    server: Id,
    known: u64,
    read: u64,
    database: Id,
    etag: &'a str,
}

impl Core {
    /// Sends a check if somebody needs one: a commit in doubt at once, reads when it is their turn.
    pub(super) fn begin_checks(&mut self, now: Instant) {
        if self.check_due(now).is_none_or(|due| now < due) {
            return;
        }
        self.terms.stats.freshness_checks.add(1);
        self.terms.stats.gets.add(1);
        let (mark, etag) = (self.waiting.arrivals(), self.known.etag.clone());
        let check = self.checks.send(mark, self.known.generation(), etag, now);
        self.effects.push(Effect::Check(check));
    }

    /// When the next check is to be sent, if somebody needs one and no answer has to come first.
    pub(super) fn check_due(&self, now: Instant) -> Option<Instant> {
        // While the runs of a newer version are being read, whatever a check brings would have to wait for them.
        if self.ahead.is_reading() {
            return None;
        }
        if let Some(trouble) = &self.trouble {
            return (!self.checks.expected(0, now)).then_some(trouble.look);
        }
        let doubt = self.attempts.commit.as_ref().and_then(|commit| commit.sending.doubt);
        let doubt = doubt.filter(|&from| !self.checks.expected(from, now));
        let settle = doubt.map(|_| self.attempts.backoff.until(now).unwrap_or(now));
        let read = self.reads_wait(now).then(|| self.checks.turn(self.waiting.arrivals(), now)).flatten();
        let due = settle.into_iter().chain(read).min()?;
        Some(self.checks.pause(now).map_or(due, |pause| pause.max(due)))
    }

    /// Whether a unit that needs a proof has arrived since the newest check was sent. A write needs none as long as it may
    /// still join a commit.
    fn reads_wait(&self, now: Instant) -> bool {
        let Some((oldest, newest)) = self.waiting.in_need_of_proof(self.attempts.commit.is_none()) else {
            return false;
        };
        newest > oldest.max(self.checks.covered(now))
    }

    /// A check was answered.
    pub(super) fn check_answered(&mut self, mut check: Check, result: Result<Got, StoreError>, now: Instant) {
        if planted!("check-covers-later-reads") {
            check.mark = self.waiting.arrivals();
        }
        let got = match result {
            Ok(got) => got,
            Err(error @ StoreError::Obstructed(_)) => {
                self.checks.failed(&check, now);
                return self.in_trouble(self.wrong_root(error.why()).caused_by(error), now);
            }
            Err(error) => {
                tracing::debug!(%error, "a check failed");
                self.checks.failed(&check, now);
                return self.look_later(now);
            }
        };
        self.checks.answered(&check, now);
        match got {
            Got::Unchanged => self.has_seen(&check, check.generation, now),
            Got::Absent if check.etag.is_none() => self.has_seen(&check, 0, now),
            Got::Absent => self.in_trouble(self.wrong_root("has disappeared"), now),
            Got::Object { bytes, etag } => {
                self.terms.stats.bytes_got.add(bytes.len() as u64);
                if let Err(what) = self.read(&check, &bytes, etag, now) {
                    self.in_trouble(what, now);
                }
            }
        }
    }

    /// Memory holds the version that a check has seen, or a newer one.
    fn has_seen(&mut self, check: &Check, seen: u64, now: Instant) {
        self.out_of_trouble();
        self.checks.prove(check);
        self.stirred = true;
        self.resend(check, seen, now);
    }

    /// Takes in a version that a check has brought, or begins to read the runs that it names. `Err` says what is wrong
    /// with the stored database.
    fn read(&mut self, check: &Check, bytes: &[u8], etag: ETag, now: Instant) -> Result<(), Unusable> {
        let decoded = Root::decode(bytes, &self.known.database.root.recent);
        assert_always!(decoded.is_ok(), "The stored database can always be read");
        let read = decoded.map_err(|damage| self.wrong_root(&damage.to_string()).caused_by(damage))?;
        let (known, seen) = (self.known.generation(), read.header.generation);
        self.is_later(check, &read, &etag)?;
        let (runs, missing) = self.known.database.runs.missing(&read);
        let mut missing: Vec<Name> = missing.iter().map(|run| run.name).collect();
        if !planted!("upload-not-awaited") {
            missing.extend(read.recent.iter().filter_map(|entry| Some(entry.missing()?.name)));
        }
        if seen <= known || missing.is_empty() {
            if seen > known {
                self.advance(read, runs, etag, now)?;
            } else if planted!("older-version-applied") && self.attempts.commit.is_none() {
                planted!("older-version-applied" => crate::zoo::commit::go_back(self, read, runs, etag));
            }
            self.has_seen(check, seen, now);
            return Ok(());
        }
        if let Some(gone) = self.ahead.take_still_named(check, &missing) {
            let place = (self.terms.locate)(&gone.to_string());
            return Err(Unusable::new(format!("{place} is missing, although {} names it", root::NAME)));
        }
        if !self.ahead.is_reading() {
            self.ahead.version = Some((check.clone(), etag));
            self.effects.push(Effect::Fetch { root: Box::new(read), known: self.known.database.runs.clone() });
        }
        Ok(())
    }

    /// Makes sure that a version that a check has brought can be what became of the known one.
    fn is_later(&self, check: &Check, read: &Root, etag: &ETag) -> Result<(), Unusable> {
        let seen = read.header.generation;
        let details = Versions {
            server: self.terms.server,
            known: check.generation,
            read: seen,
            database: read.header.id,
            etag: &etag.0,
        };
        assert_always!(!etag.0.is_empty(), "Every version that is read has an ETag", &details);
        self.is_heir(&read.header, etag)?;
        assert_always!(seen >= check.generation, "The stored generation never goes back", &details);
        if seen < check.generation {
            let known = check.generation;
            return Err(self.wrong_root(&format!("has gone back from generation {known} to {seen}")));
        }
        Ok(())
    }

    /// Makes sure that a version can be what became of the one in memory. Memory may move while runs are read, so this
    /// is asked again before the version is used.
    fn is_heir(&self, read: &Header, etag: &ETag) -> Result<(), Unusable> {
        let header = &self.known.database.root.header;
        if self.known.etag.is_some() && read.id != header.id {
            let (was, is) = (header.id, read.id);
            return Err(self.wrong_root(&format!("is another database now: its id was {was} and is {is}")));
        }
        if self.known.etag.is_some()
            && read.generation > header.generation
            && let Some(why) = lineage::breach(header, read)
        {
            return Err(self.wrong_root(&why));
        }
        self.is_no_other(read.generation, etag)
    }

    /// Makes sure that a known generation was not read as another version.
    fn is_no_other(&self, seen: u64, etag: &ETag) -> Result<(), Unusable> {
        if seen == self.known.generation() && self.known.etag.as_ref() != Some(etag) {
            let why = format!("was replaced by another version with the same generation, {seen}");
            return Err(self.wrong_root(&why));
        }
        Ok(())
    }

    /// The runs of the version that is ahead were read, or something stood in the way.
    pub(super) fn fetched(&mut self, result: Result<Box<(Root, Runs)>, Obstacle>, now: Instant) {
        let (check, etag) = self.ahead.version.take().expect("one version at a time is ahead");
        match result {
            Ok(read) => {
                let (root, runs) = *read;
                let seen = root.header.generation;
                self.ahead.gone = None;
                let is_news = seen > self.known.generation();
                let moved = self.is_heir(&root.header, &etag).and_then(|()| match is_news {
                    true => self.advance(root, runs, etag, now),
                    false => Ok(()),
                });
                if let Err(what) = moved {
                    return self.in_trouble(what, now);
                }
                self.has_seen(&check, seen, now);
            }
            Err(Obstacle::Gone(name)) => {
                assert_reachable!("A run that a version names is gone, because a newer one does not name it");
                tracing::debug!(%name, "a run is gone: reading the database again");
                self.ahead.gone = Some((name, self.checks.next()));
            }
            Err(Obstacle::Damaged(what)) => self.in_trouble(what, now),
        }
    }
}
