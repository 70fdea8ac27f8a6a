//! The grammar of numbers, which is that of the C library.

use super::rounding::{self, Rounded};

/// Exponents beyond this change nothing: arguments are far shorter, so the number is zero, too large or too small.
const EXPONENT_LIMIT: i64 = 1 << 40;
/// Hexadecimal digits that the mantissa keeps. They are more than any rounding looks at.
const HEX_DIGITS: u32 = 30;
/// Bits of the mantissa of an `f64`.
const F64_PRECISION: u32 = 53;
/// Exponent of the smallest positive `f64`.
const F64_LEAST_EXPONENT: i64 = -1074;

/// A number as it is written, before it is rounded.
pub(super) struct Literal<'a> {
    /// Whether it has a minus.
    pub(super) negative: bool,
    /// Its absolute value.
    pub(super) absolute: Absolute<'a>,
}

/// The part of a number after its sign.
pub(super) enum Absolute<'a> {
    /// `inf` or `infinity`.
    Infinite,
    /// Digits around the point, and the power of ten. `text` is all of them together.
    Decimal { text: &'a [u8], whole: &'a [u8], fraction: &'a [u8], exponent: i64 },
    /// `mantissa` times two to the power of `exponent`. `rest` tells whether further digits follow it.
    Hexadecimal { mantissa: u128, rest: bool, exponent: i64 },
}

impl<'a> Literal<'a> {
    /// Reads all of `text`, or none if it is no number.
    pub(super) fn parse(text: &'a [u8]) -> Option<Literal<'a>> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let absolute = match text {
            [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
            _ if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") => Absolute::Infinite,
            _ => decimal(text)?,
        };
        Some(Literal { negative, absolute })
    }

    /// Whether the text itself says infinity.
    pub(super) fn is_infinite(&self) -> bool {
        matches!(self.absolute, Absolute::Infinite)
    }

    /// Whether all digits are zero.
    pub(super) fn is_zero(&self) -> bool {
        match &self.absolute {
            Absolute::Infinite => false,
            Absolute::Decimal { whole, fraction, .. } => whole.iter().chain(*fraction).all(|&digit| digit == b'0'),
            Absolute::Hexadecimal { mantissa, .. } => *mantissa == 0,
        }
    }

    /// The nearest `f64`, which is infinite for numbers that are too large.
    pub(super) fn to_f64(&self) -> f64 {
        let absolute = match &self.absolute {
            Absolute::Infinite => f64::INFINITY,
            Absolute::Decimal { text, .. } => {
                let text = std::str::from_utf8(text).expect("the grammar admits only ASCII");
                text.parse().expect("the grammar is part of Rust's")
            }
            Absolute::Hexadecimal { mantissa, rest, exponent } => {
                f64_from(rounding::round(*mantissa, *rest, *exponent, F64_PRECISION, F64_LEAST_EXPONENT))
            }
        };
        if self.negative { -absolute } else { absolute }
    }
}

/// Puts a rounded mantissa into an `f64`.
fn f64_from(rounded: Rounded) -> f64 {
    let Rounded { mantissa, exponent } = rounded;
    if mantissa == 0 {
        return 0.0;
    }
    let bits = i64::from(u64::BITS - mantissa.leading_zeros());
    if bits + exponent > i64::from(f64::MAX_EXP) {
        return f64::INFINITY;
    }
    // Both factors are exact, and so is the product: the mantissa is already rounded. Two steps reach the smallest
    // numbers, because a single power of two would itself be too small.
    let power = |exponent: i64| f64::from_bits(((exponent + 1023) as u64) << 52);
    if exponent < -1000 {
        mantissa as f64 * power(-1000) * power(exponent + 1000)
    } else if exponent > 1000 {
        mantissa as f64 * power(1000) * power(exponent - 1000)
    } else {
        mantissa as f64 * power(exponent)
    }
}

/// Reads a decimal number without a sign.
fn decimal(text: &[u8]) -> Option<Absolute<'_>> {
    let (whole, rest) = digits(text, u8::is_ascii_digit);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => digits(rest, u8::is_ascii_digit),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = exponent(rest, b'e')?;
    Some(Absolute::Decimal { text, whole, fraction, exponent })
}

/// Reads a hexadecimal number after its `0x`.
fn hexadecimal(text: &[u8]) -> Option<Absolute<'_>> {
    let (whole, rest) = digits(text, u8::is_ascii_hexdigit);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => digits(rest, u8::is_ascii_hexdigit),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent = exponent(rest, b'p')? - 4 * fraction.len() as i64;
    let (mut mantissa, mut rest) = (0_u128, false);
    for &digit in whole.iter().chain(fraction) {
        let digit = char::from(digit).to_digit(16).expect("the grammar admits only hexadecimal digits");
        if mantissa >> (4 * (HEX_DIGITS - 1)) == 0 {
            mantissa = mantissa << 4 | u128::from(digit);
        } else {
            rest |= digit != 0;
            exponent += 4;
        }
    }
    Some(Absolute::Hexadecimal { mantissa, rest, exponent })
}

/// Splits the leading digits from the rest.
fn digits(text: &[u8], is_digit: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|digit| is_digit(digit)).count())
}

/// Reads an optional exponent that has to be all of `text`.
fn exponent(text: &[u8], letter: u8) -> Option<i64> {
    let [first, text @ ..] = text else { return Some(0) };
    if !first.eq_ignore_ascii_case(&letter) {
        return None;
    }
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let absolute = text.iter().fold(0, |value, digit| (value * 10 + i64::from(digit - b'0')).min(EXPONENT_LIMIT));
    Some(if negative { -absolute } else { absolute })
}
