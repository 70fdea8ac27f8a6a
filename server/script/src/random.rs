//! The generator of `math.random`.
//!
//! It is the 48 bit linear congruential generator that POSIX describes as `lrand48`. Each run starts from the seed that the
//! host chooses. The numbers after the first seed are those of the first script after the start of Valkey. Valkey goes on
//! from there.

/// The multiplier and the increment that POSIX prescribes.
const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;
/// The low bits of a state that was just seeded.
const SEED_TAIL: u64 = 0x330E;
/// The seed of a generator that nobody seeded.
pub(crate) const FIRST_SEED: i32 = 0x1234_ABCD;
/// Draws are divided by this number to get fractions.
const RANGE: u64 = i32::MAX as u64;

/// The state of the generator.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator as each run finds it.
    pub(crate) fn new() -> Random {
        let mut random = Random(0);
        random.seed(FIRST_SEED);
        random
    }

    /// Starts anew from a seed.
    pub(crate) fn seed(&mut self, seed: i32) {
        self.0 = (u64::from(seed as u32) << 16) | SEED_TAIL;
    }

    /// A fraction from zero to less than one.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        ((self.0 >> 17) % RANGE) as f64 / RANGE as f64
    }
}
