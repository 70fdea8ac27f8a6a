//! Runs of format 1, which a database still names that was taken over from an older version.
//!
//! ```text
//! {"run":1,"database":"51b0…","entries":2,"length":14}\n      one line of JSON
//! zstd frames                                                 together `length` bytes once unpacked
//! 32 bytes                                                    the SHA-256 of everything before
//! ```
//!
//! Unpacked, an entry is a row that is a string or a removal, in the very bytes of format 2. All of them are keys of the
//! first database, for format 1 had no other.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use zstd::bulk::Decompressor;

use super::claim::Claim;
use super::footer::CHECKSUM;
use super::frame::unpack_frame;
use super::{Building, HASHED, Layer, NOTED, RunDamage, Salt};
use crate::id::Id;
use crate::row::{Made, Table};

/// The table of all rows.
const TABLE: Table = Table::Keys(Made::first(0));

/// The greatest kind of a row: 0 is a removal, and 1 a string.
const GREATEST_KIND: u8 = 1;

/// The first line.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldFirstLine {
    #[serde(rename = "run")]
    _run: u64,
    pub(super) database: Id,
    pub(super) entries: u64,
    pub(super) length: u64,
}

/// Unpacks a run of format 1.
pub(super) struct OldRun {
    bytes: Bytes,
    line: usize,
    claim: Claim,
    salt: Salt,
    stage: OldRunStage,
}

enum OldRunStage {
    /// Compares the checksum: so far so many bytes are hashed.
    Hash(Sha256, usize),
    /// Unpacks the frames: this one begins here.
    Unpack {
        at: usize,
        out: Vec<u8>,
        decompressor: Decompressor<'static>,
    },
    /// Notes the rows: this one begins here.
    Note {
        at: usize,
        building: Building,
    },
    Done,
}

impl OldRun {
    /// Begins, with the length of the first line.
    pub(super) fn new(bytes: Bytes, line: usize, claim: Claim, salt: Salt) -> Result<OldRun, RunDamage> {
        if bytes.len() < line + CHECKSUM {
            return Err(RunDamage::Foreign("it is cut short"));
        }
        Ok(OldRun { bytes, line, claim, salt, stage: OldRunStage::Hash(Sha256::new(), 0) })
    }

    /// Goes from one stage to the next, or further in the same.
    fn go_on(&mut self, stage: OldRunStage) -> Result<OldRunStage, RunDamage> {
        let body = self.bytes.len() - CHECKSUM;
        match stage {
            OldRunStage::Hash(mut hash, at) => {
                let end = body.min(at + HASHED);
                hash.update(&self.bytes[at..end]);
                if end < body {
                    return Ok(OldRunStage::Hash(hash, end));
                }
                if hash.finalize()[..] != self.bytes[end..] {
                    return Err(RunDamage::Checksum);
                }
                let decompressor = Decompressor::new().map_err(RunDamage::Frame)?;
                Ok(OldRunStage::Unpack { at: self.line, out: Vec::with_capacity(self.claim.room().0), decompressor })
            }
            OldRunStage::Unpack { at, mut out, mut decompressor } if at < body => {
                let (unpacked, length) = unpack_frame(&self.bytes[at..body], &mut decompressor)?;
                self.claim.allows(out.len() + unpacked.len())?;
                out.extend_from_slice(&unpacked);
                Ok(OldRunStage::Unpack { at: at + length, out, decompressor })
            }
            OldRunStage::Unpack { out, .. } => {
                self.claim.is_met(out.len())?;
                Ok(OldRunStage::Note { at: 0, building: Building::of_packed(self.salt, out, self.claim.room().1) })
            }
            OldRunStage::Note { mut at, mut building } => {
                for _ in 0..NOTED {
                    if at == building.length() {
                        break;
                    }
                    let place = at;
                    at = building.note(TABLE, place)?;
                    let kind = building.kind(place);
                    if kind > GREATEST_KIND {
                        return Err(RunDamage::Row(crate::row::Unpackable::Kind(kind)));
                    }
                }
                Ok(OldRunStage::Note { at, building })
            }
            OldRunStage::Done => unreachable!("a decoder is not used any more when it is done"),
        }
    }

    /// See [`super::Work`].
    pub(super) fn step(&mut self) -> Option<Result<Layer, RunDamage>> {
        let stage = std::mem::replace(&mut self.stage, OldRunStage::Done);
        match self.go_on(stage) {
            Err(damage) => Some(Err(damage)),
            Ok(OldRunStage::Note { at, building }) if at == building.length() => Some(self.claim.of(building.done())),
            Ok(stage) => {
                self.stage = stage;
                None
            }
        }
    }
}
