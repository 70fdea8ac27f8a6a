//! The living elements of a collection.

use bytes::Bytes;

use crate::row::{Made, Row, StreamId, Table};
use crate::state::order::Spot;
use crate::state::{By, Draft, position_of_rank};

/// The living elements of a collection, in some order.
pub(super) fn elements(draft: &Draft<'_>, collection: Made, by: By) -> impl Iterator<Item = (Bytes, Row)> {
    let table = Table::Elements(collection);
    let order = draft.order(table, by);
    (0..order.len()).filter_map(move |at| living(draft, table, by, order.at(at)?))
}

/// The element at this place, unless it has ended.
pub(super) fn living(draft: &Draft<'_>, table: Table, by: By, place: Spot<'_>) -> Option<(Bytes, Row)> {
    let name = match by {
        By::Position => Bytes::copy_from_slice(itoa::Buffer::new().format(position_of_rank(place.rank)).as_bytes()),
        By::Id => {
            let sequence = place.name().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            id_text((place.rank, sequence))
        }
        By::Hash | By::Score | By::End => place.name(),
    };
    let row = draft.look(table, &name)?;
    Some((name, row))
}

/// The name of an entry of a stream.
pub(super) fn id_text((ms, sequence): StreamId) -> Bytes {
    format!("{ms}-{sequence}").into()
}
