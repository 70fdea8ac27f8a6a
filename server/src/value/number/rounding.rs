//! Rounds a binary number to the precision of a floating point format: to the nearest, halves to the even one.

/// A mantissa that fits the format, times two to the power of `exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rounded {
    /// At most as many bits as the format has.
    pub(super) mantissa: u64,
    /// At least the least exponent of the format. Nothing limits it upwards; the caller decides what overflows.
    pub(super) exponent: i64,
}

/// Rounds `mantissa * 2^exponent` to `precision` bits, or fewer near zero, where the exponent reaches `least`.
///
/// `rest` says that the exact number is a little larger than the mantissa. Only a mantissa with more bits than the
/// precision may have a rest; otherwise the rest would be lost.
pub(super) fn round(mantissa: u128, rest: bool, exponent: i64, precision: u32, least: i64) -> Rounded {
    let bits = u128::BITS - mantissa.leading_zeros();
    let dropped = (i64::from(bits) - i64::from(precision)).max(least - exponent);
    if dropped <= 0 {
        assert!(!rest, "a mantissa with a rest has more bits than the format");
        return Rounded { mantissa: mantissa as u64, exponent };
    }
    if dropped > i64::from(bits) {
        return Rounded { mantissa: 0, exponent: least };
    }
    let dropped = dropped as u32;
    let kept = mantissa.checked_shr(dropped).unwrap_or(0);
    let tail = mantissa - kept.checked_shl(dropped).unwrap_or(0);
    let half = 1_u128 << (dropped - 1);
    let up = tail > half || (tail == half && (rest || kept & 1 == 1));
    let (kept, exponent) = (kept + u128::from(up), exponent + i64::from(dropped));
    // Rounding up may need one bit more, but then all others are zero.
    match u64::try_from(kept) {
        Ok(mantissa) => Rounded { mantissa, exponent },
        Err(_) => Rounded { mantissa: 1 << 63, exponent: exponent + 1 },
    }
}
