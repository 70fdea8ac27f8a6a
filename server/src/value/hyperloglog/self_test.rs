//! The check behind PFSELFTEST.

use super::layout::{REGISTERS, SPARSE_LIMIT};
use super::{HyperLogLog, dense};

/// Rounds of random registers.
const ROUNDS: u64 = 100;
/// The last number of elements at which the estimate is checked. Larger numbers would block the server for seconds.
const LAST_CHECKPOINT: u64 = 100_000;
/// The estimate may be off by this many standard errors.
const TOLERANCE: f64 = 6.0;

/// Checks registers, both encodings and the error of the estimate with elements that depend on `seed`.
///
/// An error is the text of the reply.
pub fn self_test(seed: u64) -> Result<(), String> {
    let mut bytes = vec![0; dense::LENGTH];
    for round in 0..ROUNDS {
        let counts: Vec<_> = (0..REGISTERS as u64).map(|register| noise(seed ^ round << 32 ^ register) & 63).collect();
        for (register, &count) in counts.iter().enumerate() {
            dense::set(&mut bytes, register, count as u8);
        }
        for (register, &count) in counts.iter().enumerate() {
            let actual = dense::get(&bytes, register);
            if u64::from(actual) != count {
                return Err(format!("ERR TESTFAILED Register {register} should be {count} but is {actual}"));
            }
        }
    }
    let damaged = |error| format!("ERR TESTFAILED {error}");
    let (mut sparse, mut dense) = (HyperLogLog::default(), HyperLogLog::default());
    dense.make_dense().map_err(damaged)?;
    let mut checkpoint = 1;
    for number in 1..=LAST_CHECKPOINT {
        let element = (number ^ seed).to_le_bytes();
        sparse.add(&element).map_err(damaged)?;
        dense.add(&element).map_err(damaged)?;
        if number == checkpoint {
            if sparse.is_dense() && number < SPARSE_LIMIT as u64 / 2 {
                return Err("ERR TESTFAILED sparse encoding not used".into());
            }
            let estimate = dense.estimate().map_err(damaged)?;
            if sparse.estimate().map_err(damaged)? != estimate {
                return Err("ERR TESTFAILED dense/sparse disagree".into());
            }
            let error = estimate.abs_diff(number);
            if error > largest_error(number) {
                return Err(format!("ERR TESTFAILED Too big error. card:{number} abserr:{error}"));
            }
            checkpoint *= 10;
        }
    }
    Ok(())
}

/// The standard error is 1.04 divided by the square root of the number of registers.
fn largest_error(elements: u64) -> u64 {
    let standard = 1.04 / (REGISTERS as f64).sqrt();
    (standard * TOLERANCE * elements as f64).ceil() as u64
}

/// Spreads a number over all bits.
fn noise(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_self_test_passes() {
        assert_eq!(super::self_test(42), Ok(()));
    }
}
