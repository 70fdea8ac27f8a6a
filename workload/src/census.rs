//! Counts over histories: how much was done, and which interesting situations came up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::check::needless_refusals;
use crate::class::Class;
use crate::history::{History, Operation};
use crate::operation::{Calling, Command, Outcome, Reply, Script, ScriptCommand, ScriptName};
use crate::sightings::Sightings;
use crate::word::Word;

/// The word with which a server says that it does not know an outcome.
const UNCERTAIN: &str = "UNCERTAIN";

/// Counts over the operations of histories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Census {
    /// All operations.
    pub operations: u64,
    /// Operations that were answered, by class.
    pub answered: BTreeMap<Class, u64>,
    /// Operations of which the server said that nothing happened.
    pub failed: u64,
    /// Operations of which the server said that it does not know the outcome.
    pub uncertain: u64,
    /// Operations whose client heard no more.
    pub lost: u64,
    /// Operations that a client called before the end of its previous one.
    pub pipelined: u64,
    /// EXECs that changed nothing, because of what their clients watched.
    pub refused: u64,
    /// Those of them whose keys nobody can have touched.
    pub needless: u64,
    /// EXECs after a WATCH that took effect.
    pub guarded: u64,
    /// Transactions of which one command met a value of another type, and another one took effect.
    pub partly_wrong: u64,
    /// EVALSHAs of a script that the server did not know.
    pub unknown_scripts: u64,
    /// EVALSHAs that ran.
    pub known_scripts: u64,
    /// EVALSHAs of a script that only another server had been sent.
    pub scripts_from_elsewhere: u64,
    /// Runs of each script that did what they are for.
    pub scripts: BTreeMap<&'static str, u64>,
    /// FLUSHALLs that overlapped a write.
    pub flushes_beside_writes: u64,
    /// Keys that clients used over three servers or more.
    pub keys_on_three_servers: u64,
    /// Writes of unknown outcome that somebody saw to have taken effect.
    pub unknown_applied: u64,
    /// Writes of unknown outcome that had not taken effect when somebody looked later.
    pub unknown_not_applied: u64,
}

impl Census {
    /// Counts a history.
    pub fn of(history: &History) -> Census {
        let operations = &history.operations;
        let mut census = Census { operations: operations.len() as u64, ..Census::default() };
        for operation in operations {
            match &operation.end {
                Some((_, Outcome::Reply(_))) => {
                    *census.answered.entry(Class::from(&operation.command)).or_default() += 1
                }
                Some((_, Outcome::Failed(_))) => census.failed += 1,
                Some((_, Outcome::Unknown(why))) if why.starts_with(UNCERTAIN) => census.uncertain += 1,
                Some((_, Outcome::Unknown(_))) | None => census.lost += 1,
            }
        }
        census.count_units(operations);
        census.needless = needless_refusals(history).len() as u64;
        census.pipelined = pipelined(operations);
        census.flushes_beside_writes = flushes_beside_writes(operations);
        census.keys_on_three_servers = keys_on_three_servers(operations);
        let sightings = Sightings::of(operations);
        for open in operations.iter().filter(|operation| operation.is_open()) {
            census.unknown_applied += u64::from(sightings.show_applied(open));
            census.unknown_not_applied += u64::from(sightings.show_not_applied(open));
        }
        census
    }

    /// Adds the counts of another census.
    pub fn add(&mut self, other: &Census) {
        for (class, number) in &other.answered {
            *self.answered.entry(*class).or_default() += number;
        }
        for (script, number) in &other.scripts {
            *self.scripts.entry(script).or_default() += number;
        }
        self.refused += other.refused;
        self.needless += other.needless;
        self.guarded += other.guarded;
        self.partly_wrong += other.partly_wrong;
        self.unknown_scripts += other.unknown_scripts;
        self.known_scripts += other.known_scripts;
        self.scripts_from_elsewhere += other.scripts_from_elsewhere;
        self.operations += other.operations;
        self.failed += other.failed;
        self.uncertain += other.uncertain;
        self.lost += other.lost;
        self.pipelined += other.pipelined;
        self.flushes_beside_writes += other.flushes_beside_writes;
        self.keys_on_three_servers += other.keys_on_three_servers;
        self.unknown_applied += other.unknown_applied;
        self.unknown_not_applied += other.unknown_not_applied;
    }

