//! The checksums of a run's blocks, compared by a work of its own: on two processors, a run is read in less time.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::block::BLOCK;
use super::index::Listing;
use super::{HASHED, RunDamage, Work};

/// Compares the blocks of a run with the checksums in its index. A row that has a block for itself is left to the decoder.
pub struct BlockSums {
    /// The run up to its index.
    blocks: Bytes,
    /// The listings of the blocks that are yet to be compared.
    index: Bytes,
}

impl BlockSums {
    pub(super) fn new(blocks: Bytes, index: Bytes) -> BlockSums {
        BlockSums { blocks, index }
    }

    /// Compares the next block. Says how long it is.
    fn compare(&mut self) -> Result<usize, RunDamage> {
        let Listing { offset, length, unpacked, sum, .. } = Listing::take(&mut self.index)?;
        if unpacked > BLOCK as u64 {
            return Ok(0);
        }
        let range = usize::try_from(offset).ok().zip(offset.checked_add(length).and_then(|end| end.try_into().ok()));
        let block = range.and_then(|(start, end)| self.blocks.get(start..end));
        let outside = || RunDamage::Contradiction("a block is not where its index says".to_owned());
        let block = block.ok_or_else(outside)?;
        if Sha256::digest(block)[..] == sum { Ok(block.len()) } else { Err(RunDamage::Checksum) }
    }
}

impl Work for BlockSums {
    type Done = Result<(), RunDamage>;

    fn step(&mut self) -> Option<Result<(), RunDamage>> {
        let mut hashed = 0;
        while hashed < HASHED {
            if self.index.is_empty() {
                return Some(Ok(()));
            }
            match self.compare() {
                Ok(length) => hashed += length,
                Err(damage) => return Some(Err(damage)),
            }
        }
        None
    }
}
