//! What rows mean.

use std::collections::BTreeMap;

use bytes::Bytes;
use valthree::root::DATABASES;
use valthree::row::{Head, Made, Row, Shape, Stream, StreamId, Table};
use valthree::state::{By, Database, Draft, order::Order};

use super::model::{Content, Held, Keys, Log, Meaning, Readers};
use super::orders;

/// Where rows are read.
pub trait Source {
    /// The elements of a collection that are alive.
    fn elements(&self, collection: Made) -> Vec<(Bytes, Row)>;
    /// A derived order.
    fn ordered(&self, table: Table, by: By) -> Order;
    /// The time.
    fn moment(&self) -> u64;
    /// How many places of an order by the end are alive.
    fn alive(&self, ends: &Order) -> usize {
        ends.len() - ends.below(self.moment() + 1)
    }
}

impl Source for Draft<'_> {
    fn elements(&self, collection: Made) -> Vec<(Bytes, Row)> {
        let names = self.order(Table::Elements(collection), By::Hash);
        let living = names
            .iter()
            .map(|place| place.name())
            .filter_map(|name| self.element(collection, &name).map(|row| (name, row)));
        let mut living: Vec<_> = living.collect();
        living.sort_by(|(one, _), (other, _)| one.cmp(other));
        living
    }

    fn ordered(&self, table: Table, by: By) -> Order {
        self.order(table, by)
    }

    fn moment(&self) -> u64 {
        self.now()
    }

    fn alive(&self, ends: &Order) -> usize {
        self.living(ends)
    }
}

impl Source for Database {
    fn elements(&self, collection: Made) -> Vec<(Bytes, Row)> {
        let rows = self.rows(Table::Elements(collection));
        rows.into_iter().filter(|(_, row)| !row.is_dead(self.root.header.now)).collect()
    }

    fn ordered(&self, table: Table, by: By) -> Order {
        self.order(table, by)
    }

    fn moment(&self) -> u64 {
        self.root.header.now
    }
}

/// What a version means. Also looks at what heads say of their elements.
pub fn meaning(database: &Database) -> Meaning {
    let header = &database.root.header;
    let mut meaning = Meaning { now: header.now, ..Meaning::empty() };
    assert_eq!(header.databases.len(), DATABASES);
    assert!(database.audit().is_empty(), "{:?}", database.audit());
    for (keys, number) in meaning.numbers.iter_mut().zip(&header.databases) {
        let rows = database.rows(Table::Keys(number.id));
        let living = rows.into_iter().filter(|(_, row)| !row.is_dead(header.now));
        *keys = living.map(|(key, row)| (key, content(database, &row))).collect::<Keys>();
    }
    let system = database.rows(Table::Keys(Made::SYSTEM)).into_iter();
    meaning.system = system.map(|(name, row)| (name, row.value().cloned().expect("a string"))).collect();
    meaning
}

/// What a living row of a key means, with a look at all orders of its elements.
pub fn held(source: &impl Source, row: &Row) -> Held {
    let held = content(source, row);
    orders::agree(source, row, &held);
    held
}

/// When the key of a row expires.
pub fn until(row: &Row) -> Option<u64> {
    match row {
        Row::Expiring(_, until) => Some(*until),
        Row::Head(head) => head.until,
        _ => None,
    }
}

/// The items of a list.
pub fn items(source: &impl Source, head: &Head) -> Vec<Bytes> {
    let Shape::List { length, first, last } = head.shape else { panic!("{head:?} is no list") };
    let elements = source.elements(head.collection).into_iter();
    let items: BTreeMap<i64, Row> = elements.map(|(name, row)| (position(&name), row)).collect();
    let items: Vec<Bytes> = items.range(first..=last).map(|(_, row)| row.value().unwrap().clone()).collect();
    assert_eq!(items.len() as u64, length, "{head:?}");
    items
}

