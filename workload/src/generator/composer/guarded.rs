//! Draws guarded transactions: WATCH, a look at the keys, and a transaction that depends on what the client saw.

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::super::Batch;
use super::{Composer, look};
use crate::class::Class;
use crate::contents::Contents;
use crate::operation::{Command, KeyCommand, ServerCommand, TransactionCommand};
use crate::word::Word;

/// The longest rest before an EXEC, in milliseconds. Other clients change the key in that time.
const REST: u64 = 3;

/// The lives that are to end between WATCH and EXEC, in milliseconds. Under load, the short ones end before WATCH.
const LIVES: [u64; 3] = [40, 150, 500];

/// The client rests so much longer than such a life, in milliseconds at most. A server may notice the end late.
const LONGER: u64 = 400;

/// What the client itself lets happen to the watched keys between WATCH and EXEC.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    /// Their lives end, which it has limited to so many milliseconds.
    Death(u64),
    /// SWAPDB takes them away.
    Swap,
}

impl Composer<'_> {
    /// The batches of a turn: WATCH, a look at the keys, and then mostly a transaction that changes them.
    pub(in super::super) fn guarded(&mut self) -> Vec<Batch> {
        let between = self.between();
        let number = if self.mint.chance.random_ratio(1, 4) { 2 } else { 1 };
        let numbers: Vec<usize> = (0..self.keys.len()).sample(&mut self.mint.chance, number);
        let watched: Vec<Word> = numbers.iter().map(|number| self.keys[*number].clone()).collect();
        let looks: Vec<Command> =
            numbers.iter().map(|number| look(self.contents[*number], self.keys[*number].clone())).collect();
        let (mut first, mut commands) = (Vec::new(), Vec::new());
        if let Between::Death(life) = between {
            for number in &numbers {
                let limit = KeyCommand::PExpire(self.keys[*number].clone(), life.cast_signed());
                first.extend([self.write(*number), Command::Key(limit)]);
            }
            // A look that finds nothing shows that the life has ended, whatever the clocks say.
            commands.extend(looks.iter().cloned());
        }
        first.push(Command::Transaction(TransactionCommand::Watch(watched.clone())));
        self.in_transaction = true;
        commands.extend(numbers.iter().map(|number| self.write(*number)));
        self.in_transaction = false;
        if self.mint.chance.random_ratio(1, 2) {
            commands.extend(self.queued());
        }
        let last = match self.mint.chance.random_range(0..16) {
            0 if self.configuration.allows(Class::Discard) => {
                vec![Command::Transaction(TransactionCommand::Discard(commands))]
            }
            1 if [Class::Unwatch, Class::Multi].into_iter().all(|class| self.configuration.allows(class)) => vec![
                Command::Transaction(TransactionCommand::Unwatch),
                Command::Transaction(TransactionCommand::Exec { watched: Vec::new(), commands }),
            ],
            _ => vec![Command::Transaction(TransactionCommand::Exec { watched, commands })],
        };
        let swap = (between == Between::Swap).then(|| Batch { rest: 0, elsewhere: false, commands: vec![self.swap()] });
        let rest = match between {
            Between::Death(life) => life + self.mint.chance.random_range(1..=LONGER),
            Between::Swap | Between::Nothing => self.mint.chance.random_range(0..=REST),
        };
        let beginning = [
            Batch { rest: 0, elsewhere: false, commands: first },
            Batch { rest: 0, elsewhere: false, commands: looks },
        ];
        beginning.into_iter().chain(swap).chain([Batch { rest, elsewhere: false, commands: last }]).collect()
    }

    fn between(&mut self) -> Between {
        match self.mint.chance.random_range(0..3) {
            0 if self.configuration.has(Class::PExpire) => {
                Between::Death(*LIVES.choose(&mut self.mint.chance).unwrap_or(&LIVES[0]))
            }
            1 if self.configuration.has(Class::SwapDb) => Between::Swap,
            _ => Between::Nothing,
        }
    }

    /// A command that writes a key.
    pub(super) fn write(&mut self, number: usize) -> Command {
        let class = self.contents[number].unwrap_or(Contents::Text).classes()[0];
        self.pinned_to(number, class)
    }

    /// A SWAPDB of two databases of the round.
    pub(super) fn swap(&mut self) -> Command {
        let databases = self.configuration.databases.max(1);
        let one = self.mint.chance.random_range(0..databases);
        Command::Server(ServerCommand::SwapDb(one, (one + 1) % databases))
    }
}
