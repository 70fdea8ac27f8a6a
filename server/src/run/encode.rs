//! From a layer to the bytes of a run.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use zstd::bulk::Compressor;

use super::{BLOCK, FORMAT, Header, Layer, Work};
use crate::root::Id;

/// How hard to compress. The hardest that still packs a block within a millisecond, on a processor of these years.
const LEVEL: i32 = 1;

/// Packs a layer, a block at each step.
pub struct Encoder {
    layer: Arc<Layer>,
    at: usize,
    out: Vec<u8>,
    hash: Sha256,
    compressor: Compressor<'static>,
}

impl Encoder {
    /// Begins. Fails only for want of memory.
    pub fn new(database: Id, layer: Arc<Layer>) -> io::Result<Encoder> {
        let length = layer.packed().len() as u64;
        let header = Header { run: FORMAT, database, entries: layer.count().entries, length };
        let mut out = serde_json::to_vec(&header)?;
        out.push(b'\n');
        let mut hash = Sha256::new();
        hash.update(&out);
        Ok(Encoder { layer, at: 0, out, hash, compressor: Compressor::new(LEVEL)? })
    }
}

impl Work for Encoder {
    type Done = io::Result<Bytes>;

    fn step(&mut self) -> Option<io::Result<Bytes>> {
        let packed = self.layer.packed();
        let end = packed.len().min(self.at + BLOCK);
        if self.at == end {
            self.out.extend_from_slice(&std::mem::take(&mut self.hash).finalize());
            return Some(Ok(std::mem::take(&mut self.out).into()));
        }
        match self.compressor.compress(&packed[self.at..end]) {
            Ok(frame) => {
                self.hash.update(&frame);
                self.out.extend_from_slice(&frame);
                self.at = end;
                None
            }
            Err(error) => Some(Err(error)),
        }
    }
}
