//! Runs scripts and the functions of libraries.
//!
//! The engine is pure: it knows no database, no socket and no clock of its own. It gets a text and a [`Host`] for each run
//! and returns a [`Reply`]. It keeps one Lua with the texts that were compiled. When a bound stops a run, the engine throws
//! that Lua away, because the script may have been anywhere, and compiles again what it needs.
//!
//! The engine keeps no library. Its caller has the text of the library for each call, and the engine runs that text anew, so
//! that the functions see fresh variables. A function that counted its calls in a variable would count those of
//! transactions that lost their race, and would count differently on each server.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;

use crate::convert::to_reply;
use crate::identity::Identity;
use crate::interpreter::{End, Interpreter, Loading};
use crate::limits::{Bound, Limits};
use crate::register::FunctionFacts;
use crate::resp::Reply;
use crate::run::Clock;
use crate::server_table::Host;
use crate::shebang::{self, ScriptFlags};

/// A library of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its name.
    pub name: Bytes,
    /// Its functions by their names in lower case.
    pub functions: BTreeMap<Bytes, FunctionFacts>,
}

/// The script engine.
pub struct Engine {
    clock: Clock,
    identity: Identity,
    interpreter: Option<Interpreter>,
    was_stopped: bool,
    left: (u64, Duration),
}

impl Engine {
    /// An engine that has compiled nothing so far.
    pub fn new(clock: Clock, identity: Identity) -> Engine {
        Engine { clock, identity, interpreter: None, was_stopped: false, left: (0, Duration::ZERO) }
    }

    /// Runs a script.
    pub fn eval(
        &mut self,
        script: &[u8],
        keys: &[Bytes],
        argv: &[Bytes],
        limits: &Limits,
        host: &mut dyn Host,
    ) -> Reply {
        self.guarded(|mut lua| {
            if let Err(error) = lua.begin(limits) {
                return (lua.broken(&error), None);
            }
            let (function, sha) = match lua.script(script) {
                Ok(Ok(program)) => program,
                Ok(Err(reply)) => return (reply, Some(lua)),
                Err(error) => return (lua.broken(&error), None),
            };
            lua.run.runs_function.store(false, Relaxed);
            if let Err(error) = lua.globals(keys, argv) {
                return (lua.broken(&error), None);
            }
            let end = lua.enter(host, |world| world.protect.call((&function, &world.handler)));
            answer(lua, end, &sha)
        })
    }

    /// Checks and compiles a script without running it. Returns its SHA-1 in hexadecimal. It takes what it needs from the
    /// instructions and the time of the limits: nothing for a script that was compiled before.
    pub fn check(&mut self, script: &[u8], limits: &mut Limits) -> Result<Arc<str>, Reply> {
        if let Some(sha) = self.interpreter.as_ref().and_then(|lua| lua.sha_of(script)) {
            return Ok(sha);
        }
        let mut sha = None;
        let reply = self.guarded(|mut lua| {
            if let Err(error) = lua.begin(limits) {
                return (lua.broken(&error), None);
            }
            let compiled = lua.script(script);
            (limits.instructions, limits.time) = lua.run.left();
            match compiled {
                Ok(Ok((_, of_script))) => {
                    sha = Some(of_script);
                    (Reply::OK, Some(lua))
                }
                Ok(Err(reply)) => (reply, Some(lua)),
                Err(error) => (lua.broken(&error), None),
            }
        });
        sha.ok_or(reply)
    }

    /// What a script declares in its first line.
    pub fn flags(script: &[u8]) -> Result<ScriptFlags, Reply> {
        shebang::script(script).map(|(flags, _)| flags)
    }

    /// Forgets all that was compiled.
    pub fn forget(&mut self) {
        self.interpreter = self.interpreter.take().and_then(|mut lua| lua.forget().is_ok().then_some(lua));
    }

    /// The name that a library gives itself in its first line.
    pub fn library_name(code: &[u8]) -> Result<Bytes, Reply> {
        shebang::library(code).map(|(name, _)| name)
    }

