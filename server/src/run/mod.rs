//! Runs: immutable objects that hold the older entries of a database, sorted, compressed and checksummed.
//!
//! ```text
//! {"run":1,"database":"51b0…","entries":2,"length":14}\n      one line of JSON
//! zstd frames                                                 together `length` bytes once unpacked
//! 32 bytes                                                    the SHA-256 of everything before
//! ```
//!
//! Unpacked, an entry is the length of its key, the key, its kind, and, unless it is a deletion, the length of its value
//! and the value. Lengths are unsigned LEB128; the kinds are 0, a deletion, and 1, a string. Keys ascend, so none stands
//! there twice. A frame holds at most [`BLOCK`] bytes and may end in the middle of an entry: it is what can be packed or
//! unpacked without holding anybody up. (`head -n 1` shows the first line of a run, and `valthree inspect` all of it.)
//!
//! Unpacked bytes with a table of where the keys stand are a [`Layer`], which is how a run is held in memory: beyond keys
//! and values that takes about 15 bytes for each entry. Layers are made of runs ([`Decoder`]), of the newest entries
//! ([`Building`]) and of other layers ([`Merger`]), and become runs again ([`Encoder`]).
//!
//! All of this is [`Work`] in small steps, because the task that does it must not hold up the others, and because a
//! simulation wants no threads: whoever works decides what happens between two steps.
//!
//! Reading is strict, as it is of `db.json`: what is not understood completely is an error.

mod decode;
mod encode;
mod layer;
mod merge;
mod name;

pub use decode::{Damage, Decoder};
pub use encode::Encoder;
pub use layer::{Building, Count, Entry, Found, Layer, Salt};
pub use merge::Merger;
pub use name::Name;

use crate::root::Id;

/// The only format there is so far.
const FORMAT: u64 = 1;

/// What one frame holds at most, in bytes: about half a millisecond's work.
pub const BLOCK: usize = 128 << 10;

/// The bytes of the checksum at the end.
const CHECKSUM: usize = 32;

/// What one layer may hold, in bytes, since positions in it are numbers of 32 bits.
pub const LONGEST: u64 = u32::MAX as u64;

/// A calculation in steps that take a millisecond at most.
pub trait Work {
    /// What comes of it.
    type Done;

    /// Does some of it. To be called until it says what has come of it, and never again.
    fn step(&mut self) -> Option<Self::Done>;

    /// Does all of it at once, for those whom nobody waits for.
    fn finish(mut self) -> Self::Done
    where
        Self: Sized,
    {
        loop {
            if let Some(done) = self.step() {
                return done;
            }
        }
    }
}

/// The first line of a run.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    run: u64,
    database: Id,
    entries: u64,
    length: u64,
}
