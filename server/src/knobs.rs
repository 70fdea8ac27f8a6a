//! The numbers that `CONFIG SET` changes while the server runs.
//!
//! They concern this server alone: what it stores does not depend on them. Other tasks may read them at any time, so each
//! is an atomic, and no two of them have to fit together.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A number that may change at any time.
#[derive(Debug)]
pub struct Knob(AtomicI64);

impl Knob {
    const fn new(number: i64) -> Knob {
        Knob(AtomicI64::new(number))
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Changes the number.
    pub fn set(&self, number: i64) {
        self.0.store(number, Ordering::Relaxed);
    }
}

/// The numbers of one server.
#[derive(Debug)]
pub struct Knobs {
    /// The size of the database from which on it may not grow. 0 if there is no limit.
    max_memory: AtomicU64,
    /// Requests that take longer, in microseconds, come into the slow log. None if it is negative.
    pub slower_than: Knob,
    /// How many requests the slow log keeps.
    pub slow_log_length: Knob,
    /// Requests that take longer, in milliseconds, become events of LATENCY. None if it is 0.
    pub latency_threshold: Knob,
    packing: [Knob; 8],
}

/// Up to which sizes Valkey packs a collection. The server stores every size in the same way; `OBJECT ENCODING` tells
/// clients what Valkey would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// The fields of a hash.
    HashFields,
    /// The bytes of a field or value.
    HashBytes,
    /// The members of a set of integers.
    SetIntegers,
    /// The members of another set.
    SetMembers,
    /// The bytes of a member.
    SetBytes,
    /// The members of a sorted set.
    ZsetMembers,
    /// The bytes of a member.
    ZsetBytes,
    /// The items of a list, or from -1 to -5 its size: 4, 8, 16, 32 or 64 KiB. Below that, it is like -5.
    List,
}

/// The thresholds of all collections, as they are at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packings([i64; 8]);

impl Default for Packings {
    fn default() -> Packings {
        Packings([512, 64, 512, 128, 64, 128, 64, -2])
    }
}

impl Packings {
    /// One threshold.
    pub fn get(&self, which: Packing) -> i64 {
        self.0[which as usize]
    }
}

impl Knobs {
    /// From a second on, a request is slow. That is a hundred times Valkey's threshold, because a write here includes a
    /// round trip to the store.
    pub const SLOWER_THAN: i64 = 1_000_000;
    /// As in Valkey.
    pub const SLOW_LOG_LENGTH: i64 = 128;

    /// The numbers of a server that has just started.
    pub fn new(max_memory: Option<u64>) -> Arc<Knobs> {
        Arc::new(Knobs {
            max_memory: AtomicU64::new(max_memory.unwrap_or(0)),
            slower_than: Knob::new(Knobs::SLOWER_THAN),
            slow_log_length: Knob::new(Knobs::SLOW_LOG_LENGTH),
            latency_threshold: Knob::new(0),
            packing: Packings::default().0.map(Knob::new),
        })
    }

    /// The size from which on the database may not grow.
    pub fn max_memory(&self) -> Option<u64> {
        Some(self.max_memory.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    /// Changes that size.
    pub fn set_max_memory(&self, bytes: u64) {
        self.max_memory.store(bytes, Ordering::Relaxed);
    }

    /// Changes a threshold.
    pub fn set_packing(&self, which: Packing, number: i64) {
        self.packing[which as usize].set(number);
    }

    /// All thresholds.
    pub fn packings(&self) -> Packings {
        Packings(std::array::from_fn(|which| self.packing[which].get()))
    }
}
