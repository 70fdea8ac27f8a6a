//! Any rows, for the tests of runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::{collection::btree_map, collection::vec, prelude::*};
use rand::{SeedableRng as _, rngs::StdRng};
use valthree::id::Id;
use valthree::row::{Group, Head, Made, Mention, Row, Shape, Stream, Table};
use valthree::run::{Building, Decoder, Encoder, Layer, RunDamage, Salt, Work as _};

pub type Rows = BTreeMap<(Table, Bytes), Option<Row>>;

pub const SALT: Salt = Salt(7);

/// The moments of rows that expire are below this.
pub const MOMENTS: u64 = 100;

pub fn database() -> Id {
    Id::random(&mut StdRng::seed_from_u64(1))
}

/// Any bytes; the lengths around those at which the length of a length changes are not rare.
pub fn text() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        6 => vec(any::<u8>(), 0..12),
        1 => (126..130_usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ]
    .prop_map(Bytes::from)
}

pub fn made() -> impl Strategy<Value = Made> {
    prop_oneof![
        8 => (0..3_u64, 0..3_u32).prop_map(|(generation, ordinal)| Made { generation, ordinal }),
        1 => Just(Made::SYSTEM),
    ]
}

pub fn table() -> impl Strategy<Value = Table> {
    (made(), any::<bool>()).prop_map(|(id, keys)| if keys { Table::Keys(id) } else { Table::Elements(id) })
}

fn head() -> impl Strategy<Value = Row> {
    let numbers = (any::<u64>(), any::<i64>(), any::<i64>(), 0..MOMENTS);
    (made(), prop::option::of(0..MOMENTS), 0..5, numbers, prop::option::of(made())).prop_map(
        |(collection, until, kind, (length, first, last, moment), groups)| {
            let shape = match kind {
                0 => Shape::Hash { fields: length % 2, last: moment },
                1 => Shape::Set { length },
                2 => Shape::Zset { length },
                3 => Shape::List { length, first, last },
                _ => Shape::Stream(Box::new(Stream { length, last: (length, moment), groups, ..Stream::default() })),
            };
            Head { collection, until, size: length, shape }.into()
        },
    )
}

pub fn row() -> impl Strategy<Value = Row> {
    let group = (made(), made(), prop::option::of(0..MOMENTS));
    prop_oneof![
        4 => text().prop_map(Row::Value),
        3 => (text(), 0..MOMENTS).prop_map(|(value, until)| Row::Expiring(value, until)),
        2 => head(),
        1 => Just(Row::Member),
        1 => vec(text(), 0..5).prop_map(Row::Fields),
        1 => group.prop_map(|(pending, consumers, read)| Group { last: (1, 2), read, pending, consumers }.into()),
    ]
}

pub fn rows() -> impl Strategy<Value = Rows> {
    btree_map((table(), text()), prop::option::weighted(0.8, row()), 0..40)
}

pub fn layer(rows: &Rows) -> Layer {
    let mut building = Building::new(SALT, 0, 0);
    rows.iter().for_each(|((table, name), row)| building.push(*table, name, row.as_ref()));
    building.done()
}

pub fn encode(layer: Layer) -> Bytes {
    Encoder::new(database(), Arc::new(layer)).unwrap().finish().unwrap()
}

pub fn decode(bytes: Bytes) -> Result<Layer, RunDamage> {
    Decoder::new(bytes, SALT)?.finish()
}

/// Decodes as a server does: one work unpacks, and another compares the checksums of the blocks.
pub fn decode_side_by_side(bytes: Bytes) -> Result<Layer, RunDamage> {
    let (decoder, sums) = Decoder::new(bytes, SALT)?.trusting_the_filter().leaving_sums();
    // The two go on at the same time, so the decoder meets damaged blocks, too.
    let layer = decoder.finish();
    sums.map_or(Ok(()), |sums| sums.finish())?;
    layer
}

/// Whether no reader takes these bytes for a run.
pub fn is_refused(bytes: impl Into<Bytes>) -> bool {
    let bytes = bytes.into();
    decode(bytes.clone()).is_err() && decode_side_by_side(bytes).is_err()
}

pub fn rows_of(layer: &Layer) -> Rows {
    layer.iter().map(|(table, name, row)| ((table, name), row)).collect()
}

/// What a layer has to say of a name.
pub fn mention(row: Option<&Option<Row>>) -> Mention {
    row.map_or(Mention::Nothing, |row| row.clone().into())
}

/// What it says of a row.
pub fn get(layer: &Layer, table: Table, name: &[u8]) -> Mention {
    layer.get(SALT.hash(table, name), table, name)
}
