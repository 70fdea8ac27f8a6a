//! The comparison of replies: the form in which a reply is compared, and which replies count as equal.

use super::command::{Command, TransactionCommand};
use super::cursor;
use super::hash::HashCommand;
use super::reply::{Outcome, Reply};
use super::script::ScriptCommand;
use super::set::SetCommand;
use super::sorted_set::SortedSetCommand;
use super::state::{Site, State};

impl Command {
    /// The reply in the form in which replies to this command are compared. A set has no order.
    pub fn comparable(&self, reply: Reply) -> Reply {
        match self {
            Command::Set(SetCommand::Members(_) | SetCommand::PopMany(..)) => reply.plain().sorted(1),
            Command::Hash(HashCommand::All(_)) => reply.plain().sorted(2),
            Command::SortedSet(SortedSetCommand::Geo(command)) if command.is_unordered() => reply.plain().sorted(1),
            Command::Script(ScriptCommand::Run { script, .. }) if script.is_unordered() => reply.plain().sorted(1),
            Command::Transaction(command) => command.with_each(reply, Command::comparable),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Script(_) => reply.plain(),
        }
    }

    /// The outcome in the form that it has in RESP2, from the answers to all requests. RESP3 pairs members with their
    /// scores.
    pub(crate) fn received(&self, mut answers: Vec<Outcome>) -> Outcome {
        let outcome = match self.transaction() {
            Some(transaction) => transaction.outcome(answers),
            None => answers.pop().unwrap_or_else(|| Outcome::Unknown("nothing was sent".into())),
        };
        match outcome {
            Outcome::Reply(reply) => Outcome::Reply(self.flat(reply)),
            outcome @ (Outcome::Failed(_) | Outcome::Unknown(_)) => outcome,
        }
    }

    fn flat(&self, reply: Reply) -> Reply {
        match (self, reply) {
            (
                Command::SortedSet(SortedSetCommand::All(_) | SortedSetCommand::Range(..) | SortedSetCommand::Pop(..)),
                Reply::Array(replies),
            ) => {
                let flat = replies.into_iter().flat_map(|reply| match reply {
                    Reply::Array(pair) => pair,
                    reply => vec![reply],
                });
                Reply::Array(flat.collect())
            }
            (Command::Transaction(TransactionCommand::Exec { commands, .. }), Reply::Array(replies))
                if commands.len() == replies.len() =>
            {
                Reply::Array(commands.iter().zip(replies).map(|(command, reply)| command.flat(reply)).collect())
            }
            (_, reply) => reply,
        }
    }

    /// Whether a comparable reply to the command at a site of a state says what may be true at that time.
    pub(crate) fn fits_time(&self, state: &State, site: Site, seen: &Reply) -> bool {
        match self {
            Command::Key(command) => command.fits_time(state, site, seen),
            Command::Hash(HashCommand::Field(command)) => command.fits_time(state, site, seen),
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Server(_)
            | Command::Transaction(_)
            | Command::Script(_) => true,
        }
    }

    /// Whether a reply is right where the model gives another one. Both are comparable.
    pub fn accepts(&self, model: &Reply, seen: &Reply) -> bool {
        match self {
            Command::Key(command) => command.accepts(model, seen),
            Command::Hash(HashCommand::Field(command)) => command.accepts(model, seen),
            Command::SortedSet(SortedSetCommand::Geo(command)) => command.accepts(model, seen),
            // A call of an iteration shows some elements. `check/typed/scans.rs` asks which.
            Command::Hash(HashCommand::Scan(_, cursor, _)) => cursor::is_part(cursor, model, seen, 2),
            Command::Set(SetCommand::Scan(..)) | Command::SortedSet(SortedSetCommand::Scan(..)) => {
                matches!((model, seen), (Reply::Array(_), Reply::Array(_))) || model == seen
            }
            Command::String(_)
            | Command::Set(_)
            | Command::Hash(_)
            | Command::List(_)
            | Command::SortedSet(_)
            | Command::Server(_)
            // `model::step` compares the replies in a transaction one by one.
            | Command::Transaction(_)
            | Command::Script(_) => model == seen,
        }
    }
}
