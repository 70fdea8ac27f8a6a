//! What each client does, command by command.

use bytes::{BufMut as _, Bytes, BytesMut};
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{Rng as _, RngExt as _};

use crate::chance::Chance;
use crate::class::Class;
use crate::configuration::{Configuration, Lengths};
use crate::operation::{Command, Condition};
use crate::word::Word;

/// What a client does next.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// First it rests so long, in milliseconds.
    pub rest: u64,
    /// Then it connects anew, if this is so.
    pub reconnect: bool,
    /// Then it sends these, all at once.
    pub commands: Vec<Command>,
}

/// The decisions of one actor in one round. They depend on nothing but its chance: not on replies, not on time.
#[derive(Debug)]
pub struct Generator<'a> {
    configuration: &'a Configuration,
    actor: usize,
    keys: Vec<Word>,
    values: u64,
    chance: Chance,
}

/// The keys of a round. No other round has one of them.
pub fn keys(configuration: &Configuration, prefix: &str) -> Vec<Word> {
    (0..configuration.keys)
        .map(|number| {
            let mut key = BytesMut::from(format!("{prefix}:{number}").as_bytes());
            if configuration.binary {
                key.put_slice(&[0, 0xff, b'\r', b'\n', number as u8]);
            }
            Word::Whole(key.freeze())
        })
        .collect()
}

impl<'a> Generator<'a> {
    /// The decisions of actor number `actor`, who uses some of the keys of the round.
    pub fn new(configuration: &'a Configuration, actor: usize, keys: &[Word], mut chance: Chance) -> Generator<'a> {
        let keys = keys.iter().cloned().sample(&mut chance, configuration.keys_per_client);
        Generator { configuration, actor, keys, values: 0, chance }
    }

    /// Which server to connect to, as a place in the list of servers.
    pub fn server(&mut self) -> usize {
        *self.configuration.servers.choose(&mut self.chance).unwrap_or(&0)
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        let Configuration { rest, reconnect, pipeline, .. } = *self.configuration;
        let rest = if rest > 0 { self.chance.random_range(0..=rest) } else { 0 };
        let reconnect = reconnect > 0 && self.chance.random_ratio(1, reconnect);
        let commands = self.chance.random_range(1..=pipeline);
        Step { rest, reconnect, commands: (0..commands).map(|_| self.command()).collect() }
    }

    fn command(&mut self) -> Command {
        let classes = &self.configuration.classes;
        let drawn = classes.choose_weighted(&mut self.chance, |(_, weight)| *weight).map(|(class, _)| *class);
        match drawn.unwrap_or(Class::Get) {
            Class::Get => Command::Get(self.key()),
            Class::Set => self.set(None, false),
            Class::SetAbsent => self.set(Some(Condition::Absent), false),
            Class::SetPresent => self.set(Some(Condition::Present), false),
            Class::SetGet => {
                let condition = [None, None, Some(Condition::Absent), Some(Condition::Present)];
                let condition = condition.choose(&mut self.chance).copied().flatten();
                self.set(condition, true)
            }
            Class::Del => Command::Del(vec![self.key()]),
            Class::DelMany => Command::Del(self.several_keys()),
            Class::Exists => Command::Exists(self.several_keys()),
            Class::MGet => Command::MGet(self.several_keys()),
            Class::MSet => Command::MSet(self.several_keys().into_iter().map(|key| (key, self.value())).collect()),
            Class::Ping => Command::Ping,
            Class::FlushAll => Command::FlushAll,
            Class::DbSize => Command::DbSize,
        }
    }

    fn set(&mut self, condition: Option<Condition>, get: bool) -> Command {
        Command::Set { key: self.key(), value: self.value(), condition, get }
    }

    fn key(&mut self) -> Word {
        self.keys.choose(&mut self.chance).cloned().unwrap_or_else(|| Word::from("")) // there is a key at least
    }

    /// Some keys, of which one may come twice.
    fn several_keys(&mut self) -> Vec<Word> {
        let number = self.chance.random_range(2..=self.configuration.keys_per_command);
        let mut keys = self.keys.iter().cloned().sample(&mut self.chance, number);
        if keys.len() < 2 || self.chance.random_ratio(1, 16) {
            keys.push(self.key());
        }
        keys
    }

    /// A value that nobody has written before. It begins with its author and number, and goes on at random.
    fn value(&mut self) -> Word {
        self.values += 1;
        let name = format!("{}.{}", self.actor, self.values);
        let length = match self.configuration.values {
            Lengths::Tiny if self.actor == 0 && self.values == 3 => return Word::from(""), // the only one in the round
            Lengths::Tiny => 0,
            Lengths::Short => self.chance.random_range(0..300),
            Lengths::Mixed(longest) if self.chance.random_ratio(1, 16) => self.chance.random_range(0..=longest),
            Lengths::Mixed(_) => self.chance.random_range(0..100),
        };
        Word::Whole(if length > name.len() { self.filled(name, length) } else { name.into() })
    }

    fn filled(&mut self, name: String, length: usize) -> Bytes {
        let mut bytes = vec![b' '; length];
        // One decision for all of the filling: nobody decides anything by the single byte.
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
