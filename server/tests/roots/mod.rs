//! Versions as they can be after any number of commits, drawn from a seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng};
use valthree::id::Id;
use valthree::root::{
    DATABASES, Entry, EntryParts, Kept, LAST_GENERATION, OfferAnswer, OfferAnswers, Placed, Root, Run, Said, SaidKind,
    Secret, Toucher, Upload, WRITERS,
};
use valthree::row::{Group, Head, Made, Row, Shape, Stream, Table};
use valthree::run::Name;

/// Byte strings that a careless escape would confuse with something else.
pub const AWKWARD: [&[u8]; 24] = [
    b"",
    b"base64:",
    b"base64:YQ==",
    b"base64:base64:",
    b"base64",
    b"Base64:YQ==",
    b"YQ==",
    b"{\"base64\":\"YQ==\"}",
    b"{\"hash\":{}}",
    b"null",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"\0",
    b"\r\n",
    b"\x7f",
    "\u{2028}".as_bytes(),
    "\u{fffd}".as_bytes(),
    "😀".as_bytes(),
    b"\xff",
    b"base64:\xff",
    b"\xed\xa0\x80", // a lone surrogate, in the form that UTF-8 forbids
    b"\xc0\x80",     // NUL, overlong
];

/// A version.
pub fn version(seed: u64) -> Root {
    Dice(StdRng::seed_from_u64(seed)).root()
}

