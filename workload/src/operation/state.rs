//! What a database holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::word::Word;

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypedValue {
    /// A string.
    Text(Word),
    /// Fields with their values and lives.
    Hash(BTreeMap<Word, HashField>),
    /// Elements from left to right.
    List(VecDeque<Word>),
    /// Members.
    Set(BTreeSet<Word>),
    /// Members with their scores. The workload draws whole numbers only.
    SortedSet(BTreeMap<Word, i64>),
}

/// The value of a field, and the command that limits its life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashField {
    /// The value.
    pub value: Word,
    /// The limit of its life. `None` if it lives as long as its key.
    pub lifetime: Option<Lifetime>,
}

/// A key that is present: its value, and the command that limits its life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The value.
    pub value: TypedValue,
    /// The limit of its life. `None` if it lives on.
    pub lifetime: Option<Lifetime>,
}

/// The limit that a command has set to the life of a key, or of fields of its hash.
///
/// A client does not see the clock of a server. So the limit names the command that set it, and the checker knows when that
/// command was called and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime {
    /// The stamp of the command.
    pub setter: u32,
    /// The life that it gave, in milliseconds.
    pub milliseconds: i64,
    /// When it took effect.
    pub set: Window,
}

/// When a command may have taken effect, in milliseconds since the history began: not before its call, and not after its
/// answer. The end also allows for the clocks of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first moment.
    pub from: i64,
    /// The last one.
    pub to: i64,
}

impl Default for Window {
    /// Any moment.
    fn default() -> Window {
        Window { from: 0, to: i64::MAX }
    }
}

/// Where a command takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Site {
    /// The number of the database that the client has selected.
    pub database: u8,
    /// A number that tells the command from others. A lifetime keeps it.
    pub stamp: u32,
    /// The client, whose EXEC looks at the keys that it watches.
    pub client: u64,
    /// When the command may have taken effect.
    pub window: Window,
}

/// What a search remembers of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// Its entry. `None` if it is absent.
    pub entry: Option<Entry>,
    /// The clients that watch it and for which it is untouched since.
    pub watchers: BTreeSet<u64>,
}

/// The keys that are present, in all numbered databases.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    entries: BTreeMap<(u8, Word), Entry>,
    /// The clients that watch a key and for which it is untouched since.
    watchers: BTreeMap<(u8, Word), BTreeSet<u64>>,
}

impl State {
    /// An empty server.
    pub fn new() -> State {
        State::default()
    }

    /// Whether no key is present.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of keys in all databases.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Every key with its entry.
    pub fn entries(&self) -> impl Iterator<Item = (&(u8, Word), &Entry)> {
        self.entries.iter()
    }

    /// The entry of a key.
    pub fn entry(&self, database: u8, key: &Word) -> Option<&Entry> {
        self.entries.get(&(database, key.clone()))
    }

    /// Replaces the entry of a key. `None` deletes the key.
    pub fn put(&mut self, database: u8, key: &Word, entry: Option<Entry>) {
        match entry {
            Some(entry) => self.entries.insert((database, key.clone()), entry),
            None => self.entries.remove(&(database, key.clone())),
        };
    }

    /// A key with its entry and its watchers.
    pub fn held(&self, database: u8, key: &Word) -> Held {
        let watchers = self.watchers.get(&(database, key.clone())).cloned().unwrap_or_default();
        Held { entry: self.entry(database, key).cloned(), watchers }
    }

    /// Replaces the entry and the watchers of a key.
    pub fn hold(&mut self, database: u8, key: &Word, held: Held) {
        self.put(database, key, held.entry);
        if held.watchers.is_empty() {
            self.watchers.remove(&(database, key.clone()));
        } else {
            self.watchers.insert((database, key.clone()), held.watchers);
        }
    }

    /// A client begins to watch a key.
    pub(crate) fn watch(&mut self, database: u8, key: &Word, client: u64) {
        self.watchers.entry((database, key.clone())).or_default().insert(client);
    }

    /// Whether a client watches a key that is untouched since.
    pub(crate) fn is_untouched(&self, database: u8, key: &Word, client: u64) -> bool {
        self.watchers.get(&(database, key.clone())).is_some_and(|watchers| watchers.contains(&client))
    }

    /// A client is gone.
    pub fn forget(&mut self, client: u64) {
        self.unwatch(client);
    }

    /// A client watches no key any more.
    pub(crate) fn unwatch(&mut self, client: u64) {
        self.watchers.retain(|_, watchers| {
            watchers.remove(&client);
            !watchers.is_empty()
        });
    }

