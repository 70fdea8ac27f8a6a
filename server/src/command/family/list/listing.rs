//! Items and lengths in replies.

use bytes::Bytes;

use crate::resp::Reply;

pub(super) fn bulks(items: Vec<Bytes>) -> Reply {
    Reply::Array(items.into_iter().map(Reply::Bulk).collect())
}

pub(super) fn count(length: u64) -> Reply {
    Reply::Integer(length.cast_signed())
}
