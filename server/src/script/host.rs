//! What a script can do to the database: everything that a client could do with the same commands, and no more of it than
//! one unit may.

use bytes::Bytes;
use valthree_script::resp::Reply as Told;
use valthree_script::{Host, LogLevel, STOPPED};

use super::reply::{nodes, to_script};
use crate::command::execution::{FULL, TOO_LARGE, execute};
use crate::command::family::durability;
use crate::command::flag::Flag;
use crate::command::resolve::resolve;
use crate::command::spec::{CommandTable, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;

/// How much work the commands of a script may make: a step for each call, for each value of a reply, and for each row that
/// changes. A step takes about 100 nanoseconds, so this is about a fifth of a second, during which nobody else is served.
const MOST_STEPS: u64 = 2_000_000;
/// What a row that changes costs, in the same steps.
const STEPS_PER_CHANGE: u64 = 10;
/// How many bytes a script may pass to commands that write. A commit is one object, and the others in it wait for its upload.
const MOST_WRITTEN: u64 = 128 << 20;
/// What each word costs beyond its bytes.
const WORD_OVERHEAD: u64 = 64;
/// How many lines a run may write to the log, and how long each may be: a script must not fill a disk.
const MOST_LINES: u32 = 100;
const LONGEST_LINE: usize = 1000;

const BEYOND: Reply = Reply::fault(STOPPED);
const UNKNOWN: Reply = Reply::fault("ERR Unknown command called from script");
const WRONG_ARITY: Reply = Reply::fault("ERR Wrong number of args calling command from script");
const FORBIDDEN: Reply = Reply::fault("ERR This Redis command is not allowed from script");
const READ_ONLY: Reply = Reply::fault("ERR Write commands are not allowed from read-only scripts.");

/// What a run may do.
#[derive(Clone, Copy, Debug)]
pub struct Licence {
    /// It may change keys.
    pub writes: bool,
    /// It may change keys although the database is full.
    pub grows: bool,
}

/// A run of a script, as the database sees it.
pub struct Hands<'a, 'd> {
    commands: &'static CommandTable,
    draft: &'a mut Draft<'d>,
    licence: Licence,
    /// The database was full when the script began, and the script has not changed it so far. After its first change it may
    /// go on: half of its effect would be worse than a database that is a little larger.
    refuses_growth: bool,
    /// What the draft was at the start.
    made: u64,
    steps: u64,
    written: u64,
    lines: u32,
    exceeded: bool,
}

impl<'a, 'd> Hands<'a, 'd> {
    /// Begins a run.
    pub fn new(commands: &'static CommandTable, draft: &'a mut Draft<'d>, licence: Licence) -> Hands<'a, 'd> {
        let made = draft.made();
        let refuses_growth = !licence.grows && draft.is_full();
        Hands { commands, draft, licence, refuses_growth, made, steps: 0, written: 0, lines: 0, exceeded: false }
    }

    /// What is told of a run whose commands did too much. All of it has to be undone.
    pub fn excess(&self) -> Option<Reply> {
        match self.draft.exceeds() {
            true => Some(TOO_LARGE),
            false => self.exceeded.then_some(BEYOND),
        }
    }

    fn execute(&mut self, words: Vec<Bytes>) -> Result<Reply, Reply> {
        if self.exceeded {
            return Err(BEYOND);
        }
        let spec = self.admit(&words)?;
        if let Some(reply) = self.answer(spec, &words) {
            return Ok(reply);
        }
        if spec.is(Flag::Write) {
            self.written += words.iter().map(|word| word.len() as u64 + WORD_OVERHEAD).sum::<u64>();
        }
        let before = self.draft.made();
        let reply = match spec.meaning {
            Meaning::Table(tell) => tell(self.commands, &words)?,
            Meaning::Session(_) | Meaning::Reset(_) | Meaning::Transaction(_) => return Err(FORBIDDEN),
            Meaning::Container
            | Meaning::Data(_)
            | Meaning::Script(_)
            | Meaning::Select(..)
            | Meaning::Time
            | Meaning::Watch
            | Meaning::Exec => {
                spec.check.map_or(Ok(()), |check| check(&words))?;
                execute(self.commands, spec, self.draft, &words)
            }
        };
        self.refuses_growth &= self.draft.made() == self.made;
        self.steps += 1 + nodes(&reply) + STEPS_PER_CHANGE * (self.draft.made() - before);
        // A script that lacks an order is undone, so there is no use in going on.
        let is_in_vain = self.draft.exceeds() || self.draft.lacks();
        self.exceeded = self.steps > MOST_STEPS || self.written > MOST_WRITTEN || is_in_vain;
        if self.exceeded { Err(BEYOND) } else { Ok(reply) }
    }

    /// Finds the command, and refuses what scripts may not do.
    fn admit(&self, words: &[Bytes]) -> Result<&'static Spec, Reply> {
        let spec = resolve(self.commands, words).map_err(|_| UNKNOWN)?;
        if !spec.admits(words.len()) || matches!(spec.meaning, Meaning::Container) {
            return Err(WRONG_ARITY);
        }
        if spec.is(Flag::Noscript) {
            return Err(FORBIDDEN);
        }
        // Scripts cannot call scripts, so these are the commands that Valkey refuses to such scripts.
        if (spec.is(Flag::Write) || spec.may_be_replicated()) && !self.licence.writes {
            return Err(READ_ONLY);
        }
        if spec.is(Flag::Denyoom) && self.refuses_growth {
            return Err(FULL);
        }
        Ok(spec)
    }

    /// Answers commands that concern a connection elsewhere, and need none.
    fn answer(&self, spec: &Spec, words: &[Bytes]) -> Option<Reply> {
        match (spec.name, words) {
            ("ping", [_]) => Some(Reply::status("PONG")),
            ("echo" | "ping", [_, text]) => Some(Reply::Bulk(text.clone())),
            ("wait", _) => Some(durability::wait(words).unwrap_or_else(|error| error)),
            _ => None,
        }
    }
}

impl Host for Hands<'_, '_> {
    fn call(&mut self, words: Vec<Bytes>) -> Told {
        to_script(self.execute(words).unwrap_or_else(|error| error))
    }

    fn permits(&mut self, words: Vec<Bytes>) -> Option<bool> {
        resolve(self.commands, &words).is_ok().then_some(true)
    }

    fn log(&mut self, level: LogLevel, text: Bytes) {
        self.lines += 1;
        if self.lines > MOST_LINES {
            return;
        }
        let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST_LINE)]);
        match level {
            LogLevel::Debug => tracing::trace!(%text, "a script says"),
            LogLevel::Verbose => tracing::debug!(%text, "a script says"),
            LogLevel::Notice => tracing::info!(%text, "a script says"),
            LogLevel::Warning => tracing::warn!(%text, "a script says"),
        }
    }

    fn seed(&mut self) -> i32 {
        // Half of it is enough for a generator of 48 bits.
        self.draft.seed() as i32
    }
}
