//! A batch, and its execution.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::answer::Yield;
use super::arrival::{Arrival, Lack, ValueUpload};
use super::held::Held;
use super::sending::{Adopted, Commit, Executed};
use super::untaken::{Untaken, is_long};
use super::waiting::{FirstChange, Proposed};
use crate::id::Id;
use crate::knobs::Knobs;
use crate::state::{Database, Draft};
use crate::store::{Condition, ETag};
use crate::upkeep::Uploaded;
use crate::zoo::planted;

/// The units and proposals of a batch before they are executed.
pub struct Batch {
    pub units: VecDeque<Arrival>,
    pub proposals: Vec<Proposed>,
    /// The first unit that changes the draft, if the draft holds its effect already.
    pub first: Option<FirstChange>,
}

/// The version that a batch is executed on.
pub struct Base<'a> {
    pub database: &'a Database,
    pub etag: Option<&'a ETag>,
    pub knobs: &'a Knobs,
    /// The server's estimate of the time.
    pub estimate: u64,
    /// The memory of long replies.
    pub untaken: &'a Arc<Untaken>,
    /// A unit whose effects are larger than this does not stand in `db.json`.
    pub large: u64,
    /// Orders of more rows are not built at once.
    pub at_once: usize,
    /// A batch with larger effects leaves the rest of its units for the next one.
    pub most: u64,
    /// Whether a unit with too large effects was among them: see [`Draft::be_careful`].
    pub is_careful: bool,
}

/// What became of a batch.
pub enum BatchResult {
    /// Its bytes can be sent.
    Commit(Box<Commit>),
    /// Its effects have to be stored first. The units go back to where they came from.
    Held(Box<Held>, VecDeque<Arrival>),
    /// Nothing would change.
    Nothing(Batch),
    /// A unit has too large effects: the batch has to be executed again, with care.
    Spoiled(Batch),
}

impl<'a> Base<'a> {
    /// A draft that changes nothing yet.
    pub fn draft(&self) -> Draft<'a> {
        let draft = Draft::new(self.database, self.knobs.max_memory(), self.estimate);
        let mut draft = draft.with_packings(self.knobs.packings()).with_orders_at_once(self.at_once);
        if self.is_careful {
            draft.be_careful();
        }
        draft
    }
}

