//! The bounds of a run, and what work costs.

use std::time::Duration;

/// The hook looks at the bounds once in so many instructions. More often costs speed; less often lets a script that
/// concatenates large strings run longer beyond its time.
pub(crate) const HOOK_INTERVAL: u32 = 100;
/// The hook of a run that holds more than [`CLOSE_MEMORY`] looks this often: then a few instructions can take long. Lua
/// needs a tenth of a second to compare two strings of fifteen megabytes that consist of zeros.
pub(crate) const CLOSE_INTERVAL: u32 = 10;
/// From so many bytes on, a run is watched closely.
pub(crate) const CLOSE_MEMORY: u64 = 4 << 20;
/// Touching so many bytes counts as one step.
pub(crate) const BYTES_PER_STEP: usize = 64;
/// The price in steps of a value of Lua that a native function reads or makes.
pub(crate) const STEPS_PER_VALUE: u64 = 10;
/// The price of a key that a native function only looks at.
pub(crate) const STEPS_PER_KEY: u64 = 2;
/// A run looks at the clock once in so many steps.
pub(crate) const STEPS_PER_LOOK: i64 = 64;

/// The bounds of one run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Instructions of Lua's virtual machine, and comparable steps of native functions.
    pub instructions: u64,
    /// Time by the engine's clock.
    pub time: Duration,
    /// Bytes that Lua may allocate beyond what it held at the start. The strings that a native function is building count
    /// too. What leaves Lua, the words of one command or the whole reply, may have as many bytes again.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { instructions: 50_000_000, time: Duration::from_secs(5), memory: 64 << 20 }
    }
}

impl Limits {
    /// The bound for loading a library: code that registers functions needs no time.
    pub const LOADING: Limits = Limits { instructions: 5_000_000, time: Duration::from_millis(500), memory: 16 << 20 };

    /// The bound that lets no work begin.
    pub fn spent(&self) -> Option<Bound> {
        if self.instructions == 0 {
            Some(Bound::Instructions)
        } else if self.time.is_zero() {
            Some(Bound::Time)
        } else {
            None
        }
    }
}

/// Which bound stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// [`Limits::instructions`]
    Instructions,
    /// [`Limits::time`]
    Time,
    /// [`Limits::memory`]
    Memory,
}

impl Bound {
    /// The text of the error that the client gets.
    pub fn text(self) -> &'static str {
        match self {
            Bound::Instructions => "ERR Script stopped: it used more instructions than allowed",
            Bound::Time => "ERR Script stopped: it took more time than allowed",
            Bound::Memory => "ERR Script stopped: it used more memory than allowed",
        }
    }
}
