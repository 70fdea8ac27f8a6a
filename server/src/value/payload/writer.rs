//! Writing the body of a payload: the counterpart of the reader.

use super::footer;
use super::integer::canonical;
use super::lzf::Compressor;

/// Integers that are longer as text are not tried: they do not fit into 4 bytes.
const LONGEST_INTEGER: usize = 11;
/// Shorter strings are not worth compressing. Servers agree on this number.
const LEAST_COMPRESSED: usize = 21;
/// A string is compressed only if that saves this many bytes.
const LEAST_SAVED: usize = 4;

/// A body that grows.
pub(super) struct BodyWriter {
    bytes: Vec<u8>,
    compressor: Compressor,
}

impl BodyWriter {
    pub(super) fn new(form: u8) -> Self {
        Self { bytes: vec![form], compressor: Compressor::new() }
    }

    /// A body without anything.
    pub(super) fn empty() -> Self {
        Self { bytes: Vec::new(), compressor: Compressor::new() }
    }

    /// Ends the payload.
    pub(super) fn seal(self, version: u16) -> Vec<u8> {
        footer::seal(self.bytes, version)
    }

    /// Appends bytes that have no length before them.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a length, or a number that is written like one.
    pub(super) fn length(&mut self, length: u64) {
        match length {
            0..0x40 => self.bytes.push(length as u8),
            0x40..0x4000 => self.bytes.extend([0x40 | (length >> 8) as u8, length as u8]),
            0x4000..=0xffff_ffff => {
                self.bytes.push(0x80);
                self.bytes.extend((length as u32).to_be_bytes());
            }
            _ => {
                self.bytes.push(0x81);
                self.bytes.extend(length.to_be_bytes());
            }
        }
    }

    /// Appends the number of elements that follow.
    pub(super) fn count(&mut self, count: usize) {
        self.length(count as u64);
    }

    /// Appends a string: as an integer if it is one, else compressed if that saves bytes, else as it is.
    pub(super) fn string(&mut self, string: &[u8]) {
        if string.len() <= LONGEST_INTEGER
            && let Some(integer) = canonical(string).and_then(|integer| i32::try_from(integer).ok())
        {
            return self.integer(integer);
        }
        if string.len() >= LEAST_COMPRESSED
            && let Some(packed) = self.compressor.compress(string, string.len() - LEAST_SAVED)
        {
            self.bytes.push(0xc3);
            self.count(packed.len());
            self.count(string.len());
            return self.raw(&packed);
        }
        self.count(string.len());
        self.raw(string);
    }

    fn integer(&mut self, integer: i32) {
        let bytes = integer.to_le_bytes();
        let (form, width) = match integer {
            -0x80..=0x7f => (0xc0, 1),
            -0x8000..=0x7fff => (0xc1, 2),
            _ => (0xc2, 4),
        };
        self.bytes.push(form);
        self.raw(&bytes[..width]);
    }
}
