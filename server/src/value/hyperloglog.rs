//! HyperLogLogs: strings that estimate how many different elements were added to them.
//!
//! A string has a header of 16 bytes and 16,384 registers. The hash of an element names a register and a count, and the
//! register keeps the largest count. Two encodings hold the registers:
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | `HYLL` |
//! | 4 | encoding: 0 is dense, 1 is sparse |
//! | 5..8 | unused |
//! | 8..16 | the last estimate, little endian; its highest bit says that it is out of date |
//! | 16.. | registers: 6 bits each, or a sequence of runs |
//!
//! The bytes are those of Valkey 8 and Redis 7, because GET, SET and DUMP show them to clients. So is every estimate.
//! Clients can write any bytes with SET, so all functions here accept damaged ones.

mod dense;
mod error;
mod estimate;
mod hash;
mod layout;
mod self_test;
mod sparse;

pub use error::HyperLogLogError;
pub use layout::{REGISTERS, SPARSE_LIMIT};
pub use self_test::self_test;

use estimate::Histogram;
use layout::HEADER;
use sparse::{RegisterRun, SparseUpdate};
use std::borrow::Cow;

/// Length of a dense string.
const DENSE_LENGTH: usize = HEADER + dense::LENGTH;
/// The first bytes of each string.
const MAGIC: &[u8] = b"HYLL";
/// Values of the byte after them.
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The highest bit of the last byte of the estimate.
const OUT_OF_DATE: u8 = 0x80;

/// The bytes of a HyperLogLog. They are copied when the first change is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HyperLogLog<'a> {
    bytes: Cow<'a, [u8]>,
}

impl Default for HyperLogLog<'_> {
    /// An empty HyperLogLog, which PFADD and PFMERGE create for a missing key.
    fn default() -> Self {
        let mut bytes = Vec::with_capacity(HEADER + 2);
        bytes.extend_from_slice(MAGIC);
        bytes.push(SPARSE);
        bytes.resize(HEADER, 0);
        RegisterRun::Zero(REGISTERS).write(&mut bytes);
        HyperLogLog { bytes: bytes.into() }
    }
}

impl<'a> HyperLogLog<'a> {
    /// Checks the header of a string. Damage behind the header shows later.
    pub fn open(bytes: &'a [u8]) -> Result<HyperLogLog<'a>, HyperLogLogError> {
        let valid = match bytes.get(MAGIC.len()) {
            Some(&DENSE) => bytes.len() == DENSE_LENGTH,
            Some(&SPARSE) => bytes.len() >= HEADER,
            _ => false,
        };
        if !valid || !bytes.starts_with(MAGIC) {
            return Err(HyperLogLogError::NotHyperLogLog);
        }
        Ok(HyperLogLog { bytes: bytes.into() })
    }

    /// The string to store.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_owned()
    }

    /// Whether the encoding is the dense one.
    pub fn is_dense(&self) -> bool {
        self.bytes[MAGIC.len()] == DENSE
    }

    /// Adds an element. Returns whether that changed a register. After an error, drop this value.
    pub fn add(&mut self, element: &[u8]) -> Result<bool, HyperLogLogError> {
        let (register, count) = hash::place(element);
        let changed = self.raise(register, count)?;
        if changed {
            self.mark_out_of_date();
        }
        Ok(changed)
    }

    /// Marks the stored estimate as out of date. PFADD and PFMERGE do so also when they create the key.
    pub fn mark_out_of_date(&mut self) {
        self.bytes.to_mut()[HEADER - 1] |= OUT_OF_DATE;
    }

    /// The stored estimate, unless it is out of date. PFCOUNT of one key answers with it.
    pub fn stored_estimate(&self) -> Option<u64> {
        let (_, bytes) = self.bytes[..HEADER].split_last_chunk::<8>()?;
        (bytes[7] & OUT_OF_DATE == 0).then(|| u64::from_le_bytes(*bytes))
    }

    /// Estimates the number of elements from the registers.
    pub fn estimate(&self) -> Result<u64, HyperLogLogError> {
        let mut histogram = Histogram::default();
        if self.is_dense() {
            dense::registers(self.body()).for_each(|count| histogram.count(count, 1));
        } else {
            for run in sparse::checked_runs(self.body())? {
                histogram.count(run.count(), run.length());
            }
        }
        Ok(histogram.estimate())
    }

    /// Stores an estimate. PFCOUNT of one key does so after [`Self::estimate`], and thereby writes the key.
    pub fn store_estimate(&mut self, estimate: u64) {
        self.bytes.to_mut()[HEADER - 8..HEADER].copy_from_slice(&estimate.to_le_bytes());
    }

    /// Changes the encoding to the dense one. Returns whether it was sparse.
    pub fn make_dense(&mut self) -> Result<bool, HyperLogLogError> {
        if self.is_dense() {
            return Ok(false);
        }
        let registers = self.registers()?;
        let mut bytes = self.bytes[..HEADER].to_vec();
        bytes[MAGIC.len()] = DENSE;
        bytes.extend(dense::encoded(&registers));
        self.bytes = bytes.into();
        Ok(true)
    }

