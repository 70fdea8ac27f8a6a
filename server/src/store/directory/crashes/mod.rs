//! Every interleaving of a few processes on a model disk, with a kill or a fault between any two of their steps and a crash
//! of the machine after each. Every promise must hold afterwards.

mod model;
mod mutants;
mod process;

use std::collections::BTreeSet;
use std::path::Path;

use self::model::{Fault, Step};
use self::mutants::{Mutant, perform};
use self::process::{Life, Next, Outcome, Process, Program};

const ROOT: &str = "data";

/// One moment of one history, with the promises that must hold if the machine crashes now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    disk: model::Disk,
    processes: Vec<Process>,
    holder: Option<usize>,
    /// Every version that was ever visible, in order; absence comes first where the object did not exist.
    history: Vec<Option<Vec<u8>>>,
    /// The oldest of them that a crash may leave, because somebody was told of it.
    promised: usize,
    faults_left: usize,
}

/// All moments that the test has looked at, and their outcomes.
struct Exploration<'a> {
    name: &'a str,
    mutant: Option<Mutant>,
    visited: BTreeSet<World>,
    recovered: BTreeSet<model::Disk>,
    outcomes: BTreeSet<(Program, Outcome)>,
}

impl Exploration<'_> {
    fn explore(&mut self, world: World) -> Result<(), String> {
        if self.visited.contains(&world) {
            return Ok(());
        }
        self.survive(&world)?;
        for (index, process) in world.processes.iter().enumerate() {
            if process.life != Life::Running {
                continue;
            }
            if !process.past.is_empty() {
                let mut next = world.clone();
                next.end(index, Life::Killed);
                self.explore(next)?;
            }
            let Next::Step(step) = process.program.next(self.name, &process.past) else {
                unreachable!("a process that is through is not running");
            };
            let met = faults(&step);
            for fault in if world.faults_left > 0 { met } else { &met[..1] } {
                let mut next = world.clone();
                if self.advance(&mut next, index, &step, *fault)? {
                    self.explore(next)?;
                }
            }
        }
        self.visited.insert(world);
        Ok(())
    }

    /// Lets a process take its next step. Returns false if it has to wait for the lock.
    fn advance(&mut self, world: &mut World, index: usize, step: &Step, fault: Option<Fault>) -> Result<bool, String> {
        if fault.is_some() {
            world.faults_left -= 1;
        } else if *step == Step::Lock && self.mutant != Some(Mutant::NeverLocks) {
            if world.holder.is_some() {
                return Ok(false);
            }
            world.holder = Some(index);
        }
        let process = &world.processes[index];
        let answer = perform(&mut world.disk, process, step, fault, self.mutant);
        let program = process.program;
        world.processes[index].past.push(answer);
        let visible = world.disk.content(&Path::new(ROOT).join(self.name)).map(<[u8]>::to_vec);
        if world.history.last() != Some(&visible) {
            let deleted = program == Program::Delete && visible.is_none();
            if !deleted {
                succeeds(world.history.last(), &visible)?;
            }
            world.history.push(visible);
        }
        if let Next::Done(outcome) = program.next(self.name, &world.processes[index].past) {
            world.promise(program, &outcome)?;
            self.outcomes.insert((program, outcome.clone()));
            world.end(index, Life::Done(outcome));
        }
        Ok(true)
    }

    /// Crashes the machine at this moment, in every way.
    fn survive(&mut self, world: &World) -> Result<(), String> {
        for disk in world.disk.survivors() {
            let found = disk.content(&Path::new(ROOT).join(self.name)).map(<[u8]>::to_vec);
            let place = world.history.iter().position(|version| *version == found);
            if place.is_none_or(|place| place < world.promised) {
                return Err(format!("after a crash there was {found:?}, not {:?}", world.history[world.promised]));
            }
            if self.recovered.insert(disk.clone()) {
                self.recover(disk)?;
            }
        }
        Ok(())
    }

    /// Makes sure that leftovers of the crash do not stand in the way of the next put.
    fn recover(&self, mut disk: model::Disk) -> Result<(), String> {
        let program = Program::Append(b'z');
        let mut past = Vec::new();
        loop {
            match program.next(self.name, &past) {
                Next::Step(step) => past.push(disk.perform(&step, None)),
                Next::Done(Outcome::Stored(_)) => return Ok(()),
                Next::Done(outcome) => {
                    return Err(format!("after a crash a put ended as {outcome:?}"));
                }
            }
        }
    }
}

impl World {
    fn end(&mut self, index: usize, life: Life) {
        self.processes[index].life = life;
        if self.holder == Some(index) {
            self.holder = None;
        }
    }

    /// Notes what a process was told. Fails if it is not true.
    fn promise(&mut self, program: Program, outcome: &Outcome) -> Result<(), String> {
        let told = match (program, outcome) {
            (_, Outcome::Read(seen)) => seen.clone(),
            (_, Outcome::Stored(bytes)) => Some(bytes.clone()),
            (_, Outcome::Deleted) => None,
            (_, Outcome::Unclear) | (Program::Get, _) => return Ok(()),
            (Program::Delete, _) => {
                return match self.history.iter().any(Option::is_none) {
                    true => Err(format!("{outcome:?}, but it happened")),
                    false => Ok(()),
                };
            }
            (Program::Append(letter), Outcome::Conflict | Outcome::DidNotHappen) => {
                if self.history.iter().flatten().any(|version| version.contains(&letter)) {
                    return Err(format!("{outcome:?}, but it happened"));
                }
                return Ok(());
            }
        };
        let place = self.history.iter().position(|version| *version == told);
        self.promised = self.promised.max(place.ok_or_else(|| format!("{told:?} was told, but never there"))?);
        Ok(())
    }
}

