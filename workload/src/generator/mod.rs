//! Draws what each client of a round does, command by command.
//!
//! | file | draws |
//! |---|---|
//! | `mod` | the turns of a client: its rests, its connections, its pipelines |
//! | `composer` | the commands, and the keys that they are about |
//! | `mint` | the values, elements and amounts |

mod composer;
mod mint;

use bytes::{BufMut as _, BytesMut};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use self::composer::{Composer, database_of};
pub use self::composer::{last_look, look};
use crate::chance::Chance;
use crate::class::Class;
use crate::configuration::Configuration;
use crate::operation::Command;
use crate::word::Word;

/// In a round with PEXPIRE, one turn in this many is about a short life. So it is with HPEXPIRE and the life of a field.
const SHORT_LIVES: u32 = 8;

/// The next thing that a client does.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn {
    /// How long the client rests first, in milliseconds.
    pub rest: u64,
    /// Whether it then opens a new connection.
    pub reconnect: bool,
    /// What it then sends over that connection, batch after batch.
    pub batches: Vec<Batch>,
}

/// Commands that a client sends all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How long the client rests first, in milliseconds.
    pub rest: u64,
    /// Whether it then goes on at the next server of the round.
    pub elsewhere: bool,
    /// The commands.
    pub commands: Vec<Command>,
}

/// Draws the decisions of one client in one round. They depend on its chance alone, not on replies or time.
#[derive(Debug)]
pub struct Generator<'a> {
    configuration: &'a Configuration,
    composer: Composer<'a>,
}

/// The keys of a round. No other round has one of them.
pub fn keys(number: usize, binary: bool, prefix: &str) -> Vec<Word> {
    (0..number)
        .map(|number| {
            let mut key = BytesMut::from(format!("{prefix}:{number}").as_bytes());
            if binary {
                key.put_slice(&[0, 0xff, b'\r', b'\n', number as u8]);
            }
            Word::Whole(key.freeze())
        })
        .collect()
}

impl<'a> Generator<'a> {
    /// The generator of client number `actor`, which uses some of the keys of the round.
    pub fn new(configuration: &'a Configuration, actor: usize, keys: &[Word], chance: Chance) -> Generator<'a> {
        Generator { configuration, composer: Composer::new(configuration, actor, keys, chance) }
    }

    /// The database of a client.
    pub fn database(configuration: &Configuration, actor: usize) -> u8 {
        database_of(configuration, actor)
    }

    /// The server for the next connection, as an index in the list of servers.
    pub fn server(&mut self) -> usize {
        *self.configuration.servers.choose(self.composer.chance()).unwrap_or(&0)
    }

    /// The next turn.
    pub fn turn(&mut self) -> Turn {
        let Configuration { rest, reconnect, pipeline, .. } = *self.configuration;
        let rest = if rest > 0 { self.composer.chance().random_range(0..=rest) } else { 0 };
        let reconnect = reconnect > 0 && self.composer.chance().random_ratio(1, reconnect);
        let number = self.composer.chance().random_range(1..=pipeline);
        let first = self.class();
        if first == Class::Guarded {
            return Turn { rest, reconnect, batches: self.composer.guarded() };
        }
        if self.configuration.has(Class::PExpire) && self.composer.chance().random_ratio(1, SHORT_LIVES) {
            return Turn { rest, reconnect, batches: self.composer.short_life() };
        }
        if self.configuration.has(Class::HPExpire) && self.composer.chance().random_ratio(1, SHORT_LIVES) {
            return Turn { rest, reconnect, batches: self.composer.short_life_of_field() };
        }
        if first == Class::ScriptFlush && self.configuration.has(Class::EvalSha) {
            return Turn { rest, reconnect, batches: self.composer.forgotten_script() };
        }
        let mut commands = vec![self.composer.command(first)];
        for _ in 1..number {
            let class = self.class();
            commands.push(match class {
                // A guarded transaction takes a turn of its own.
                Class::Guarded if self.configuration.allows(Class::Multi) => self.composer.command(Class::Multi),
                Class::Guarded => self.composer.look_at_some(),
                class => self.composer.command(class),
            });
        }
        Turn { rest, reconnect, batches: vec![Batch { rest: 0, elsewhere: false, commands }] }
    }

    fn class(&mut self) -> Class {
        let classes = &self.configuration.classes;
        classes.choose_weighted(self.composer.chance(), |(_, weight)| *weight).map_or(Class::Get, |(class, _)| *class)
    }
}