/// The rows that can be reached and count: of popped items some servers still have the rows.
pub fn counted_rows(database: &Database) -> Vec<(Table, Bytes, Option<Row>)> {
    let mut rows = database.reachable_rows();
    let ends = |row: &Option<Row>| match row.as_ref()?.head()? {
        Head { collection, shape: Shape::List { first, last, .. }, .. } => Some((*collection, *first..=*last)),
        _ => None,
    };
    let lists: BTreeMap<Made, _> = rows.iter().filter_map(|(_, _, row)| ends(row)).collect();
    rows.retain(|(table, name, _)| match table {
        Table::Elements(collection) => lists.get(collection).is_none_or(|ends| ends.contains(&position(name))),
        Table::Keys(_) => true,
    });
    rows
}

/// The position that a name spells.
pub fn position(name: &Bytes) -> i64 {
    std::str::from_utf8(name).unwrap().parse().unwrap()
}

/// The score of a member's row.
pub fn score(row: &Row) -> f64 {
    std::str::from_utf8(row.value().unwrap()).unwrap().parse().unwrap()
}

fn content(source: &impl Source, row: &Row) -> Held {
    let until = until(row);
    let Some(head) = row.head() else {
        return Held { until, content: Content::Text(row.value().expect("a string").clone()) };
    };
    let elements = source.elements(head.collection);
    let value = |row: &Row| row.value().unwrap().clone();
    let content = match &head.shape {
        Shape::Hash { fields, .. } => {
            let lasting = elements.iter().filter(|(_, row)| row.end().is_none()).count() as u64;
            assert_eq!(*fields, lasting, "fields without expiry");
            let field = |(name, row): (Bytes, Row)| (name, (value(&row), row.end()));
            Content::Hash(elements.into_iter().map(field).collect())
        }
        Shape::Set { length } => {
            assert_eq!(*length, elements.len() as u64);
            assert!(elements.iter().all(|(_, row)| *row == Row::Member));
            Content::Set(elements.into_iter().map(|(name, _)| name).collect())
        }
        Shape::Zset { length } => {
            assert_eq!(*length, elements.len() as u64);
            Content::Zset(elements.into_iter().map(|(name, row)| (name, score(&row))).collect())
        }
        Shape::List { .. } => Content::List(items(source, head)),
        Shape::Stream(stream) => Content::Stream(log(source, stream, elements)),
    };
    Held { until, content }
}

/// The id that a name spells.
pub fn stream_id(name: &Bytes) -> StreamId {
    let (ms, sequence) = std::str::from_utf8(name).unwrap().split_once('-').unwrap();
    (ms.parse().unwrap(), sequence.parse().unwrap())
}

fn fields(row: &Row) -> &[Bytes] {
    match row {
        Row::Fields(fields) => fields,
        row => panic!("{row:?} has no fields"),
    }
}

fn log(source: &impl Source, stream: &Stream, elements: Vec<(Bytes, Row)>) -> Log {
    let entry = |(name, row): (Bytes, Row)| (stream_id(&name), fields(&row)[1].clone());
    let entries: BTreeMap<StreamId, Bytes> = elements.into_iter().map(entry).collect();
    assert_eq!(stream.length, entries.len() as u64);
    assert_eq!(stream.first, entries.keys().next().copied().unwrap_or_default());
    let groups = stream.groups.map(|groups| source.elements(groups)).unwrap_or_default().into_iter();
    let readers = |row: Row| {
        let Row::Group(group) = row else { panic!("{row:?} is no group") };
        let pending = source.elements(group.pending).into_iter();
        Readers {
            last: group.last,
            consumers: source.elements(group.consumers).into_iter().map(|(name, _)| name).collect(),
            pending: pending.map(|(name, row)| (stream_id(&name), fields(&row)[0].clone())).collect(),
        }
    };
    let groups = groups.map(|(name, row)| (name, readers(row))).collect();
    Log { entries, last: stream.last, deleted: stream.deleted, added: stream.added, groups }
}
