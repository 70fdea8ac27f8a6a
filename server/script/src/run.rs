//! What one run of a script may spend, and what it has spent.
//!
//! A script must not decide whether it stops. Lua reports a broken bound as an ordinary error, and `pcall` catches those.
//! So a broken bound is noted here first. From then on everything that catches errors looks at the note and raises again:
//! `pcall`, `xpcall` and `coroutine.resume` do it when they return, and the hook does it at its next turn. The hook belongs
//! to the main thread of Lua before any script runs, and Lua copies it into each coroutine.
//!
//! # What is paid
//!
//! | work | who pays |
//! |---|---|
//! | instructions | the hook, once in [`HOOK_INTERVAL`] of them |
//! | the bytes of the arguments of a native function | [`crate::world::native`], before the function runs |
//! | the bytes that a native function builds | [`crate::output::Output`], before it appends |
//! | everything else that takes longer the more there is, like matching and walking through a table | the function, by [`Run::charge`] |
//!
//! An instruction of Lua, or a function of Lua's own library, takes as long as the longest string it reads or builds. The
//! hook cannot interrupt it. So a run that holds much memory meets the hook more often, see [`CLOSE_INTERVAL`].
//!
//! # Memory outside of Lua
//!
//! Lua's allocator knows only what Lua holds. [`Run::reserve`] adds what native functions hold at that moment. What they
//! copy for the server, like the words of a command or a reply, may be as large again: see [`Run::carry`].

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mlua::{Lua, MultiValue, Value};

use crate::json::JsonOptions;
pub(crate) use crate::limits::{BYTES_PER_STEP, STEPS_PER_KEY, STEPS_PER_VALUE};
use crate::limits::{Bound, CLOSE_INTERVAL, CLOSE_MEMORY, HOOK_INTERVAL, Limits, STEPS_PER_LOOK};
use crate::random::Random;
use crate::register::Registry;
use crate::resp::before_nul;
use crate::server_table::{Answer, Request};

/// A clock that only moves forward. The engine reads no other.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How a run failed, as the outermost error handler saw it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub text: Bytes,
    /// The chunk and the line that raised the error. Native functions have the line -1.
    pub at: Option<(String, i64)>,
}

/// The state of the present run. Lua's functions find it in the application data of their Lua.
pub(crate) struct Run {
    clock: Clock,
    left: AtomicI64,
    deadline: AtomicU64,
    memory: AtomicU64,
    /// [`Limits::memory`]
    allowance: AtomicU64,
    /// What native functions hold outside of Lua.
    outside: AtomicU64,
    /// The hook looks more often.
    close: AtomicBool,
    stopped: AtomicU8,
    /// The protocol of replies inside the script, which `setresp` chooses.
    pub protocol: AtomicU8,
    pub random: Mutex<Random>,
    pub json: Mutex<JsonOptions>,
    pub failure: Mutex<Option<Failure>>,
    /// What a loading library has registered so far. There is none while nothing loads.
    pub registry: Mutex<Option<Registry>>,
    /// What runs is a function of a library.
    pub runs_function: AtomicBool,
    /// What a native function asks of the host at this moment, and what the host said.
    pub request: Mutex<Option<Request>>,
    pub answer: Mutex<Option<Answer>>,
    /// The host is at work. A panic then is the host's.
    pub in_host: AtomicBool,
}

impl Run {
    pub(crate) fn new(clock: Clock) -> Run {
        Run {
            clock,
            left: AtomicI64::new(i64::MAX),
            deadline: AtomicU64::new(u64::MAX),
            memory: AtomicU64::new(u64::MAX),
            allowance: AtomicU64::new(u64::MAX),
            outside: AtomicU64::new(0),
            close: AtomicBool::new(false),
            stopped: AtomicU8::new(0),
            protocol: AtomicU8::new(2),
            random: Mutex::new(Random::new()),
            json: Mutex::new(JsonOptions::default()),
            failure: Mutex::new(None),
            registry: Mutex::new(None),
            runs_function: AtomicBool::new(false),
            request: Mutex::new(None),
            answer: Mutex::new(None),
            in_host: AtomicBool::new(false),
        }
    }

