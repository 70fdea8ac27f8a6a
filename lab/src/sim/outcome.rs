//! What a run has shown.

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

/// So many faults have to have met something for a run to count.
const FAULTS: usize = 3;

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was to go wrong.
    pub plan: Plan,
    /// What did.
    pub met: Met,
    /// What clients did.
    pub census: Census,
    /// What servers counted.
    pub counted: BTreeMap<String, u64>,
    /// How long it took in simulated time.
    pub elapsed: Duration,
    /// How many lines its trace has.
    pub lines: u64,
    /// The digest of its trace.
    pub digest: String,
    /// Its trace, if it was kept.
    pub trace: Option<String>,
    /// What must not be.
    pub failure: Option<Failure>,
}

/// What must not be, the gravest first.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The workload's verdict: no order explains what clients observed.
    Violation(History, Box<Violation>),
    /// The workload could not judge a history, for this reason.
    Undecided(History, String),
    /// Something gave up that must not: a server, or the simulation itself.
    Broken(String),
    /// A server did not serve when all was well again.
    NotServing(String),
}

impl Outcome {
    /// Judges what is left of a run. `ended` is how the simulation ended, `complaints` what servers died of.
    pub fn judge(plan: Plan, met: Met, notes: &Notes, ended: Result<(), String>, complaints: &[String]) -> Outcome {
        let mut census = Census::default();
        let mut failure = None;
        for history in &notes.histories {
            let own = Census::of(history);
            let verdict = check(history, Budget::default());
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
        let broken = ended.err().into_iter().chain(complaints.iter().cloned()).next();
        let failure = failure.or(broken.map(Failure::Broken)).or(notes.unserved.clone().map(Failure::NotServing));
        Outcome {
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

    /// Whether it shows something: enough operations, most of them answered, and faults that met something.
    pub fn counts(&self) -> bool {
        let Census { operations, .. } = self.census;
        operations as usize >= OPERATIONS
            && 2 * self.census.all_answered() > operations
            && self.met.faults.len() >= FAULTS
    }

    /// Leaves the evidence of a failure in a folder, and says in words what there is.
    pub fn leave_evidence(&self, folder: &Path) -> io::Result<String> {
        std::fs::create_dir_all(folder)?;
        let name = format!("seed-{}", self.plan.seed);
        let mut text = String::new();
        match &self.failure {
            Some(Failure::Violation(history, violation)) => {
                text = evidence::of_violation(folder, &name, history, violation, Budget::default()) + "\n";
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

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { plan, met, census, elapsed, lines, digest, .. } = self;
        writeln!(f, "seed {}: {plan}", plan.seed)?;
        let (operations, answered) = (census.operations, census.all_answered());
        write!(f, "{elapsed:?}; {operations} operations: {answered} answered, {} refused, ", census.failed)?;
        writeln!(
            f,
            "{} unknown; {} of {} faults met something",
            census.unknown(),
            met.faults.len(),
            plan.faults.len()
        )?;
        for (hit, number) in &met.kinds {
            writeln!(f, "{number:>6} {}", hit.name())?;
        }
        writeln!(f, "trace: {lines} lines, {digest}")?;
        match &self.failure {
            Some(failure) => write!(f, "{failure}"),
            None if self.counts() => write!(f, "serializable, and all servers serve"),
            None => write!(f, "serializable, and all servers serve; but it shows too little to count"),
        }
    }
}