impl Batch {
    /// Executes the rest of the batch, in order, on `draft`. Also returns the units that are left for the next batch. They
    /// lack memory for their long replies, or they lack orders. Or the effects of the units before them are large. Or scripts
    /// have worked for long.
    pub fn commit<'a>(
        self,
        number: u64,
        server: Id,
        base: &Base<'a>,
        mut draft: Draft<'a>,
        now: Instant,
    ) -> (BatchResult, VecDeque<Arrival>) {
        let Batch { mut units, proposals, mut first } = self;
        // Units before the first change see the version as it is. The draft, which holds that change, is not for them.
        let mut before = first.as_ref().map(|_| base.draft());
        let of_first = draft.effects();
        let client_of_first = units.iter().find(|arrival| Some(arrival.number) == number_of(&first));
        let client_of_first = client_of_first.map(|arrival| arrival.unit.client);
        let (mut executed, mut total, mut is_large) = (VecDeque::with_capacity(units.len()), 0, false);
        let (mut left, mut blocked) = (VecDeque::new(), BTreeSet::new());
        let is_spoiled = |draft: &Draft<'_>, before: &Option<Draft<'_>>| {
            draft.is_spoiled() || before.as_ref().is_some_and(Draft::is_spoiled)
        };
        // A draft in which a unit was cut off may contradict itself, so nothing more is executed on it.
        while (!is_spoiled(&draft, &before) || planted!("batch-goes-on-after-a-cut"))
            && let Some(arrival) = units.pop_front_if(|_| total <= base.most)
        {
            let client = arrival.unit.client;
            if client_of_first.is_some_and(|client| blocked.contains(&client))
                && first.take().is_some()
                && !planted!("effect-of-a-unit-left-behind")
            {
                // The first change waits behind a unit of its client, so its effect may not stay.
                draft = base.draft();
            }
            let is_first = number_of(&first) == Some(arrival.number);
            let is_before = number_of(&first).is_some_and(|first| arrival.number < first);
            let draft_of_it = match &mut before {
                Some(before) if is_before => before,
                _ => &mut draft,
            };
            let has_to_rest = arrival.unit.runs_script() && draft_of_it.is_tired() && !is_first;
            if blocked.contains(&client) || has_to_rest {
                blocked.insert(client);
                left.push_back(arrival);
                continue;
            }
            let known = draft_of_it.effects();
            let done = match first.take_if(|_| is_first) {
                Some(FirstChange { result, .. }) => Ok((result, true, of_first)),
                None => execute(&arrival, draft_of_it, base.untaken)
                    .map(|(result, changed)| (result, changed, draft_of_it.effects().saturating_sub(known))),
            };
            let (result, changed, effects) = match done {
                Ok(done) => done,
                Err(lack) => {
                    blocked.insert(client);
                    left.push_back(arrival.with(lack));
                    continue;
                }
            };
            if let Some(before) = before.take_if(|_| is_before && changed && !planted!("change-of-a-read-lost")) {
                // A read may change something too: EVAL_RO keeps its text. Then it is the first change.
                (draft, first) = (before, None);
            }
            // What was uploaded before stands in a run already.
            let uploaded = arrival.uploaded().min(effects);
            total += effects - uploaded;
            is_large |= effects - uploaded > base.large;
            let result = result.counted_in(base.untaken);
            executed.push_back(Executed { arrival, result, changed });
        }
        left.append(&mut units);
        if is_spoiled(&draft, &before) {
            let spoiled = executed.into_iter().map(|executed| executed.arrival).chain(left).collect();
            return (BatchResult::Spoiled(Batch { units: spoiled, proposals, first: None }), VecDeque::new());
        }
        for executed in executed.iter().filter(|executed| executed.changed) {
            if let Some(ValueUpload::Ready(uploaded)) = &executed.arrival.upload {
                // If the run may not be named, the value goes into the entry as small values do.
                draft.attach(&Uploaded::clone(uploaded).added(0, 0));
            }
        }
        let adopt = |proposed: Proposed| {
            let changed = draft.adopt(&proposed.proposal);
            Adopted { proposed, changed }
        };
        let proposals: Vec<Adopted> = proposals.into_iter().map(adopt).collect();
        if draft.made() == 0 {
            let executed = executed.into_iter().map(|executed| executed.arrival).collect();
            let proposals = proposals.into_iter().map(|adopted| adopted.proposed).collect();
            return (BatchResult::Nothing(Batch { units: executed, proposals, first: None }), left);
        }
        let condition = base.etag.cloned().map_or(Condition::Absent, Condition::Match);
        let prepared = draft.prepare(server);
        // Before the database exists there must be no runs: the next server would take them for what is left of a lost one.
        let made = if is_large && base.etag.is_some() {
            let (held, arrivals) = Held::new(number, executed, proposals, prepared, condition);
            BatchResult::Held(Box::new(held), arrivals)
        } else {
            BatchResult::Commit(Box::new(Commit::new(number, executed, proposals, prepared.finish(), condition, now)))
        };
        (made, left)
    }
}

fn number_of(first: &Option<FirstChange>) -> Option<u64> {
    first.as_ref().map(|first| first.number)
}

/// Executes a unit. If its reply is long and there is no memory for it, the unit changes nothing.
fn execute(arrival: &Arrival, draft: &mut Draft<'_>, untaken: &Untaken) -> Result<(Yield, bool), Lack> {
    if !untaken.is_full() {
        return arrival.execute(draft);
    }
    draft.save();
    let done = arrival.execute(draft);
    match done {
        Ok((ref result, _)) if !is_long(&result.reply) => draft.release(),
        Ok(_) => {
            draft.roll_back();
            return Err(Lack::Memory);
        }
        Err(_) => draft.roll_back(),
    }
    done
}
