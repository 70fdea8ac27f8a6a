//! From a layer to the bytes of a run.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use zstd::bulk::Compressor;

use super::block::{BLOCK, Block};
use super::filter::FilterBuilding;
use super::footer::Footer;
use super::index::Listing;
use super::{FORMAT, FirstLine, HASHED, Layer, RowPlace, Work};
use crate::id::Id;

/// How hard to compress. The hardest that still packs a block within a millisecond, on a processor of these years.
const LEVEL: i32 = 1;

/// Packs a layer, a frame at each step.
pub struct Encoder {
    layer: Arc<Layer>,
    compressor: Compressor<'static>,
    filter: FilterBuilding,
    index: Vec<u8>,
    index_hash: Sha256,
    out: Vec<u8>,
    /// The length of the first line.
    line: usize,
    stage: EncoderStage,
}

enum EncoderStage {
    /// Packs the block that begins here.
    Block(RowPlace),
    /// Packs a row that has a block for itself.
    Large(Large),
    /// Builds the filter.
    Filter,
    /// Hashes the filter: so far up to `at`.
    Seal {
        index_at: usize,
        filter_at: usize,
        at: usize,
        hash: Sha256,
    },
    Done,
}

struct Large {
    listing: Listing,
    hash: Sha256,
    /// Where the row stands in the layer.
    row: Range<RowPlace>,
    /// How many bytes of it are packed.
    packed: usize,
}

impl Encoder {
    /// Begins. Fails only for want of memory.
    pub fn new(database: Id, layer: Arc<Layer>) -> io::Result<Encoder> {
        let rows = layer.count().rows;
        let header = FirstLine { run: FORMAT, database, rows, length: layer.packed_len() };
        let mut out = serde_json::to_vec(&header)?;
        out.push(b'\n');
        Ok(Encoder {
            compressor: Compressor::new(LEVEL)?,
            filter: FilterBuilding::new(rows),
            index: Vec::new(),
            index_hash: Sha256::new(),
            line: out.len(),
            out,
            stage: EncoderStage::Block(RowPlace::default()),
            layer,
        })
    }

    /// Goes from one stage to the next, or further in the same.
    fn go_on(&mut self, stage: EncoderStage) -> io::Result<EncoderStage> {
        match stage {
            EncoderStage::Block(place) => self.block(place),
            EncoderStage::Large(large) => self.large(large),
            EncoderStage::Filter => {
                if let Some(parts) = self.filter.build_next() {
                    let index_at = self.out.len();
                    self.out.append(&mut self.index);
                    let filter_at = self.out.len();
                    parts.iter().for_each(|part| self.out.extend_from_slice(part));
                    return Ok(EncoderStage::Seal { index_at, filter_at, at: filter_at, hash: Sha256::new() });
                }
                Ok(EncoderStage::Filter)
            }
            EncoderStage::Seal { index_at, filter_at, at, mut hash } if at < self.out.len() => {
                let end = self.out.len().min(at + HASHED);
                hash.update(&self.out[at..end]);
                Ok(EncoderStage::Seal { index_at, filter_at, at: end, hash })
            }
            EncoderStage::Seal { index_at, filter_at, hash, .. } => {
                let index = std::mem::take(&mut self.index_hash).finalize().into();
                let (index_at, filter_at) = (index_at as u64, filter_at as u64);
                let footer = Footer { index_at, filter_at, index, filter: hash.finalize().into() };
                let footer = footer.pack(&self.out[..self.line]);
                self.out.extend_from_slice(&footer);
                Ok(EncoderStage::Done)
            }
            EncoderStage::Done => unreachable!("an encoder is not used any more when it is done"),
        }
    }

    fn block(&mut self, place: RowPlace) -> io::Result<EncoderStage> {
        let Some(first) = self.layer.at(place) else { return Ok(EncoderStage::Filter) };
        let (table, name) = (first.table, first.shared_name());
        let block = Block::gather(&self.layer, place, &mut self.filter);
        let frame = self.compressor.compress(&block.bytes)?;
        let (offset, length) = (self.out.len() as u64, frame.len() as u64);
        self.out.extend_from_slice(&frame);
        let hash = Sha256::new_with_prefix(&frame);
        let (unpacked, sum) = (block.bytes.len() as u64, Default::default());
        let listing = Listing { table, name, offset, length, unpacked, rows: block.rows, sum };
        if block.large {
            return Ok(EncoderStage::Large(Large { listing, hash, row: place..block.end, packed: 0 }));
        }
        self.list(listing, hash);
        Ok(EncoderStage::Block(block.end))
    }

    fn large(&mut self, mut large: Large) -> io::Result<EncoderStage> {
        let rest = &self.layer.between(large.row.start, large.row.end)[large.packed..];
        if rest.is_empty() {
            large.listing.length = self.out.len() as u64 - large.listing.offset;
            large.listing.unpacked += large.packed as u64;
            self.list(large.listing, large.hash);
            return Ok(EncoderStage::Block(large.row.end));
        }
        let part = &rest[..rest.len().min(BLOCK)];
        let frame = self.compressor.compress(part)?;
        self.out.extend_from_slice(&frame);
        large.hash.update(&frame);
        large.packed += part.len();
        Ok(EncoderStage::Large(large))
    }

    /// Enters a block in the index.
    fn list(&mut self, mut listing: Listing, hash: Sha256) {
        let before = self.index.len();
        listing.sum = hash.finalize().into();
        listing.put(&mut self.index);
        self.index_hash.update(&self.index[before..]);
    }
}

impl Work for Encoder {
    type Done = io::Result<Bytes>;

    fn step(&mut self) -> Option<io::Result<Bytes>> {
        let stage = std::mem::replace(&mut self.stage, EncoderStage::Done);
        match self.go_on(stage) {
            Err(error) => Some(Err(error)),
            Ok(EncoderStage::Done) => Some(Ok(std::mem::take(&mut self.out).into())),
            Ok(stage) => {
                self.stage = stage;
                None
            }
        }
    }
}
