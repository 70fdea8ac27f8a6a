//! The mint: draws the values, elements and amounts of one client. A new one is one that no other client of the round draws.

use bytes::Bytes;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _};

use crate::chance::Chance;
use crate::configuration::{Configuration, Lengths};
use crate::word::Word;

/// The fields of a hash and the members of a sorted set. They are few, so that commands overwrite them.
const FIELDS: u64 = 6;

/// The lives that clients give to keys, in milliseconds. Some end within the round, and some certainly do not.
const LIVES: [i64; 6] = [1, 5, 20, 900, 60_000, 3_600_000];

/// Draws the words of one client that are no keys.
#[derive(Debug)]
pub(super) struct Mint<'a> {
    configuration: &'a Configuration,
    actor: usize,
    /// The number of values drawn so far.
    values: u64,
    /// The field that the next commands are about, if that is settled.
    pub(super) pinned: Option<Word>,
    pub(super) chance: Chance,
}

impl<'a> Mint<'a> {
    /// The mint of client number `actor`.
    pub(super) fn new(configuration: &'a Configuration, actor: usize, chance: Chance) -> Mint<'a> {
        Mint { configuration, actor, values: 0, pinned: None, chance }
    }

    /// The newest short name of a value: those of its client and of the value.
    pub(super) fn newest_name(&self) -> Word {
        Word::from(format!("{}.{}", self.actor, self.values))
    }

    /// Elements that no client has added before.
    pub(super) fn new_elements(&mut self) -> Vec<Word> {
        let number = *[1, 1, 1, 2, 3].choose(&mut self.chance).unwrap_or(&1);
        (0..number).map(|_| self.suffix()).collect()
    }

    /// An element that some client may have added: clients draw about equally many.
    pub(super) fn known_element(&mut self) -> Word {
        let actor = self.chance.random_range(0..self.configuration.clients);
        let number = self.chance.random_range(1..=self.values.max(1));
        format!("{actor}.{number};").into()
    }

    /// A field of a hash, or a member of a sorted set.
    pub(super) fn field(&mut self) -> Word {
        if let Some(pinned) = &self.pinned {
            return pinned.clone();
        }
        format!("f{}", self.chance.random_range(0..FIELDS)).into()
    }

    /// A field of a hash that holds nothing but numbers.
    pub(super) fn number_field(&mut self) -> Word {
        if let Some(pinned) = &self.pinned {
            return pinned.clone();
        }
        format!("n{}", self.chance.random_range(0..FIELDS / 2)).into()
    }

    /// A short value that no client has written before, and that shows where it ends.
    pub(super) fn suffix(&mut self) -> Word {
        self.values += 1;
        format!("{}.{};", self.actor, self.values).into()
    }

    /// An amount that no other command of the round has. A sum shows which amounts are in it, except by rare chance.
    pub(super) fn amount(&mut self) -> i64 {
        self.values += 1;
        let random = self.chance.random_range(1..1_i64 << 20);
        // A sorted set holds sums as floating numbers, which are exact up to 2^53.
        (random << 20) + ((self.actor as i64) << 14) + (self.values as i64 & 0x3fff)
    }

    /// A life of a key, in milliseconds.
    pub(super) fn life(&mut self) -> i64 {
        *LIVES.choose(&mut self.chance).unwrap_or(&1)
    }

    /// A value that no client has written before. It begins with the numbers of its client and of the value.
    pub(super) fn value(&mut self) -> Word {
        self.values += 1;
        let name = format!("{}.{}", self.actor, self.values);
        let length = match self.configuration.values {
            // Only this value of the round is empty.
            Lengths::Tiny if self.actor == 0 && self.values == 3 => return Word::from(""),
            Lengths::Tiny => 0,
            Lengths::Short => self.chance.random_range(0..300),
            Lengths::Mixed(longest) if self.chance.random_ratio(1, 16) => self.chance.random_range(0..=longest),
            Lengths::Mixed(_) => self.chance.random_range(0..100),
        };
        Word::Whole(if length > name.len() { self.filled(name, length) } else { name.into() })
    }

    /// A value of this length that begins with a name and continues at random.
    fn filled(&mut self, name: String, length: usize) -> Bytes {
        let mut bytes = vec![b' '; length];
        // One decision for all bytes: on the platform a decision per byte would be wasted.
        let mut filling = self.chance.next_u64() | 1;
        for byte in &mut bytes[name.len()..] {
            filling = filling.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = (filling >> 56) as u8;
            *byte = if self.configuration.binary { random } else { b'a' + random % 26 };
        }
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        if length > name.len() {
            bytes[name.len()] = b' ';
        }
        bytes.into()
    }
}
