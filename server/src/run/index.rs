//! The index of a run: a listing for each block.
//!
//! A listing is the block's first row as table and name, the block's offset in the object, its length there, its length
//! unpacked, how many rows it has, and the SHA-256 of its bytes in the object. Blocks follow each other without a gap, from
//! the end of the first line up to the index.

use bytes::Bytes;

use super::block::{put_table, take_table};
use super::footer::{CHECKSUM, Sum};
use crate::row::{Table, Unpackable, put_number, put_text, take_number, take_text};

/// What the index says of a block.
pub(super) struct Listing {
    /// The table of the first row.
    pub(super) table: Table,
    /// The name of the first row.
    pub(super) name: Bytes,
    /// Where it begins in the object.
    pub(super) offset: u64,
    /// How long it is in the object.
    pub(super) length: u64,
    /// How long it is unpacked.
    pub(super) unpacked: u64,
    /// How many rows it has.
    pub(super) rows: u64,
    /// The SHA-256 of its bytes in the object.
    pub(super) sum: Sum,
}

impl Listing {
    /// Appends it.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_table(self.table, out);
        put_text(&self.name, out);
        for number in [self.offset, self.length, self.unpacked, self.rows] {
            put_number(number, out);
        }
        out.extend_from_slice(&self.sum);
    }

    /// Takes it off the front of an index.
    pub(super) fn take(index: &mut Bytes) -> Result<Listing, Unpackable> {
        let mut rest = &index[..];
        let (table, name) = (take_table(&mut rest)?, index.slice_ref(take_text(&mut rest)?));
        let (offset, length) = (take_number(&mut rest)?, take_number(&mut rest)?);
        let (unpacked, rows) = (take_number(&mut rest)?, take_number(&mut rest)?);
        let (&sum, rest) = rest.split_first_chunk::<CHECKSUM>().ok_or(Unpackable::CutShort)?;
        *index = index.slice_ref(rest);
        Ok(Listing { table, name, offset, length, unpacked, rows, sum })
    }
}
