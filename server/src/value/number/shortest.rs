//! Writes an `f64` as Valkey 8 does: in few digits that read back as the same number.
//!
//! The digits come from Grisu2 (Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers", 2010).
//! It multiplies the number with a cached power of ten, so that 64-bit arithmetic suffices, and generates digits until
//! they lie between the neighbours. In about one case of a thousand its digits are not the shortest or not the nearest.
//! Clients see those digits, so an exact algorithm would be wrong here.

mod powers;

use powers::POWERS;

/// Bit of the mantissa that an `f64` does not store.
const HIDDEN_BIT: u64 = 1 << 52;
/// Exponent of the last bit of the mantissa, when the stored exponent is zero.
const EXPONENT_BIAS: i32 = 1023 + 52;
/// Decimal exponent of the first cached power, and the distance to the next one.
const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;
/// The product of a number and its cached power has an exponent between these.
const EXPONENTS: std::ops::RangeInclusive<i32> = -60..=-32;
/// Integers up to this magnitude are written without an exponent.
const INTEGER_LIMIT: f64 = (i64::MAX / 2) as f64;
/// A longer sequence of digits never occurs.
const MOST_DIGITS: usize = 17;

/// A mantissa of 64 bits, times two to the power of the exponent.
#[derive(Clone, Copy)]
struct Scaled {
    mantissa: u64,
    exponent: i32,
}

/// Decimal digits, times ten to the power of the exponent.
struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
}

/// Formats a score, as in the replies to ZSCORE and ZINCRBY.
///
/// Integers up to 2^62 have all their digits. Other numbers have an exponent when they are large, or when the point is
/// far from the first digit.
///
/// Minus zero keeps its sign here. A real server shows it only for sorted sets that are too large for a listpack.
pub fn format_double(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let absolute = value.abs();
    if absolute <= INTEGER_LIMIT && absolute.fract() == 0.0 {
        return format!("{sign}{}", absolute as u64);
    }
    format!("{sign}{}", shortest(absolute).layout())
}

impl Decimal {
    /// Places the point, or an exponent.
    fn layout(&self) -> String {
        let digits = std::str::from_utf8(&self.digits).expect("digits are ASCII");
        let count = digits.len() as i32;
        // The exponent of the first digit.
        let first = self.exponent + count - 1;
        if self.exponent >= 0 && first.abs() < count + 7 {
            return format!("{digits}{}", "0".repeat(self.exponent as usize));
        }
        if self.exponent < 0 && (self.exponent > -7 || first.abs() < 4) {
            return match usize::try_from(first) {
                Ok(first) => format!("{}.{}", &digits[..=first], &digits[first + 1..]),
                Err(_) => format!("0.{}{digits}", "0".repeat(first.unsigned_abs() as usize - 1)),
            };
        }
        let point = if digits.len() > 1 { "." } else { "" };
        format!("{}{point}{}e{first:+}", &digits[..1], &digits[1..])
    }
}

/// The digits of a positive number.
fn shortest(value: f64) -> Decimal {
    let (number, lower, upper) = neighbourhood(value);
    let (power, exponent) = cached_power(upper.exponent);
    let number = number.times(power);
    // The products are off by less than one unit, so the interval shrinks by one on both sides.
    let mut lower = lower.times(power);
    lower.mantissa += 1;
    let mut upper = upper.times(power);
    upper.mantissa -= 1;
    let mut decimal = generate(number, lower, upper);
    decimal.exponent -= exponent;
    decimal
}

/// The number, and the two points halfway to its neighbours. The latter two have the same exponent.
fn neighbourhood(value: f64) -> (Scaled, Scaled, Scaled) {
    let bits = value.to_bits();
    let (fraction, stored) = (bits & (HIDDEN_BIT - 1), (bits >> 52) as i32);
    let number = match stored {
        0 => Scaled { mantissa: fraction, exponent: 1 - EXPONENT_BIAS },
        _ => Scaled { mantissa: fraction | HIDDEN_BIT, exponent: stored - EXPONENT_BIAS },
    };
    let upper = Scaled { mantissa: (number.mantissa << 1) + 1, exponent: number.exponent - 1 }.normalized();
    // Below a power of two the numbers lie closer together.
    let shift = if number.mantissa == HIDDEN_BIT { 2 } else { 1 };
    let lower = Scaled { mantissa: (number.mantissa << shift) - 1, exponent: number.exponent - shift };
    let lower = Scaled { mantissa: lower.mantissa << (lower.exponent - upper.exponent), exponent: upper.exponent };
    (number.normalized(), lower, upper)
}

