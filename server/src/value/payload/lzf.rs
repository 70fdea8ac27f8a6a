//! LZF, the compression of strings of more than 20 bytes.
//!
//! The compressed form is a sequence of runs and references. The first byte of each tells them apart:
//!
//! | first byte             | meaning                                                                     |
//! |------------------------|-----------------------------------------------------------------------------|
//! | up to 31               | a run: that many bytes and one more follow as they are                      |
//! | upper 3 bits 1 to 6    | copy that many bytes and two more from earlier output                       |
//! | upper 3 bits 7         | the same, but another byte adds to the number                               |
//!
//! The lower 5 bits of a reference and its last byte are the distance to go back, less one.

use super::PayloadError;
use super::cursor::Cursor;

const LONGEST_RUN: usize = 32;
const LONGEST_COPY: usize = 264;
const LONGEST_DISTANCE: usize = 8192;
/// No input can grow by more: three bytes become 264. A larger claim is a lie, and nothing is allocated for it.
const MOST_GROWTH: usize = 88;
const SLOTS: usize = 1 << 16;

/// Unpacks `packed`, which must give exactly `length` bytes.
pub(super) fn decompress(packed: &[u8], length: usize) -> Result<Vec<u8>, PayloadError> {
    if length > packed.len().saturating_mul(MOST_GROWTH) {
        return Err(PayloadError::Format);
    }
    let mut output = Vec::with_capacity(length);
    let mut cursor = Cursor::new(packed);
    while cursor.left() > 0 {
        let first = usize::from(cursor.byte()?);
        if first < LONGEST_RUN {
            output.extend_from_slice(cursor.take(first + 1)?);
        } else {
            let mut copied = first >> 5;
            if copied == 7 {
                copied += usize::from(cursor.byte()?);
            }
            let distance = ((first & 0x1f) << 8 | usize::from(cursor.byte()?)) + 1;
            let start = output.len().checked_sub(distance).ok_or(PayloadError::Format)?;
            // The copy may overlap what it writes: that is how a byte repeats.
            for position in start..start + copied + 2 {
                output.push(output[position]);
            }
        }
        if output.len() > length {
            return Err(PayloadError::Format);
        }
    }
    if output.len() == length { Ok(output) } else { Err(PayloadError::Format) }
}

/// Compresses strings. It finds the same references as the servers do, so that payloads are the same bytes.
pub(super) struct Compressor {
    /// Where the last three bytes with this hash were, plus `base`. Lower entries are left from earlier strings.
    slots: Vec<u32>,
    base: u32,
    /// The base of the next string.
    next_base: u32,
}

impl Compressor {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), base: 0, next_base: 0 }
    }

    /// Compresses `input` into at most `room` bytes. Returns `None` if they are not enough.
    pub(super) fn compress(&mut self, input: &[u8], room: usize) -> Option<Vec<u8>> {
        self.renew(input.len())?;
        let mut output = LzfOutput::new(room);
        let mut position = 0;
        while position + 2 < input.len() {
            let Some(earlier) = self.remember(input, position) else {
                output.literal(input[position])?;
                position += 1;
                continue;
            };
            let copied = common(input, earlier, position);
            output.reference(position - earlier - 1, copied)?;
            position += copied;
            if position + 2 >= input.len() {
                break;
            }
            // Of the positions that the reference covers, only the last two can be found again. That is much faster.
            self.remember(input, position - 2);
            self.remember(input, position - 1);
        }
        output.finish(&input[position..])
    }

    /// Forgets the strings before one of `length` bytes.
    fn renew(&mut self, length: usize) -> Option<()> {
        let length = u32::try_from(length).ok()?;
        self.slots.resize(SLOTS, 0);
        if self.next_base.checked_add(length).is_none() {
            self.slots.fill(0);
            self.next_base = 0;
        }
        self.base = self.next_base;
        self.next_base += length;
        Some(())
    }

    /// Notes the three bytes at `position`. Returns where the same three bytes were before, if a reference reaches
    /// them.
    fn remember(&mut self, input: &[u8], position: usize) -> Option<usize> {
        let three = &input[position..position + 3];
        let hash = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        let slot = ((hash >> 8).wrapping_sub(hash.wrapping_mul(5)) as usize) % SLOTS;
        let earlier = std::mem::replace(&mut self.slots[slot], self.base + position as u32);
        // The first byte of a string is never referred to. A slot with `base` is as good as an empty one.
        let earlier = earlier.checked_sub(self.base).filter(|&earlier| earlier > 0)? as usize;
        let reached = position - earlier <= LONGEST_DISTANCE;
        (reached && input[earlier..earlier + 3] == *three).then_some(earlier)
    }
}

