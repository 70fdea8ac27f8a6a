//! From the bytes of a run to a layer.

use bytes::Bytes;
use serde::Deserialize;

use super::claim::Claim;
use super::decode_new::NewRun;
use super::decode_old::{OldFirstLine, OldRun};
use super::{BlockSums, FORMAT, FirstLine, Layer, OLD_FORMAT, RunDamage, Salt, Work};
use crate::id::Id;

/// The longest first line, in bytes. Those of this server are shorter than 150.
const LINE: usize = 1024;

/// Unpacks a run of either format, some of it at each step.
pub struct Decoder {
    database: Id,
    rows: u64,
    content: EitherRun,
}

enum EitherRun {
    New(NewRun),
    Old(OldRun),
}

impl Decoder {
    /// Begins with the first line and the footer.
    pub fn new(bytes: Bytes, salt: Salt) -> Result<Decoder, RunDamage> {
        let line = bytes.iter().take(LINE).position(|byte| *byte == b'\n');
        let line = line.ok_or(RunDamage::Foreign("it has no first line"))?;
        #[derive(Deserialize)]
        struct RunFormat {
            run: u64,
        }
        let first = &bytes[..line];
        match serde_json::from_slice(first).map_err(RunDamage::FirstLine)? {
            RunFormat { run: FORMAT } => {
                let header: FirstLine = serde_json::from_slice(first).map_err(RunDamage::FirstLine)?;
                let (database, rows) = (header.database, header.rows);
                let claim = Claim::new(rows, header.length, bytes.len())?;
                let content = EitherRun::New(NewRun::new(bytes, line + 1, claim, salt)?);
                Ok(Decoder { database, rows, content })
            }
            RunFormat { run: OLD_FORMAT } => {
                let header: OldFirstLine = serde_json::from_slice(first).map_err(RunDamage::FirstLine)?;
                let (database, rows) = (header.database, header.entries);
                let claim = Claim::new(rows, header.length, bytes.len())?;
                let content = EitherRun::Old(OldRun::new(bytes, line + 1, claim, salt)?);
                Ok(Decoder { database, rows, content })
            }
            RunFormat { run } => Err(RunDamage::Format(run)),
        }
    }

    /// Looks up no row in the filter. The checksum of the filter is compared all the same. For a server that reads whole runs
    /// and asks no filter; `valthree verify` looks up every row.
    pub fn trusting_the_filter(mut self) -> Decoder {
        if let EitherRun::New(run) = &mut self.content {
            run.trust_the_filter();
        }
        self
    }

    /// Leaves the checksums of the blocks to another work, which may be done at the same time. The layer may be believed only if
    /// that work finds no damage either. A run of format 1 leaves nothing.
    pub fn leaving_sums(mut self) -> (Decoder, Option<BlockSums>) {
        let sums = match &mut self.content {
            EitherRun::New(run) => Some(run.leave_sums()),
            EitherRun::Old(_) => None,
        };
        (self, sums)
    }

    /// The database that it belongs to.
    pub fn database(&self) -> Id {
        self.database
    }

    /// How many rows it claims to have.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

impl Work for Decoder {
    type Done = Result<Layer, RunDamage>;

    fn step(&mut self) -> Option<Result<Layer, RunDamage>> {
        match &mut self.content {
            EitherRun::New(parts) => parts.step(),
            EitherRun::Old(whole) => whole.step(),
        }
    }
}
