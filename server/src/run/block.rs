//! Blocks: the rows of a run in pieces that can be read alone.
//!
//! Unpacked, a block is a sequence of groups. A group is the table of its rows, their length in bytes, and the rows. Two
//! groups of a block are of different tables. A table is a byte, 0 for the keys of a database or 1 for the elements of a
//! collection, and the two numbers of its id.
//!
//! A block holds as many rows as fit into [`BLOCK`] bytes, and is one zstd frame. A row that does not fit even alone has
//! a block of its own: one frame with the heading of its group, and then frames of up to `BLOCK` bytes with the row. So
//! no step packs or unpacks more than `BLOCK` bytes.

use super::filter::{FilterBuilding, mark};
use super::layer::{Layer, RowPlace};
use crate::row::{Table, Unpackable, put_made, put_number, take_made, take_number};

/// What a block holds at most if it has more than one row, in bytes, unpacked.
pub const BLOCK: usize = 64 << 10;

/// The longest length of a group that fits into a block, in bytes.
const GROUP_LENGTH: usize = 3;

/// The kinds of tables.
const KEYS: u64 = 0;
const ELEMENTS: u64 = 1;

/// Appends a table.
pub(super) fn put_table(table: Table, out: &mut Vec<u8>) {
    out.push(match table {
        Table::Keys(_) => KEYS as u8,
        Table::Elements(_) => ELEMENTS as u8,
    });
    put_made(table.id(), out);
}

/// Takes a table.
pub(super) fn take_table(rest: &mut &[u8]) -> Result<Table, Unpackable> {
    match take_number(rest)? {
        KEYS => Ok(Table::Keys(take_made(rest)?)),
        ELEMENTS => Ok(Table::Elements(take_made(rest)?)),
        _ => Err(Unpackable::Number),
    }
}

/// The heading of a group: the table, and the length of the rows.
pub(super) fn take_heading(rest: &mut &[u8]) -> Result<(Table, u64), Unpackable> {
    Ok((take_table(rest)?, take_number(rest)?))
}

/// A block before it is packed.
pub(super) struct Block {
    /// The groups, or the heading of the one row that has the block for itself.
    pub(super) bytes: Vec<u8>,
    /// How many rows it has.
    pub(super) rows: u64,
    /// Where its rows end in the layer.
    pub(super) end: RowPlace,
    /// Whether it is a row that does not fit, and stands in the layer before `end`.
    pub(super) large: bool,
}

impl Block {
    /// The block that begins with the row at a place of a layer. The filter learns its rows.
    pub(super) fn gather(layer: &Layer, from: RowPlace, filter: &mut FilterBuilding) -> Block {
        let mut block = Block { bytes: Vec::with_capacity(BLOCK), rows: 0, end: from, large: false };
        while let Some(first) = layer.at(block.end) {
            let before = block.bytes.len();
            put_table(first.table, &mut block.bytes);
            let room = BLOCK.saturating_sub(block.bytes.len() + GROUP_LENGTH);
            let start = block.end;
            while let Some(found) = layer.at(block.end) {
                if found.table != first.table || layer.between(start, found.next).len() > room {
                    break;
                }
                filter.add(mark(found.table, found.name));
                block.rows += 1;
                block.end = found.next;
            }
            if block.rows == 0 {
                filter.add(mark(first.table, first.name));
                (block.rows, block.end, block.large) = (1, first.next, true);
                put_number(layer.between(start, first.next).len() as u64, &mut block.bytes);
                break;
            }
            let rows = layer.between(start, block.end);
            if rows.is_empty() {
                block.bytes.truncate(before);
                break;
            }
            put_number(rows.len() as u64, &mut block.bytes);
            block.bytes.extend_from_slice(rows);
        }
        block
    }
}
