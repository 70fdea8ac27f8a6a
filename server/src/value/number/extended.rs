//! The extended precision of x86: a mantissa of 64 bits and an exponent of 15.
//!
//! INCRBYFLOAT and HINCRBYFLOAT compute with it on the servers that everybody runs, and clients store the digits. This
//! module does so on every machine. It needs three operations: text to number, the sum of two numbers, and number to
//! text. All round to the nearest number, halves to the even one.

use super::literal::{Absolute, Literal};
use super::magnitude::{Leading, Magnitude};
use super::rounding::{self, Rounded};
use std::fmt;

/// Bits of the mantissa.
const PRECISION: u32 = 64;
/// Exponent of the smallest positive number.
const LEAST_EXPONENT: i64 = -16_445;
/// Finite numbers are below two to this power.
const LIMIT_EXPONENT: i64 = 16_384;
/// Powers of ten that bound the finite numbers. A number of `10^4934` is too large, and one below `10^-4951` is less
/// than half of the smallest. The check comes before any arithmetic, so that an exponent costs no memory.
const DECIMAL_EXPONENTS: std::ops::RangeInclusive<i64> = -4951..=4934;
/// Longest text of a number, in bytes. Valkey parses in a buffer of 5 KiB, and the terminator takes one byte.
const TEXT_LIMIT: usize = 5 * 1024 - 1;
/// Digits after the point in the text of a number.
const FRACTION_DIGITS: usize = 17;

/// A number of extended precision, or an infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    absolute: Size,
}

/// The absolute value of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// `mantissa * 2^exponent`. The highest bit of the mantissa is set, unless the exponent is the least one.
    Finite {
        mantissa: u64,
        exponent: i64,
    },
    Infinite,
}

impl Extended {
    /// Zero, which a missing key or field counts as.
    pub const ZERO: Extended =
        Extended { negative: false, absolute: Size::Finite { mantissa: 0, exponent: LEAST_EXPONENT } };

    /// Parses a number. Decimal and hexadecimal notation and infinities are numbers; NaN is not.
    ///
    /// Numbers too large for the format are refused, and so are numbers other than zero that round to zero. Blanks
    /// and text of more than 5,119 bytes are refused too.
    pub fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() > TEXT_LIMIT {
            return None;
        }
        let literal = Literal::parse(text)?;
        let negative = literal.negative;
        let leading = match literal.absolute {
            Absolute::Infinite => return Some(Extended { negative, absolute: Size::Infinite }),
            _ if literal.is_zero() => return Some(Extended { negative, ..Extended::ZERO }),
            Absolute::Decimal { whole, fraction, exponent, .. } => decimal(whole, fraction, exponent)?,
            Absolute::Hexadecimal { mantissa, rest, exponent } => Leading { mantissa, rest, exponent },
        };
        let number = Extended { negative, absolute: Size::rounded(leading.mantissa, leading.rest, leading.exponent) };
        let vanished = matches!(number.absolute, Size::Finite { mantissa: 0, .. });
        (number.is_finite() && !vanished).then_some(number)
    }

    /// Whether this is not an infinity.
    pub fn is_finite(&self) -> bool {
        self.absolute != Size::Infinite
    }

    /// Adds two numbers. Returns none if the sum is infinite or not a number.
    pub fn sum(self, other: Extended) -> Option<Extended> {
        let (Size::Finite { mantissa: a, exponent: i }, Size::Finite { mantissa: b, exponent: k }) =
            (self.absolute, other.absolute)
        else {
            return None;
        };
        // The larger number comes first. Mantissas are normalized, so exponents decide before mantissas do.
        if (i, a) < (k, b) {
            return other.sum(self);
        }
        // One bit stays free for the carry. What the smaller number loses in the shift is the rest.
        let larger = u128::from(a) << 63;
        let smaller = u128::from(b) << 63;
        let shift = u32::try_from(i - k).unwrap_or(u32::MAX);
        let shifted = smaller.checked_shr(shift).unwrap_or(0);
        let rest = shifted.checked_shl(shift).unwrap_or(0) != smaller;
        let total = if self.negative == other.negative {
            larger + shifted
        } else {
            // A rest makes the difference smaller by less than one unit: it is one unit less, plus a rest.
            larger - shifted - u128::from(rest)
        };
        let sum = Extended { negative: self.negative, absolute: Size::rounded(total, rest, i - 63) };
        sum.is_finite().then_some(sum)
    }
}

impl Size {
    /// Rounds a number to the format.
    fn rounded(mantissa: u128, rest: bool, exponent: i64) -> Size {
        if mantissa == 0 {
            return Size::Finite { mantissa: 0, exponent: LEAST_EXPONENT };
        }
        let Rounded { mantissa, exponent } = rounding::round(mantissa, rest, exponent, PRECISION, LEAST_EXPONENT);
        if mantissa == 0 {
            return Size::Finite { mantissa, exponent: LEAST_EXPONENT };
        }
        let bits = i64::from(u64::BITS - mantissa.leading_zeros());
        if bits + exponent > LIMIT_EXPONENT {
            return Size::Infinite;
        }
        let shift = i64::from(mantissa.leading_zeros()).min(exponent - LEAST_EXPONENT);
        Size::Finite { mantissa: mantissa << shift, exponent: exponent - shift }
    }
}

