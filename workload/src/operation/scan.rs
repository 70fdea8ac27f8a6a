//! What HSCAN, SSCAN and ZSCAN have in common. `check/typed/scans.rs` judges what they show: an element that is there from
//! the first call of an iteration to the end of the last one is shown.

use super::command::Command;
use super::cursor::BEGINNING;
use super::hash::HashCommand;
use super::reply::{Outcome, Reply};
use super::set::SetCommand;
use super::sorted_set::SortedSetCommand;
use crate::word::Word;

/// A call of an iteration.
pub struct Scan<'c> {
    /// The key.
    pub key: &'c Word,
    /// Where the call goes on.
    pub cursor: &'c Word,
    /// How many words of the reply belong together. The first of them is the element.
    stride: usize,
}

impl<'c> Scan<'c> {
    /// The call that a command is.
    pub fn of(command: &'c Command) -> Option<Scan<'c>> {
        let (key, cursor, stride) = match command {
            Command::Hash(HashCommand::Scan(key, cursor, _)) => (key, cursor, 2),
            Command::Set(SetCommand::Scan(key, cursor, _)) => (key, cursor, 1),
            Command::SortedSet(SortedSetCommand::Scan(key, cursor, _)) => (key, cursor, 2),
            Command::Hash(_)
            | Command::Set(_)
            | Command::SortedSet(_)
            | Command::String(_)
            | Command::List(_)
            | Command::Key(_)
            | Command::Server(_)
            | Command::Transaction(_)
            | Command::Script(_) => return None,
        };
        Some(Scan { key, cursor, stride })
    }

    /// The cursor of the next call, and the elements that the reply shows. `None` for an error.
    pub fn shown<'r>(&self, reply: &'r Reply) -> Option<(&'r Word, Vec<&'r Word>)> {
        let Reply::Array(replies) = reply else { return None };
        let [Reply::Value(next), Reply::Array(elements)] = replies.as_slice() else { return None };
        let word = |reply: &'r Reply| match reply {
            Reply::Value(word) => Some(word),
            _ => None,
        };
        Some((next, elements.iter().step_by(self.stride).filter_map(word).collect()))
    }
}

/// The next call of an iteration that is not at its end.
pub fn next_call((command, outcome): (&Command, &Outcome)) -> Option<Command> {
    let (scan, Outcome::Reply(reply)) = (Scan::of(command)?, outcome) else { return None };
    let (next, _) = scan.shown(reply)?;
    if *next == Word::from(BEGINNING) {
        return None;
    }
    let (key, cursor) = (scan.key.clone(), next.clone());
    match command {
        Command::Hash(HashCommand::Scan(_, _, count)) => Some(Command::Hash(HashCommand::Scan(key, cursor, *count))),
        Command::Set(SetCommand::Scan(_, _, count)) => Some(Command::Set(SetCommand::Scan(key, cursor, *count))),
        Command::SortedSet(SortedSetCommand::Scan(_, _, count)) => {
            Some(Command::SortedSet(SortedSetCommand::Scan(key, cursor, *count)))
        }
        _ => None, // it is no such call
    }
}
