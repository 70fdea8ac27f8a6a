//! The estimate from a histogram of the registers (Ertl, "New cardinality estimation algorithms for HyperLogLog
//! sketches", 2017).

use super::layout::{INDEX_BITS, REGISTERS};

/// The largest count of an undamaged register.
const LARGEST: usize = (u64::BITS - INDEX_BITS) as usize + 1;
/// The constant of the estimator, one half divided by the natural logarithm of two.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// How many registers have each count. A damaged register may have any count of six bits.
pub(super) struct Histogram {
    registers: [usize; 64],
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { registers: [0; 64] }
    }
}

impl Histogram {
    /// Counts registers that have the same count.
    pub(super) fn count(&mut self, count: u8, registers: usize) {
        self.registers[usize::from(count)] += registers;
    }

    /// The estimated number of elements. The order of the operations decides the last bit, so it is part of the format.
    pub(super) fn estimate(&self) -> u64 {
        let all = REGISTERS as f64;
        let registers = |count: usize| self.registers[count] as f64;
        let mut sum = all * tau((all - registers(LARGEST)) / all);
        for count in (1..LARGEST).rev() {
            sum = (sum + registers(count)) * 0.5;
        }
        sum += all * sigma(registers(0) / all);
        let estimate = (ALPHA * all * all / sum).round();
        // Registers that no elements produce can make the estimate infinite. The servers answer with this number then.
        if estimate.is_finite() { estimate as u64 } else { 1 << 63 }
    }
}

/// Accounts for the registers that are zero.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * power;
        power += power;
        if sum == before {
            return sum;
        }
    }
}

/// Accounts for the registers that have the largest count.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut power, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        power *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * power;
        if sum == before {
            return sum / 3.0;
        }
    }
}
