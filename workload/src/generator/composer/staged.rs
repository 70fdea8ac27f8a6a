//! Draws what single commands hardly ever meet by chance.
//!
//! | turn or transaction | what it meets |
//! |---|---|
//! | a short life | a key that has ended a moment ago, whose row may still be there |
//! | a short life of a field | the same of a field, and a change of a field whose life goes on |
//! | a crowded list | more items at one spot than there are positions |
//! | a forgotten script | EVALSHA right after the reply to SCRIPT FLUSH |

use std::ops::RangeInclusive;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::super::Batch;
use super::{Composer, look};
use crate::class::Class;
use crate::contents::Contents;
use crate::operation::{Command, FieldCommand, HashCommand, KeyCommand, Life, ListCommand, TransactionCommand};

/// The lives, in milliseconds. A commit takes about as long as the first ones. The last one does not end within the round.
const LIVES: [u64; 7] = [1, 5, 20, 20, 60, 150, 3_600_000];

/// The lives during which the client looks at the key, on one server after another.
const WATCHED: RangeInclusive<u64> = 20..=150;

/// The most looks in such a life.
const LOOKS: u64 = 6;

/// What a client may do to a key that has ended, or whose life goes on. A writer of the key comes to this. SETNX stands here
/// twice: the row of an ended key, which must not refuse it, is there for one commit only.
const DEEDS: [Class; 7] =
    [Class::Del, Class::SetNx, Class::SetNx, Class::SetAbsent, Class::Expire, Class::PExpire, Class::Persist];

/// What a client may do to a field of text or of numbers that has ended, or whose life goes on.
const DEEDS_TO_FIELDS: [&[Class]; 2] = [
    &[Class::HSet, Class::HPersist, Class::HSetEx, Class::HGetEx, Class::HExpireIf, Class::HDel],
    &[Class::HIncrBy, Class::HIncrBy, Class::HPersist, Class::HExpireIf, Class::HDel],
];

/// The items that are inserted at one spot. A server of ours has 16 positions between neighbours.
const CROWD: usize = 20;

