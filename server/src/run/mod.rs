//! Runs: immutable objects that hold the older rows of a database, sorted, compressed and checksummed.
//!
//! | part of a run | what it is | checked by |
//! |---|---|---|
//! | first line | `{"run":2,"database":"51b0…","rows":2,"length":14}` in JSON | the footer |
//! | blocks (`block`) | the rows, in ascending order, in zstd frames | the index, each block on its own |
//! | index (`index`) | for each block: its first row, offset, lengths, count of rows, SHA-256 | the footer |
//! | filter (`filter`) | proves for most absent rows that they are absent | the footer |
//! | footer (`footer`) | where index and filter begin, and their SHA-256 | itself |
//!
//! So a reader that has read the first line, the footer and the index can read and check any block alone. Today's servers
//! read whole runs and ask no filter. `valthree verify` looks up every row in the filter, so that no wrong one goes
//! unnoticed. (`head -n 1` shows the first line of a run, and `valthree inspect` all of it.)
//!
//! `rows` counts the rows, removals included. `length` is the size of all rows unpacked. A row is the length of its name,
//! the name, and the content as [`Row`](crate::row::Row) packs it. Numbers are LEB128, in their shortest spelling. Rows
//! ascend by table and name, so no row stands there twice.
//!
//! A run of format 1 knows strings only. It is still read (`decode_old`), because a database of format 1 still names it.
//!
//! A run in memory is a [`Layer`]: the rows in one buffer, and a table of where they stand. Layers are made of runs
//! ([`Decoder`]), of the newest entries ([`Building`]) and of other layers ([`Merger`]), and become runs again
//! ([`Encoder`]). All of this is [`Work`] in small steps. Other tasks run between two steps, so no long work holds them
//! up, and a simulation needs no threads.
//!
//! Reading is as strict as for `db.json`: what the server does not understand completely is an error.

mod block;
mod building;
mod claim;
mod damage;
mod decode;
mod decode_blocks;
mod decode_new;
mod decode_old;
mod encode;
mod filter;
mod footer;
mod frame;
mod fuse;
mod fuse_shape;
mod index;
mod layer;
mod merge;
mod name;
mod place_index;
mod reach;
mod salt;
mod section;
mod sums;

pub use block::BLOCK;
pub use building::Building;
pub use damage::RunDamage;
pub use decode::Decoder;
pub use encode::Encoder;
pub use layer::{Count, Found, Layer, RowPlace};
pub use merge::Merger;
pub use name::{Name, RUNS};
pub use reach::{Reach, is_outside};
pub use salt::Salt;
pub use sums::BlockSums;

use crate::id::Id;

/// The format of the runs that this server writes.
const FORMAT: u64 = 2;

/// The format that it still reads.
const OLD_FORMAT: u64 = 1;

/// The bytes that one step hashes: about half a millisecond's work without instructions for SHA-256.
const HASHED: usize = 256 << 10;

/// The rows that one step notes.
const NOTED: usize = 2048;

/// The smallest row, in bytes: the length of its name and its kind.
const SMALLEST: u64 = 2;

/// What a byte of a run may unpack to before the server stops to believe the length that the run claims. A run that packs
/// better than this is read all the same, but its memory moves while it grows.
const RATIO: u64 = 64;

/// What one layer may hold, in bytes, since positions in it are numbers of 32 bits.
pub const LONGEST: u64 = u32::MAX as u64;

/// A calculation in steps that take about a millisecond.
pub trait Work {
    /// What comes of it.
    type Done;

    /// Runs one step. Call it until it returns the result.
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
struct FirstLine {
    run: u64,
    database: Id,
    rows: u64,
    length: u64,
}
