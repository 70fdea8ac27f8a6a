//! From the bytes of a run to a layer.

use bytes::Bytes;
use serde::Deserialize;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::{find_frame_compressed_size, get_error_name};

use super::decode_new::Parts;
use super::decode_old::{OldHeader, Whole};
use super::{BLOCK, Damage, FORMAT, Header, LONGEST, Layer, OLD_FORMAT, RATIO, SMALLEST, Salt, Work};
use crate::id::Id;

/// The longest first line, in bytes. Those of this server are shorter than 150.
const LINE: usize = 1024;

/// Unpacks a run of either format, some of it at each step.
pub struct Decoder {
    database: Id,
    rows: u64,
    content: Content,
}

enum Content {
    New(Parts),
    Old(Whole),
}

impl Decoder {
    /// Begins with the first line and the footer.
    pub fn new(bytes: Bytes, salt: Salt) -> Result<Decoder, Damage> {
        let line = bytes.iter().take(LINE).position(|byte| *byte == b'\n');
        let line = line.ok_or(Damage::Foreign("it has no first line"))?;
        #[derive(Deserialize)]
        struct FormatOnly {
            run: u64,
        }
        let first = &bytes[..line];
        match serde_json::from_slice(first).map_err(Damage::FirstLine)? {
            FormatOnly { run: FORMAT } => {
                let header: Header = serde_json::from_slice(first).map_err(Damage::FirstLine)?;
                let (database, rows) = (header.database, header.rows);
                let claim = Claim::new(rows, header.length, bytes.len())?;
                let content = Content::New(Parts::new(bytes, line + 1, claim, salt)?);
                Ok(Decoder { database, rows, content })
            }
            FormatOnly { run: OLD_FORMAT } => {
                let header: OldHeader = serde_json::from_slice(first).map_err(Damage::FirstLine)?;
                let (database, rows) = (header.database, header.entries);
                let claim = Claim::new(rows, header.length, bytes.len())?;
                let content = Content::Old(Whole::new(bytes, line + 1, claim, salt)?);
                Ok(Decoder { database, rows, content })
            }
            FormatOnly { run } => Err(Damage::Format(run)),
        }
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
    type Done = Result<Layer, Damage>;

    fn step(&mut self) -> Option<Result<Layer, Damage>> {
        match &mut self.content {
            Content::New(parts) => parts.step(),
            Content::Old(whole) => whole.step(),
        }
    }
}

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
    fn new(rows: u64, length: u64, run: usize) -> Result<Claim, Damage> {
        if length > LONGEST || rows > length / SMALLEST {
            return Err(Damage::Contradiction(format!("{rows} rows in {length} bytes")));
        }
        Ok(Claim { rows, length, run: run as u64 })
    }

    /// How many bytes, and how many rows, to make room for.
    pub(super) fn room(self) -> (usize, usize) {
        let length = self.length.min(self.run * RATIO);
        (length as usize, self.rows.min(length / SMALLEST) as usize)
    }

    /// Whether as many bytes may have been unpacked by now.
    pub(super) fn allows(self, length: usize) -> Result<(), Damage> {
        let claimed = self.length;
        let more = || Damage::Contradiction(format!("more than the {claimed} bytes that it claims"));
        if length as u64 > claimed { Err(more()) } else { Ok(()) }
    }

    /// Whether all has been unpacked.
    pub(super) fn is_met(self, length: usize) -> Result<(), Damage> {
        let claimed = self.length;
        let less = || Damage::Contradiction(format!("{length} of the {claimed} bytes that it claims"));
        if length as u64 == claimed { Ok(()) } else { Err(less()) }
    }

    /// The layer, if it has as many rows.
    pub(super) fn of(self, layer: Layer) -> Result<Layer, Damage> {
        let (have, claimed) = (layer.count().rows, self.rows);
        let wrong = || Damage::Contradiction(format!("{have} of the {claimed} rows that it claims"));
        if have == claimed { Ok(layer) } else { Err(wrong()) }
    }
}

/// Unpacks the frame at the front of some bytes, and says how long it is.
pub(super) fn unpack_frame(bytes: &[u8], decompressor: &mut Decompressor<'_>) -> Result<(Vec<u8>, usize), Damage> {
    let length = find_frame_compressed_size(bytes)
        .map_err(|code| Damage::Contradiction(format!("a frame is not readable: {}", get_error_name(code))))?;
    let unpacked = decompressor.decompress(&bytes[..length], FRAME).map_err(Damage::Frame)?;
    Ok((unpacked, length))
}

/// What a frame unpacks to at most, in bytes. Those of format 1 were twice as large as those of format 2.
const FRAME: usize = 2 * BLOCK;
