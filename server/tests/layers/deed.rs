//! What batches consist of, and how it is drawn.

use bytes::Bytes;
use rand::RngExt as _;
use rand::rngs::StdRng;
use valthree::value::Kind;
use valthree::value::list::Side;

/// The numbers that batches work on. Two would do for MOVE, but not for a neighbor that has to stay as it is.
pub const NUMBERS: usize = 3;

/// The keys of each number: few, so that types and lives of a key follow each other.
const KEYS: [&[u8]; 7] = [b"k0", b"k1", b"k2", b"k3", b"", b"\xff\x00", b"base64:"];

/// A change, or a look, that means something whatever is there.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Something about a key of a number.
    On(usize, Bytes, Act),
    /// RENAME.
    Rename(usize, Bytes, Bytes),
    /// MOVE from a number to another.
    Move(usize, usize, Bytes),
    /// COPY, over whatever is there.
    Copy((usize, Bytes), (usize, Bytes)),
    /// SWAPDB.
    Swap(usize, usize),
    /// FLUSHDB.
    Flush(usize),
    /// FLUSHALL.
    FlushAll,
    /// A row of the system.
    System(Bytes, Option<Bytes>),
}

/// Something about a key.
#[derive(Clone, Debug)]
pub enum Act {
    /// SET, with what is left of its life.
    Set(Bytes, Option<u64>),
    /// DEL.
    Delete,
    /// PEXPIRE; 0 deletes.
    Expire(u64),
    /// PERSIST.
    Persist,
    /// Looks at everything of the key, by position and by rank.
    Look,
    /// Something about an element. If the key is of another type, it is deleted first, or else nothing happens.
    Element(Element, bool),
}

/// Something about an element of a collection.
#[derive(Clone, Debug)]
pub enum Element {
    /// HSET or HDEL.
    Field(Bytes, Option<(Bytes, Option<u64>)>),
    /// SADD or SREM.
    Member(Bytes, bool),
    /// ZADD or ZREM.
    Score(Bytes, Option<f64>),
    /// Pushes so many items.
    Push(Side, u64, usize),
    /// Takes so many items.
    Pop(Side, usize),
    /// Inserts so many items at a part of the list, one before the other.
    Insert(u64, u64, usize),
    /// LSET at a part of the list.
    Assign(u64, Bytes),
    /// LREM of the item at a part of the list.
    Strike(u64),
    /// LTRIM by so many on each side.
    Trim(usize, usize),
    /// XADD of so many entries.
    Append(u64, usize),
    /// XTRIM to this length.
    Shorten(usize),
    /// XDEL at a part of the stream.
    Erase(u64),
    /// XGROUP CREATE or DESTROY.
    Group(Bytes, bool),
    /// XREADGROUP of some entries by a consumer.
    Read(Bytes, Bytes, usize),
    /// XACK of some entries.
    Acknowledge(Bytes, usize),
}

impl Element {
    /// The type that the key has to be of.
    pub fn kind(&self) -> Kind {
        match self {
            Element::Field(..) => Kind::Hash,
            Element::Member(..) => Kind::Set,
            Element::Score(..) => Kind::Zset,
            Element::Push(..)
            | Element::Pop(..)
            | Element::Insert(..)
            | Element::Assign(..)
            | Element::Strike(_)
            | Element::Trim(..) => Kind::List,
            _ => Kind::Stream,
        }
    }

    /// Whether it makes the key if there is none.
    pub fn makes(&self) -> bool {
        match self {
            Element::Field(_, value) => value.is_some(),
            Element::Member(_, added) | Element::Group(_, added) => *added,
            Element::Score(_, score) => score.is_some(),
            Element::Push(..) | Element::Insert(..) | Element::Append(..) => true,
            _ => false,
        }
    }
}

/// Draws deeds. Values are unique.
pub struct Drawing<'a> {
    pub rng: &'a mut StdRng,
    pub values: &'a mut u64,
    /// Whether some users are set. Runs are never dropped then.
    pub has_system: bool,
    /// Whether collections live for long, so that what is removed from them lies in older runs than its removal.
    pub is_calm: bool,
}

