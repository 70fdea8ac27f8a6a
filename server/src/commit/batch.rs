//! What waits, and what is being committed.

use std::collections::VecDeque;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::queue::{Amended, Amendment, Answer, Entry, Unit};
use super::upload::Uploaded;
use crate::resp::Reply;
use crate::root::{Header, Id, Run};
use crate::state::{Changes, Draft};
use crate::store::Condition;

/// An entry in the order of its arrival.
pub struct Arrival {
    /// Ascending along the queue.
    pub number: u64,
    /// When the client must be told something.
    pub deadline: Instant,
    pub entry: Entry,
    /// How much it writes, in bytes.
    pub written: u64,
    /// That is too much for `recent`: a run of it is stored first.
    pub upload: Option<Upload>,
}

/// Where the run is of what a unit writes.
pub enum Upload {
    /// It is not there yet.
    UnderWay,
    /// It is there, and can serve until it is named.
    Ready(Uploaded),
}

impl Arrival {
    /// How much of it `recent` has to hold, in bytes.
    pub fn recorded(&self) -> u64 {
        if self.upload.is_some() { 0 } else { self.written }
    }

    /// Answers the client, if it is still there.
    pub fn answer(self, answer: Answer) {
        self.entry.answer.keep(answer);
    }
}

/// An entry of a commit, with what will be answered if the commit lands.
pub struct Executed {
    pub arrival: Arrival,
    pub replies: SmallVec<[Reply; 1]>,
    /// Whether the bytes of the commit hold an effect of it.
    pub changed: bool,
}

/// An amendment of a commit, and whether it had something to change.
pub struct AmendmentExecuted {
    pub amendment: Amendment,
    pub changed: bool,
}

/// A batch whose bytes have been, or are about to be, sent.
pub struct Commit {
    /// Tells its answers from those of other commits.
    pub number: u64,
    /// Who has not been answered yet. An entry leaves when it is, so that it can't be executed again.
    pub entries: VecDeque<Executed>,
    pub amendments: Vec<AmendmentExecuted>,
    pub header: Header,
    pub changes: Changes,
    /// The runs that it names.
    pub runs: Vec<Run>,
    /// Whether some of them are new.
    pub added: bool,
    /// How much its commands wrote, in bytes.
    pub written: u64,
    pub bytes: bytes::Bytes,
    pub condition: Condition,
    /// How often the bytes have been sent.
    pub attempts: u32,
    /// How many of the attempts are unanswered.
    pub unanswered: u32,
    /// Whether some attempt was answered otherwise than by "nothing was sent".
    pub exposed: bool,
    /// The fate is to be settled by a check from this number on, since an answer is missing or was not 200.
    pub doubt: Option<u64>,
    /// When the newest attempt was sent.
    pub sent: Instant,
}

/// Executes a unit; says what it answers and whether it changed something.
pub fn execute(draft: &mut Draft<'_>, unit: &Unit) -> (SmallVec<[Reply; 1]>, bool) {
    let before = draft.made();
    let replies = unit.commands().iter().map(|command| draft.execute(command)).collect();
    (replies, draft.made() != before)
}

impl Commit {
    /// Executes everything that waits, in order, on `draft`. `Err` gives it back if nothing would change.
    pub fn compute(
        number: u64,
        server: Id,
        mut draft: Draft<'_>,
        condition: Condition,
        waiting: VecDeque<Arrival>,
        amendments: Vec<Amendment>,
        now: Instant,
    ) -> Result<Commit, (VecDeque<Arrival>, Vec<Amendment>)> {
        let entries: VecDeque<Executed> = waiting
            .into_iter()
            .map(|arrival| {
                let (replies, changed) = execute(&mut draft, &arrival.entry.unit);
                Executed { arrival, replies, changed }
            })
            .collect();
        for executed in entries.iter().filter(|executed| executed.changed) {
            if let Some(Upload::Ready(uploaded)) = &executed.arrival.upload {
                // Should it not fit, the value is kept where others are.
                draft.add(&uploaded.clone().added(draft.covered(), draft.generation()));
            }
        }
        let amendments: Vec<AmendmentExecuted> = amendments
            .into_iter()
            .map(|mut amendment| {
                let before = draft.made();
                (amendment.amend)(&mut draft);
                AmendmentExecuted { amendment, changed: draft.made() != before }
            })
            .collect();
        if draft.made() == 0 {
            let entries = entries.into_iter().map(|executed| executed.arrival).collect();
            return Err((entries, amendments.into_iter().map(|executed| executed.amendment).collect()));
        }
        let finished = draft.finish(server);
        let written = entries.iter().map(|executed| executed.arrival.recorded()).sum();
        Ok(Commit {
            number,
            entries,
            amendments,
            header: finished.header,
            runs: finished.changes.runs().to_vec(),
            added: finished.changes.has_added(),
            written,
            changes: finished.changes,
            bytes: finished.bytes,
            condition,
            attempts: 0,
            unanswered: 0,
            exposed: false,
            doubt: None,
            sent: now,
        })
    }

    /// The generation that it was built on.
    pub fn base(&self) -> u64 {
        self.header.generation - 1
    }

    /// Whether several clients share it.
    pub fn is_shared(&self) -> bool {
        let mut clients = self.entries.iter().map(|executed| executed.arrival.entry.client);
        clients.next().is_some_and(|first| clients.any(|other| other != first))
    }

    /// Tells the amendments what became of them.
    pub fn resolve_amendments(amendments: Vec<AmendmentExecuted>, outcome: Amended) {
        for AmendmentExecuted { amendment, changed } in amendments {
            let _ = amendment.outcome.send(if changed { outcome } else { Amended::Moot });
        }
    }
}