    /// Begins a run. `used` are the bytes that Lua holds already.
    pub(crate) fn begin(&self, limits: &Limits, used: usize) {
        self.left.store(i64::try_from(limits.instructions).unwrap_or(i64::MAX), Relaxed);
        self.deadline.store(micros((self.clock)().saturating_add(limits.time)), Relaxed);
        self.memory.store(used.saturating_add(limits.memory) as u64, Relaxed);
        self.allowance.store(limits.memory as u64, Relaxed);
        self.outside.store(0, Relaxed);
        self.stopped.store(0, Relaxed);
        self.protocol.store(2, Relaxed);
        *lock(&self.random) = Random::new();
        *lock(&self.json) = JsonOptions::default();
        *lock(&self.failure) = None;
        // A request that failed on its way to the host is not for the next script.
        *lock(&self.request) = None;
        *lock(&self.answer) = None;
    }

    /// The bound that stopped the run.
    pub(crate) fn stopped(&self) -> Option<Bound> {
        match self.stopped.load(Relaxed) {
            0 => None,
            1 => Some(Bound::Instructions),
            2 => Some(Bound::Time),
            _ => Some(Bound::Memory),
        }
    }

    /// Notes that a bound is broken, and returns the error that unwinds the script.
    pub(crate) fn stop(&self, bound: Bound) -> mlua::Error {
        let code = match bound {
            Bound::Instructions => 1,
            Bound::Time => 2,
            Bound::Memory => 3,
        };
        self.stopped.store(code, Relaxed);
        mlua::Error::external(Raised::Stopped)
    }

    /// Pays for some steps of work.
    pub(crate) fn charge(&self, steps: u64) -> mlua::Result<()> {
        if self.stopped().is_some() {
            return Err(mlua::Error::external(Raised::Stopped));
        }
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        let before = self.left.fetch_sub(steps, Relaxed);
        if before < steps {
            return Err(self.stop(Bound::Instructions));
        }
        if before / STEPS_PER_LOOK == (before - steps) / STEPS_PER_LOOK {
            return Ok(());
        }
        self.look()
    }

    /// Pays for touching some bytes.
    pub(crate) fn charge_bytes(&self, bytes: usize) -> mlua::Result<()> {
        self.charge((bytes / BYTES_PER_STEP) as u64)
    }

    /// Looks at the clock.
    pub(crate) fn look(&self) -> mlua::Result<()> {
        if micros((self.clock)()) > self.deadline.load(Relaxed) {
            return Err(self.stop(Bound::Time));
        }
        Ok(())
    }

    /// Refuses to build something that would not fit into the memory that is left.
    pub(crate) fn reserve(&self, lua: &Lua, bytes: usize) -> mlua::Result<()> {
        if bytes > self.room(lua) {
            return Err(self.stop(Bound::Memory));
        }
        Ok(())
    }

    /// Has an action allocate at most so many bytes of Lua's memory, for which there is room. They cannot fail, which saves a
    /// protected call for each.
    pub(crate) fn unfailing<T>(&self, lua: &Lua, bytes: usize, action: impl FnOnce() -> T) -> mlua::Result<T> {
        self.reserve(lua, bytes)?;
        let limit = lua.set_memory_limit(0)?;
        let result = action();
        lua.set_memory_limit(limit)?;
        Ok(result)
    }

    /// Lets the host work.
    pub(crate) fn while_in_host<T>(&self, action: impl FnOnce() -> T) -> T {
        self.in_host.store(true, Relaxed);
        let result = action();
        self.in_host.store(false, Relaxed);
        result
    }

    /// How many bytes fit into the memory that is left.
    pub(crate) fn room(&self, lua: &Lua) -> usize {
        let held = (lua.used_memory() as u64).saturating_add(self.outside.load(Relaxed));
        self.memory.load(Relaxed).saturating_sub(held) as usize
    }

    /// Notes that a native function holds more bytes outside of Lua, or fewer.
    pub(crate) fn hold(&self, more: usize, fewer: usize) {
        self.outside.fetch_add(more as u64, Relaxed);
        self.outside.fetch_sub(fewer as u64, Relaxed);
    }

    /// Pays for copying some bytes out of Lua.
    pub(crate) fn carry(&self, bytes: usize) -> mlua::Result<()> {
        self.bear(bytes)?;
        self.charge_bytes(bytes)
    }

