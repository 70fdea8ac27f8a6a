//! The dense encoding: registers of six bits, one after the other from the lowest bit up.

use super::layout::REGISTERS;

/// Bits of a register.
const BITS: usize = 6;
/// Largest count of a register.
const MASK: u16 = (1 << BITS) - 1;
/// Bytes of all registers.
pub(super) const LENGTH: usize = REGISTERS * BITS / 8;

/// The count of a register.
pub(super) fn get(bytes: &[u8], register: usize) -> u8 {
    let (index, shift) = position(register);
    (pair(bytes, index) >> shift & MASK) as u8
}

/// Replaces the count of a register.
pub(super) fn set(bytes: &mut [u8], register: usize, count: u8) {
    let (index, shift) = position(register);
    let word = pair(bytes, index) & !(MASK << shift) | (u16::from(count) & MASK) << shift;
    let [low, high] = word.to_le_bytes();
    bytes[index] = low;
    if let Some(byte) = bytes.get_mut(index + 1) {
        *byte = high;
    }
}

/// The counts of all registers.
pub(super) fn registers(bytes: &[u8]) -> impl Iterator<Item = u8> {
    (0..REGISTERS).map(|register| get(bytes, register))
}

/// The bytes of the given counts.
pub(super) fn encoded(counts: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; LENGTH];
    for (register, &count) in counts.iter().enumerate() {
        set(&mut bytes, register, count);
    }
    bytes
}

fn position(register: usize) -> (usize, usize) {
    (register * BITS / 8, register * BITS % 8)
}

/// Two bytes as one word. The last register does not need the second one.
fn pair(bytes: &[u8], index: usize) -> u16 {
    u16::from_le_bytes([bytes[index], bytes.get(index + 1).copied().unwrap_or(0)])
}
