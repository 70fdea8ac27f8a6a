//! A database that cannot be used at present.
//!
//! The stored database may be damaged, may be gone, or may be another one. Then the server refuses every command,
//! commits nothing and begins no deletion. It looks again at a growing interval. It serves again as soon as a check shows
//! the known version, or a readable one that can have followed it. So neither one wrong answer of a store nor a damage
//! that somebody mends ends a server for ever.
//!
//! A commit under way stays under way meanwhile. Its clients have been told that its outcome is uncertain, but the
//! server must not forget it: its PUT may still land, and no other bytes may be sent on its condition before its fate is
//! known.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::commit::answer::Refusal;
use crate::commit::core::{Core, Effect};
use crate::commit::trouble::{Trouble, Unusable};

/// The first pause before the next look, and the longest. The first is short, since most wrong answers pass; the longest
/// keeps a broken database from costing a request more often than once in a while.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

impl Core {
    /// Whether the database cannot be used.
    pub fn is_in_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    /// Notes that the stored database cannot be used. Refuses everybody who waits, and looks again later.
    pub(super) fn in_trouble(&mut self, what: Unusable, now: Instant) {
        let why = what.and("Nothing was overwritten; this server looks again, and serves once it is mended");
        let pause = self.trouble.as_ref().map_or(PAUSES.0, |trouble| (trouble.pause * 2).min(PAUSES.1));
        let is_news = self.trouble.as_ref().is_none_or(|trouble| trouble.why.text != why.text);
        self.trouble = Some(Trouble { why: why.clone(), pause, look: now + pause });
        if is_news {
            tracing::error!("{why}");
            self.effects.push(Effect::Usable(Err(why.clone())));
        }
        let refused = self.refuse_everybody(&why);
        self.effects.extend(refused);
    }

    /// Looks again later, because a look has failed.
    pub(super) fn look_later(&mut self, now: Instant) {
        if let Some(trouble) = &mut self.trouble {
            trouble.pause = (trouble.pause * 2).min(PAUSES.1);
            trouble.look = now + trouble.pause;
        }
    }

    /// Serves again, if the database could not be used until now.
    pub(super) fn out_of_trouble(&mut self) {
        if self.trouble.take().is_none() {
            return;
        }
        tracing::info!(generation = self.known.generation(), "the database can be used again: serving");
        self.effects.push(Effect::Usable(Ok(())));
        // A check may have passed meanwhile without settling the commit under way.
        if let Some(commit) = &mut self.attempts.commit {
            commit.sending.doubt = Some(self.checks.next());
        }
    }

    /// Answers everybody who waits. A client whose change is part of a commit under way is told that its outcome is
    /// uncertain.
    pub fn refuse_everybody(&mut self, why: &Unusable) -> Vec<Effect> {
        let refusal = Refusal::Unusable(Arc::clone(&why.text));
        let units = self.attempts.commit.iter_mut().flat_map(|commit| commit.units.drain(..));
        let in_commit = units.map(|executed| {
            let refusal = if executed.changed { Refusal::Uncertain } else { refusal.clone() };
            Effect::Answer(executed.arrival.unit.answer, Err(refusal.into()))
        });
        let waiting = self.waiting.drain();
        let waiting = waiting.map(|arrival| Effect::Answer(arrival.unit.answer, Err(refusal.clone().into())));
        in_commit.chain(waiting).collect()
    }
}
