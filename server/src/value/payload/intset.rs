//! Intsets: small sets of integers in one string.
//!
//! An intset is the width of its members in bytes (4 bytes: 2, 4 or 8), their number (4 bytes), and the members,
//! ascending.

use super::PayloadError;
use super::cursor::Cursor;

/// Reads the members of an intset.
pub(super) fn members(blob: &[u8]) -> Result<impl Iterator<Item = Result<i64, PayloadError>>, PayloadError> {
    let mut cursor = Cursor::new(blob);
    let width = u32::from_le_bytes(cursor.array()?);
    let count = u32::from_le_bytes(cursor.array()?);
    if !matches!(width, 2 | 4 | 8) || cursor.left() as u64 != u64::from(width) * u64::from(count) {
        return Err(PayloadError::Format);
    }
    let mut last = None;
    Ok((0..count).map(move |_| {
        let member = match width {
            2 => i16::from_le_bytes(cursor.array()?).into(),
            4 => i32::from_le_bytes(cursor.array()?).into(),
            _ => i64::from_le_bytes(cursor.array()?),
        };
        // A server searches by halves, so it would not find a member that is out of order.
        if last.replace(member).is_some_and(|last| last >= member) {
            return Err(PayloadError::Format);
        }
        Ok(member)
    }))
}

/// Writes members, in any order, as an intset of the least width.
pub(super) fn pack(mut members: Vec<i64>) -> Vec<u8> {
    members.sort_unstable();
    let fits = |low: i64, high: i64| members.iter().all(|member| (low..=high).contains(member));
    let width: usize = if fits(i16::MIN.into(), i16::MAX.into()) {
        2
    } else if fits(i32::MIN.into(), i32::MAX.into()) {
        4
    } else {
        8
    };
    let mut blob = Vec::with_capacity(8 + members.len() * width);
    blob.extend((width as u32).to_le_bytes());
    blob.extend((members.len() as u32).to_le_bytes());
    for member in &members {
        blob.extend(&member.to_le_bytes()[..width]);
    }
    blob
}
