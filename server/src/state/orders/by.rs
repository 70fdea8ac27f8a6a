//! What rows are ordered by, and the ranks that stand for it.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::row::{Row, Table};
use crate::state::order::Place;

/// What rows are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// A hash of the name that is the same on every server: what SCAN and its kin go by, and what random choices draw from.
    Hash,
    /// The score of a member of a sorted set, then the member.
    Score,
    /// The position of an item in a list.
    Position,
    /// The end of a field or key that expires. Others are not in this order.
    End,
    /// The id of an entry of a stream: milliseconds, then the number within them.
    Id,
}

impl By {
    /// The keys of a table's orders in a map.
    pub fn all(table: Table) -> RangeInclusive<(Table, By)> {
        (table, By::Hash)..=(table, By::Id)
    }

    /// Whether the place of a row follows from its name alone. Then nobody has to know which row it takes the place of.
    pub fn follows_name(self) -> bool {
        match self {
            By::Hash | By::Position | By::Id => true,
            By::Score | By::End => false,
        }
    }

    /// The place of a row in this order, if it has one.
    pub fn place(self, name: &Bytes, row: &Row) -> Option<Place> {
        match self {
            By::Hash | By::Position | By::Id => self.place_of_name(name),
            By::Score => {
                let score: f64 = std::str::from_utf8(row.value()?).ok()?.parse().ok()?;
                Some(Place { rank: rank_of_score(score), name: name.clone() })
            }
            By::End => Some(Place { rank: row.end()?, name: name.clone() }),
        }
    }

    /// The place of each row of this name, if it follows from the name.
    pub(super) fn place_of_name(self, name: &Bytes) -> Option<Place> {
        match self {
            By::Hash => Some(Place { rank: scatter(name), name: name.clone() }),
            By::Position => {
                let position: i64 = std::str::from_utf8(name).ok()?.parse().ok()?;
                Some(Place { rank: rank_of_position(position), name: Bytes::new() })
            }
            By::Id => {
                let (ms, sequence) = std::str::from_utf8(name).ok()?.split_once('-')?;
                let sequence: u64 = sequence.parse().ok()?;
                Some(Place { rank: ms.parse().ok()?, name: Bytes::copy_from_slice(&sequence.to_be_bytes()) })
            }
            By::Score | By::End => None,
        }
    }
}

/// A rank that ascends with the score. The two zeros are equal, as they are to Valkey.
pub fn rank_of_score(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The score of a rank.
pub fn score_of_rank(rank: u64) -> f64 {
    f64::from_bits(if rank >> 63 == 1 { rank & !(1 << 63) } else { !rank })
}

/// A rank that ascends with the position.
pub fn rank_of_position(position: i64) -> u64 {
    position.cast_unsigned() ^ 1 << 63
}

/// The position of a rank.
pub fn position_of_rank(rank: u64) -> i64 {
    (rank ^ 1 << 63).cast_signed()
}

/// A hash of a name in 48 bits, the same on every server: a cursor of SCAN must work on another server than the one that
/// gave it, and must stay below what clients can hold in a double.
pub fn scatter(name: &[u8]) -> u64 {
    // FNV-1a, and the last steps of MurmurHash3, which spread the low bits over the whole.
    let mut hash = name
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ hash >> 33) >> 16
}
