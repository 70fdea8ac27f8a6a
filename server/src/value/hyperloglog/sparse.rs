//! The sparse encoding: runs of registers with the same count.
//!
//! | bits | run |
//! |---|---|
//! | `00llllll` | `l + 1` registers of zero |
//! | `01llllll llllllll` | `l + 1` registers of zero, the high bits first |
//! | `1cccccll` | `l + 1` registers of `c + 1` |
//!
//! A change splits one run and then joins equal neighbours near it. It does not look for the shortest encoding. Which
//! runs it joins is visible in the bytes, so it follows the servers exactly.

use super::error::HyperLogLogError;
use super::layout::{HEADER, REGISTERS, SPARSE_LIMIT};

/// Longest run of zeros in one byte, and of counts.
const SHORT_ZEROS: usize = 64;
const LONGEST_COUNTS: usize = 4;
/// Largest count that a run can have.
const LARGEST_COUNT: u8 = 32;
/// After a change this many steps look for neighbours to join.
const JOIN_STEPS: usize = 5;

/// Registers with the same count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegisterRun {
    /// So many registers of zero.
    Zero(usize),
    /// A count that is not zero, and so many registers of it.
    Count(u8, usize),
}

/// A run in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocatedRun {
    run: RegisterRun,
    /// Its first byte.
    start: usize,
    /// The byte after it, which is beyond the end if its last byte is missing.
    end: usize,
    /// The number of its first register.
    register: usize,
    /// Whether the encoding is the one of two bytes, which can also hold short runs.
    is_long: bool,
}

/// What a change to a register leads to.
pub(super) enum SparseUpdate {
    /// The register is high enough.
    Unchanged,
    /// The new string, with its header.
    Changed(Vec<u8>),
    /// The sparse encoding cannot hold the new count, or becomes too long.
    NeedsDense,
}

impl RegisterRun {
    /// The count of its registers.
    pub(super) fn count(self) -> u8 {
        match self {
            RegisterRun::Zero(_) => 0,
            RegisterRun::Count(count, _) => count,
        }
    }

    /// The number of its registers.
    pub(super) fn length(self) -> usize {
        match self {
            RegisterRun::Zero(length) | RegisterRun::Count(_, length) => length,
        }
    }

    fn with_length(self, length: usize) -> RegisterRun {
        match self {
            RegisterRun::Zero(_) => RegisterRun::Zero(length),
            RegisterRun::Count(count, _) => RegisterRun::Count(count, length),
        }
    }

    /// Appends the encoding of this run, which has at least one register.
    pub(super) fn write(self, bytes: &mut Vec<u8>) {
        let length = self.length() - 1;
        match self {
            RegisterRun::Zero(_) if length < SHORT_ZEROS => bytes.push(length as u8),
            RegisterRun::Zero(_) => bytes.extend([0x40 | (length >> 8) as u8, length as u8]),
            RegisterRun::Count(count, _) => bytes.push(0x80 | (count - 1) << 2 | length as u8),
        }
    }
}

/// The runs of a body, damaged or not.
pub(super) struct RegisterRuns<'a> {
    body: &'a [u8],
    start: usize,
    register: usize,
}

impl<'a> RegisterRuns<'a> {
    pub(super) fn of(body: &'a [u8]) -> RegisterRuns<'a> {
        RegisterRuns { body, start: 0, register: 0 }
    }
}

impl Iterator for RegisterRuns<'_> {
    type Item = LocatedRun;

    fn next(&mut self) -> Option<LocatedRun> {
        let (start, register) = (self.start, self.register);
        let first = *self.body.get(start)?;
        let low = usize::from(first & 0x3f);
        let is_long = first & 0xc0 == 0x40;
        let run = match first & 0xc0 {
            0x00 => RegisterRun::Zero(low + 1),
            // The servers read a zero byte behind the end of a string.
            0x40 => RegisterRun::Zero((low << 8 | usize::from(self.body.get(start + 1).copied().unwrap_or(0))) + 1),
            _ => RegisterRun::Count((first >> 2 & 0x1f) + 1, usize::from(first & 3) + 1),
        };
        let end = start + if is_long { 2 } else { 1 };
        (self.start, self.register) = (end, register + run.length());
        Some(LocatedRun { run, start, end, register, is_long })
    }
}