    /// Bounds what leaves Lua at once. Many mentions of one string cost Lua no memory, and each becomes a copy here.
    pub(crate) fn bear(&self, bytes: usize) -> mlua::Result<()> {
        if bytes as u64 > self.allowance.load(Relaxed) { Err(self.stop(Bound::Memory)) } else { Ok(()) }
    }

    /// Pays for the instructions since the last turn of the hook. Returns how many may pass until the next.
    pub(crate) fn turn(&self, lua: &Lua) -> mlua::Result<u32> {
        let was_close = self.close.load(Relaxed);
        self.charge(u64::from(if was_close { CLOSE_INTERVAL } else { HOOK_INTERVAL }))?;
        if !was_close {
            let spare = self.allowance.load(Relaxed).saturating_sub(self.room(lua) as u64);
            self.close.store(spare > CLOSE_MEMORY, Relaxed);
            return Ok(if spare > CLOSE_MEMORY { CLOSE_INTERVAL } else { HOOK_INTERVAL });
        }
        self.look()?;
        Ok(CLOSE_INTERVAL)
    }

    /// Ends the close watch. Returns whether there was one.
    pub(crate) fn relax(&self) -> bool {
        self.close.swap(false, Relaxed)
    }

    /// What the run has left of its instructions and its time.
    pub(crate) fn left(&self) -> (u64, Duration) {
        let time = self.deadline.load(Relaxed).saturating_sub(micros((self.clock)()));
        (u64::try_from(self.left.load(Relaxed)).unwrap_or(0), Duration::from_micros(time))
    }

    /// How much Lua may hold, in bytes.
    pub(crate) fn memory_limit(&self) -> usize {
        self.memory.load(Relaxed) as usize
    }

    /// The time by the engine's clock.
    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Locks state that only one thread uses at a time. A panic while it is locked leaves it usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The run to which a native function belongs.
pub(crate) fn run_of(lua: &Lua) -> Arc<Run> {
    lua.app_data_ref::<Arc<Run>>().expect("every Lua of the engine carries its run").clone()
}

/// An error that a native function raises.
#[derive(Clone, Debug)]
pub(crate) enum Raised {
    /// A string, as `error("text")` raises it.
    Text(Bytes),
    /// A table with the text in its field `err`, as `redis.call` raises it.
    Reply(Bytes),
    /// A value that a script raised inside a callback of a native function.
    Value(Value),
    /// A bound is broken. No script sees this value.
    Stopped,
}

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Raised::Text(text) | Raised::Reply(text) => f.write_str(&String::from_utf8_lossy(text)),
            Raised::Value(value) => write!(f, "{value:?}"),
            Raised::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for Raised {}

/// Raises a string without a position.
pub(crate) fn raise(text: impl Into<Bytes>) -> mlua::Error {
    mlua::Error::external(Raised::Text(text.into()))
}

/// Raises a string that begins with the position of the caller, as Lua's own library does.
pub(crate) fn raise_here(lua: &Lua, text: impl AsRef<[u8]>) -> mlua::Error {
    let mut message = position(lua, 1).into_bytes();
    message.extend_from_slice(text.as_ref());
    raise(message)
}

/// The position of a level of the stack, like `user_script:1: `. It is empty for native functions. Frames of our own
/// functions in Lua do not count.
fn position(lua: &Lua, level: usize) -> String {
    let place = |frame: &mlua::debug::Debug<'_>| {
        let short = frame.source().short_src.as_deref().unwrap_or("?").to_owned();
        (frame_place(frame), short)
    };
    let mut frames = (level..).map_while(|level| lua.inspect_stack(level, place));
    match frames.find(|((source, _), _)| source != LIBRARY_CHUNK) {
        Some(((_, line), short)) if line > 0 => format!("{short}:{line}: "),
        _ => String::new(),
    }
}

