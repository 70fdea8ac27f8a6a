//! Natural numbers of any size, with the few operations that conversion between bases needs.

use std::cmp::Ordering;

/// The largest power of ten in a limb, and its exponent.
const DECIMAL_LIMB: (u64, usize) = (10_000_000_000_000_000_000, 19);

/// A natural number in limbs of 64 bits, the lowest first. The highest limb is never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Magnitude {
    limbs: Vec<u64>,
}

/// The leading bits of a quotient or of a number, times two to the power of `exponent`.
pub(super) struct Leading {
    /// At least 67 bits, unless the number itself has fewer.
    pub(super) mantissa: u128,
    /// Whether the bits that are left out contain a one.
    pub(super) rest: bool,
    /// The power of two.
    pub(super) exponent: i64,
}

impl Magnitude {
    /// The number that ASCII digits denote.
    pub(super) fn from_decimal(digits: &[u8]) -> Magnitude {
        let mut number = Magnitude { limbs: Vec::new() };
        for chunk in digits.chunks(DECIMAL_LIMB.1) {
            let value = chunk.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            number.multiply_add(10_u64.pow(chunk.len() as u32), value);
        }
        number
    }

    /// A number that fits a limb, times two to the power of `shift`.
    pub(super) fn shifted(value: u64, shift: usize) -> Magnitude {
        let mut number = Magnitude { limbs: vec![value] };
        number.trim();
        number.shift_left(shift);
        number
    }

    /// Multiplies with ten to the power of `exponent`.
    pub(super) fn scale(&mut self, exponent: usize) {
        for _ in 0..exponent / DECIMAL_LIMB.1 {
            self.multiply_add(DECIMAL_LIMB.0, 0);
        }
        self.multiply_add(10_u64.pow((exponent % DECIMAL_LIMB.1) as u32), 0);
    }

    /// The leading bits of this number.
    pub(super) fn leading(&self) -> Leading {
        let limb = |place: usize| self.limbs.len().checked_sub(place).map_or(0, |index| u128::from(self.limbs[index]));
        let below = self.limbs.len().saturating_sub(2);
        if self.limbs.len() < 2 {
            return Leading { mantissa: limb(1), rest: false, exponent: 0 };
        }
        // The next limb fills the place of the leading zeros, so that 127 bits or more are significant.
        let top = limb(1) << 64 | limb(2);
        let zeros = top.leading_zeros();
        let (next, lower) = if below == 0 { (0, &[][..]) } else { (self.limbs[below - 1], &self.limbs[..below - 1]) };
        let mantissa = top << zeros | u128::from(next) << zeros >> 64;
        let rest = next << zeros != 0 || lower.iter().any(|&limb| limb != 0);
        Leading { mantissa, rest, exponent: 64 * below as i64 - i64::from(zeros) }
    }

    /// The leading bits of this number divided by another one. Neither is zero.
    pub(super) fn quotient(mut self, mut divisor: Magnitude) -> Leading {
        const STEPS: i64 = 68;
        let shift = self.bits() as i64 - divisor.bits() as i64;
        if shift < 0 {
            self.shift_left(shift.unsigned_abs() as usize);
        } else {
            divisor.shift_left(shift as usize);
        }
        // Both have the same number of bits now, so the quotient is between a half and two.
        let mut mantissa = 0;
        for _ in 0..STEPS {
            mantissa <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                mantissa |= 1;
            }
            self.shift_left(1);
        }
        Leading { mantissa, rest: !self.limbs.is_empty(), exponent: shift - (STEPS - 1) }
    }

    /// The decimal digits, at least one.
    pub(super) fn into_decimal(mut self) -> String {
        let mut chunks = Vec::new();
        while !self.limbs.is_empty() {
            chunks.push(self.divide(DECIMAL_LIMB.0));
        }
        let mut text = chunks.pop().unwrap_or(0).to_string();
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:019}"));
        }
        text
    }

    fn bits(&self) -> usize {
        self.limbs.last().map_or(0, |limb| self.limbs.len() * 64 - limb.leading_zeros() as usize)
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = u128::from(addend);
        for limb in &mut self.limbs {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u64;
            carry >>= 64;
        }
        if carry != 0 {
            self.limbs.push(carry as u64);
        }
    }

    /// Divides and returns the remainder.
    fn divide(&mut self, divisor: u64) -> u64 {
        let mut remainder = 0;
        for limb in self.limbs.iter_mut().rev() {
            let dividend = remainder << 64 | u128::from(*limb);
            *limb = (dividend / u128::from(divisor)) as u64;
            remainder = dividend % u128::from(divisor);
        }
        self.trim();
        remainder as u64
    }

    fn shift_left(&mut self, shift: usize) {
        let within = shift % 64;
        if within != 0 {
            let mut carry = 0;
            for limb in &mut self.limbs {
                let moved = u128::from(*limb) << within;
                *limb = moved as u64 | carry;
                carry = (moved >> 64) as u64;
            }
            if carry != 0 {
                self.limbs.push(carry);
            }
        }
        if !self.limbs.is_empty() {
            self.limbs.splice(0..0, std::iter::repeat_n(0, shift / 64));
        }
    }

    fn compare(&self, other: &Magnitude) -> Ordering {
        let lengths = self.limbs.len().cmp(&other.limbs.len());
        lengths.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }

    /// Subtracts a number that is not larger.
    fn subtract(&mut self, other: &Magnitude) {
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let (difference, first) = limb.overflowing_sub(other.limbs.get(index).copied().unwrap_or(0));
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (difference, first || second);
        }
        assert!(!borrow, "only a number that is not larger is subtracted");
        self.trim();
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }
}