impl Drawing<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn one_of(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    /// A value that was not drawn before.
    pub fn value(&mut self) -> Bytes {
        *self.values += 1;
        Bytes::from(format!("v{}", self.values))
    }

    /// A number that commands work on.
    pub fn number(&mut self) -> usize {
        [0, 0, 0, 1, 1, 2][self.below(6)].min(NUMBERS - 1)
    }

    /// A key.
    pub fn key(&mut self) -> Bytes {
        Bytes::from_static(KEYS[self.below(KEYS.len())])
    }

    fn name(&mut self) -> Bytes {
        let many = if self.one_of(70) { 4 } else { 40 };
        Bytes::from(format!("e{}", self.below(many)))
    }

    /// What is left of a life.
    pub fn life(&mut self) -> u64 {
        let most = if self.one_of(70) { 20 } else { 3000 };
        self.rng.random_range(1..most)
    }

    /// A field, and what to do with it. Many are drawn again while they live, so that one end takes the place of another.
    fn field(&mut self) -> Element {
        let name = if self.one_of(70) { Bytes::from(format!("e{}", self.below(3))) } else { self.name() };
        let value = self.one_of(75).then(|| (self.value(), self.one_of(60).then(|| self.life())));
        Element::Field(name, value)
    }

    fn perhaps_life(&mut self) -> Option<u64> {
        self.one_of(40).then(|| self.life())
    }

    /// A batch: of any deeds, of deeds on one collection, or one that takes all keys of a number to another and empties the
    /// rest.
    pub fn batch(&mut self) -> Vec<Deed> {
        let length = self.below(7);
        match self.below(100) {
            0..9 if !self.is_calm => self.evacuation(),
            nth if nth < if self.is_calm { 80 } else { 48 } => {
                // Each key has a type of its own here, so that collections live for some commits.
                let at = self.below(KEYS.len());
                let kinds = [Kind::List, Kind::Stream, Kind::Hash, Kind::Zset, Kind::Stream, Kind::Set, Kind::List];
                let (number, key, force) = (self.below(2), Bytes::from(KEYS[at]), self.one_of(50));
                let elements = (0..length).map(|_| Act::Element(self.element_of(kinds[at]), force));
                let mut acts: Vec<Act> = elements.collect();
                if !self.is_calm && self.one_of(25) {
                    acts.push(Act::Expire(self.life()));
                }
                if self.one_of(25) {
                    acts.push(Act::Look);
                }
                acts.into_iter().map(|act| Deed::On(number, key.clone(), act)).collect()
            }
            _ => (0..length).map(|_| self.deed()).collect(),
        }
    }

    fn evacuation(&mut self) -> Vec<Deed> {
        let (from, to) = (self.number(), self.number());
        let mut batch = Vec::new();
        if self.one_of(70) {
            // An id that is newer than all runs.
            batch.extend([Deed::On(to, KEYS[0].into(), Act::Set(self.value(), None)), Deed::Flush(to)]);
        }
        let moved = KEYS.iter().filter(|_| self.rng.random_ratio(3, 4));
        batch.extend(moved.map(|key| Deed::Move(from, to, (*key).into())));
        batch.extend((0..NUMBERS).filter(|number| *number != to).map(Deed::Flush));
        batch
    }

    /// A deed.
    fn deed(&mut self) -> Deed {
        let (number, key) = (self.number(), self.key());
        let act = match self.below(if self.is_calm { 915 } else { 1000 }) {
            0..100 => Act::Set(self.value(), self.perhaps_life()),
            100..190 => Act::Delete,
            190..260 => Act::Expire(if self.one_of(5) { 0 } else { self.life() }),
            260..310 => Act::Persist,
            310..370 => Act::Look,
            370..820 => Act::Element(self.element(), self.one_of(30)),
            820..870 => return Deed::Rename(number, key, self.key()),
            870..915 => return Deed::Move(number, self.number(), key),
            915..945 => return Deed::Copy((number, key), (self.number(), self.key())),
            945..965 => return Deed::Swap(number, self.number()),
            965..980 => return Deed::Flush(number),
            980..984 => return Deed::FlushAll,
            _ if !self.has_system => return Deed::Flush(number),
            _ => {
                let value = self.one_of(70).then(|| self.value());
                return Deed::System(self.name(), value);
            }
        };
        Deed::On(number, key, act)
    }

    fn element_of(&mut self, kind: Kind) -> Element {
        loop {
            let element = self.element();
            if element.kind() == kind {
                return element;
            }
        }
    }

    fn element(&mut self) -> Element {
        let side = if self.one_of(50) { Side::Left } else { Side::Right };
        let few = 1 + self.below(3);
        let many = if self.one_of(20) { 1 + self.below(24) } else { few };
        let part = self.rng.random();
        let group = Bytes::from(format!("g{}", self.below(2)));
        *self.values += many as u64;
        let first = *self.values;
        match self.below(100) {
            0..22 => self.field(),
            22..32 => Element::Member(self.name(), self.one_of(65)),
            32..46 => Element::Score(self.name(), self.score()),
            46..52 => Element::Push(side, first, many),
            52..60 => Element::Pop(side, many),
            // Often beside an end: an end that moves over it and back must not bring it back.
            60..68 => Element::Insert(if self.one_of(50) { 1 } else { part }, first, many),
            68..71 => Element::Assign(part, self.value()),
            71..73 => Element::Strike(part),
            73..76 => Element::Trim(self.below(3), self.below(3)),
            76..81 => Element::Append(first, many),
            81..83 => Element::Shorten(self.below(6)),
            83..84 => Element::Erase(part),
            84..90 => Element::Group(group, self.one_of(80)),
            90..96 => {
                let consumer = Bytes::from(format!("c{}", self.below(2)));
                Element::Read(group, consumer, many)
            }
            _ => Element::Acknowledge(group, few),
        }
    }

    fn score(&mut self) -> Option<f64> {
        match self.below(10) {
            0..3 => None,
            3 => Some([f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.1][self.below(4)]),
            _ => Some(f64::from(self.rng.random_range(-6..6)) / 4.0),
        }
    }
}
