//! What a command is about to do, as far as somebody can know before it is executed: whether it may change keys, and whether
//! it may let the database grow.
//!
//! The flags of the row say it for most commands. A script can declare it in its first line, and a function when it is
//! registered. As in Valkey, their words then replace the flags. The words of EVAL contain the script. What EVALSHA and
//! FCALL run is known to the database alone, so a session has to ask the commit loop: [`ROOM`] and [`PURPOSE`] are such
//! questions. A client cannot send them, because they stand in no table.

use bytes::Bytes;
use valthree_script::ScriptFlags;

use super::Command;
use super::execution::FULL;
use super::flag::Flag;
use super::resolve::resolve;
use super::spec::{CommandTable, Meaning, Program, Spec};
use crate::resp::Reply;
use crate::script;
use crate::state::Draft;

/// What a command may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// It may change keys. The texts of scripts are none.
    pub writes: bool,
    /// It may let the database grow.
    pub grows: bool,
}

impl Purpose {
    /// The purpose of a command whose script, if it has one, declares this.
    fn of(spec: &Spec, declared: Option<ScriptFlags>) -> Purpose {
        match declared.filter(|flags| flags.declared) {
            Some(flags) => Purpose { writes: !flags.no_writes, grows: !flags.no_writes && !flags.allow_oom },
            None => Purpose { writes: spec.is(Flag::Write) || spec.may_be_replicated(), grows: spec.is(Flag::Denyoom) },
        }
    }
}

impl Command {
    /// The purpose, unless only the database knows it.
    pub fn purpose(&self) -> Option<Purpose> {
        let declared = match self.spec.program {
            None => None,
            Some(Program::Text) => self.words.get(1).and_then(|text| script::declared(text)),
            Some(Program::Sha | Program::Function) => return None,
        };
        Some(Purpose::of(self.spec, declared))
    }

    /// The purpose on a version of the database.
    pub fn purpose_on(&self, draft: &Draft<'_>) -> Purpose {
        self.purpose().unwrap_or_else(|| {
            let name = self.words.get(1).map_or(&b""[..], |word| word);
            let declared = match self.spec.program {
                Some(Program::Function) => script::library::flags(draft, name),
                _ => script::text::find(draft, name).and_then(|text| script::declared(&text)),
            };
            Purpose::of(self.spec, declared)
        })
    }

    /// The question that has these words.
    pub fn ask(question: &'static Spec, words: &[Bytes]) -> Command {
        Command::queued(question, words.to_vec())
    }
}

/// Asks whether a command may be executed although the database may be full. The answer is OK, or the error.
pub static ROOM: Spec = Spec {
    name: "room",
    meaning: Meaning::Script(|table, draft, words| {
        let grows = asked(table, words)?.purpose_on(draft).grows;
        if grows && draft.is_full() { Err(FULL) } else { Ok(Reply::OK) }
    }),
    ..Spec::BLANK
};

/// Asks whether a command may change keys.
pub static PURPOSE: Spec = Spec {
    name: "purpose",
    meaning: Meaning::Script(|table, draft, words| Ok(Reply::Boolean(asked(table, words)?.purpose_on(draft).writes))),
    ..Spec::BLANK
};

/// The command that a question is about.
fn asked(table: &'static CommandTable, words: &[Bytes]) -> Result<Command, Reply> {
    Ok(Command::queued(resolve(table, words)?, words.to_vec()))
}
