//! Sends the bytes of a commit, for the first time or again, and takes the answers.

use antithesis_sdk::{assert_always, assert_reachable, assert_unreachable};
use tokio::time::Instant;

use crate::commit::core::{Core, Effect};
use crate::commit::freshness::Check;
use crate::commit::sending::Commit;
use crate::store::{ETag, StoreError};
use crate::zoo::planted;

/// How many copies of one commit may be under way at once. A store that swallows requests must not fill up with them.
const COPIES_UNDER_WAY: u32 = 3;

impl Core {
    /// Sends the bytes of a commit, for the first time or again: always the same bytes, on the same condition.
    pub(super) fn send(&mut self, mut commit: Commit, now: Instant) {
        let sending = &mut commit.sending;
        sending.attempts += 1;
        sending.unanswered += 1;
        sending.doubt = None;
        sending.sent = now;
        planted!("reply-before-put" => crate::zoo::commit::acknowledge(self, &mut commit));
        planted!("dirty-read" => crate::zoo::commit::answer_dirty_reads(self, &mut commit));
        self.terms.stats.puts.add(1);
        self.terms.stats.bytes_put.add(commit.bytes().len() as u64);
        let (bytes, condition) = (commit.bytes().clone(), commit.condition.clone());
        self.effects.push(Effect::Put { commit: commit.number, bytes, condition });
        self.attempts.commit = Some(commit);
    }

    /// When the answer to the commit under way is overdue. While the database cannot be used, nobody waits for it.
    pub(super) fn doubt_due(&self) -> Option<Instant> {
        let commit = self.attempts.commit.as_ref().filter(|commit| commit.sending.doubt.is_none())?;
        if self.trouble.is_some() {
            return None;
        }
        Some(commit.sending.sent + self.attempts.round_trip.patience())
    }

    /// Begins to doubt a commit whose answer is overdue. The answer may still come, and counts if it does.
    pub(super) fn pursue_commit(&mut self, now: Instant) {
        if self.doubt_due().is_some_and(|due| due <= now)
            && let Some(commit) = &mut self.attempts.commit
        {
            commit.sending.doubt = Some(self.checks.next());
        }
    }

    /// A PUT was answered.
    pub(super) fn put_answered(&mut self, number: u64, result: Result<ETag, StoreError>, now: Instant) {
        let Some(mut commit) = self.attempts.commit.take_if(|commit| commit.number == number) else {
            return self.late_answer(number, &result);
        };
        commit.sending.unanswered -= 1;
        match result {
            Ok(etag) => {
                assert_always!(!etag.0.is_empty(), "Every stored version has an ETag");
                if commit.sending.attempts == 1 {
                    self.attempts.round_trip.measured(now.duration_since(commit.sending.sent));
                }
                self.terms.stats.count_version(commit.finished.figures.clone());
                let answered = self.tell(&mut commit);
                self.attempts.landed = Some((commit, etag, answered));
            }
            // The store never saw the bytes, so there is no fate to settle, and other bytes may be sent.
            Err(error @ StoreError::DidNotHappen(_)) if !commit.sending.exposed && commit.sending.unanswered == 0 => {
                tracing::debug!(generation = commit.generation(), %error, "a commit was not sent");
                self.attempts.backoff.failed(now);
                self.requeue(commit);
            }
            Err(error) => self.doubt(commit, &error, now),
        }
    }

    /// An answer to a commit that is settled already says nothing about the present one.
    fn late_answer(&self, number: u64, result: &Result<ETag, StoreError>) {
        if result.is_ok() && self.attempts.lost == Some(number) {
            assert_unreachable!("A PUT is answered with success after a newer version has proven it lost");
            tracing::error!("the store reports success for a commit that it has not kept: it breaks its promises");
        }
    }

    /// An answer that proves nothing: the fate of the commit is open until a check has settled it.
    fn doubt(&mut self, mut commit: Commit, error: &StoreError, now: Instant) {
        tracing::debug!(generation = commit.generation(), %error, "a commit is in doubt");
        let is_conflict = matches!(error, StoreError::Conflict(_));
        commit.sending.exposed |= !matches!(error, StoreError::DidNotHappen(_));
        planted!("lost-answer-taken-for-success" => crate::zoo::commit::take_for_success(self, &mut commit, error));
        planted!("lost-answer-taken-for-failure" => crate::zoo::commit::take_for_failure(self, &mut commit, error));
        if planted!("first-412-trusted") && is_conflict {
            commit.number = 0;
        }
        if commit.sending.attempts > 1 || !is_conflict {
            self.attempts.backoff.failed(now);
        }
        commit.sending.doubt = Some(commit.sending.doubt.unwrap_or(self.checks.next()));
        self.attempts.commit = Some(commit);
    }

    /// Sends a doubted commit again, if a check that was sent since then has seen the very version that it was built on.
    /// So the commit has not landed. It may still be under way: nothing else may be sent, but the same bytes may.
    pub(super) fn resend(&mut self, check: &Check, seen: u64, now: Instant) {
        let is_open = |commit: &mut Commit| {
            commit.sending.doubt.is_some_and(|from| check.number >= from) && commit.base() == seen
        };
        let Some(mut commit) = self.attempts.commit.take_if(is_open) else { return };
        if planted!("other-bytes-before-settled") {
            self.requeue(commit);
        } else if commit.sending.unanswered < COPIES_UNDER_WAY {
            assert_reachable!("A commit is sent again because its answer was not 200 and it has not landed");
            self.send(commit, now);
        } else {
            commit.sending.sent = now;
            commit.sending.doubt = None;
            self.attempts.commit = Some(commit);
        }
    }
}