    /// Loads a library, and tells what it has. It takes what it needs from the instructions and the time of the limits, so
    /// that several libraries can share them.
    pub fn library(&mut self, code: &[u8], limits: &mut Limits) -> Result<Library, Reply> {
        let name = Engine::library_name(code)?;
        let mut functions = None;
        let reply = self.guarded(|mut lua| {
            let loading = lua.load(code, None, limits);
            (limits.instructions, limits.time) = lua.run.left();
            match loading {
                Loading::Loaded(registry) => {
                    functions = Some(registry.functions);
                    (Reply::OK, Some(lua))
                }
                Loading::Refused(reply) => (reply, Some(lua)),
                Loading::Stopped(reply) => (reply, None),
            }
        });
        functions.map(|functions| Library { name, functions }).ok_or(reply)
    }

    /// Calls a function of the library that has this text. Loading the library counts towards the limits.
    pub fn call(
        &mut self,
        code: &[u8],
        name: &Bytes,
        keys: &[Bytes],
        argv: &[Bytes],
        limits: &Limits,
        host: &mut dyn Host,
    ) -> Reply {
        self.guarded(|mut lua| {
            let loading = Limits { memory: Limits::LOADING.memory, ..*limits };
            let function = match lua.load(code, Some(name.clone()), &loading) {
                Loading::Loaded(registry) => registry.callback,
                Loading::Refused(reply) => return (reply, Some(lua)),
                Loading::Stopped(reply) => {
                    let stopped = lua.run.stopped().map(|bound| Reply::error(bound.text()));
                    return (stopped.unwrap_or(reply), None);
                }
            };
            let Some(function) = function else { return (Reply::error("ERR Function not found"), Some(lua)) };
            let (instructions, time) = lua.run.left();
            if let Err(error) = lua.begin(&Limits { instructions, time, ..*limits }) {
                return (lua.broken(&error), None);
            }
            lua.run.runs_function.store(true, Relaxed);
            let (keys, argv) = match lua.lists(keys, argv) {
                Ok(lists) => lists,
                Err(error) => return (lua.broken(&error), None),
            };
            let end = lua.enter(host, |world| world.enter.call((&function, &world.handler, keys, argv)));
            answer(lua, end, &String::from_utf8_lossy(name))
        })
    }

    /// Whether the last run did not reach its end: a bound stopped it, or Lua failed. What it did should be undone.
    pub fn was_stopped(&self) -> bool {
        self.was_stopped
    }

    /// What the last run has left of its instructions and its time. After one that was stopped this is nothing.
    pub fn left(&self) -> (u64, Duration) {
        self.left
    }

    /// Lends the interpreter to a closure, which returns it if it can be used again. A panic loses it.
    fn guarded(&mut self, action: impl FnOnce(Interpreter) -> (Reply, Option<Interpreter>)) -> Reply {
        (self.was_stopped, self.left) = (true, (0, Duration::ZERO));
        let fresh = || Interpreter::new(self.clock.clone(), &self.identity);
        let lua = match self.interpreter.take().map_or_else(fresh, Ok) {
            Ok(lua) => lua,
            Err(error) => return Reply::error(format!("ERR the script engine cannot start: {error}")),
        };
        let run = lua.run.clone();
        // Without memory, the library that drives Lua may panic. The server must live on, and the interpreter is lost anyway.
        match catch_unwind(AssertUnwindSafe(|| action(lua))) {
            Ok((reply, lua)) => {
                self.was_stopped = lua.is_none();
                if !self.was_stopped {
                    self.left = run.left();
                }
                self.interpreter = lua.filter(Interpreter::tidy);
                reply
            }
            Err(panic) if run.in_host.load(Relaxed) => resume_unwind(panic),
            Err(_) => Reply::error(Bound::Memory.text()),
        }
    }
}

/// The reply to a run.
fn answer(lua: Interpreter, end: End, name: &str) -> (Reply, Option<Interpreter>) {
    match end {
        End::Stopped(bound) => (Reply::error(bound.text()), None),
        End::Broken(text) => (Reply::error(format!("ERR {text} script: {name}")), None),
        End::Failed(failure) => {
            let mut text = failure.text.to_vec();
            text.extend_from_slice(format!(" script: {name}").as_bytes());
            if let Some((source, line)) = failure.at {
                text.extend_from_slice(format!(", on {source}:{line}.").as_bytes());
            }
            (Reply::error(text), Some(lua))
        }
        End::Value(value) => {
            let third = lua.run.protocol.load(Relaxed) == 3;
            match to_reply(&lua.lua, &value, third) {
                Ok(reply) => {
                    drop(value);
                    (reply, Some(lua))
                }
                Err(error) => (lua.broken(&error), None),
            }
        }
    }
}
