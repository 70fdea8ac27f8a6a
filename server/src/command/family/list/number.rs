//! Numbers in the arguments.

use crate::command::arguments::{NOT_AN_INTEGER, integer};
use crate::resp::Reply;

pub(super) fn number(word: &[u8]) -> Result<i64, Reply> {
    integer(word).ok_or(NOT_AN_INTEGER)
}

/// A number with a sign that says a direction. The lowest one has no counterpart.
pub(super) fn signed(word: &[u8]) -> Result<i64, Reply> {
    match number(word)? {
        i64::MIN => Err(Reply::fault(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        number => Ok(number),
    }
}

pub(super) fn natural(word: &[u8], error: Reply) -> Result<u64, Reply> {
    integer(word).and_then(|number| u64::try_from(number).ok()).ok_or(error)
}
