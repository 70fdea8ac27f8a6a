//! Whether a request may change the database: what a pause of writes has to know before the session decides about it.

use bytes::Bytes;

use super::Session;
use crate::command::Command;
use crate::command::purpose::PURPOSE;
use crate::command::resolve::resolve;
use crate::command::spec::Meaning;
use crate::command::table::commands;

/// Whether a request may change the database.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// It changes nothing.
    Reads,
    /// It may change keys.
    Writes,
    /// That depends on scripts or functions that only the database knows. These are the questions about them: if one is
    /// answered with true, the request may change keys.
    Unknown(Vec<Command>),
}

impl Session {
    /// Whether a request may change the database. As in Valkey, a command that is queued counts like one that is executed,
    /// and EXEC counts like the commands of its transaction.
    pub fn intent(&self, words: &[Bytes]) -> Intent {
        match resolve(commands(), words) {
            Ok(spec) if matches!(spec.meaning, Meaning::Exec) => intent(self.transaction.commands()),
            Ok(spec) if spec.admits(words.len()) => intent([&Command::queued(spec, words.to_vec())]),
            _ => Intent::Reads,
        }
    }
}

fn intent<'a>(commands: impl IntoIterator<Item = &'a Command>) -> Intent {
    let mut questions = Vec::new();
    for command in commands {
        match command.purpose() {
            Some(purpose) if purpose.writes => return Intent::Writes,
            Some(_) => {}
            None => questions.push(Command::ask(&PURPOSE, command.words())),
        }
    }
    if questions.is_empty() { Intent::Reads } else { Intent::Unknown(questions) }
}