/// Each version must be its predecessor and one more letter, unless somebody deleted it. Anything else is a lost or torn
/// update.
fn succeeds(before: Option<&Option<Vec<u8>>>, after: &Option<Vec<u8>>) -> Result<(), String> {
    let before = before.cloned().flatten().unwrap_or_default();
    match after {
        Some(after) if after.len() == before.len() + 1 && after.starts_with(&before) => Ok(()),
        _ => Err(format!("{before:?} was followed by {after:?}")),
    }
}

/// The faults that a step can meet; the first entry is success.
fn faults(step: &Step) -> &'static [Option<Fault>] {
    match step {
        Step::WriteNew(..) | Step::SyncFile(_) | Step::CreateFolder(_) => &[None, Some(Fault::Full)],
        Step::Rename(..) => &[None, Some(Fault::Full), Some(Fault::BrokenBefore), Some(Fault::BrokenAfter)],
        Step::Remove(_) => &[None, Some(Fault::BrokenBefore), Some(Fault::BrokenAfter)],
        Step::Lock | Step::Read(_) | Step::SyncFolder(_) => &[None, Some(Fault::BrokenBefore)],
    }
}

/// Explores what the programs can do to an object, and returns what they were told.
fn explore(
    mutant: Option<Mutant>,
    (name, content): (&str, Option<&str>),
    programs: &[Program],
    faults_left: usize,
) -> Result<BTreeSet<(Program, Outcome)>, String> {
    let file = format!("{ROOT}/{name}");
    let files: Vec<_> = content.iter().map(|content| (file.as_str(), *content)).collect();
    let process = |program: &Program| Process { program: *program, past: Vec::new(), life: Life::Running };
    let world = World {
        disk: model::Disk::with(&[ROOT], &files),
        processes: programs.iter().map(process).collect(),
        holder: None,
        history: vec![content.map(|content| content.as_bytes().to_vec())],
        promised: 0,
        faults_left,
    };
    let mut exploration =
        Exploration { name, mutant, visited: BTreeSet::new(), recovered: BTreeSet::new(), outcomes: BTreeSet::new() };
    exploration.explore(world)?;
    Ok(exploration.outcomes)
}

const DATABASE: (&str, Option<&str>) = ("db.json", Some("a"));
const NO_DATABASE: (&str, Option<&str>) = ("db.json", None);
const NO_RUN: (&str, Option<&str>) = ("runs/1", None);
const B: Program = Program::Append(b'b');
const C: Program = Program::Append(b'c');

#[test]
fn a_crash_between_any_two_steps_breaks_no_promise() {
    let outcomes = explore(None, DATABASE, &[B, C, Program::Get], 0).unwrap();
    let stored = |program, bytes: &str| (program, Outcome::Stored(bytes.into()));
    let expected = [stored(B, "ab"), stored(B, "acb"), stored(C, "ac"), stored(C, "abc")];
    let conflicts = [(B, Outcome::Conflict), (C, Outcome::Conflict)];
    let reads = ["a", "ab", "ac", "abc", "acb"].map(|seen| (Program::Get, Outcome::Read(Some(seen.into()))));
    assert_eq!(outcomes, BTreeSet::from_iter(expected.into_iter().chain(conflicts).chain(reads)));
}

#[test]
fn a_crash_breaks_no_promise_about_an_object_that_is_being_created() {
    for object in [NO_DATABASE, NO_RUN] {
        let outcomes = explore(None, object, &[B, C, Program::Get], 0).unwrap();
        assert!(outcomes.contains(&(C, Outcome::Stored("bc".into()))), "{outcomes:?}");
        assert!(outcomes.contains(&(C, Outcome::Conflict)), "{outcomes:?}");
        assert!(outcomes.contains(&(Program::Get, Outcome::Read(None))), "{outcomes:?}");
    }
}

#[test]
fn a_crash_breaks_no_promise_about_an_object_that_is_being_deleted() {
    let outcomes = explore(None, DATABASE, &[Program::Delete, B, Program::Get], 0).unwrap();
    let expected = [Outcome::Stored("b".into()), Outcome::Stored("ab".into()), Outcome::Conflict];
    let reads = [None, Some("a"), Some("ab"), Some("b")].map(|seen| Outcome::Read(seen.map(Into::into)));
    let expected = expected.map(|outcome| (B, outcome)).into_iter();
    let expected = expected.chain(reads.map(|outcome| (Program::Get, outcome)));
    assert_eq!(outcomes, expected.chain([(Program::Delete, Outcome::Deleted)]).collect());
    let outcomes = explore(None, DATABASE, &[Program::Delete], 1).unwrap();
    let ways = [Outcome::Deleted, Outcome::DidNotHappen, Outcome::Unclear];
    assert_eq!(outcomes, BTreeSet::from(ways.map(|outcome| (Program::Delete, outcome))));
}

#[test]
fn a_fault_of_the_disk_breaks_no_promise() {
    for object in [DATABASE, NO_DATABASE, NO_RUN] {
        let outcomes = explore(None, object, &[B, C], 2).unwrap();
        assert!(outcomes.contains(&(C, Outcome::DidNotHappen)), "{outcomes:?}");
        assert!(outcomes.contains(&(C, Outcome::Unclear)), "{outcomes:?}");
        assert!(outcomes.iter().any(|(program, outcome)| *program == C && matches!(outcome, Outcome::Stored(_))));
    }
}