struct Dice(StdRng);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    fn maybe<T>(&mut self, draw: impl FnOnce(&mut Dice) -> T) -> Option<T> {
        self.0.random_bool(0.5).then(|| draw(self))
    }

    fn some<T>(&mut self, most: u64, mut draw: impl FnMut(&mut Dice) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| draw(self)).collect()
    }

    fn id(&mut self) -> Id {
        Id::random(&mut self.0)
    }

    fn bytes(&mut self) -> Bytes {
        let length = self.below(12) as usize;
        match self.below(3) {
            0 => Bytes::from_static(AWKWARD[self.below(AWKWARD.len() as u64) as usize]),
            1 => Bytes::from((0..length).map(|_| self.0.random::<u8>()).collect::<Vec<_>>()),
            _ => Bytes::from((0..length).map(|_| self.0.random::<char>()).collect::<String>()),
        }
    }

    /// Any number, near the ones at which spellings change, too.
    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(1000),
            1 => (1 << 53) - 2 + self.below(4),
            2 => u64::MAX - self.below(2),
            _ => self.0.next_u64(),
        }
    }

    fn made(&mut self, generation: u64) -> Made {
        Made { generation: self.below(generation + 1), ordinal: self.below(20) as u32 }
    }

    fn name(&mut self, generation: u64) -> Name {
        Name { generation: self.below(generation + 1), id: self.id() }
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn head(&mut self, generation: u64) -> Head {
        let length = self.number();
        let shape = match self.below(5) {
            0 => Shape::Hash { fields: length, last: self.maybe(Dice::number).unwrap_or(0) },
            1 => Shape::Set { length },
            2 => Shape::Zset { length },
            3 => Shape::List { length, first: self.number().cast_signed(), last: self.number().cast_signed() },
            _ => Shape::Stream(Box::new(Stream {
                length,
                first: (self.number(), self.number()),
                last: (self.number(), self.number()),
                deleted: (self.number(), self.number()),
                added: self.number(),
                groups: self.maybe(|dice| dice.made(generation)),
            })),
        };
        let (collection, until) = (self.made(generation), self.maybe(Dice::number));
        Head { collection, until, size: self.number(), shape }
    }

    fn row(&mut self, table: Table, generation: u64) -> Row {
        match (self.below(5), table) {
            (0, _) => Row::Value(self.bytes()),
            (1, _) => Row::Expiring(self.bytes(), self.number()),
            (_, Table::Keys(_)) => self.head(generation).into(),
            (2, _) => Row::Member,
            (3, _) => Row::Fields(self.some(3, Dice::bytes)),
            (_, _) => Row::from(Group {
                last: (self.number(), self.number()),
                read: self.maybe(Dice::number),
                pending: self.made(generation),
                consumers: self.made(generation),
            }),
        }
    }

    fn rows(&mut self, generation: u64) -> Vec<Placed> {
        let mut rows = BTreeMap::new();
        for _ in 0..self.below(4) {
            let table = match self.below(5) {
                0 => Table::Keys(Made::SYSTEM),
                1 | 2 => Table::Keys(self.made(generation)),
                _ => Table::Elements(self.made(generation)),
            };
            for _ in 0..self.below(4) {
                let row = if self.below(4) == 0 { None } else { Some(self.row(table, generation)) };
                rows.insert((table, self.bytes()), row);
            }
        }
        rows.into_iter().map(|((table, name), row)| (table, name, row)).collect()
    }

    fn answers(&mut self, generation: u64) -> OfferAnswers {
        let answer = |dice: &mut Dice| match dice.below(4) {
            0 => OfferAnswer::Object(dice.name(generation)),
            _ => OfferAnswer::Here(dice.bytes()),
        };
        let offer = |dice: &mut Dice| (dice.number(), dice.some(3, answer));
        let origin = |dice: &mut Dice| (dice.id(), BTreeMap::from([offer(dice), offer(dice)]));
        BTreeMap::from_iter(self.some(2, origin))
    }

    fn said(&mut self) -> Vec<Said> {
        self.some(2, |dice| Said {
            kind: if dice.below(2) == 0 { SaidKind::Message } else { SaidKind::Sharded },
            channel: dice.bytes(),
            message: dice.bytes(),
        })
    }

    fn entry(&mut self, from: u64, generation: u64, by: Id) -> Entry {
        let expired = BTreeMap::from_iter(self.some(3, |dice| ((dice.made(generation), dice.bytes()), ())));
        let toucher = |dice: &mut Dice| Toucher { server: dice.id(), client: dice.number() };
        let touched = |dice: &mut Dice| ((dice.made(generation), dice.bytes()), toucher(dice));
        let clients = BTreeMap::from_iter(self.some(3, touched));
        let upload =
            |dice: &mut Dice| Upload { name: dice.name(generation), rows: dice.below(1000), bytes: dice.below(1000) };
        Entry::new(EntryParts {
            from,
            generation,
            by,
            run: self.maybe(upload),
            of: self.answers(generation),
            said: self.said(),
            expired: expired.into_keys().collect(),
            rows: self.rows(generation),
            clients: clients.into_iter().map(|((id, key), client)| (id, key, client)).collect(),
        })
    }

    fn root(&mut self) -> Root {
        let mut root = Root::unborn(self.id());
        let entries = 1 + self.below(4);
        let newest = match self.below(3) {
            0 => entries,
            1 => entries + self.below(1000),
            _ => LAST_GENERATION,
        };
        let covered = newest - entries;
        let header = &mut root.header;
        header.base = if covered > 0 && self.below(2) == 0 { self.below(covered + 1) } else { covered };
        (header.swept, header.now, header.scripts) = (self.below(newest + 1), self.below(1 << 53), self.below(9));
        header.hint = self.maybe(Dice::id);
        header.secret = self.maybe(|dice| Secret::new(format!("hidden {}", dice.text())));
        header.settings = BTreeMap::from_iter(self.some(3, |dice| (dice.text(), dice.text())));
        for number in 0..DATABASES {
            let database = &mut header.databases[number];
            (database.keys, database.since) = (self.below(1 << 53), self.below(newest + 1));
            if self.below(2) == 0 {
                database.id = Made { generation: self.below(newest) + 1, ordinal: number as u32 };
            }
        }
        let most = if self.below(4) == 0 { 2 * WRITERS as u64 } else { 3 };
        for _ in 0..self.below(most) {
            header.generation = self.below(newest) + 1;
            let id = self.id();
            header.sign(id);
            if let Some(writer) = header.writers.get_mut(&id) {
                (writer.included, writer.offers, writer.had) = (self.below(newest), self.below(99), self.below(99));
                writer.at = self.maybe(Dice::text);
            }
        }
        header.generation = newest;
        header.sign(self.id());
        while root.covered() < covered {
            let from = root.covered();
            let to = from + 1 + self.below(covered - from);
            root.runs.push(Run { name: self.name(newest), from, to, rows: self.number(), bytes: self.number() });
        }
        for generation in covered.saturating_sub(self.below(3))..covered {
            root.kept.push(Kept { generation, of: self.answers(generation), said: self.said() });
        }
        let mut last = covered;
        while last < newest {
            // The oldest entry may stand for several generations.
            let more = if last == covered { self.below(newest - last) } else { 0 };
            let (from, generation) = (last + 1, last + 1 + more);
            let by = if generation == newest { root.header.by } else { self.id() };
            root.recent.push(Arc::new(self.entry(from, generation, by)));
            last = generation;
        }
        root
    }
}
