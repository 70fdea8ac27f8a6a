//! The shape of a part of a filter: how large it is, and which slots a mark has in it.

/// The attempt of a part that any row may be in.
pub(super) const OPEN: u8 = u8::MAX;

/// The largest binary logarithm of a segment's length.
pub(super) const LONGEST_SEGMENT: u8 = 18;

/// The seed of the first attempt: the fractional digits of pi.
pub(super) const SEED: u64 = 0x243f_6a88_85a3_08d3;

/// Mixes the bits of a number, so that each depends on all of them: the last steps of SplitMix64. No two numbers become
/// the same one.
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// The size of a part's array, and its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FuseShape {
    /// How often building it failed before, or [`OPEN`].
    pub(super) attempt: u8,
    /// The binary logarithm of a segment's length.
    pub(super) segment: u8,
    /// How many segments the first slot of a mark may lie in. The array has two more.
    pub(super) segments: u32,
}

impl FuseShape {
    /// How many slots the array has.
    pub(super) fn slots(self) -> usize {
        if self.segments == 0 { 0 } else { (self.segments as usize + 2) << self.segment }
    }

    /// The slots of a mark, and the byte that their exclusive or should be. The shape has segments.
    pub(super) fn slots_of(self, mark: u64) -> ([usize; 3], u8) {
        let hash = mix(mark.wrapping_add(mix(SEED + u64::from(self.attempt))));
        let length = 1_usize << self.segment;
        let first = share(hash, (self.segments as usize) << self.segment);
        let bend = |bits: u64| bits as usize & (length - 1);
        let slots = [first, (first + length) ^ bend(hash >> 18), (first + 2 * length) ^ bend(hash)];
        (slots, (hash ^ hash >> 32) as u8)
    }
}

/// A number below the limit: the share of the limit that the bits are of the largest number.
pub(super) fn share(bits: u64, limit: usize) -> usize {
    ((u128::from(bits) * limit as u128) >> 64) as usize
}
