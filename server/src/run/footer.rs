//! The last bytes of a run.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | where the index begins, little endian |
//! | 8 | where the filter begins, and the index ends |
//! | 32 | the SHA-256 of the index |
//! | 32 | the SHA-256 of the filter, which ends where the footer begins |
//! | 32 | the SHA-256 of the first line, with its line feed, and the bytes above |
//!
//! The index has the checksums of the blocks. So no byte of a run is without one.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::RunDamage;

/// The bytes of a checksum.
pub(super) const CHECKSUM: usize = 32;

/// A SHA-256.
pub(super) type Sum = [u8; CHECKSUM];

/// The bytes of the footer.
pub(super) const FOOTER: usize = 2 * size_of::<u64>() + 3 * CHECKSUM;

/// Where the parts of a run are, and what they are.
pub(super) struct Footer {
    /// Where the index begins.
    pub(super) index_at: u64,
    /// Where the filter begins.
    pub(super) filter_at: u64,
    /// The SHA-256 of the index.
    pub(super) index: Sum,
    /// The SHA-256 of the filter.
    pub(super) filter: Sum,
}

impl Footer {
    /// Its bytes, behind a first line.
    pub(super) fn pack(&self, line: &[u8]) -> Vec<u8> {
        let (index_at, filter_at) = (self.index_at.to_le_bytes(), self.filter_at.to_le_bytes());
        let mut bytes = [&index_at[..], &filter_at, &self.index, &self.filter].concat();
        let sum = checksum(line, &bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    /// Reads the footer of a run whose first line, with its line feed, is so long.
    pub(super) fn read(run: &Bytes, line: usize) -> Result<Footer, RunDamage> {
        let cut_short = RunDamage::Foreign("it is cut short");
        let Some(start) = run.len().checked_sub(FOOTER).filter(|start| *start >= line) else { return Err(cut_short) };
        let (body, sum) = run[start..].split_at(FOOTER - CHECKSUM);
        if checksum(&run[..line], body) != *sum {
            return Err(RunDamage::Checksum);
        }
        let parts = || {
            let (&index_at, rest) = body.split_first_chunk()?;
            let (&filter_at, rest) = rest.split_first_chunk()?;
            let (&index, rest) = rest.split_first_chunk()?;
            Some((u64::from_le_bytes(index_at), u64::from_le_bytes(filter_at), index, *rest.first_chunk()?))
        };
        let Some((index_at, filter_at, index, filter)) = parts() else { return Err(cut_short) };
        if !(line as u64 <= index_at && index_at <= filter_at && filter_at <= start as u64) {
            return Err(RunDamage::Contradiction(format!("its index at {index_at} and its filter at {filter_at}")));
        }
        Ok(Footer { index_at, filter_at, index, filter })
    }
}

fn checksum(line: &[u8], body: &[u8]) -> Sum {
    let mut hash = Sha256::new();
    hash.update(line);
    hash.update(body);
    hash.finalize().into()
}
