//! The filter of a run: whether a row may be in it.
//!
//! A reader that does not hold a run in memory asks the filter first. It is never wrong about a row of the run, and calls
//! one other row in 256 a row of the run. It takes about 10 bits for each row.
//!
//! A *mark* is a fixed hash of table and name. The filter has a part for each [`PART`] rows; the high bits of a mark say
//! which part it belongs to. Each part is a binary fuse filter (Graf and Lemire, 2022): an array of bytes in segments. A
//! mark has one slot in each of three segments that follow each other, and the exclusive or of these slots is a byte that
//! the mark determines.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | how many parts there are, little endian |
//! | 6 for each part | the attempt, the binary logarithm of the segment length, the segments that a first slot may lie in (4 bytes) |
//! | the rest | the slots of the parts |
//!
//! A part without marks has no segments, and no row is in it. The seed follows from the attempt, so equal rows have equal
//! filters. Marks are public, so a client can choose keys for which every attempt fails. Such a part says [`OPEN`]:
//! any row may be in it. That is slower and never wrong.

use bytes::Bytes;

use super::RunDamage;
use super::fuse::fuse;
use super::fuse_shape::{FuseShape, LONGEST_SEGMENT, OPEN, SEED, mix, share};
use crate::row::Table;
use crate::zoo::planted;

/// The rows of a part on average. Building a part of this size takes about a millisecond.
pub(super) const PART: u64 = 16 << 10;

/// The bytes of the count of parts, and of the shape of one.
const COUNT: usize = 4;
const SHAPE: usize = 6;

/// The mark of a row. It stands in stored filters, so it never changes.
pub(super) fn mark(table: Table, name: &[u8]) -> u64 {
    let kind = u64::from(matches!(table, Table::Elements(_)));
    let id = table.id();
    let mut mark = mix(SEED ^ (u64::from(id.ordinal) << 1 | kind));
    mark = mix(mark ^ id.generation);
    let (words, rest) = name.as_chunks::<8>();
    for word in words {
        mark = mix(mark ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(mix(mark ^ u64::from_le_bytes(last)) ^ name.len() as u64)
}

/// A filter as it is stored.
pub(super) struct Filter {
    parts: Vec<(FuseShape, Bytes)>,
}

impl Filter {
    /// Reads all of it.
    pub(super) fn read(bytes: &Bytes) -> Result<Filter, RunDamage> {
        let wrong = || RunDamage::Contradiction("its filter has another length than its parts".into());
        let (count, rest) = bytes.split_first_chunk::<COUNT>().ok_or_else(wrong)?;
        let shapes = (u32::from_le_bytes(*count) as usize).checked_mul(SHAPE);
        let (shapes, mut slots) = shapes.and_then(|length| rest.split_at_checked(length)).ok_or_else(wrong)?;
        let mut parts = Vec::with_capacity(shapes.len() / SHAPE);
        for &[attempt, segment, a, b, c, d] in shapes.as_chunks::<SHAPE>().0 {
            let shape = FuseShape { attempt, segment, segments: u32::from_le_bytes([a, b, c, d]) };
            if segment > LONGEST_SEGMENT {
                return Err(RunDamage::Contradiction("its filter has a segment that is too long".into()));
            }
            let (part, after) = slots.split_at_checked(shape.slots()).ok_or_else(wrong)?;
            parts.push((shape, bytes.slice_ref(part)));
            slots = after;
        }
        if slots.is_empty() { Ok(Filter { parts }) } else { Err(wrong()) }
    }

    /// Whether the row with this mark may be in the run.
    pub(super) fn may_have(&self, mark: u64) -> bool {
        let Some((shape, slots)) = self.parts.get(share(mark, self.parts.len())) else { return false };
        if shape.attempt == OPEN || shape.segments == 0 {
            return shape.attempt == OPEN;
        }
        let ([a, b, c], byte) = shape.slots_of(mark);
        slots[a] ^ slots[b] ^ slots[c] == byte
    }
}

/// A filter that is being made.
pub(super) struct FilterBuilding {
    /// The marks of each part.
    marks: Vec<Vec<u64>>,
    /// How many parts are built.
    built: usize,
    shapes: Vec<u8>,
    slots: Vec<u8>,
}

impl FilterBuilding {
    /// An empty one, for so many rows.
    pub(super) fn new(rows: u64) -> FilterBuilding {
        let parts = rows.div_ceil(PART) as usize;
        let shapes = (parts as u32).to_le_bytes().to_vec();
        FilterBuilding { marks: vec![Vec::new(); parts], built: 0, shapes, slots: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, mark: u64) {
        let part = share(mark, self.marks.len());
        self.marks[part].push(mark);
    }

    /// Builds the next part. At the end it says what the filter is, as bytes that follow each other.
    pub(super) fn build_next(&mut self) -> Option<[Vec<u8>; 2]> {
        planted!("filter-built-before-the-last-row" => _ = self.marks.last_mut().and_then(Vec::pop));
        let Some(marks) = self.marks.get_mut(self.built) else {
            return Some([std::mem::take(&mut self.shapes), std::mem::take(&mut self.slots)]);
        };
        let (shape, slots) = fuse(std::mem::take(marks));
        self.shapes.extend_from_slice(&[shape.attempt, shape.segment]);
        self.shapes.extend_from_slice(&shape.segments.to_le_bytes());
        self.slots.extend_from_slice(&slots);
        self.built += 1;
        None
    }
}
