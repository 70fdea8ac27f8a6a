//! What a version means, as plain maps.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use valthree::root::DATABASES;
use valthree::row::StreamId;
use valthree::value::Kind;

/// All that clients can see of a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// The time of the version.
    pub now: u64,
    /// The living keys of each number.
    pub numbers: Vec<Keys>,
    /// The rows of the system.
    pub system: BTreeMap<Bytes, Bytes>,
}

/// The keys of a database.
pub type Keys = BTreeMap<Bytes, Held>;

/// What a key holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// When the key expires.
    pub until: Option<u64>,
    /// Its value.
    pub content: Content,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A string.
    Text(Bytes),
    /// Fields with their values and expiries.
    Hash(BTreeMap<Bytes, (Bytes, Option<u64>)>),
    /// Members.
    Set(BTreeSet<Bytes>),
    /// Members with their scores.
    Zset(BTreeMap<Bytes, f64>),
    /// Items.
    List(Vec<Bytes>),
    /// A stream.
    Stream(Log),
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Its entries; each has one value.
    pub entries: BTreeMap<StreamId, Bytes>,
    /// The highest id that was ever added.
    pub last: StreamId,
    /// The highest id that was ever deleted.
    pub deleted: StreamId,
    /// How many entries were ever added.
    pub added: u64,
    /// Its groups.
    pub groups: BTreeMap<Bytes, Readers>,
}

/// A group of a stream's readers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readers {
    /// The newest id that was delivered.
    pub last: StreamId,
    /// Everybody who has ever read.
    pub consumers: BTreeSet<Bytes>,
    /// What was delivered and not acknowledged, and to whom.
    pub pending: BTreeMap<StreamId, Bytes>,
}

impl Meaning {
    /// Nothing.
    pub fn empty() -> Meaning {
        Meaning { now: 0, numbers: vec![Keys::new(); DATABASES], system: BTreeMap::new() }
    }

    /// The same at a later moment.
    pub fn at(&self, now: u64) -> Meaning {
        let mut later = self.clone();
        later.now = now;
        let lives = |until: &Option<u64>| until.is_none_or(|until| until > now);
        for keys in &mut later.numbers {
            for held in keys.values_mut() {
                if let Content::Hash(fields) = &mut held.content {
                    fields.retain(|_, (_, until)| lives(until));
                }
            }
            keys.retain(|_, held| lives(&held.until) && !held.content.is_gone());
        }
        later
    }

    /// All moments at which something ends.
    pub fn ends(&self) -> BTreeSet<u64> {
        let fields = |held: &Held| match &held.content {
            Content::Hash(fields) => fields.values().filter_map(|(_, until)| *until).collect(),
            _ => Vec::new(),
        };
        let held = self.numbers.iter().flat_map(BTreeMap::values);
        held.flat_map(|held| held.until.into_iter().chain(fields(held))).collect()
    }
}

impl Content {
    /// The type.
    pub fn kind(&self) -> Kind {
        match self {
            Content::Text(_) => Kind::String,
            Content::Hash(_) => Kind::Hash,
            Content::Set(_) => Kind::Set,
            Content::Zset(_) => Kind::Zset,
            Content::List(_) => Kind::List,
            Content::Stream(_) => Kind::Stream,
        }
    }

    /// A value of this type that has no elements yet.
    pub fn blank(kind: Kind) -> Content {
        match kind {
            Kind::String => Content::Text(Bytes::new()),
            Kind::Hash => Content::Hash(BTreeMap::new()),
            Kind::Set => Content::Set(BTreeSet::new()),
            Kind::Zset => Content::Zset(BTreeMap::new()),
            Kind::List => Content::List(Vec::new()),
            Kind::Stream => Content::Stream(Log::default()),
        }
    }

    /// Whether a key that holds this does not exist, because the last element went.
    pub fn is_gone(&self) -> bool {
        match self {
            Content::Text(_) | Content::Stream(_) => false,
            Content::Hash(fields) => fields.is_empty(),
            Content::Set(members) => members.is_empty(),
            Content::Zset(members) => members.is_empty(),
            Content::List(items) => items.is_empty(),
        }
    }
}

impl Content {
    /// Whether the key ends with its elements: a hash of which no field lasts.
    pub fn ends(&self) -> bool {
        matches!(self, Content::Hash(fields) if fields.values().all(|(_, until)| until.is_some()))
    }
}
