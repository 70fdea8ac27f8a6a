//! The blocks of a run of format 2: each is checked against the index, and each row against the filter, if there is one.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use zstd::bulk::Decompressor;

use super::block::{BLOCK, take_heading};
use super::claim::Claim;
use super::filter::{Filter, mark};
use super::frame::unpack_frame;
use super::index::Listing;
use super::{Building, Layer, NOTED, RunDamage, Salt};
use crate::row::Table;
use crate::zoo::planted;

/// The rows, while they are read.
pub(super) struct Blocks {
    /// The run up to its index.
    blocks: Bytes,
    /// The listings of the blocks that are yet to be read.
    index: Bytes,
    filter: Option<Filter>,
    /// Whether checksums are compared. A row that has a block for itself is compared in any case.
    checks: bool,
    claim: Claim,
    decompressor: Decompressor<'static>,
    building: Building,
    /// Where the next frame begins.
    at: usize,
    /// Up to where the rows of the building are noted.
    noted: usize,
    block: Option<Open>,
}

/// A block that is being read.
struct Open {
    listing: Listing,
    /// The table of the group that is being read.
    table: Option<Table>,
    /// What is unpacked, and yet to be added to the building.
    groups: Bytes,
    /// For a row that has the block for itself: the bytes that are yet to be unpacked, and the hash of the frames.
    large: Option<(u64, Sha256)>,
    /// How many rows are noted.
    rows: u64,
}

fn contradiction(why: &str) -> RunDamage {
    RunDamage::Contradiction(why.to_owned())
}

impl Blocks {
    /// Begins with the parts of a run. The first block begins behind the first line, which is so long.
    pub(super) fn new(
        blocks: Bytes,
        index: Bytes,
        filter: Option<Filter>,
        checks: bool,
        line: usize,
        claim: Claim,
        salt: Salt,
    ) -> Result<Blocks, RunDamage> {
        let (length, rows) = claim.room();
        let building = Building::new(salt, length, rows);
        let decompressor = Decompressor::new().map_err(RunDamage::Frame)?;
        Ok(Blocks { blocks, index, filter, checks, claim, decompressor, building, at: line, noted: 0, block: None })
    }

    /// Whether every block is read.
    pub(super) fn is_done(&self) -> bool {
        self.block.is_none() && self.index.is_empty()
    }

    /// The layer, when every block is read.
    pub(super) fn layer(self) -> Result<Layer, RunDamage> {
        if self.at != self.blocks.len() {
            return Err(contradiction("its index does not follow its last block"));
        }
        planted!("damaged-block-taken-for-empty" => return Ok(self.building.done()));
        self.claim.is_met(self.building.length())?;
        self.claim.of(self.building.done())
    }

    /// Unpacks a frame, or notes some rows.
    pub(super) fn go_on(&mut self) -> Result<(), RunDamage> {
        let Some(mut block) = self.block.take() else {
            // There may be no block at all.
            if !self.index.is_empty() {
                self.block = Some(self.open()?);
            }
            return Ok(());
        };
        if block.large.is_some() {
            self.continue_large(&mut block)?;
            self.block = Some(block);
            return Ok(());
        }
        // Rows are counted, and not groups, which are small where collections are.
        for _ in 0..NOTED {
            if self.noted == self.building.length() && !self.take_group(&mut block)? {
                let right = block.rows == block.listing.rows;
                let wrong = || contradiction("a block has another number of rows than its index says");
                return if right { Ok(()) } else { Err(wrong()) };
            }
            self.note(&mut block)?;
        }
        self.block = Some(block);
        Ok(())
    }

    /// Adds the rows of the next group to the building, if there is one.
    fn take_group(&mut self, block: &mut Open) -> Result<bool, RunDamage> {
        let mut rest = &block.groups[..];
        if rest.is_empty() {
            return Ok(false);
        }
        let (table, length) = take_heading(&mut rest)?;
        if length == 0 || block.table == Some(table) {
            return Err(contradiction("a group of rows is in pieces"));
        }
        let rows = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let (rows, rest) = rows.ok_or_else(|| contradiction("a group of rows is cut short"))?;
        self.claim.allows(self.building.length() + rows.len())?;
        self.building.extend(rows);
        block.table = Some(table);
        block.groups = block.groups.slice_ref(rest);
        Ok(true)
    }