    /// Counts what became of transactions and scripts.
    fn count_units(&mut self, operations: &[Operation]) {
        // The servers that were sent the text of each script.
        let mut sent: HashMap<(ScriptName, &Word), BTreeSet<&str>> = HashMap::new();
        for operation in operations {
            let server = operation.server.as_str();
            for script in operation.command.parts().into_iter().filter_map(Command::script) {
                match script {
                    ScriptCommand::Load { tag, name } => {
                        sent.entry((*name, tag)).or_default().insert(server);
                    }
                    ScriptCommand::Run { calling: Calling::Text, tag, script } => {
                        sent.entry((script.name(), tag)).or_default().insert(server);
                    }
                    ScriptCommand::Run { calling: Calling::Digest, .. } | ScriptCommand::Flush => {}
                }
            }
            let Some(reply) = operation.reply() else { continue };
            if let Some(transaction) = operation.command.transaction() {
                let answered = transaction.answered(reply);
                let wrong = answered.iter().filter(|(_, reply)| matches!(reply, Reply::Error { .. })).count();
                self.partly_wrong += u64::from(0 < wrong && wrong < answered.len());
                let watches = !operation.command.watched().is_empty();
                self.refused += u64::from(watches && *reply == Reply::Nil);
                self.guarded += u64::from(watches && *reply != Reply::Nil);
            }
            let Some(ScriptCommand::Run { calling, tag, script }) = operation.command.script() else { continue };
            if *calling == Calling::Digest {
                let is_unknown = operation.command.script().is_some_and(|script| script.is_unknown(reply));
                let elsewhere = sent.get(&(script.name(), tag)).is_some_and(|servers| !servers.contains(server));
                self.unknown_scripts += u64::from(is_unknown);
                self.known_scripts += u64::from(!is_unknown);
                self.scripts_from_elsewhere += u64::from(!is_unknown && elsewhere);
            }
            let did = match script {
                Script::CompareAndSet(..) => *reply == Reply::Integer(1),
                Script::MoveIf(..) => matches!(reply, Reply::Value(_)),
                Script::IncrWithLimit(..) | Script::SetFieldFor(..) => matches!(reply, Reply::Integer(_)),
                Script::PushAndLook(..) | Script::PutAndSearch(..) => matches!(reply, Reply::Array(_)),
                Script::SetAndFail(..) => matches!(reply, Reply::Error { error } if error.starts_with("ERR value")),
            };
            *self.scripts.entry(script.name().name()).or_default() += u64::from(did);
        }
    }

    /// The number of answered operations of a class.
    pub fn answered(&self, class: Class) -> u64 {
        self.answered.get(&class).copied().unwrap_or(0)
    }

    /// The number of answered operations.
    pub fn all_answered(&self) -> u64 {
        self.answered.values().sum()
    }

    /// The number of operations of unknown outcome.
    pub fn unknown(&self) -> u64 {
        self.uncertain + self.lost
    }
}

fn pipelined(operations: &[Operation]) -> u64 {
    let mut ends: HashMap<u64, Option<u64>> = HashMap::new();
    operations
        .iter()
        .filter(|operation| {
            let end = operation.end.as_ref().map(|(moment, _)| moment.event);
            let before = ends.insert(operation.client, end);
            before.is_some_and(|end| end.is_none_or(|end| end > operation.call.event))
        })
        .count() as u64
}

fn flushes_beside_writes(operations: &[Operation]) -> u64 {
    let answered = || operations.iter().filter(|operation| operation.reply().is_some());
    let span = |operation: &Operation| Some((operation.call.event, operation.end.as_ref()?.0.event));
    let writes = answered().filter(|operation| operation.command.may_write() && !operation.command.is_flush());
    let writes: Vec<(u64, u64)> = writes.filter_map(span).collect();
    let flushes = answered().filter(|operation| operation.command.is_flush()).filter_map(span);
    flushes.filter(|(from, to)| writes.iter().any(|(call, end)| call < to && from < end)).count() as u64
}

fn keys_on_three_servers(operations: &[Operation]) -> u64 {
    let mut servers: HashMap<&Word, BTreeSet<&str>> = HashMap::new();
    for operation in operations.iter().filter(|operation| operation.reply().is_some()) {
        for key in operation.command.keys() {
            servers.entry(key).or_default().insert(&operation.server);
        }
    }
    servers.values().filter(|servers| servers.len() >= 3).count() as u64
}