impl LocatedRun {
    /// The notation of PFDEBUG DECODE.
    pub(super) fn describe(&self) -> String {
        match self.run {
            RegisterRun::Zero(length) => format!("{}:{length}", if self.is_long { 'Z' } else { 'z' }),
            RegisterRun::Count(count, length) => format!("v:{count},{length}"),
        }
    }

    /// The bytes of this run after one of its registers got a new count.
    fn split(&self, register: usize, count: u8) -> Vec<u8> {
        let before = register - self.register;
        let after = self.run.length() - before - 1;
        let mut bytes = Vec::with_capacity(5);
        let mut write = |run: RegisterRun| {
            if run.length() > 0 {
                run.write(&mut bytes)
            }
        };
        write(self.run.with_length(before));
        write(RegisterRun::Count(count, 1));
        write(self.run.with_length(after));
        bytes
    }
}

/// All runs, if they cover the registers exactly.
pub(super) fn checked_runs(body: &[u8]) -> Result<impl Iterator<Item = RegisterRun> + '_, HyperLogLogError> {
    let covered = RegisterRuns::of(body).try_fold(0, |covered, located| {
        let covered: usize = covered + located.run.length();
        (covered <= REGISTERS).then_some(covered)
    });
    match covered {
        Some(REGISTERS) => Ok(RegisterRuns::of(body).map(|located| located.run)),
        _ => Err(HyperLogLogError::Corrupted),
    }
}

/// Raises a register of a sparse string to `count`.
pub(super) fn raise(bytes: &[u8], register: usize, count: u8) -> Result<SparseUpdate, HyperLogLogError> {
    if count > LARGEST_COUNT {
        return Ok(SparseUpdate::NeedsDense);
    }
    let body = &bytes[HEADER..];
    // Joining starts one run before the one that changes.
    let mut join_from = 0;
    let mut runs = RegisterRuns::of(body);
    let located = loop {
        let located = runs.next().ok_or(HyperLogLogError::Corrupted)?;
        if register < located.register + located.run.length() {
            break located;
        }
        join_from = located.start;
    };
    if located.end > body.len() {
        return Err(HyperLogLogError::Corrupted);
    }
    if located.run.count() >= count {
        return Ok(SparseUpdate::Unchanged);
    }
    let split = located.split(register, count);
    let length = bytes.len() + split.len() - (located.end - located.start);
    if length > bytes.len() && length > SPARSE_LIMIT {
        return Ok(SparseUpdate::NeedsDense);
    }
    let mut changed = Vec::with_capacity(length);
    changed.extend_from_slice(&bytes[..HEADER + located.start]);
    changed.extend(split);
    changed.extend_from_slice(&body[located.end..]);
    join(&mut changed, HEADER + join_from);
    Ok(SparseUpdate::Changed(changed))
}

/// Joins neighbours of the same count from `start` on, as far as a few steps reach.
fn join(bytes: &mut Vec<u8>, start: usize) {
    let mut start = start;
    for _ in 0..JOIN_STEPS {
        let mut runs = RegisterRuns::of(&bytes[start.min(bytes.len())..]);
        let Some(first) = runs.next() else { return };
        if let (RegisterRun::Count(count, length), Some(RegisterRun::Count(next, more))) =
            (first.run, runs.next().map(|next| next.run))
            && count == next
            && length + more <= LONGEST_COUNTS
        {
            let mut joined = Vec::with_capacity(1);
            RegisterRun::Count(count, length + more).write(&mut joined);
            bytes.splice(start..start + 2, joined);
        } else {
            start += first.end;
        }
    }
}
