//! When keys end.
//!
//! Clients state the moment in seconds or milliseconds, counted from now on or since 1970. Rows have it in milliseconds
//! since 1970. A moment that has passed already deletes the key.

use bytes::Bytes;

use crate::resp::Reply;
use crate::row::{Head, Row};
use crate::state::Draft;
use crate::zoo::planted;

/// How a number states a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// How many milliseconds the unit has.
    unit: i64,
    /// Whether the number counts from the time of the command, and not from 1970.
    relative: bool,
}

impl Measure {
    /// Seconds from now on: `EX` and `EXPIRE`.
    pub const SECONDS: Measure = Measure { unit: 1000, relative: true };
    /// Milliseconds from now on: `PX` and `PEXPIRE`.
    pub const MILLISECONDS: Measure = Measure { unit: 1, relative: true };
    /// Seconds since 1970: `EXAT` and `EXPIREAT`.
    pub const UNIX_SECONDS: Measure = Measure { unit: 1000, relative: false };
    /// Milliseconds since 1970: `PXAT` and `PEXPIREAT`.
    pub const UNIX_MILLISECONDS: Measure = Measure { unit: 1, relative: false };

    /// The moment of a number, in milliseconds since 1970. It may have passed. None if it is too far away for 64 bits.
    pub fn moment(self, now: u64, number: i64) -> Option<i64> {
        let start = if self.relative { i64::try_from(now).ok()? } else { 0 };
        number.checked_mul(self.unit)?.checked_add(start)
    }
}

/// The error for a moment that a command does not take.
pub fn invalid_expiry(command: &str) -> Reply {
    Reply::error(format!("ERR invalid expire time in '{command}' command"))
}

/// When the key of this row expires. The fields of a hash may end it earlier.
pub fn until(row: &Row) -> Option<u64> {
    match row {
        Row::Expiring(_, until) => Some(*until),
        Row::Head(head) => head.until,
        _ => None,
    }
}

/// The row of a key with another expiry.
pub fn with_until(row: Row, until: Option<u64>) -> Row {
    match row {
        Row::Value(value) | Row::Expiring(value, _) => super::string_row(value, until),
        Row::Head(head) => Head { until, ..*head }.into(),
        other => other,
    }
}

/// Sets a key that ends at a moment. If the moment has passed, this deletes the key.
pub fn put_until(draft: &mut Draft<'_>, key: &Bytes, row: Row, moment: i64) {
    match u64::try_from(moment) {
        Ok(until) if until > draft.now() => draft.put(key.clone(), with_until(row, Some(until))),
        _ if planted!("past-expiry-ignored") => {}
        _ => _ = draft.delete(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_count_from_now_or_from_1970() {
        assert_eq!(Measure::SECONDS.moment(5_000, 2), Some(7_000));
        assert_eq!(Measure::MILLISECONDS.moment(5_000, -6_000), Some(-1_000));
        assert_eq!(Measure::UNIX_SECONDS.moment(5_000, 2), Some(2_000));
        assert_eq!(Measure::UNIX_MILLISECONDS.moment(5_000, 2), Some(2));
    }

    #[test]
    fn a_moment_beyond_64_bits_is_none() {
        assert_eq!(Measure::UNIX_SECONDS.moment(0, i64::MAX / 1000), Some(i64::MAX / 1000 * 1000));
        assert_eq!(Measure::UNIX_SECONDS.moment(0, i64::MAX / 1000 + 1), None);
        assert_eq!(Measure::UNIX_SECONDS.moment(0, i64::MIN / 1000 - 1), None);
        assert_eq!(Measure::MILLISECONDS.moment(1, i64::MAX), None);
        assert_eq!(Measure::MILLISECONDS.moment(1, i64::MIN), Some(i64::MIN + 1));
    }

    #[test]
    fn an_expiry_takes_the_place_of_another() {
        let value = Row::Value(Bytes::from("v"));
        let expiring = with_until(value.clone(), Some(7));
        assert_eq!((until(&value), until(&expiring)), (None, Some(7)));
        assert_eq!(with_until(expiring, None), value);
    }
}
