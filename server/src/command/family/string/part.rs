//! Commands about parts of values.

use bytes::{Bytes, BytesMut};

use super::length::{LONGEST, LONGEST_OF_VALKEY, TOO_LONG};
use super::template::{READ, REPLACE, STRING};
use crate::command::arguments::{NOT_AN_INTEGER, exactly, integer};
use crate::command::flag::Flag::{Denyoom, Fast, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::{string, string_row};

pub(super) const APPEND: Spec = Spec {
    name: "append",
    syntax: "key value",
    arity: 3,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
    since: "2.0.0",
    complexity: "O(N) where N is the length of the new value",
    summary: "Appends bytes to a value and returns the new length.",
    meaning: Meaning::Data(append),
    ..STRING
};

pub(super) const LENGTH: Spec = Spec {
    name: "strlen",
    syntax: "key",
    arity: 2,
    flags: &[Readonly, Fast],
    keys: &[Keys { access: &["RO"], ..Keys::ONE }],
    since: "2.2.0",
    summary: "Returns the length of a value.",
    meaning: Meaning::Data(length),
    ..STRING
};

pub(super) const RANGE: Spec = Spec {
    name: "getrange",
    syntax: "key start end",
    arity: 4,
    since: "2.4.0",
    summary: "Returns a part of a value.",
    meaning: Meaning::Data(range),
    check: Some(|words| bounds(words).map(drop)),
    ..READ
};

pub(super) const SUBSTRING: Spec =
    Spec { name: "substr", since: "1.0.0", summary: "Returns a part of a value, like GETRANGE.", ..RANGE };

pub(super) const SET_RANGE: Spec = Spec {
    name: "setrange",
    syntax: "key offset value",
    arity: 4,
    keys: &[Keys { access: &["RW", "update"], ..Keys::ONE }],
    since: "2.2.0",
    complexity: "O(N) where N is the length of the new value",
    summary: "Overwrites a part of a value, after zeros if the value is shorter, and returns the new length.",
    meaning: Meaning::Data(set_range),
    check: Some(|words| offset(&words[2]).map(drop)),
    ..REPLACE
};

/// The length of a value that is built of two parts.
fn total(one: u64, other: u64) -> Result<u64, Reply> {
    let fits = |length: &u64| *length <= LONGEST.min(LONGEST_OF_VALKEY);
    one.checked_add(other).filter(fits).ok_or(TOO_LONG)
}

fn append(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, more] = exactly(words)?;
    let (value, until) = match string(draft, key)? {
        None => (more.clone(), None),
        Some((old, until)) => {
            total(old.len() as u64, more.len() as u64)?;
            (Bytes::from([&old[..], more].concat()), until)
        }
    };
    let length = value.len();
    draft.put(key.clone(), string_row(value, until));
    Ok(Reply::count(length))
}

fn length(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Reply::count(string(draft, key)?.map_or(0, |(value, _)| value.len())))
}

fn bounds(words: &[Bytes]) -> Result<(i64, i64), Reply> {
    let [_, _, start, end] = exactly(words)?;
    Ok((integer(start).ok_or(NOT_AN_INTEGER)?, integer(end).ok_or(NOT_AN_INTEGER)?))
}

fn range(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let bounds = bounds(words)?;
    let value = string(draft, &words[1])?.map(|(value, _)| value).unwrap_or_default();
    let part = stretch(bounds, value.len() as u64);
    Ok(Reply::Bulk(part.map_or(Bytes::new(), |(start, end)| value.slice(start as usize..end as usize))))
}

/// The part of a sequence that two indexes mean, as [`clipped`] finds it. Two negative indexes in the wrong order mean
/// nothing.
pub fn stretch((start, end): (i64, i64), length: u64) -> Option<(u64, u64)> {
    let is_reversed = start < 0 && end < 0 && start > end;
    clipped((start, end), length).filter(|_| !is_reversed)
}

/// The part between two positions, the second one included. Negative ones count from the end. Nothing if it is empty.
///
/// A position before the beginning counts as the first one, so `GETRANGE key 0 -100` returns one byte.
pub fn clipped((start, end): (i64, i64), length: u64) -> Option<(u64, u64)> {
    let from_end = |index: i64| {
        if index < 0 { length.saturating_sub(index.unsigned_abs()) } else { index.unsigned_abs() }
    };
    let (start, end) = (from_end(start), from_end(end).saturating_add(1).min(length));
    (start < end).then_some((start, end))
}

fn offset(word: &[u8]) -> Result<u64, Reply> {
    let offset = integer(word).ok_or(NOT_AN_INTEGER)?;
    u64::try_from(offset).map_err(|_| Reply::fault("ERR offset is out of range"))
}

fn set_range(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, at, part] = exactly(words)?;
    let at = offset(at)?;
    let old = string(draft, key)?;
    if part.is_empty() {
        return Ok(Reply::count(old.map_or(0, |(old, _)| old.len())));
    }
    let end = total(at, part.len() as u64)?;
    let (old, until) = old.unwrap_or_default();
    let (start, end) = (at as usize, end as usize);
    let mut value = BytesMut::with_capacity(old.len().max(end));
    value.extend_from_slice(&old);
    value.resize(old.len().max(end), 0);
    value[start..end].copy_from_slice(part);
    let length = value.len();
    draft.put(key.clone(), string_row(value.freeze(), until));
    Ok(Reply::count(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_count_from_both_ends() {
        for (bounds, part) in [
            ((0, -1), Some((0, 5))),
            ((-3, -2), Some((2, 4))),
            ((0, -100), Some((0, 1))),
            ((-100, 1), Some((0, 2))),
            ((3, 100), Some((3, 5))),
            ((i64::MIN, i64::MAX), Some((0, 5))),
            ((-1, -2), None),
            ((2, 1), None),
            ((5, 9), None),
        ] {
            assert_eq!(stretch(bounds, 5), part, "{bounds:?}");
        }
        assert_eq!(stretch((0, -1), 0), None);
        assert_eq!((stretch((-6, -7), 5), clipped((-6, -7), 5)), (None, Some((0, 1))));
    }

    #[test]
    fn a_value_that_would_be_too_long_is_refused() {
        assert_eq!(total(LONGEST - 1, 1), Ok(LONGEST));
        assert_eq!(total(LONGEST, 1), Err(TOO_LONG));
        assert_eq!(total(u64::MAX, 1), Err(TOO_LONG));
    }
}
