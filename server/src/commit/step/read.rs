//! Answers reads from the version in memory.

use std::collections::BTreeSet;

use antithesis_sdk::assert_reachable;
use tokio::time::Instant;

use crate::commit::answer::Yield;
use crate::commit::arrival::{Arrival, Lack};
use crate::commit::core::{Core, Effect};
use crate::commit::sending::Executed;
use crate::commit::untaken::is_long;
use crate::state::Draft;
use crate::zoo::planted;

impl Core {
    /// Answers the units that a check has proven fresh and that change nothing, from the version in memory. A unit whose
    /// client waits for an earlier one stays. So does a unit that sees a row end which has not ended at the stored time: it
    /// is executed in a commit that moves the time. Returns whether there was one.
    pub(super) fn answer_reads(&mut self, now: Instant) -> bool {
        if self.on_trial || !std::mem::take(&mut self.stirred) {
            return false;
        }
        let proven = self.checks.proven();
        let Core { known, terms, attempts, waiting, effects, estimate, is_behind, .. } = &mut *self;
        let draft = Draft::stored(&known.database, terms.knobs.max_memory(), *estimate);
        let mut draft = draft.with_packings(terms.knobs.packings()).with_orders_at_once(terms.thresholds.order);
        draft.be_careful(); // a unit that is undone changes nothing
        let mut late = 0;
        let mut blocked = BTreeSet::new();
        let mut answered = 0;
        let held = attempts.held.as_ref();
        // A unit of the commit under way has its result. So it need not wait for an order.
        let mut answer = |arrival: Arrival, changes_nothing: bool, is_sent: bool| {
            let client = arrival.unit.client;
            let is_proven = arrival.number < proven || planted!("counted-from-stale-copy") && arrival.unit.may_write();
            if !changes_nothing || !is_proven || blocked.contains(&client) {
                if !planted!("read-overtakes-own-write") {
                    blocked.insert(client);
                }
                return Some(arrival);
            }
            if arrival.is_long && terms.untaken.is_full() {
                blocked.insert(client);
                return Some(arrival);
            }
            if draft.is_tired() && arrival.unit.runs_script() {
                *is_behind = true;
                blocked.insert(client);
                return Some(arrival);
            }
            let (result, moves_time) = match execute(&arrival, &mut draft) {
                Ok(done) => done,
                Err(lack) => {
                    blocked.insert(client);
                    // The results of the units that are held belong together, so none of these may leave the queue.
                    let is_held = held.is_some_and(|held| held.results.contains_key(&arrival.number));
                    return Some(if is_held || is_sent { arrival } else { arrival.with(lack) });
                }
            };
            if moves_time && !planted!("read-ignores-the-present") {
                late += 1;
                blocked.insert(client);
                return Some(Arrival { moves_time, ..arrival });
            }
            if terms.untaken.is_full() && is_long(&result.reply) {
                blocked.insert(client);
                return Some(Arrival { is_long: true, ..arrival });
            }
            terms.stats.count_refused(result.stale);
            terms.stats.count_lookups(result.lookups);
            effects.push(Effect::Answer(arrival.unit.answer, Ok(result.counted_in(&terms.untaken))));
            answered += 1;
            None
        };
        if let Some(commit) = &mut attempts.commit {
            let stay = std::mem::take(&mut commit.units).into_iter().filter_map(|executed| {
                let Executed { arrival, result, changed } = executed;
                // The bytes that were sent may hold a write's effect, even if it would change nothing in memory.
                let only_reads = !arrival.may_change();
                answer(arrival, only_reads, true).map(|arrival| Executed { arrival, result, changed })
            });
            commit.units = stay.collect();
        }
        waiting.sift(|arrival, changes_nothing| answer(arrival, changes_nothing, false));
        waiting.set_aside();
        if answered > 0 {
            if known.etag.is_none() {
                assert_reachable!("A read is answered before the database exists");
            }
            self.checks.served(answered, self.waiting.arrivals(), now);
        }
        if late > 0 {
            self.waiting.test_again();
        }
        late > 0
    }
}

/// Executes a unit on the stored version. EVAL_RO may keep a new text. Nobody may see it before it is stored, so it is taken
/// back: the unit goes into a commit.
fn execute(arrival: &Arrival, draft: &mut Draft<'_>) -> Result<(Yield, bool), Lack> {
    if !arrival.unit.runs_script() || planted!("text-seen-before-it-is-stored") {
        return arrival.execute(draft);
    }
    draft.save();
    let done = arrival.execute(draft);
    match done {
        Ok((_, true)) => draft.roll_back(),
        Ok((_, false)) | Err(_) => draft.release(),
    }
    done
}
