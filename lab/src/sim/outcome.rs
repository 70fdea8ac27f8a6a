//! The verdict on a run.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use valthree_workload::assertions;
use valthree_workload::census::Census;
use valthree_workload::check::{Budget, Verdict, Violation, check};
use valthree_workload::evidence;
use valthree_workload::history::History;

use super::clients::{Notes, OPERATIONS};
use super::hits::Met;
use super::plan::Plan;

/// The least number of faults that must take effect for a run to count.
const FAULTS: usize = 3;

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The plan of faults.
    pub plan: Plan,
    /// The faults that took effect.
    pub met: Met,
    /// The clients' operations.
    pub census: Census,
    /// The servers' own counters.
    pub counted: BTreeMap<String, u64>,
    /// Its simulated time.
    pub elapsed: Duration,
    /// The lines of its trace.
    pub lines: u64,
    /// The digest of its trace.
    pub digest: String,
    /// The text of its trace, if it was kept.
    pub trace: Option<String>,
    /// The gravest failure, if any.
    pub failure: Option<Failure>,
}

/// A failure of a run, the gravest kind first.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The workload's verdict: no order of the operations explains the replies.
    Violation(History, Box<Violation>),
    /// The workload could not judge a history for this reason.
    Undecided(History, String),
    /// A server, or the simulation itself, broke.
    Broken(String),
    /// A server did not serve after every fault was over.
    NotServing(String),
}

impl RunOutcome {
    /// Judges a run. `ended` is the simulation's own result, `complaints` are the errors of servers that ended.
    pub fn judge(plan: Plan, met: Met, notes: &Notes, ended: Result<(), String>, complaints: &[String]) -> RunOutcome {
        let mut census = Census::default();
        let mut failure = None;
        let budget = Budget { margin: plan.margin(), ..Budget::default() };
        for history in &notes.histories {
            let own = Census::of(history);
            let verdict = check(history, budget);
            assertions::about_replies(history);
            assertions::about_verdict(history, &verdict);
            assertions::about_census(&own);
            census.add(&own);
            let found = match verdict {
                Verdict::Serializable => continue,
                Verdict::Violation(violation) => Failure::Violation(history.clone(), violation),
                Verdict::Undecided(why) | Verdict::Malformed(why) => Failure::Undecided(history.clone(), why),
            };
            failure = match failure {
                Some(worse @ Failure::Violation(..)) => Some(worse),
                _ => Some(found),
            };
        }
        // Nobody damages a database here. A server that says so has believed an answer of the store that was not true.
        let deceived = notes.histories.iter().flat_map(|history| &history.operations).find_map(|operation| {
            let said = operation.end.as_ref().map(|(_, outcome)| outcome.to_string());
            said.filter(|said| said.contains("The database cannot be used"))
        });
        let broken = ended.err().into_iter().chain(complaints.iter().cloned()).next();
        let failure =
            failure.or(broken.map(Failure::Broken)).or(notes.unserved.clone().or(deceived).map(Failure::NotServing));
        RunOutcome {
            plan,
            met,
            census,
            counted: notes.counted.clone(),
            elapsed: Duration::ZERO,
            lines: 0,
            digest: String::new(),
            trace: None,
            failure,
        }
    }

    /// Whether the run shows anything: enough operations, most of them answered, and enough faults that took effect.
    pub fn counts(&self) -> bool {
        let Census { operations, .. } = self.census;
        operations as usize >= OPERATIONS
            && 2 * self.census.all_answered() > operations
            && self.met.faults.len() >= FAULTS
    }

    /// Writes the evidence of a failure into a folder, and returns a text that names the files.
    pub fn leave_evidence(&self, folder: &Path) -> io::Result<String> {
        std::fs::create_dir_all(folder)?;
        let name = format!("seed-{}", self.plan.seed);
        let budget = Budget { margin: self.plan.margin(), ..Budget::default() };
        let mut text = String::new();
        match &self.failure {
            Some(Failure::Violation(history, violation)) => {
                text = evidence::of_violation(folder, &name, history, violation, budget) + "\n";
            }
            Some(Failure::Undecided(history, _)) => {
                text = evidence::of_undecided(folder, &name, history) + "\n";
            }
            _ => {}
        }
        if let Some(trace) = &self.trace {
            let path: PathBuf = folder.join(format!("{name}.trace"));
            std::fs::write(&path, trace)?;
            text.push_str(&format!("the trace is in {}\n", path.display()));
        }
        Ok(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Violation(history, violation) => write!(f, "VIOLATION: {} ({})", violation.why, history.about),
            Failure::Undecided(history, why) => write!(f, "UNDECIDED: {why} ({})", history.about),
            Failure::Broken(why) => write!(f, "BROKEN: {why}"),
            Failure::NotServing(why) => write!(f, "NOT SERVING: {why}"),
        }
    }
}

impl fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunOutcome { plan, met, census, elapsed, lines, digest, .. } = self;
        writeln!(f, "seed {}: {plan}", plan.seed)?;
        let (operations, answered) = (census.operations, census.all_answered());
        write!(f, "{elapsed:?}; {operations} operations: {answered} answered, {} refused, ", census.failed)?;
        writeln!(f, "{} unknown; {} of {} faults took effect", census.unknown(), met.faults.len(), plan.faults.len())?;
        for (hit, number) in &met.kinds {
            writeln!(f, "{number:>6} {}", hit.name())?;
        }
        writeln!(f, "trace: {lines} lines, {digest}")?;
        match &self.failure {
            Some(failure) => write!(f, "{failure}"),
            None if self.counts() => write!(f, "serializable, and all servers serve"),
            None => write!(f, "serializable, and all servers serve; but the run shows too little to count"),
        }
    }
}
