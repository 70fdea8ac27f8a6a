//! What all collections share.

use bytes::Bytes;

use crate::resp::Reply;
use crate::row::{self, Head, Made, Row, Shape, Table};
use crate::state::{By, Draft, order::Order};
use crate::zoo::planted;

/// The error for a command on a key of another type.
pub const WRONG_TYPE: Reply = Reply::fault("WRONGTYPE Operation against a key holding the wrong kind of value");

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    String,
    /// Fields and values.
    Hash,
    /// Items in order.
    List,
    /// Members.
    Set,
    /// Members with a score.
    Zset,
    /// Entries with an id.
    Stream,
}

impl Kind {
    /// The type of a key row.
    pub fn of(row: &Row) -> Kind {
        match row.head().map(|head| &head.shape) {
            None => Kind::String,
            Some(Shape::Hash { .. }) => Kind::Hash,
            Some(Shape::List { .. }) => Kind::List,
            Some(Shape::Set { .. }) => Kind::Set,
            Some(Shape::Zset { .. }) => Kind::Zset,
            Some(Shape::Stream(_)) => Kind::Stream,
        }
    }

    /// The name that TYPE gives.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Hash => "hash",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::Zset => "zset",
            Kind::Stream => "stream",
        }
    }
}

/// A collection while a command works on it. Changes of the head are kept by [`Collection::keep`].
#[derive(Clone, Debug)]
pub struct Collection {
    /// The head, with the changes so far.
    pub head: Head,
    /// Whether an element was changed, or the head.
    changed: bool,
}

/// The collection under a key. An error if the key is of another type.
pub fn open(draft: &Draft<'_>, key: &[u8], kind: Kind) -> Result<Option<Collection>, Reply> {
    planted!("expired-collection-reused" => if let Some(head) = crate::zoo::state::open_the_dead(draft, key, kind) {
        return Ok(Some(Collection::of(head)));
    });
    let Some(row) = draft.find(key) else {
        planted!("deletion-in-its-batch-forgotten" => return crate::zoo::state::open_the_stored(draft, key, kind));
        return Ok(None);
    };
    let is_of_kind = Kind::of(&row) == kind;
    match row {
        Row::Head(head) if is_of_kind => Ok(Some(Collection::of(*head))),
        _ if planted!("type-not-checked") => Ok(None),
        _ => Err(WRONG_TYPE),
    }
}

/// What an element counts, if there is one.
fn size(name: &[u8], row: Option<&Row>) -> u64 {
    row.map_or(0, |row| row::size(name, row))
}

impl Collection {
    /// The collection of a head.
    pub(crate) fn of(head: Head) -> Collection {
        Collection { head, changed: false }
    }

    /// A collection without elements. Its elements can only be found once the head is kept.
    pub fn new(draft: &mut Draft<'_>, shape: Shape) -> Collection {
        Collection { head: Head { collection: draft.new_id(), until: None, size: 0, shape }, changed: false }
    }

    /// The id under which the elements stand.
    pub fn id(&self) -> Made {
        self.head.collection
    }

    /// An element that is alive.
    pub fn get(&self, draft: &Draft<'_>, name: &[u8]) -> Option<Row> {
        draft.element(self.id(), name)
    }

    /// An element, dead or alive.
    pub fn row(&self, draft: &Draft<'_>, name: &[u8]) -> Option<Row> {
        draft.row(Table::Elements(self.id()), name)
    }

    /// Puts an element in the place of another; None removes it. Returns the old one if it was alive.
    pub fn replace(&mut self, draft: &mut Draft<'_>, name: Bytes, row: Option<Row>) -> Option<Row> {
        let more = size(&name, row.as_ref());
        let old = draft.replace(Table::Elements(self.id()), name.clone(), row);
        self.resize(more, size(&name, old.as_ref()));
        old.filter(|old| draft.lives(old))
    }

    /// Puts an element in the place of `old`, which the caller has just looked at, dead or alive. Returns it if it was alive.
    pub fn exchange(&mut self, draft: &mut Draft<'_>, name: Bytes, old: Option<Row>, row: Option<Row>) -> Option<Row> {
        self.resize(size(&name, row.as_ref()), size(&name, old.as_ref()));
        draft.exchange(Table::Elements(self.id()), name, old.as_ref(), row);
        old.filter(|old| draft.lives(old))
    }

    fn resize(&mut self, more: u64, less: u64) {
        planted!("change-drops-the-expiry" => self.head.until = None);
        self.head.size = (self.head.size + more).saturating_sub(less);
        self.changed = true;
    }

    /// Puts an element where there is none. Does not look: a row that nobody can see any more may stand there, another one
    /// on each server.
    pub fn add(&mut self, draft: &mut Draft<'_>, name: Bytes, row: Row) {
        self.head.size += row::size(&name, &row);
        self.changed = true;
        draft.set_element(self.id(), name, Some(row));
    }

    /// Notes that the head was changed, though no element was.
    pub fn touch(&mut self) {
        self.changed = true;
    }

    /// The elements in some order, in time that does not depend on how many there are once the order was built.
    pub fn order(&self, draft: &Draft<'_>, by: By) -> Order {
        draft.order(Table::Elements(self.id()), by)
    }

    /// Writes the head, if something was changed. A collection that has no elements any more is deleted; an empty stream
    /// stays.
    pub fn keep(self, draft: &mut Draft<'_>, key: Bytes) {
        if !self.changed {
            return;
        }
        let is_empty = match self.head.shape {
            Shape::Hash { fields, last } => fields == 0 && last <= draft.now(),
            Shape::Set { length } | Shape::Zset { length } | Shape::List { length, .. } => length == 0,
            Shape::Stream(ref stream) => stream.length == 0 && planted!("empty-stream-loses-its-groups"),
        };
        let is_empty = is_empty && !planted!("empty-collection-left-behind");
        let table = draft.keys_table();
        draft.set(table, key, (!is_empty).then_some(self.head.into()));
    }
}