/// How many bytes a reference from `position` to `earlier` copies. At least three are the same.
fn common(input: &[u8], earlier: usize, position: usize) -> usize {
    let most = (input.len() - position - 2).min(LONGEST_COPY);
    // Servers compare the first bytes without looking at the limit. Near the end that makes a copy up to two bytes
    // longer.
    let most = if most > 16 { most.max(19) } else { most.max(3) };
    (3..most).find(|&offset| input[earlier + offset] != input[position + offset]).unwrap_or(most)
}

/// Compressed output. The length of the run at its end is not written yet.
struct LzfOutput {
    bytes: Vec<u8>,
    room: usize,
    run: usize,
}

impl LzfOutput {
    fn new(room: usize) -> Self {
        Self { bytes: vec![0], room, run: 0 }
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        if self.bytes.len() >= self.room {
            return None;
        }
        self.append(byte);
        Some(())
    }

    fn append(&mut self, byte: u8) {
        self.bytes.push(byte);
        self.run += 1;
        if self.run == LONGEST_RUN {
            self.close();
            self.bytes.push(0);
        }
    }

    /// Writes the length of the run, or removes its place if the run is empty.
    fn close(&mut self) {
        let start = self.bytes.len() - self.run - 1;
        if self.run == 0 {
            self.bytes.pop();
        } else {
            self.bytes[start] = (self.run - 1) as u8;
        }
        self.run = 0;
    }

    fn reference(&mut self, distance: usize, copied: usize) -> Option<()> {
        self.close_within(4)?;
        let length = copied - 2;
        self.bytes.push(((length.min(7) << 5) | distance >> 8) as u8);
        if length >= 7 {
            self.bytes.push((length - 7) as u8);
        }
        self.bytes.push(distance as u8);
        self.bytes.push(0);
        Some(())
    }

    /// Closes the run if `more` bytes have room behind it.
    fn close_within(&mut self, more: usize) -> Option<()> {
        let length = self.bytes.len() - usize::from(self.run == 0);
        if length + more >= self.room {
            return None;
        }
        self.close();
        Some(())
    }

    fn finish(mut self, rest: &[u8]) -> Option<Vec<u8>> {
        if self.bytes.len() + 3 > self.room {
            return None;
        }
        rest.iter().for_each(|&byte| self.append(byte));
        self.close();
        Some(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut compressor = Compressor::new();
        let mut compressed = 0;
        for round in 0..2000 {
            let letters = random.u8(1..=6);
            let length = random.usize(0..if round % 50 == 0 { 40_000 } else { 600 });
            let input: Vec<u8> = (0..length).map(|_| random.u8(0..letters)).collect();
            let room = length.saturating_sub(4);
            let Some(packed) = compressor.compress(&input, room) else { continue };
            assert!(packed.len() <= room);
            assert_eq!(decompress(&packed, input.len()), Ok(input));
            compressed += 1;
        }
        assert!(compressed > 1000, "{compressed} strings");
    }

    #[test]
    fn a_reference_before_the_start_is_refused() {
        assert_eq!(decompress(&[0, b'a', 0x20, 0], 4), Ok(b"aaaa".to_vec()));
        assert_eq!(decompress(&[0, b'a', 0x20, 1], 4), Err(PayloadError::Format));
    }

    #[test]
    fn output_of_another_length_is_refused() {
        for length in [0, 3, 5, usize::MAX] {
            assert_eq!(decompress(&[0, b'a', 0x20, 0], length), Err(PayloadError::Format), "{length}");
        }
    }

    #[test]
    fn full_positions_start_again() {
        let mut compressor = Compressor::new();
        let input = b"abcdefgh".repeat(20);
        let fresh = compressor.compress(&input, 100);
        compressor.next_base = u32::MAX - 10;
        assert_eq!(compressor.compress(&input, 100), fresh);
        assert!(fresh.is_some());
    }
}