impl From<f64> for Extended {
    /// Converts a number that is not NaN. The conversion is exact.
    fn from(value: f64) -> Extended {
        let negative = value.is_sign_negative();
        if value.is_infinite() {
            return Extended { negative, absolute: Size::Infinite };
        }
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let absolute = match bits >> 52 & 0x7ff {
            0 => Size::rounded(fraction.into(), false, -1074),
            exponent => Size::rounded((fraction | 1 << 52).into(), false, exponent as i64 - 1075),
        };
        Extended { negative, absolute }
    }
}

impl fmt::Display for Extended {
    /// Writes at most 17 digits after the point, without trailing zeros and without an exponent.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let Size::Finite { mantissa, exponent } = self.absolute else {
            return write!(formatter, "{sign}inf");
        };
        if let Ok(shift) = usize::try_from(exponent) {
            return write!(formatter, "{sign}{}", Magnitude::shifted(mantissa, shift).into_decimal());
        }
        // The product has 121 bits at most.
        const UNIT: u128 = 10_u128.pow(FRACTION_DIGITS as u32);
        let scaled = u128::from(mantissa) * UNIT;
        let shift = u32::try_from(-exponent).expect("the exponent is negative and of 15 bits");
        let floor = scaled.checked_shr(shift).unwrap_or(0);
        let tail = scaled - floor.checked_shl(shift).unwrap_or(0);
        // A half that does not fit 128 bits is larger than any tail.
        let half = 1_u128.checked_shl(shift - 1).unwrap_or(u128::MAX);
        let units = floor + u128::from(tail > half || (tail == half && floor & 1 == 1));
        if units == 0 {
            return formatter.write_str("0");
        }
        let (whole, fraction) = (units / UNIT, units % UNIT);
        if fraction == 0 {
            return write!(formatter, "{sign}{whole}");
        }
        let fraction = format!("{fraction:0FRACTION_DIGITS$}");
        write!(formatter, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

/// The leading bits of a decimal number other than zero. None if it is out of range by far.
fn decimal(whole: &[u8], fraction: &[u8], exponent: i64) -> Option<Leading> {
    let mut digits: Vec<u8> = whole.iter().chain(fraction).copied().skip_while(|&digit| digit == b'0').collect();
    let mut exponent = exponent - fraction.len() as i64;
    // The number is below ten to the power of this, and not below a tenth of that.
    if !DECIMAL_EXPONENTS.contains(&(digits.len() as i64 + exponent)) {
        return None;
    }
    // Zeros at the end would only make the integers longer.
    while digits.pop_if(|digit| *digit == b'0').is_some() {
        exponent += 1;
    }
    let mut integer = Magnitude::from_decimal(&digits);
    if let Ok(power) = usize::try_from(exponent) {
        integer.scale(power);
        return Some(integer.leading());
    }
    let mut divisor = Magnitude::from_decimal(b"1");
    divisor.scale(exponent.unsigned_abs() as usize);
    Some(integer.quotient(divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> String {
        let parse = |text: &str| Extended::parse(text.as_bytes()).expect("a number");
        parse(a).sum(parse(b)).map_or("none".into(), |sum| sum.to_string())
    }

    #[test]
    fn sums_have_a_mantissa_of_64_bits() {
        assert_eq!(sum("10.5", "0.1"), "10.6");
        assert_eq!(sum("3.0e3", "200"), "3200");
        assert_eq!(sum("9223372036854775807", "1"), "9223372036854775808");
        assert_eq!(sum("18446744073709551615", "0.4"), "18446744073709551615");
        assert_eq!(sum("18446744073709551615", "0.5"), "18446744073709551616");
        assert_eq!(sum("0x1p-3", "1"), "1.125");
        assert_eq!(sum("1", "-1"), "0");
        assert_eq!(sum("1e20", "-0x1p-60"), "100000000000000000000");
    }

    #[test]
    fn a_difference_beside_a_half_rounds_away_from_it() {
        assert_eq!(sum("9223372036854775813", "-0x8000000000000001p-64"), "9223372036854775812");
        assert_eq!(sum("9223372036854775813", "-0x7fffffffffffffffp-64"), "9223372036854775813");
    }

    #[test]
    fn a_sum_that_rounds_to_zero_has_no_sign() {
        assert_eq!(sum("-1e-30", "-0"), "0");
        assert_eq!(sum("-1e-17", "0"), "-0.00000000000000001");
    }

    #[test]
    fn infinities_have_no_sum() {
        assert_eq!(sum("inf", "1"), "none");
        assert_eq!(sum("1.1e4932", "1.1e4932"), "none");
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for text in ["1e4933", "1e-4951", "1e999999999999999999999", "1e-99999999999999999999", "nan", "", " 1"] {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text:?}");
        }
        assert!(Extended::parse(b"2e-4951").is_some());
        assert!(Extended::parse(&[b'0'; TEXT_LIMIT]).is_some());
        assert!(Extended::parse(&[b'0'; TEXT_LIMIT + 1]).is_none());
    }
}