    /// The count in each register, as PFDEBUG GETREG shows them. That command also makes the encoding dense.
    pub fn registers(&self) -> Result<Vec<u8>, HyperLogLogError> {
        if self.is_dense() {
            return Ok(dense::registers(self.body()).collect());
        }
        let mut registers = Vec::with_capacity(REGISTERS);
        for run in sparse::checked_runs(self.body())? {
            registers.resize(registers.len() + run.length(), run.count());
        }
        Ok(registers)
    }

    /// The runs in the notation of PFDEBUG DECODE. None if the encoding is dense.
    pub fn describe_runs(&self) -> Option<String> {
        (!self.is_dense()).then(|| {
            let runs: Vec<_> = sparse::RegisterRuns::of(self.body()).map(|located| located.describe()).collect();
            runs.join(" ")
        })
    }

    fn body(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    /// Raises a register to `count` unless it is that high. Returns whether it was lower.
    fn raise(&mut self, register: usize, count: u8) -> Result<bool, HyperLogLogError> {
        if !self.is_dense() {
            match sparse::raise(&self.bytes, register, count)? {
                SparseUpdate::Unchanged => return Ok(false),
                SparseUpdate::Changed(bytes) => {
                    self.bytes = bytes.into();
                    return Ok(true);
                }
                SparseUpdate::NeedsDense => self.make_dense()?,
            };
        }
        if dense::get(self.body(), register) >= count {
            return Ok(false);
        }
        dense::set(&mut self.bytes.to_mut()[HEADER..], register, count);
        Ok(true)
    }
}

/// Estimates the number of elements in all HyperLogLogs together, for PFCOUNT of several keys.
pub fn estimate_union(all: &[HyperLogLog<'_>]) -> Result<u64, HyperLogLogError> {
    let mut histogram = Histogram::default();
    union(all)?.into_iter().for_each(|count| histogram.count(count, 1));
    Ok(histogram.estimate())
}

/// Merges `sources` into `destination`, which is an empty HyperLogLog if the key is missing.
///
/// The result is dense if one of them is dense, or if it gets too long for the sparse encoding.
pub fn merge<'a>(
    destination: HyperLogLog<'a>,
    sources: &[HyperLogLog<'_>],
) -> Result<HyperLogLog<'a>, HyperLogLogError> {
    let own = union(std::slice::from_ref(&destination))?;
    let mut all = union(sources)?;
    all.iter_mut().zip(own).for_each(|(count, own)| *count = own.max(*count));
    let mut merged = destination;
    if sources.iter().any(HyperLogLog::is_dense) {
        merged.make_dense()?;
    }
    for (register, &count) in all.iter().enumerate().filter(|(_, count)| **count != 0) {
        merged.raise(register, count)?;
    }
    merged.mark_out_of_date();
    Ok(merged)
}

/// The largest count in each register.
fn union(all: &[HyperLogLog<'_>]) -> Result<Vec<u8>, HyperLogLogError> {
    let mut largest = vec![0; REGISTERS];
    for hyperloglog in all {
        for (largest, count) in largest.iter_mut().zip(hyperloglog.registers()?) {
            *largest = count.max(*largest);
        }
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_one_estimates_zero() {
        let empty = HyperLogLog::default();
        assert_eq!(empty.clone().into_bytes(), b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
        assert_eq!(empty.stored_estimate(), Some(0));
        assert_eq!(empty.estimate(), Ok(0));
        assert_eq!(empty.describe_runs(), Some("Z:16384".into()));
    }

    #[test]
    fn both_encodings_estimate_the_same() {
        let mut sparse = HyperLogLog::default();
        let mut dense = HyperLogLog::default();
        assert_eq!(dense.make_dense(), Ok(true));
        for element in 0..1000_u32 {
            let changed = sparse.add(&element.to_le_bytes());
            assert_eq!(dense.add(&element.to_le_bytes()), changed);
        }
        assert!(!sparse.is_dense());
        assert_eq!(sparse.registers(), dense.registers());
        assert_eq!(sparse.estimate(), dense.estimate());
        assert_eq!(sparse.stored_estimate(), None);
    }

    #[test]
    fn other_strings_are_refused() {
        let short = [b"HYLL\x00".as_slice(), &[0; 100]].concat();
        let unknown = [b"HYLL\x02".as_slice(), &[0; 100]].concat();
        for bytes in [b"".as_slice(), b"HYLL", b"HYLL\x01", &short, &unknown, b"hyll\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff"]
        {
            assert_eq!(HyperLogLog::open(bytes), Err(HyperLogLogError::NotHyperLogLog));
        }
    }

    #[test]
    fn runs_that_miss_registers_are_damage() {
        for body in [b"".as_slice(), b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f", b"\x7f\xff\x80"] {
            let bytes = [&HyperLogLog::default().into_bytes()[..HEADER], body].concat();
            let mut damaged = HyperLogLog::open(&bytes).expect("the header is whole");
            assert_eq!(damaged.estimate(), Err(HyperLogLogError::Corrupted));
            assert_eq!(damaged.make_dense(), Err(HyperLogLogError::Corrupted));
        }
    }
}
