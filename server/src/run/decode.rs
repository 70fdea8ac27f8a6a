//! From the bytes of a run to a layer.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use zstd::bulk::Decompressor;
use zstd::zstd_safe::find_frame_compressed_size;

use super::{BLOCK, Building, CHECKSUM, FORMAT, Header, LONGEST, Layer, Salt, Work};
use crate::root::Id;

/// The bytes that are hashed in one step.
const HASHED: usize = 256 << 10;

/// The entries that are noted in one step.
const NOTED: usize = 2048;

/// The smallest entry: two lengths of nothing would be shorter, but an entry has a kind.
const SMALLEST: u64 = 2;

/// Why the bytes of an object are not a run that this server can read, in words that follow its name.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Too short, or something else.
    #[error("is not a run: {0}")]
    Foreign(String),
    /// Written by another version of Valthree.
    #[error("is a run of format {0}, and this server reads format {FORMAT} only")]
    Format(u64),
    /// Not the bytes that were written.
    #[error("is damaged: its checksum is wrong")]
    Checksum,
    /// The bytes that were written were wrong.
    #[error("contradicts itself: {0}")]
    Contradiction(String),
    /// Not what `db.json` says that it is.
    #[error("is not the run that db.json names: {0}")]
    Other(String),
}

/// Unpacks a run, some of it at each step.
pub struct Decoder {
    bytes: Bytes,
    salt: Salt,
    header: Header,
    stage: Stage,
}

enum Stage {
    /// Compares the checksum: so far so many bytes are hashed.
    Hash(Sha256, usize),
    /// Unpacks the frames: this one begins here.
    Unpack {
        at: usize,
        out: Vec<u8>,
        decompressor: Decompressor<'static>,
    },
    /// Notes the entries: this one begins here.
    Note {
        at: usize,
        building: Building,
    },
    Done,
}

impl Decoder {
    /// Begins with the first line.
    pub fn new(bytes: Bytes, salt: Salt) -> Result<Decoder, Damage> {
        let foreign = |why: &str| Damage::Foreign(why.to_owned());
        let line = bytes.iter().take(1024).position(|byte| *byte == b'\n');
        let line = line.ok_or_else(|| foreign("it has no first line"))?;
        if bytes.len() < line + 1 + CHECKSUM {
            return Err(foreign("it is cut short"));
        }
        #[derive(serde::Deserialize)]
        struct FormatOnly {
            run: u64,
        }
        match serde_json::from_slice::<FormatOnly>(&bytes[..line]) {
            Ok(FormatOnly { run: FORMAT }) => {}
            Ok(FormatOnly { run }) => return Err(Damage::Format(run)),
            Err(error) => return Err(Damage::Foreign(format!("its first line says something else: {error}"))),
        }
        let header: Header = serde_json::from_slice(&bytes[..line])
            .map_err(|error| Damage::Foreign(format!("its first line says something else: {error}")))?;
        if header.length > LONGEST || header.entries > header.length / SMALLEST {
            return Err(Damage::Contradiction(format!("{} entries in {} bytes", header.entries, header.length)));
        }
        Ok(Decoder { bytes, salt, header, stage: Stage::Hash(Sha256::new(), 0) })
    }

    /// The database that it belongs to.
    pub fn database(&self) -> Id {
        self.header.database
    }

    /// How many entries it claims to have.
    pub fn entries(&self) -> u64 {
        self.header.entries
    }

    fn body(&self) -> usize {
        self.bytes.len() - CHECKSUM
    }

    /// Goes from one stage to the next, or further in the same.
    fn go_on(&mut self, stage: Stage) -> Result<Stage, Damage> {
        let contradiction = |why: String| Damage::Contradiction(why);
        match stage {
            Stage::Hash(mut hash, at) => {
                let end = self.body().min(at + HASHED);
                hash.update(&self.bytes[at..end]);
                if end < self.body() {
                    return Ok(Stage::Hash(hash, end));
                }
                if hash.finalize()[..] != self.bytes[end..] {
                    return Err(Damage::Checksum);
                }
                let line = self.bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
                let decompressor = Decompressor::new().map_err(|error| contradiction(error.to_string()))?;
                Ok(Stage::Unpack { at: line + 1, out: Vec::with_capacity(self.header.length as usize), decompressor })
            }
            Stage::Unpack { at, mut out, mut decompressor } if at < self.body() => {
                let rest = &self.bytes[at..self.body()];
                let unreadable = |why: &str| contradiction(format!("a frame is not readable: {why}"));
                let length = find_frame_compressed_size(rest)
                    .map_err(|code| unreadable(zstd::zstd_safe::get_error_name(code)))?;
                let unpacked = decompressor.decompress(&rest[..length], BLOCK);
                out.extend_from_slice(&unpacked.map_err(|error| unreadable(&error.to_string()))?);
                if out.len() as u64 > self.header.length {
                    return Err(contradiction(format!("more than the {} bytes that it claims", self.header.length)));
                }
                Ok(Stage::Unpack { at: at + length, out, decompressor })
            }
            Stage::Unpack { out, .. } => {
                if out.len() as u64 != self.header.length {
                    let (have, claimed) = (out.len(), self.header.length);
                    return Err(contradiction(format!("{have} of the {claimed} bytes that it claims")));
                }
                let building = Building::of_packed(self.salt, out, self.header.entries as usize);
                Ok(Stage::Note { at: 0, building })
            }
            Stage::Note { mut at, mut building } => {
                for _ in 0..NOTED {
                    let next = building.note_next(at).map_err(|why| contradiction(why.to_owned()))?;
                    let Some(next) = next else { break };
                    at = next;
                }
                Ok(Stage::Note { at, building })
            }
            Stage::Done => unreachable!("a decoder is not used any more when it is done"),
        }
    }
}

impl Work for Decoder {
    type Done = Result<Layer, Damage>;

    fn step(&mut self) -> Option<Result<Layer, Damage>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        match self.go_on(stage) {
            Err(damage) => Some(Err(damage)),
            Ok(Stage::Note { at, building }) if at == building.length() => {
                let (layer, claimed) = (building.done(), self.header.entries);
                let have = layer.count().entries;
                let wrong = || Damage::Contradiction(format!("{have} of the {claimed} entries that it claims"));
                Some(if have == claimed { Ok(layer) } else { Err(wrong()) })
            }
            Ok(stage) => {
                self.stage = stage;
                None
            }
        }
    }
}
