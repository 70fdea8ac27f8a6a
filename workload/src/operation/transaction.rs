//! The replies to WATCH, UNWATCH, and MULTI with its commands and its end.
//!
//! A transaction is one operation: its commands take effect at one moment, and its reply is an array of theirs. A WATCH is
//! an operation of its own, and the EXEC after it names the keys that its client watches. So the model can tell whether
//! the keys were left alone in between.

use super::command::{Command, TransactionCommand};
use super::reply::{ABORTED, Outcome, Reply};

impl TransactionCommand {
    /// Each effective command with its reply. Empty if nothing took effect.
    pub fn answered<'a>(&'a self, reply: &'a Reply) -> Vec<(&'a Command, &'a Reply)> {
        match reply {
            Reply::Array(replies) => self.effective().iter().zip(replies).collect(),
            _ => Vec::new(),
        }
    }

    /// The reply with another one in the place of each effective command's.
    pub(super) fn with_each(&self, reply: Reply, change: impl Fn(&Command, Reply) -> Reply) -> Reply {
        match (self, reply) {
            (TransactionCommand::Exec { commands, .. }, Reply::Array(replies)) if replies.len() == commands.len() => {
                Reply::Array(commands.iter().zip(replies).map(|(command, reply)| change(command, reply)).collect())
            }
            (_, reply) => reply.plain(),
        }
    }

    /// The outcome that the answers to its requests mean.
    ///
    /// Only the last answer counts, as long as the others are those of a server that queues commands. Anything else is a
    /// reply that no state explains: a command that was executed before EXEC, or an EXEC that ignores a refused command.
    pub(super) fn outcome(&self, mut answers: Vec<Outcome>) -> Outcome {
        let Some(last) = answers.pop() else { return Outcome::Unknown("nothing was sent".into()) };
        if matches!(self, TransactionCommand::Watch(_) | TransactionCommand::Unwatch) {
            return last;
        }
        let is_in_order = |number: usize, answer: &Outcome| match answer {
            Outcome::Unknown(_) | Outcome::Failed(_) => true,
            Outcome::Reply(Reply::Status { status }) => status == if number == 0 { "OK" } else { "QUEUED" },
            Outcome::Reply(Reply::Error { .. }) => matches!(self, TransactionCommand::Spoilt { .. }) && number > 0,
            Outcome::Reply(_) => false,
        };
        let odd = answers.iter().enumerate().find(|(number, answer)| !is_in_order(*number, answer));
        let failed = answers.iter().find(|answer| matches!(answer, Outcome::Failed(_)));
        match (odd, failed, last) {
            (_, _, unknown @ Outcome::Unknown(_)) => unknown,
            (Some((number, answer)), ..) => Outcome::Reply(Reply::Strange {
                strange: format!("request {number} of the transaction was answered {answer}"),
            }),
            // A command was refused for now, so EXEC is refused as well.
            (None, Some(failed), Outcome::Reply(Reply::Error { .. })) => failed.clone(),
            (None, Some(failed), Outcome::Reply(_)) if matches!(self, TransactionCommand::Discard(_)) => failed.clone(),
            (None, Some(failed), Outcome::Reply(reply)) => Outcome::Reply(Reply::Strange {
                strange: format!("EXEC was answered {reply} though a command was not queued: {failed}"),
            }),
            (None, _, last) => last,
        }
    }

    pub(crate) fn expected(&self) -> String {
        match self {
            TransactionCommand::Watch(_) | TransactionCommand::Unwatch | TransactionCommand::Discard(_) => "OK".into(),
            TransactionCommand::Spoilt { .. } => format!("the error {ABORTED}"),
            TransactionCommand::Exec { watched, commands } => {
                let null = if watched.is_empty() { "" } else { "null or " };
                format!("{null}an array of possible replies to its {} commands", commands.len())
            }
        }
    }
}
