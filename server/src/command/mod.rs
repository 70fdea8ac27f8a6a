//! The commands: how a request becomes a [`Command`], and what a command means.
//!
//! | module | contents |
//! |---|---|
//! | [`spec`], [`flag`] | the form of a row, and the table |
//! | [`family`] | the commands: one file holds rows, parsers and meanings of related ones |
//! | [`table`] | the table of all families |
//! | [`resolve`] | from the words of a request to its row |
//! | [`execution`] | what executes a row on a draft |
//! | [`keys`] | which words of a request are keys |
//! | [`purpose`] | what a command is about to do: write, or let the database grow |
//! | [`arguments`] | parsers and errors that several commands share |
//! | [`combined`] | a bound on the work of commands that combine several keys |
//! | [`introspect`], `description`, `syntax` | `COMMAND` and `HELP`: the table, told to clients |
//! | [`glob`] | the patterns of Valkey |
//! | [`page`], [`draw`] | visiting a collection in pieces, and random elements of it |
//!
//! To add a command, add a row and its function to a file of [`family`]. Everything else reads the row: the arity check,
//! `COMMAND`, the `HELP` texts, `COMMANDS.md`, and the commit loop, which asks whether a command may write.

pub mod arguments;
pub mod combined;
mod description;
pub mod draw;
pub mod execution;
pub mod family;
pub mod flag;
pub mod glob;
pub mod introspect;
pub mod keys;
pub mod page;
pub mod purpose;
pub mod resolve;
pub mod spec;
mod syntax;
pub mod table;

use std::fmt;

use bytes::Bytes;

use self::arguments::wrong_arity;
pub use self::execution::{FULL, TOO_LARGE};
use self::flag::{Category, Flag};
use self::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;

/// A well-formed request: its row, and its words. In this form a command travels and can be executed many times.
#[derive(Clone)]
pub struct Command {
    spec: &'static Spec,
    words: Vec<Bytes>,
}

impl Command {
    /// Checks the words of a request against the row that [`resolve::resolve`] has found.
    pub fn new(spec: &'static Spec, words: Vec<Bytes>) -> Result<Command, Reply> {
        if !spec.admits(words.len()) {
            return Err(wrong_arity(spec.name));
        }
        let command = Command { spec, words };
        command.check()?;
        Ok(command)
    }

    /// A command of a transaction. A mistake in its arguments is no reason to refuse it: [`Command::check`] finds that, and
    /// the error takes the place of its reply.
    pub fn queued(spec: &'static Spec, words: Vec<Bytes>) -> Command {
        Command { spec, words }
    }

    /// Finds a mistake in the arguments.
    pub fn check(&self) -> Result<(), Reply> {
        self.spec.check.map_or(Ok(()), |check| check(&self.words))
    }

    /// Finds the row of a request and checks the words.
    pub fn parse(words: Vec<Bytes>) -> Result<Command, Reply> {
        Command::new(resolve::resolve(table::commands(), &words)?, words)
    }

    /// The row.
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// All words of the request, the name included.
    pub fn words(&self) -> &[Bytes] {
        &self.words
    }

    /// Whether the command may change the database. Whether it does shows when it is executed.
    pub fn may_write(&self) -> bool {
        self.spec.is(Flag::Write) || self.spec.writes_unflagged
    }

    /// Whether the command notes keys.
    pub fn watches(&self) -> bool {
        matches!(self.spec.meaning, Meaning::Watch)
    }

    /// Whether the command runs a program of its client, which may take long.
    pub fn runs_script(&self) -> bool {
        self.spec.categories.contains(&Category::Scripting)
    }

    /// The database that the commands behind it in a transaction work on, if it chooses one.
    pub fn selects(&self) -> Option<usize> {
        match self.spec.meaning {
            Meaning::Select(choose, _) => choose(&self.words).ok(),
            _ => None,
        }
    }

    /// The keys and values that the command stores unchanged.
    pub fn values(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        let stored = self.spec.stored.map_or(&[][..], |stored| stored(&self.words));
        stored.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }

    /// The bytes of these keys and values.
    pub fn written(&self) -> u64 {
        self.values().map(|(key, value)| key.len() as u64 + value.len() as u64).sum()
    }

    /// Executes the command on a draft. The reply tells what will be true once the draft is stored.
    pub fn execute(&self, draft: &mut Draft<'_>) -> Reply {
        // Like Valkey, the server looks at the size only before a command. So one command may exceed the limit.
        if draft.is_full() && self.purpose_on(draft).grows {
            return FULL;
        }
        self.execute_whatever_the_size(draft)
    }

    /// Executes a command of a transaction that was let in.
    pub fn execute_whatever_the_size(&self, draft: &mut Draft<'_>) -> Reply {
        execution::execute(table::commands(), self.spec, draft, &self.words)
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Command) -> bool {
        self.spec.name == other.spec.name && self.words == other.words
    }
}

impl Eq for Command {}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.words).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    fn refused(line: &str) -> Reply {
        Command::parse(words(line)).expect_err(line)
    }

    #[test]
    fn a_wrong_number_of_words_is_an_error_with_the_full_name() {
        for (line, name) in [
            ("get", "get"),
            ("GET a b", "get"),
            ("set a", "set"),
            ("mset a", "mset"),
            ("mset a 1 b", "mset"),
            ("dbsize now", "dbsize"),
            ("client", "client"),
            ("CLIENT SetName", "client|setname"),
            ("config get", "config|get"),
            ("command count all", "command|count"),
        ] {
            let error = format!("ERR wrong number of arguments for '{name}' command");
            assert_eq!(refused(line), Reply::error(error), "{line}");
        }
    }

    #[test]
    fn the_keys_and_values_of_a_write_are_known_before_it_is_executed() {
        let values = |line: &str| {
            let command = Command::parse(words(line)).expect(line);
            let values: Vec<_> = command.values().map(|(key, value)| (key.clone(), value.clone())).collect();
            (values, command.written())
        };
        let pair = |key: &'static str, value: &'static str| (Bytes::from(key), Bytes::from(value));
        assert_eq!(values("set k value nx"), (vec![pair("k", "value")], 6));
        assert_eq!(values("MSET a 1 b 22"), (vec![pair("a", "1"), pair("b", "22")], 5));
        for line in ["get k", "del k", "flushall", "mget a b"] {
            assert_eq!(values(line), (vec![], 0), "{line}");
        }
    }

    #[test]
    fn commands_are_equal_if_their_words_are() {
        let parse = |line| Command::parse(words(line)).expect("it is well-formed");
        assert_eq!(parse("get k"), parse("get k"));
        assert_ne!(parse("get k"), parse("get other"));
        assert_ne!(parse("del k"), parse("unlink k"));
    }
}