impl Scaled {
    fn normalized(self) -> Scaled {
        let shift = self.mantissa.leading_zeros();
        Scaled { mantissa: self.mantissa << shift, exponent: self.exponent - shift as i32 }
    }

    /// The upper half of the product, rounded.
    fn times(self, other: Scaled) -> Scaled {
        let product = u128::from(self.mantissa) * u128::from(other.mantissa) + (1 << 63);
        Scaled { mantissa: (product >> 64) as u64, exponent: self.exponent + other.exponent + 64 }
    }
}

/// The power of ten that brings a number with this exponent into the range of [`EXPONENTS`], and its decimal exponent.
fn cached_power(exponent: i32) -> (Scaled, i32) {
    const LOG10_OF_2: f64 = std::f64::consts::LOG10_2;
    let estimate = (-f64::from(exponent + POWERS.len() as i32) * LOG10_OF_2) as i32;
    let mut index = (estimate - FIRST_POWER) / POWER_STEP;
    loop {
        let decimal = FIRST_POWER + index * POWER_STEP;
        // The binary exponent is the rounded-down logarithm, which this product gives for exponents of this size.
        let power = Scaled { mantissa: POWERS[index as usize], exponent: ((decimal * 217_706) >> 16) - 63 };
        let product = exponent + power.exponent + 64;
        if EXPONENTS.contains(&product) {
            return (power, decimal);
        }
        index += if product < *EXPONENTS.start() { 1 } else { -1 };
    }
}

/// Generates digits of the upper bound until they lie above the lower bound, and then moves towards the number.
fn generate(number: Scaled, lower: Scaled, upper: Scaled) -> Decimal {
    let mut distance = upper.mantissa - number.mantissa;
    let mut width = upper.mantissa - lower.mantissa;
    let point = upper.exponent.unsigned_abs();
    let one = 1_u64 << point;
    let (mut whole, mut fraction) = (upper.mantissa >> point, upper.mantissa & (one - 1));
    let mut digits = Vec::with_capacity(MOST_DIGITS);
    for kappa in (0..10).rev() {
        let unit = 10_u64.pow(kappa);
        let digit = (whole / unit) as u8;
        if digit != 0 || !digits.is_empty() {
            digits.push(b'0' + digit);
        }
        whole %= unit;
        let remainder = (whole << point) + fraction;
        if remainder <= width {
            approach(&mut digits, width, remainder, unit << point, distance);
            return Decimal { digits, exponent: kappa as i32 };
        }
    }
    let mut exponent = 0;
    loop {
        fraction *= 10;
        width *= 10;
        distance = distance.wrapping_mul(10);
        exponent -= 1;
        let digit = (fraction >> point) as u8;
        if digit != 0 || !digits.is_empty() {
            digits.push(b'0' + digit);
        }
        fraction &= one - 1;
        if fraction < width {
            approach(&mut digits, width, fraction, one, distance);
            return Decimal { digits, exponent };
        }
    }
}

/// Decrements the last digit while that comes nearer to the number and stays above the lower bound.
fn approach(digits: &mut [u8], width: u64, mut remainder: u64, unit: u64, distance: u64) {
    let Some(last) = digits.last_mut() else { return };
    while remainder < distance
        && width - remainder >= unit
        && (remainder + unit < distance || distance - remainder > remainder + unit - distance)
    {
        *last -= 1;
        remainder += unit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_depends_on_the_exponent() {
        let cases = [
            (0.1, "0.1"),
            (0.000001, "0.000001"),
            (1.5e-6, "1.5e-6"),
            (-1e-7, "-1e-7"),
            (1e17, "100000000000000000"),
            (-1e18, "-1000000000000000000"),
            (4.7e18, "4.7e+18"),
            (12345678901234567890.0, "12345678901234567000"),
            (1e22, "1e+22"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (2251799813685248.5, "2251799813685248.5"),
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(format_double(value), text);
        }
    }

    #[test]
    fn cached_powers_are_powers_of_ten() {
        for (index, &mantissa) in (0..).zip(&POWERS) {
            assert_eq!(mantissa, powers::exact(FIRST_POWER + index * POWER_STEP), "power {index}");
        }
    }
}