    /// Lets something happen. A key whose entry is another one after it is touched.
    pub(crate) fn change_by<T>(&mut self, change: impl FnOnce(&mut State) -> T) -> T {
        if self.watchers.is_empty() {
            return change(self);
        }
        let watched = |state: &State, key: &(u8, Word)| state.entries.get(key).cloned();
        let before: Vec<_> = self.watchers.keys().map(|key| (key.clone(), watched(self, key))).collect();
        let result = change(self);
        for (key, entry) in before {
            if watched(self, &key) != entry {
                self.watchers.remove(&key);
            }
        }
        result
    }

    /// Ends the life of a key, or of the fields of its hash, that has this limit.
    pub(crate) fn expire(&mut self, database: u8, key: &Word, limit: Lifetime) {
        let Some(Entry { value, lifetime }) = self.entry(database, key) else { return };
        if *lifetime == Some(limit) {
            self.remove(database, key);
        } else if let TypedValue::Hash(fields) = value {
            let mut left = fields.clone();
            left.retain(|_, field| field.lifetime != Some(limit));
            self.change(database, key, TypedValue::Hash(left));
        }
    }

    /// Keeps some of the keys.
    pub fn retain(&mut self, keep: impl Fn(u8, &Word) -> bool) {
        self.entries.retain(|(database, key), _| keep(*database, key));
    }

    pub(super) fn remove(&mut self, database: u8, key: &Word) -> Option<Entry> {
        self.entries.remove(&(database, key.clone()))
    }

    pub(super) fn has(&self, database: u8, key: &Word) -> bool {
        self.entries.contains_key(&(database, key.clone()))
    }

    /// Sets a value that ends the old one with its lifetime.
    pub(super) fn set(&mut self, database: u8, key: &Word, value: TypedValue, lifetime: Option<Lifetime>) {
        self.entries.insert((database, key.clone()), Entry { value, lifetime });
    }

    /// Replaces the value of a key and keeps its lifetime. An empty collection does not exist.
    pub(super) fn change(&mut self, database: u8, key: &Word, value: TypedValue) {
        let lifetime = self.entry(database, key).and_then(|entry| entry.lifetime);
        if value.is_empty() {
            self.remove(database, key);
        } else {
            self.set(database, key, value, lifetime);
        }
    }

    /// Gives a key a new value that lives on, whatever it held before. An empty collection does not exist.
    pub(super) fn replace(&mut self, database: u8, key: &Word, value: TypedValue) {
        self.remove(database, key);
        self.change(database, key, value);
    }

    pub(super) fn swap(&mut self, one: u8, other: u8) {
        let swapped = |database| match database {
            _ if database == one => other,
            _ if database == other => one,
            _ => database,
        };
        let entries = std::mem::take(&mut self.entries);
        self.entries = entries.into_iter().map(|((database, key), entry)| ((swapped(database), key), entry)).collect();
    }

    pub(super) fn count(&self, database: u8) -> usize {
        self.entries.keys().filter(|(of, _)| *of == database).count()
    }
}

impl TypedValue {
    /// Whether it is a collection without elements.
    pub fn is_empty(&self) -> bool {
        match self {
            TypedValue::Text(_) => false,
            TypedValue::Hash(fields) => fields.is_empty(),
            TypedValue::List(elements) => elements.is_empty(),
            TypedValue::Set(members) => members.is_empty(),
            TypedValue::SortedSet(members) => members.is_empty(),
        }
    }

    /// The value as a word, for people.
    pub fn pictured(&self) -> Word {
        let joined = |words: &mut dyn Iterator<Item = String>| words.collect::<Vec<_>>().join(" ");
        match self {
            TypedValue::Text(word) => word.clone(),
            TypedValue::Hash(fields) => {
                let pair = |(field, held): (&Word, &HashField)| format!("{field}={}", held.value);
                format!("{{{}}}", joined(&mut fields.iter().map(pair))).into()
            }
            TypedValue::List(elements) => format!("[{}]", joined(&mut elements.iter().map(Word::to_string))).into(),
            TypedValue::Set(members) => format!("{{{}}}", joined(&mut members.iter().map(Word::to_string))).into(),
            TypedValue::SortedSet(members) => {
                format!("{{{}}}", joined(&mut members.iter().map(|(member, score)| format!("{member}:{score}")))).into()
            }
        }
    }
}