impl Composer<'_> {
    /// The batches of a turn about a key whose life is short: the client limits it, looks at the key while it ends, and then
    /// does something to it that depends on whether it is there.
    pub(in super::super) fn short_life(&mut self) -> Vec<Batch> {
        let (number, deed) = self.deed();
        let (key, contents) = (self.keys[number].clone(), self.contents[number]);
        let life = *LIVES.choose(&mut self.mint.chance).unwrap_or(&1);
        let limit = Command::Key(KeyCommand::PExpire(key.clone(), life.cast_signed()));
        let at_once = |commands| Batch { rest: 0, elsewhere: false, commands };
        let mut batches = vec![at_once(vec![self.write(number), limit])];
        let looks = if WATCHED.contains(&life) { self.mint.chance.random_range(0..=LOOKS) } else { 0 };
        let rest = life / LOOKS;
        batches.extend((0..looks).map(|_| Batch {
            rest,
            elsewhere: true,
            commands: vec![look(contents, key.clone())],
        }));
        let mut commands = vec![look(contents, key.clone()), deed];
        if self.configuration.has(Class::PTtl) {
            commands.push(Command::Key(KeyCommand::PTtl(key.clone())));
        }
        if self.configuration.has(Class::Multi) && self.mint.chance.random() {
            commands = vec![Command::Transaction(TransactionCommand::Exec { watched: Vec::new(), commands })];
        }
        batches.extend([commands, vec![look(contents, key)]].map(at_once));
        batches
    }

    /// The batches of a turn about a field whose life is short: the client limits it, looks at it while it ends, does something
    /// to it that depends on whether it is there and how long it lives, and looks again.
    pub(in super::super) fn short_life_of_field(&mut self) -> Vec<Batch> {
        let hashes = (0..self.keys.len()).filter(|number| self.contents[*number] == Some(Contents::Hash));
        let Some(number) = hashes.choose(&mut self.mint.chance) else { return Vec::new() };
        let key = self.keys[number].clone();
        let of_numbers = self.configuration.allows(Class::HIncrBy) && self.mint.chance.random_ratio(1, 2);
        let (field, first) =
            if of_numbers { (self.mint.number_field(), Class::HIncrBy) } else { (self.mint.field(), Class::HSet) };
        let fits = |class: &&Class| self.configuration.allows(**class);
        let deeds: Vec<Class> = DEEDS_TO_FIELDS[usize::from(of_numbers)].iter().filter(fits).copied().collect();
        let deed = deeds.choose(&mut self.mint.chance).copied().unwrap_or(first);
        let life = *LIVES.choose(&mut self.mint.chance).unwrap_or(&1);
        let looks = if WATCHED.contains(&life) { self.mint.chance.random_range(0..=LOOKS) } else { 0 };
        self.mint.pinned = Some(field.clone());
        let limit = FieldCommand::Expire {
            key: key.clone(),
            life: Life::Milliseconds(life.cast_signed()),
            limit: None,
            fields: vec![field.clone()],
        };
        let limited = vec![self.pinned_to(number, first), Command::Hash(HashCommand::Field(limit))];
        let deed = self.pinned_to(number, deed);
        self.mint.pinned = None;
        let look = || look(Some(Contents::Hash), key.clone());
        let left = FieldCommand::PTtl(key.clone(), vec![field]);
        let left = self.configuration.allows(Class::HPTtl).then_some(Command::Hash(HashCommand::Field(left)));
        let commands = [look(), deed].into_iter().chain(left).collect();
        let watched = (0..looks).map(|_| Batch { rest: life / LOOKS, elsewhere: true, commands: vec![look()] });
        let at_once = |commands| Batch { rest: 0, elsewhere: false, commands };
        [at_once(limited)].into_iter().chain(watched).chain([commands, vec![look()]].map(at_once)).collect()
    }

    /// A command that depends on whether its key is there, and the number of the key.
    fn deed(&mut self) -> (usize, Command) {
        let class = DEEDS.into_iter().filter(|class| self.configuration.has(*class)).choose(&mut self.mint.chance);
        let class = class.filter(|_| self.mint.chance.random_ratio(2, 3));
        let contents = |number: &usize| self.contents[*number].unwrap_or(Contents::Text);
        let fits = |number: &usize| class.is_some_and(|class| class.fits(contents(number)));
        match (class, (0..self.keys.len()).filter(fits).choose(&mut self.mint.chance)) {
            (Some(class), Some(number)) => (number, self.pinned_to(number, class)),
            _ => {
                let number = self.mint.chance.random_range(0..self.keys.len());
                (number, self.write(number))
            }
        }
    }

    /// The batches of a turn in which a script runs, all scripts are forgotten, and a script is called again.
    pub(in super::super) fn forgotten_script(&mut self) -> Vec<Batch> {
        let calls = [(Class::EvalSha, false), (Class::ScriptFlush, false), (Class::EvalSha, true)];
        let batch = |(class, elsewhere)| Batch { rest: 0, elsewhere, commands: vec![self.command(class)] };
        calls.map(batch).into()
    }

    /// The commands of a transaction that inserts many items at one spot of a list.
    pub(super) fn crowd(&mut self) -> Vec<Command> {
        let key = self.key(Class::LInsert);
        let (left, right) = (self.mint.suffix(), self.mint.suffix());
        let mut commands = vec![ListCommand::PushRight(key.clone(), vec![left.clone(), right])];
        for _ in 0..CROWD {
            commands.push(ListCommand::Insert(key.clone(), left.clone(), self.mint.suffix()));
        }
        commands.push(ListCommand::All(key.clone()));
        let mut commands: Vec<Command> = commands.into_iter().map(Command::List).collect();
        // The reply to LRANGE shows a mistake, unless another client meets it first and its server stops.
        if self.mint.chance.random_ratio(3, 4) && self.configuration.allows(Class::Del) {
            commands.push(Command::Key(KeyCommand::Del(vec![key])));
        }
        commands
    }
}