/// Turns the error of a native function into the value that a script gets to see. Raises again if the run is stopped.
pub(crate) fn visible(lua: &Lua, error: &mlua::Error) -> mlua::Result<Value> {
    let run = run_of(lua);
    if run.stopped().is_some() {
        return Err(mlua::Error::external(Raised::Stopped));
    }
    match error {
        mlua::Error::CallbackError { cause, .. } | mlua::Error::WithContext { cause, .. } => visible(lua, cause),
        mlua::Error::MemoryError(_) => Err(run.stop(Bound::Memory)),
        mlua::Error::ExternalError(cause) => match cause.downcast_ref::<Raised>() {
            Some(Raised::Text(text)) => Ok(Value::String(lua.create_string(text)?)),
            Some(Raised::Reply(text)) => {
                let table = lua.create_table()?;
                table.raw_set("err", lua.create_string(text)?)?;
                table.raw_set("ignore_error_stats_update", true)?;
                Ok(Value::Table(table))
            }
            Some(Raised::Value(value)) => Ok(value.clone()),
            Some(Raised::Stopped) | None => Err(error.clone()),
        },
        mlua::Error::RuntimeError(text) => {
            let text = text.split("\nstack traceback:").next().unwrap_or(text);
            Ok(Value::String(lua.create_string(text)?))
        }
        other => Ok(Value::String(lua.create_string(other.to_string())?)),
    }
}

/// Lua's own text for an allocation that failed.
const OUT_OF_MEMORY: &[u8] = b"not enough memory";

/// What everything that catches errors does with a caught value: it raises again if the run is stopped, and replaces our
/// errors by values that scripts know.
pub(crate) fn settle(lua: &Lua, caught: Value) -> mlua::Result<Value> {
    let run = run_of(lua);
    if run.stopped().is_some() {
        return Err(mlua::Error::external(Raised::Stopped));
    }
    match caught {
        Value::Error(error) => visible(lua, &error),
        Value::String(text) if text.as_bytes() == OUT_OF_MEMORY => Err(run.stop(Bound::Memory)),
        other => Ok(other),
    }
}

/// The name of the chunk with our own functions in Lua. Errors never point into it.
pub(crate) const LIBRARY_CHUNK: &str = "=engine";
/// What Lua calls the source of a native function.
const NATIVE_CHUNK: &str = "=[C]";

/// The source and the line of a frame.
fn frame_place(frame: &mlua::debug::Debug<'_>) -> (String, i64) {
    let line = frame.current_line().map_or(-1, |line| line as i64);
    (frame.source().source.as_deref().unwrap_or("?").to_owned(), line)
}

/// Calls a function and keeps the value that it raises, of whatever type.
pub(crate) fn call(lua: &Lua, function: &mlua::Function, arguments: Vec<Value>) -> mlua::Result<MultiValue> {
    let protect: mlua::Function = lua.named_registry_value(PROTECT)?;
    let mut values = MultiValue::from_iter(arguments);
    values.push_front(Value::Function(function.clone()));
    let mut answer: MultiValue = protect.call(values)?;
    match (answer.pop_front(), answer.front()) {
        (Some(Value::Boolean(true)), _) => Ok(answer),
        (_, Some(Value::Error(error))) => Err((**error).clone()),
        (_, Some(raised)) => Err(mlua::Error::external(Raised::Value(settle(lua, raised.clone())?))),
        (_, None) => Ok(answer),
    }
}

/// The name in Lua's registry of the `pcall` of Lua's own library.
pub(crate) const PROTECT: &str = "valthree.protect";

/// The outermost error handler: notes the text and the place of an error.
pub(crate) fn note_failure(lua: &Lua, error: Value) -> mlua::Result<MultiValue> {
    let mut native = false;
    let at = (1..)
        .map_while(|level| lua.inspect_stack(level, frame_place))
        .filter(|(source, _)| source != LIBRARY_CHUNK)
        .find(|(source, _)| source != NATIVE_CHUNK || std::mem::replace(&mut native, true));
    let text = match settle(lua, error)? {
        Value::Table(table) => match table.raw_get::<Value>("err")? {
            Value::String(text) => Bytes::copy_from_slice(&text.as_bytes()),
            // A table without a text crashes other servers.
            _ => Bytes::from_static(b"ERR unknown error"),
        },
        other => {
            let mut text = b"ERR ".to_vec();
            text.extend_from_slice(&crate::args::display(lua, &other)?);
            text.into()
        }
    };
    let text = text.slice_ref(before_nul(&text));
    *lock(&run_of(lua).failure) = Some(Failure { text, at });
    Ok(MultiValue::new())
}
