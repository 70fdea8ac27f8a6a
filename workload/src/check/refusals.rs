//! Asks whether an answer that says that nothing happened was right.
//!
//! - An EXEC that answers null was right only if its client watched keys. A server may refuse without need, so it need not
//!   show that a key was touched: `needless` counts such refusals.
//! - An EVALSHA that answers NOSCRIPT was right only if no load of the script had ended before it was called, or if somebody
//!   may have flushed the scripts since that load was called.
//! - An EVALSHA that ran was right only if some load may have come before it, and no flush certainly came between all
//!   loads and it.
//!
//! These rules go by real time alone, so they take linear time. They may miss a wrong answer while others are under way.

use std::collections::HashMap;

use super::claims::{Impossible, NEVER};
use super::known::{KnownOperation, known};
use crate::history::{History, Operation};
use crate::operation::{Calling, Command, Outcome, Reply, ScriptCommand, ScriptName, TransactionCommand};
use crate::word::Word;

/// The first answer of a history, as known at an event, that wrongly says that nothing happened, or that should have.
pub(super) fn wrong(history: &History, until: u64) -> Option<Impossible> {
    let units =
        |operation: &Operation| operation.command.transaction().is_some() || operation.command.script().is_some();
    if !history.operations.iter().any(units) {
        return None;
    }
    let known = Known { history, until };
    known.wrong_null().or_else(|| known.wrong_script())
}

/// Something that may have made a script known.
struct Load {
    /// When it was called.
    called: u64,
    /// When the script was certainly known. [`NEVER`] if that is uncertain.
    done: u64,
    /// When it could not make the script known any more. [`NEVER`] if it still may.
    over: u64,
}

/// A history as it is known at an event.
struct Known<'h> {
    history: &'h History,
    until: u64,
}

impl<'h> Known<'h> {
    fn operations(&self) -> impl Iterator<Item = KnownOperation<'h>> {
        known(self.history, self.until)
    }

    /// The first null reply to an EXEC of a client that watched nothing.
    fn wrong_null(&self) -> Option<Impossible> {
        let mut nulls = self.operations().filter(|known| known.reply == Some(&Reply::Nil));
        let wrong = nulls.find(|known| match known.operation.command.transaction() {
            Some(TransactionCommand::Exec { watched, .. }) => watched.is_empty(),
            _ => false,
        })?;
        Some(Impossible { index: wrong.index, why: "was answered null, but its client watched no key".into() })
    }

    /// The first EVALSHA that ran although the script cannot have been known, or did not although it must have been.
    fn wrong_script(&self) -> Option<Impossible> {
        let mut loads: HashMap<(ScriptName, &Word), Vec<Load>> = HashMap::new();
        let mut flushes: Vec<(u64, u64)> = Vec::new();
        for operation in self.history.operations.iter().take_while(|one| one.call.event <= self.until) {
            let called = operation.call.event;
            let outcome = operation.end.as_ref().filter(|(end, _)| end.event <= self.until);
            let has_failed = matches!(outcome, Some((_, Outcome::Failed(_))));
            let (over, done) = match outcome {
                Some((end, Outcome::Reply(_))) => (end.event, end.event),
                // A server may have kept the text before it found out that it cannot execute the script.
                Some((end, Outcome::Failed(_))) => (end.event, NEVER),
                Some((_, Outcome::Unknown(_))) | None => (NEVER, NEVER),
            };
            let load = |done: u64| Load { called, done, over };
            if let Some(transaction) = operation.command.transaction() {
                // One that was refused has loaded nothing.
                let is_possible =
                    matches!(outcome, None | Some((_, Outcome::Unknown(_) | Outcome::Reply(Reply::Array(_)))));
                let scripts = transaction.effective().iter().filter_map(Command::script).filter(|_| is_possible);
                scripts.for_each(|script| match script {
                    ScriptCommand::Run { tag, script, .. } => {
                        loads.entry((script.name(), tag)).or_default().push(load(NEVER));
                    }
                    ScriptCommand::Load { .. } | ScriptCommand::Flush => {}
                });
            }
            let Some(script) = operation.command.script() else { continue };
            match script {
                ScriptCommand::Run { calling: Calling::Text, tag, script } => {
                    loads.entry((script.name(), tag)).or_default().push(load(done));
                }
                ScriptCommand::Load { tag, name } => loads.entry((*name, tag)).or_default().push(load(done)),
                ScriptCommand::Flush if has_failed => {}
                ScriptCommand::Flush => flushes.push((called, over)),
                // It shows that the script was known, so it is no load.
                ScriptCommand::Run { calling: Calling::Digest, .. } => {}
            }
        }
        for KnownOperation { index, operation, end, reply } in self.operations() {
            let (Some(script), Some(reply)) = (operation.command.script(), reply) else { continue };
            let ScriptCommand::Run { calling: Calling::Digest, tag, script: run } = script else { continue };
            let loads = loads.get(&(run.name(), tag)).map(Vec::as_slice).unwrap_or_default();
            let call = operation.call.event;
            let why = if script.is_unknown(reply) {
                // A flush that was called before the load may still come after it, unless it ended before.
                let certain = |load: &Load| {
                    load.done < call && !flushes.iter().any(|(flush, flushed)| *flushed > load.called && *flush < end)
                };
                loads.iter().any(certain).then_some("was answered NOSCRIPT, but the script had been loaded")
            } else {
                let possible = |load: &Load| {
                    load.called < end && !flushes.iter().any(|(flush, flushed)| *flush > load.over && *flushed < call)
                };
                (!loads.iter().any(possible)).then_some("ran a script that no server can have known")
            };
            if let Some(why) = why {
                return Some(Impossible { index, why: why.into() });
            }
        }
        None
    }
}
