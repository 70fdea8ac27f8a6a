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

use mlua::Lua;

use crate::json::JsonOptions;
pub(crate) use crate::limits::{BYTES_PER_STEP, STEPS_PER_KEY, STEPS_PER_VALUE};
use crate::limits::{Bound, CLOSE_INTERVAL, CLOSE_MEMORY, HOOK_INTERVAL, Limits, STEPS_PER_LOOK};
use crate::raised::{Failure, Raised};
use crate::random::Random;
use crate::register::Registry;
use crate::server_table::{Answer, Request};

/// A clock that only moves forward. The engine reads no other.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

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
