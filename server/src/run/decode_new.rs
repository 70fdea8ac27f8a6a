//! Runs of format 2: the checksums of index and filter come first, and then the blocks: see [`Blocks`].

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::claim::Claim;
use super::decode_blocks::Blocks;
use super::filter::Filter;
use super::footer::{FOOTER, Footer, Sum};
use super::{BlockSums, HASHED, Layer, RunDamage, Salt};

/// Unpacks a run of format 2.
pub(super) struct NewRun {
    bytes: Bytes,
    footer: Footer,
    claim: Claim,
    salt: Salt,
    /// Whether each row is looked up in the filter.
    asks_filter: bool,
    /// Whether the checksum of each block is compared.
    checks_blocks: bool,
    stage: NewRunStage,
}

enum NewRunStage {
    /// Compares the checksum of the index: so far it is hashed up to here. The blocks begin at `line`.
    Index {
        line: usize,
        hash: Sha256,
        at: usize,
    },
    /// Compares that of the filter.
    Filter {
        line: usize,
        hash: Sha256,
        at: usize,
    },
    /// Reads the blocks.
    Blocks(Box<Blocks>),
    Done,
}

impl NewRun {
    /// Begins with the footer of a run with this length of the first line.
    pub(super) fn new(bytes: Bytes, line: usize, claim: Claim, salt: Salt) -> Result<NewRun, RunDamage> {
        let footer = Footer::read(&bytes, line)?;
        let stage = NewRunStage::Index { line, hash: Sha256::new(), at: footer.index_at as usize };
        Ok(NewRun { bytes, footer, claim, salt, asks_filter: true, checks_blocks: true, stage })
    }

    /// See [`super::Decoder::trusting_the_filter`].
    pub(super) fn trust_the_filter(&mut self) {
        self.asks_filter = false;
    }

    /// See [`super::Decoder::leaving_sums`].
    pub(super) fn leave_sums(&mut self) -> BlockSums {
        self.checks_blocks = false;
        let (index_at, filter_at) = (self.footer.index_at as usize, self.footer.filter_at as usize);
        BlockSums::new(self.bytes.slice(..index_at), self.bytes.slice(index_at..filter_at))
    }

    /// Hashes more of a part. Says how far it came, or `None` when the checksum is that of the footer.
    fn hash(&self, hash: &mut Sha256, at: usize, end: usize, sum: Sum) -> Result<Option<usize>, RunDamage> {
        let next = end.min(at + HASHED);
        hash.update(&self.bytes[at..next]);
        match next < end {
            true => Ok(Some(next)),
            false if hash.finalize_reset()[..] == sum => Ok(None),
            false => Err(RunDamage::Checksum),
        }
    }

    /// Goes from one stage to the next, or further in the same.
    fn go_on(&mut self, stage: NewRunStage) -> Result<NewRunStage, RunDamage> {
        let (index_at, filter_at) = (self.footer.index_at as usize, self.footer.filter_at as usize);
        let end = self.bytes.len() - FOOTER;
        match stage {
            NewRunStage::Index { line, mut hash, at } => {
                Ok(match self.hash(&mut hash, at, filter_at, self.footer.index)? {
                    Some(at) => NewRunStage::Index { line, hash, at },
                    None => NewRunStage::Filter { line, hash, at: filter_at },
                })
            }
            NewRunStage::Filter { line, mut hash, at } => {
                if let Some(at) = self.hash(&mut hash, at, end, self.footer.filter)? {
                    return Ok(NewRunStage::Filter { line, hash, at });
                }
                let filter = Filter::read(&self.bytes.slice(filter_at..end))?;
                let filter = self.asks_filter.then_some(filter);
                let (blocks, index) = (self.bytes.slice(..index_at), self.bytes.slice(index_at..filter_at));
                let blocks = Blocks::new(blocks, index, filter, self.checks_blocks, line, self.claim, self.salt)?;
                Ok(NewRunStage::Blocks(Box::new(blocks)))
            }
            NewRunStage::Blocks(mut blocks) => {
                blocks.go_on()?;
                Ok(NewRunStage::Blocks(blocks))
            }
            NewRunStage::Done => unreachable!("a decoder is not used any more when it is done"),
        }
    }

    /// See [`super::Work`].
    pub(super) fn step(&mut self) -> Option<Result<Layer, RunDamage>> {
        let stage = std::mem::replace(&mut self.stage, NewRunStage::Done);
        match self.go_on(stage) {
            Err(damage) => Some(Err(damage)),
            Ok(NewRunStage::Blocks(blocks)) if blocks.is_done() => Some(blocks.layer()),
            Ok(stage) => {
                self.stage = stage;
                None
            }
        }
    }
}
