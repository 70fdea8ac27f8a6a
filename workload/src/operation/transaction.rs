//! WATCH, UNWATCH, and MULTI with its commands and its end.
//!
//! A transaction is one operation: its commands take effect at one moment, and its reply is an array of theirs. A WATCH is
//! an operation of its own, and the EXEC after it names the keys that its client watches. So the model can tell whether
//! the keys were left alone in between.

use serde::{Deserialize, Serialize};

use super::Command;
use super::reply::{Outcome, Reply};
use crate::word::Word;

/// A command about transactions, or a whole one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TransactionCommand {
    /// Watches keys: the next EXEC of the client does nothing if one of them was touched.
    Watch(Vec<Word>),
    /// Watches no key any more.
    Unwatch,
    /// MULTI, commands and EXEC.
    Exec {
        /// The keys that the client watches. A client without any never gets a null reply.
        watched: Vec<Word>,
        /// The commands.
        commands: Vec<Command>,
    },
    /// MULTI, commands and DISCARD: nothing happens.
    Discard(Vec<Command>),
    /// MULTI, commands, one that the server has to refuse, and EXEC: nothing happens.
    Spoilt {
        /// The commands that the server queues.
        commands: Vec<Command>,
        /// The words of the one that it refuses.
        refused: Vec<Word>,
    },
}

/// The code of the error to an EXEC after a command that the server refused to queue.
pub(super) const ABORTED: &str = "EXECABORT";

/// How a transaction is written in a history.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spelling {
    multi: Vec<Command>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    watched: Vec<Word>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Word>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    discarded: bool,
}

/// How the commands are written.
impl TransactionCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            TransactionCommand::Watch(_) => "WATCH",
            TransactionCommand::Unwatch => "UNWATCH",
            TransactionCommand::Exec { .. } | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => {
                "MULTI"
            }
        }
    }

    /// The form in a history of a whole transaction. `None` for a single command.
    pub(super) fn spelling(&self) -> Option<Spelling> {
        let (watched, refused) = (Vec::new(), Vec::new());
        match self.clone() {
            TransactionCommand::Watch(_) | TransactionCommand::Unwatch => None,
            TransactionCommand::Exec { watched, commands } => {
                Some(Spelling { multi: commands, watched, refused, discarded: false })
            }
            TransactionCommand::Discard(multi) => Some(Spelling { multi, watched, refused, discarded: true }),
            TransactionCommand::Spoilt { commands, refused } => {
                Some(Spelling { multi: commands, watched, refused, discarded: false })
            }
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<TransactionCommand> {
        match (name, arguments) {
            ("WATCH", [_, ..]) => Some(TransactionCommand::Watch(arguments.to_vec())),
            ("UNWATCH", []) => Some(TransactionCommand::Unwatch),
            _ => None,
        }
    }

    /// The requests that a client sends, all at once.
    pub(super) fn requests(&self) -> Vec<Vec<Word>> {
        self.spelled(Command::requests)
    }

    /// The requests for people: a script stands by its name.
    pub(super) fn shown(&self) -> Vec<Vec<Word>> {
        self.spelled(|command| vec![command.clone().into_words()])
    }

    fn spelled(&self, queued: impl Fn(&Command) -> Vec<Vec<Word>>) -> Vec<Vec<Word>> {
        let around = |commands: &[Command], refused: Option<&Vec<Word>>, end: &str| {
            let begin = vec![Word::from("MULTI")];
            let queued = commands.iter().flat_map(&queued).chain(refused.cloned());
            std::iter::once(begin).chain(queued).chain([vec![Word::from(end)]]).collect()
        };
        match self {
            TransactionCommand::Watch(keys) => {
                vec![std::iter::once(Word::from("WATCH")).chain(keys.iter().cloned()).collect()]
            }
            TransactionCommand::Unwatch => vec![vec![Word::from("UNWATCH")]],
            TransactionCommand::Exec { commands, .. } => around(commands, None, "EXEC"),
            TransactionCommand::Discard(commands) => around(commands, None, "DISCARD"),
            TransactionCommand::Spoilt { commands, refused } => around(commands, Some(refused), "EXEC"),
        }
    }

    pub(super) fn abridged(self) -> TransactionCommand {
        let all = |commands: Vec<Command>| commands.into_iter().map(Command::abridged).collect();
        match self {
            TransactionCommand::Exec { watched, commands } => {
                TransactionCommand::Exec { watched, commands: all(commands) }
            }
            TransactionCommand::Discard(commands) => TransactionCommand::Discard(all(commands)),
            TransactionCommand::Spoilt { commands, refused } => {
                TransactionCommand::Spoilt { commands: all(commands), refused }
            }
            command @ (TransactionCommand::Watch(_) | TransactionCommand::Unwatch) => command,
        }
    }
}

impl From<Spelling> for TransactionCommand {
    fn from(spelling: Spelling) -> TransactionCommand {
        let Spelling { multi: commands, watched, refused, discarded } = spelling;
        if discarded {
            TransactionCommand::Discard(commands)
        } else if refused.is_empty() {
            TransactionCommand::Exec { watched, commands }
        } else {
            TransactionCommand::Spoilt { commands, refused }
        }
    }
}

/// The replies.
impl TransactionCommand {
    /// The commands that take effect.
    pub fn effective(&self) -> &[Command] {
        match self {
            TransactionCommand::Exec { commands, .. } => commands,
            TransactionCommand::Watch(_)
            | TransactionCommand::Unwatch
            | TransactionCommand::Discard(_)
            | TransactionCommand::Spoilt { .. } => &[],
        }
    }

    /// The commands that the client sends between MULTI and its end, whether or not they take effect.
    pub fn queued(&self) -> &[Command] {
        match self {
            TransactionCommand::Exec { commands, .. }
            | TransactionCommand::Discard(commands)
            | TransactionCommand::Spoilt { commands, .. } => commands,
            TransactionCommand::Watch(_) | TransactionCommand::Unwatch => &[],
        }
    }

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

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            TransactionCommand::Watch(_) | TransactionCommand::Unwatch | TransactionCommand::Discard(_) => {
                reply.is_status("OK")
            }
            TransactionCommand::Spoilt { .. } => {
                matches!(reply, Reply::Error { error } if error.starts_with(ABORTED))
            }
            TransactionCommand::Exec { watched, commands } => match reply {
                Reply::Nil => !watched.is_empty(),
                Reply::Array(replies) => {
                    let possible =
                        |(command, reply): (&Command, &Reply)| crate::model::impossible(command, reply).is_none();
                    replies.len() == commands.len() && commands.iter().zip(replies).all(possible)
                }
                _ => false,
            },
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

/// Which keys the commands concern.
impl TransactionCommand {
    /// The keys that the client begins to watch, or watches up to here.
    pub fn noted(&self) -> &[Word] {
        match self {
            TransactionCommand::Watch(keys) | TransactionCommand::Exec { watched: keys, .. } => keys,
            TransactionCommand::Unwatch | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => &[],
        }
    }

    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            TransactionCommand::Watch(keys) => keys.iter().collect(),
            TransactionCommand::Exec { watched, commands } => {
                watched.iter().chain(commands.iter().flat_map(Command::keys)).collect()
            }
            TransactionCommand::Unwatch | TransactionCommand::Discard(_) | TransactionCommand::Spoilt { .. } => {
                Vec::new()
            }
        }
    }

    pub(super) fn may_write(&self) -> bool {
        self.effective().iter().any(Command::may_write)
    }
}
