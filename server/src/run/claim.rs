//! What a run claims of its rows, before they are unpacked.

use super::{LONGEST, Layer, RATIO, RunDamage, SMALLEST};

/// What the first line says of the rows.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    /// How many there are.
    pub(super) rows: u64,
    /// How many bytes they have together.
    pub(super) length: u64,
    /// The bytes of the run.
    run: u64,
}

impl Claim {
    pub(super) fn new(rows: u64, length: u64, run: usize) -> Result<Claim, RunDamage> {
        if length > LONGEST || rows > length / SMALLEST {
            return Err(RunDamage::Contradiction(format!("{rows} rows in {length} bytes")));
        }
        Ok(Claim { rows, length, run: run as u64 })
    }

    /// How many bytes, and how many rows, to make room for.
    pub(super) fn room(self) -> (usize, usize) {
        let length = self.length.min(self.run * RATIO);
        (length as usize, self.rows.min(length / SMALLEST) as usize)
    }

    /// Whether as many bytes may have been unpacked by now.
    pub(super) fn allows(self, length: usize) -> Result<(), RunDamage> {
        let claimed = self.length;
        let more = || RunDamage::Contradiction(format!("more than the {claimed} bytes that it claims"));
        if length as u64 > claimed { Err(more()) } else { Ok(()) }
    }

    /// Whether all has been unpacked.
    pub(super) fn is_met(self, length: usize) -> Result<(), RunDamage> {
        let claimed = self.length;
        let less = || RunDamage::Contradiction(format!("{length} of the {claimed} bytes that it claims"));
        if length as u64 == claimed { Ok(()) } else { Err(less()) }
    }

    /// The layer, if it has as many rows.
    pub(super) fn of(self, layer: Layer) -> Result<Layer, RunDamage> {
        let (have, claimed) = (layer.count().rows, self.rows);
        let wrong = || RunDamage::Contradiction(format!("{have} of the {claimed} rows that it claims"));
        if have == claimed { Ok(layer) } else { Err(wrong()) }
    }
}
