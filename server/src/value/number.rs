//! Numbers with a fraction, in the text that clients send and get.
//!
//! Valkey has two kinds. A score is an `f64`. The result of INCRBYFLOAT and HINCRBYFLOAT is a `long double`, which on
//! x86-64 has a mantissa of 64 bits. Clients see the difference in the last digits, so [`Extended`] computes with the
//! same mantissa.
//!
//! | function | commands |
//! |---|---|
//! | [`score`] | every float argument of ZADD, ZINCRBY, GEOADD, GEOSEARCH |
//! | [`bound`] | the bounds of ZRANGEBYSCORE, ZCOUNT and ZREMRANGEBYSCORE |
//! | [`format_double`] | replies with scores |
//! | [`Extended`] | INCRBYFLOAT and HINCRBYFLOAT |
//! | [`format_coordinate`] | GEOPOS, and GEOSEARCH with WITHCOORD |
//! | [`format_distance`] | GEODIST, and GEOSEARCH with WITHDIST |
//!
//! The text follows Valkey 8. Redis 7.0 writes the same numbers with up to 17 digits, `0.10000000000000001` for 0.1.

mod extended;
mod literal;
mod magnitude;
mod rounding;
mod shortest;

pub use extended::Extended;
pub use shortest::format_double;

use literal::Literal;

/// The error for an argument that [`score`] or [`Extended::parse`] refuses.
pub const NOT_A_FLOAT: &str = "ERR value is not a valid float";
/// The error for bounds that [`bound`] refuses.
pub const NOT_A_BOUND: &str = "ERR min or max is not a float";
/// The error of ZINCRBY when both infinities meet.
pub const SCORE_IS_NAN: &str = "ERR resulting score is not a number (NaN)";
/// The error of INCRBYFLOAT and HINCRBYFLOAT for a sum that [`Extended::sum`] refuses.
pub const SUM_NOT_FINITE: &str = "ERR increment would produce NaN or Infinity";
/// The error of HINCRBYFLOAT for a field that [`Extended::parse`] refuses.
pub const FIELD_NOT_A_FLOAT: &str = "ERR hash value is not a float";
/// The error of HINCRBYFLOAT for an infinite increment. INCRBYFLOAT answers [`SUM_NOT_FINITE`] instead.
pub const INCREMENT_NOT_FINITE: &str = "ERR value is NaN or Infinity";

/// Digits after the point of a distance.
const DISTANCE_DIGITS: usize = 4;

/// Parses a float argument. Decimal and hexadecimal notation and infinities are numbers; NaN is not.
///
/// Numbers beyond the largest finite `f64` are refused, and so are numbers other than zero that round to zero. Blanks
/// are refused too.
pub fn score(text: &[u8]) -> Option<f64> {
    let literal = Literal::parse(text)?;
    let value = literal.to_f64();
    let overflow = value.is_infinite() && !literal.is_infinite();
    let underflow = value == 0.0 && !literal.is_zero();
    (!overflow && !underflow).then_some(value)
}

/// One end of a range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreBound {
    /// The score at the end.
    pub score: f64,
    /// Whether the range ends before this score.
    pub exclusive: bool,
}

/// Parses one end of a range of scores: a number, after `(` if the range excludes it.
///
/// Valkey is more lenient here than with scores. It skips leading blanks, reads only up to the first zero byte, takes
/// a number out of range for infinity or zero, and takes an empty bound for zero.
pub fn bound(text: &[u8]) -> Option<ScoreBound> {
    let (text, exclusive) = match text.strip_prefix(b"(") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(ScoreBound { score: 0.0, exclusive });
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let literal = Literal::parse(&text[blanks..])?;
    Some(ScoreBound { score: literal.to_f64(), exclusive })
}

/// Formats a longitude or latitude: at most 17 digits after the point, without trailing zeros.
pub fn format_coordinate(degrees: f64) -> String {
    Extended::from(degrees).to_string()
}

/// Formats a distance with four digits after the point.
///
/// Valkey first multiplies by 10,000 and then rounds to an integer, halves to the even one. The product is rounded
/// too, so the last digit can differ from that of the exact distance.
pub fn format_distance(distance: f64) -> String {
    let scaled = (distance * 1e4).round_ties_even();
    if scaled.is_nan() || scaled.abs() >= i64::MAX as f64 {
        // No distance on Earth is that large.
        return format!("{distance:.DISTANCE_DIGITS$}");
    }
    let units = scaled as i64;
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    format!("{sign}{}.{:0DISTANCE_DIGITS$}", units / 10_000, units % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_has_no_blanks_and_fits() {
        for text in ["", " 1", "1 ", "1\0", "nan", "1e", "0x", "0x.", ".", "+-1", "1e400", "1e-400", "0x1p-2000", "1_0"]
        {
            assert_eq!(score(text.as_bytes()), None, "{text:?}");
        }
        let numbers = [("0x10", 16.0), ("0X.8", 0.5), ("0x1.8p+1", 3.0), (".5", 0.5), ("5.", 5.0), ("+1e2", 100.0)];
        for (text, value) in numbers {
            assert_eq!(score(text.as_bytes()), Some(value), "{text:?}");
        }
        assert_eq!(score(b"-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(score(b"0e99999999999999999999"), Some(0.0));
    }

    #[test]
    fn a_bound_is_lenient() {
        let included = |score| Some(ScoreBound { score, exclusive: false });
        let excluded = |score| Some(ScoreBound { score, exclusive: true });
        assert_eq!(bound(b""), included(0.0));
        assert_eq!(bound(b"("), excluded(0.0));
        assert_eq!(bound(b"( 1"), excluded(1.0));
        assert_eq!(bound(b" 1\0 2"), included(1.0));
        assert_eq!(bound(b"1e400"), included(f64::INFINITY));
        assert_eq!(bound(b"-1e-400"), included(0.0));
        for text in ["1 ", "((1", "nan", "-", "+", " ", "(x"] {
            assert_eq!(bound(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn distances_have_four_digits() {
        assert_eq!(format_distance(0.0), "0.0000");
        assert_eq!(format_distance(0.00004), "0.0000");
        assert_eq!(format_distance(166274.15156), "166274.1516");
    }
}