    /// Takes the next block from the index, and unpacks its first frame.
    fn open(&mut self) -> Result<Open, RunDamage> {
        let listing = Listing::take(&mut self.index)?;
        let end = listing.offset.checked_add(listing.length).filter(|end| *end <= self.blocks.len() as u64);
        let Some(end) = end.filter(|_| listing.offset == self.at as u64) else {
            return Err(contradiction("a block is not where its index says"));
        };
        let bytes = &self.blocks[self.at..end as usize];
        let large = listing.unpacked > BLOCK as u64;
        if !large && self.checks && Sha256::digest(bytes)[..] != listing.sum {
            planted!("damaged-block-taken-for-empty" => return Ok(self.skip(listing, end as usize)));
            return Err(RunDamage::Checksum);
        }
        let (groups, length) = unpack_frame(bytes, &mut self.decompressor)?;
        let hash = Sha256::new_with_prefix(&bytes[..length]);
        self.at += length;
        let mut block = Open { listing, table: None, groups: groups.into(), large: None, rows: 0 };
        let unpacked = block.groups.len() as u64;
        if !large {
            if self.at as u64 != end || unpacked != block.listing.unpacked || unpacked == 0 {
                return Err(contradiction("a block has another length than its index says"));
            }
            return Ok(block);
        }
        let mut rest = &block.groups[..];
        let (table, length) = take_heading(&mut rest)?;
        if !rest.is_empty() || unpacked.checked_add(length) != Some(block.listing.unpacked) || block.listing.rows != 1 {
            return Err(contradiction("a block of one row has another length than its index says"));
        }
        (block.table, block.groups, block.large) = (Some(table), Bytes::new(), Some((length, hash)));
        Ok(block)
    }

    /// Unpacks another frame of a row that has a block for itself.
    fn continue_large(&mut self, block: &mut Open) -> Result<(), RunDamage> {
        let Some((left, hash)) = &mut block.large else { return Ok(()) };
        let end = (block.listing.offset + block.listing.length) as usize;
        let (unpacked, length) = unpack_frame(&self.blocks[self.at..end], &mut self.decompressor)?;
        hash.update(&self.blocks[self.at..self.at + length]);
        self.at += length;
        self.claim.allows(self.building.length() + unpacked.len())?;
        self.building.extend(&unpacked);
        *left = left.checked_sub(unpacked.len() as u64).ok_or_else(|| contradiction("a large row is too long"))?;
        if *left == 0 {
            if self.at != end {
                return Err(contradiction("a block of one row has another length than its index says"));
            }
            if hash.finalize_reset()[..] != block.listing.sum {
                return Err(RunDamage::Checksum);
            }
            block.large = None;
        }
        Ok(())
    }

    /// Notes a row of the group, and looks it up in filter and index.
    fn note(&mut self, block: &mut Open) -> Result<(), RunDamage> {
        let table = block.table.ok_or_else(|| contradiction("a row without a table"))?;
        let place = self.noted;
        self.noted = self.building.note(table, place)?;
        let name = self.building.name(place as u32);
        if block.rows == 0 && (table, name) != (block.listing.table, &block.listing.name[..]) {
            return Err(contradiction("a block begins with another row than its index says"));
        }
        if self.filter.as_ref().is_some_and(|filter| !filter.may_have(mark(table, name))) {
            return Err(contradiction("its filter does not know one of its rows"));
        }
        block.rows += 1;
        Ok(())
    }

    /// `damaged-block-taken-for-empty`: goes on behind a block as if it had no rows.
    #[cfg(feature = "bug-zoo")]
    fn skip(&mut self, listing: Listing, end: usize) -> Open {
        self.at = end;
        let rows = listing.rows;
        Open { listing, table: None, groups: Bytes::new(), large: None, rows }
    }
}
