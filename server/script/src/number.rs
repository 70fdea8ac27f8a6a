//! Numbers as C writes and cuts them.

/// The digits that Lua writes.
pub(crate) const DIGITS: usize = 14;
/// The digits that tell any two doubles apart.
pub(crate) const ALL_DIGITS: usize = 17;

/// Cuts a double to an integer as x86-64 does: whatever does not fit becomes the least integer.
pub(crate) fn truncate(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) { number as i64 } else { i64::MIN }
}

/// Writes a number like `%.<digits>g` of C.
pub(crate) fn general(number: f64, digits: usize) -> String {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number.is_nan() {
        return format!("{sign}nan");
    }
    if number.is_infinite() {
        return format!("{sign}inf");
    }
    let digits = digits.max(1);
    let scientific = format!("{:.*e}", digits - 1, number.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("this format always has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent of a double is a small integer");
    if exponent < -4 || exponent >= digits as i32 {
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{}e{exponent_sign}{:02}", trimmed(mantissa), exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent) as usize;
    format!("{sign}{}", trimmed(&format!("{:.*}", decimals, number.abs())))
}

/// Leaves out the zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_c() {
        let cases = [
            (0.1, "0.1"),
            (1e15, "1e+15"),
            (123_456_789_012_345_680.0, "1.2345678901235e+17"),
            (-0.0, "-0"),
            (1e14, "1e+14"),
            (99_999_999_999_999.0, "99999999999999"),
            (1e-5, "1e-05"),
            (f64::INFINITY, "inf"),
            (1.0 / 3.0, "0.33333333333333"),
            (100.0, "100"),
        ];
        for (number, text) in cases {
            assert_eq!(general(number, DIGITS), text);
        }
        assert_eq!(general(0.1, ALL_DIGITS), "0.10000000000000001");
    }
}
