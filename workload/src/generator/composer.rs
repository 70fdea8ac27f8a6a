//! The composer: draws the commands of one client, and the keys that they are about.

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::mint::Mint;
use crate::chance::Chance;
use crate::class::{Class, Contents};
use crate::configuration::Configuration;
use crate::operation::{
    Calling, Command, Condition, HashCommand, KeyCommand, ListCommand, Script, ScriptCommand, ScriptName,
    ServerCommand, SetCommand, SortedSetCommand, StringCommand, TransactionCommand,
};
use crate::word::Word;

/// A command that suits another kind of key comes to a key so seldom: it is refused.
const MISFITS: u32 = 128;

/// The same within a transaction, where the others take effect all the same.
const MISFITS_IN_TRANSACTIONS: u32 = 12;

/// Commands that no server queues: they lack an argument, or do not exist.
const REFUSED: [&[&str]; 3] = [&["GET"], &["SET", "k"], &["NOSUCHCOMMAND", "k"]];

/// Draws the commands of one client.
#[derive(Debug)]
pub(super) struct Composer<'a> {
    configuration: &'a Configuration,
    mint: Mint<'a>,
    /// The comment in the scripts of the round: its first key, which no other round has.
    tag: Word,
    keys: Vec<Word>,
    /// What each of them holds in a typed round.
    contents: Vec<Option<Contents>>,
    /// The key and the value of the newest SET.
    newest: Option<(Word, Word)>,
    /// The key that the next command is about, if that is settled.
    pinned: Option<Word>,
    /// Whether the commands drawn are those of a transaction.
    in_transaction: bool,
}

/// The command that shows the whole value of such a key.
pub fn look(contents: Option<Contents>, key: Word) -> Command {
    match contents {
        None | Some(Contents::Text | Contents::Counter) => Command::get(key),
        Some(Contents::Set) => Command::Set(SetCommand::Members(key)),
        Some(Contents::Hash) => Command::Hash(HashCommand::All(key)),
        Some(Contents::List | Contents::Log) => Command::List(ListCommand::All(key)),
        Some(Contents::SortedSet) => Command::SortedSet(SortedSetCommand::All(key)),
    }
}

/// The beginning of a key, up to the first byte that is no printable ASCII.
fn printable(key: &Word) -> Word {
    match key {
        Word::Whole(bytes) => {
            let end = bytes.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(bytes.len());
            Word::Whole(bytes.slice(..end))
        }
        Word::Abridged { .. } => key.clone(),
    }
}

impl<'a> Composer<'a> {
    /// The composer of client number `actor`, which uses some of the keys of the round.
    pub(super) fn new(
        configuration: &'a Configuration,
        actor: usize,
        keys: &[Word],
        mut chance: Chance,
    ) -> Composer<'a> {
        let tag = keys.first().map_or_else(|| Word::from(""), printable);
        let sampled = keys.iter().enumerate().sample(&mut chance, configuration.keys_per_client);
        let contents = sampled.iter().map(|(number, _)| configuration.contents_of(*number)).collect();
        let keys = sampled.into_iter().map(|(_, key)| key.clone()).collect();
        let mint = Mint::new(configuration, actor, chance);
        Composer { configuration, mint, tag, keys, contents, newest: None, pinned: None, in_transaction: false }
    }

    /// The chance of the client.
    pub(super) fn chance(&mut self) -> &mut Chance {
        &mut self.mint.chance
    }

    /// Three batches: WATCH, a look at the keys, and then mostly a transaction that changes them.
    pub(super) fn guarded(&mut self) -> [Vec<Command>; 3] {
        let number = if self.mint.chance.random_ratio(1, 4) { 2 } else { 1 };
        let numbers: Vec<usize> = (0..self.keys.len()).sample(&mut self.mint.chance, number);
        let watched: Vec<Word> = numbers.iter().map(|number| self.keys[*number].clone()).collect();
        let looks = numbers.iter().map(|number| look(self.contents[*number], self.keys[*number].clone())).collect();
        let watch = Command::Transaction(TransactionCommand::Watch(watched.clone()));
        let mut commands: Vec<Command> = Vec::new();
        self.in_transaction = true;
        for number in numbers {
            let class = self.contents[number].unwrap_or(Contents::Text).classes()[0];
            self.pinned = Some(self.keys[number].clone());
            commands.push(self.command(class));
            self.pinned = None;
        }
        self.in_transaction = false;
        if self.mint.chance.random_ratio(1, 2) {
            commands.extend(self.queued());
        }
        let last = match self.mint.chance.random_range(0..16) {
            0 => vec![Command::Transaction(TransactionCommand::Discard(commands))],
            1 => vec![
                Command::Transaction(TransactionCommand::Unwatch),
                Command::Transaction(TransactionCommand::Exec { watched: Vec::new(), commands }),
            ],
            _ => vec![Command::Transaction(TransactionCommand::Exec { watched, commands })],
        };
        [vec![watch], looks, last]
    }

    /// The commands of a transaction.
    fn queued(&mut self) -> Vec<Command> {
        let number = *[1, 2, 2, 3].choose(&mut self.mint.chance).unwrap_or(&1);
        let classes: Vec<(Class, u32)> =
            self.configuration.classes.iter().copied().filter(|(class, _)| class.may_be_queued()).collect();
        self.in_transaction = true;
        let mut commands = Vec::new();
        for _ in 0..number {
            let class = classes.choose_weighted(&mut self.mint.chance, |(_, weight)| *weight).map(|(class, _)| *class);
            commands.push(self.command(class.unwrap_or(Class::Get)));
        }
        self.in_transaction = false;
        commands
    }

    /// A command of a class.
    pub(super) fn command(&mut self, class: Class) -> Command {
        match class {
            Class::Get => Command::get(self.key(class)),
            Class::Set => self.set(class, None, false),
            Class::SetAbsent => self.set(class, Some(Condition::Absent), false),
            Class::SetPresent => self.set(class, Some(Condition::Present), false),
            Class::SetGet => {
                let condition = [None, None, Some(Condition::Absent), Some(Condition::Present)];
                let condition = condition.choose(&mut self.mint.chance).copied().flatten();
                self.set(class, condition, true)
            }
            Class::MGet => Command::String(StringCommand::MGet(self.several_keys(class))),
            Class::MSet => {
                let pairs = self.several_keys(class).into_iter().map(|key| (key, self.mint.value())).collect();
                Command::String(StringCommand::MSet(pairs))
            }
            Class::Del => Command::Key(KeyCommand::Del(vec![self.key(class)])),
            Class::DelMany => Command::Key(KeyCommand::Del(self.several_keys(class))),
            Class::Exists => Command::Key(KeyCommand::Exists(self.several_keys(class))),
            Class::Ping => Command::PING,
            Class::FlushAll => Command::FLUSH_ALL,
            Class::DbSize => Command::Server(ServerCommand::DbSize),
            Class::GetDel => Command::String(StringCommand::GetDel(self.key(class))),
            Class::SetNx => Command::String(StringCommand::SetNx(self.key(class), self.mint.value())),
            Class::GetSet => Command::String(StringCommand::GetSet(self.key(class), self.mint.value())),
            Class::Append => Command::String(StringCommand::Append(self.key(class), self.mint.suffix())),
            Class::IncrBy => Command::String(StringCommand::IncrBy(self.key(class), self.mint.amount())),
            Class::StrLen => Command::String(StringCommand::StrLen(self.key(class))),
            Class::SetFor => {
                Command::String(StringCommand::SetFor(self.key(class), self.mint.value(), self.mint.life()))
            }
            Class::Expire => Command::Key(KeyCommand::Expire(self.key(class), self.mint.life() / 1000)),
            Class::PExpire => Command::Key(KeyCommand::PExpire(self.key(class), self.mint.life())),
            Class::Persist => Command::Key(KeyCommand::Persist(self.key(class))),
            Class::PTtl => Command::Key(KeyCommand::PTtl(self.key(class))),
            // A client selects its database once, when it connects.
            Class::Select => Command::PING,
            Class::FlushDb => Command::Server(ServerCommand::FlushDb),
            Class::SwapDb => {
                let databases = self.configuration.databases;
                let one = self.mint.chance.random_range(0..databases);
                Command::Server(ServerCommand::SwapDb(one, (one + 1) % databases))
            }
            Class::SAdd | Class::SRem | Class::SPop | Class::SIsMember | Class::SMembers | Class::SCard => {
                Command::Set(self.of_set(class))
            }
            Class::HSet | Class::HDel | Class::HIncrBy | Class::HGet | Class::HGetAll | Class::HLen => {
                Command::Hash(self.of_hash(class))
            }
            Class::RPush
            | Class::LPush
            | Class::LPop
            | Class::RPop
            | Class::LInsert
            | Class::LRem
            | Class::LRange
            | Class::LLen => Command::List(self.of_list(class)),
            Class::ZAdd
            | Class::ZRem
            | Class::ZIncrBy
            | Class::ZScore
            | Class::ZRank
            | Class::ZRange
            | Class::ZCard => Command::SortedSet(self.of_sorted_set(class)),
            Class::Rename => Command::Key(self.rename()),
            Class::Multi | Class::Guarded => {
                let (watched, commands) = (Vec::new(), self.queued());
                Command::Transaction(TransactionCommand::Exec { watched, commands })
            }
            Class::Discard => Command::Transaction(TransactionCommand::Discard(self.queued())),
            Class::Spoilt => {
                let refused = REFUSED.choose(&mut self.mint.chance).unwrap_or(&REFUSED[0]);
                let refused = refused.iter().copied().map(Word::from).collect();
                Command::Transaction(TransactionCommand::Spoilt { commands: self.queued(), refused })
            }
            // They are drawn with the transaction that they belong to.
            Class::Watch | Class::Unwatch => Command::PING,
            Class::Eval => self.run(Calling::Text),
            Class::EvalSha => self.run(Calling::Digest),
            Class::ScriptLoad => match self.script() {
                Some(name) => Command::Script(ScriptCommand::Load { tag: self.tag.clone(), name }),
                None => Command::PING,
            },
            Class::ScriptFlush => Command::Script(ScriptCommand::Flush),
        }
    }

    /// A script that suits some key of the client.
    fn script(&mut self) -> Option<ScriptName> {
        let contents = self.contents.iter().flatten();
        let suiting: Vec<ScriptName> = contents.flat_map(|contents| contents.scripts()).copied().collect();
        suiting.choose(&mut self.mint.chance).copied()
    }

    /// Runs a script.
    fn run(&mut self, calling: Calling) -> Command {
        let Some(name) = self.script() else { return Command::PING };
        let fits = |number: &usize| self.contents[*number].is_some_and(|contents| contents.scripts().contains(&name));
        let fitting: Vec<usize> = (0..self.keys.len()).filter(fits).collect();
        let mut key = || {
            fitting.choose(&mut self.mint.chance).map_or_else(|| Word::from(""), |number| self.keys[*number].clone())
        };
        let (key, other) = (key(), key());
        let script = match name {
            ScriptName::CompareAndSet => {
                let newest = self.newest.clone().filter(|_| self.mint.chance.random_ratio(2, 3));
                let (key, old) = newest.unwrap_or_else(|| (key, self.mint.newest_name()));
                Script::CompareAndSet(key, old, self.mint.suffix())
            }
            ScriptName::MoveIf => Script::MoveIf(key, other, self.mint.chance.random_range(0..3)),
            ScriptName::IncrWithLimit => {
                let amount = self.mint.amount();
                Script::IncrWithLimit(key, amount, self.mint.chance.random_range(amount..amount.saturating_mul(64)))
            }
            ScriptName::PushAndLook => Script::PushAndLook(key, self.mint.suffix()),
            ScriptName::SetAndFail => Script::SetAndFail(key, self.mint.suffix()),
        };
        Command::Script(ScriptCommand::Run { calling, tag: self.tag.clone(), script })
    }

    fn of_set(&mut self, class: Class) -> SetCommand {
        let key = self.key(class);
        match class {
            Class::SAdd => SetCommand::Add(key, self.mint.new_elements()),
            Class::SRem => SetCommand::Remove(key, vec![self.mint.known_element()]),
            Class::SPop => SetCommand::Pop(key),
            Class::SIsMember => SetCommand::Has(key, self.mint.known_element()),
            Class::SCard => SetCommand::Size(key),
            _ => SetCommand::Members(key), // only the classes of sets come here
        }
    }

    fn of_hash(&mut self, class: Class) -> HashCommand {
        let key = self.key(class);
        match class {
            Class::HSet => {
                let number = self.mint.chance.random_range(1..=2);
                HashCommand::Set(key, (0..number).map(|_| (self.mint.field(), self.mint.suffix())).collect())
            }
            Class::HDel => HashCommand::Delete(key, vec![self.mint.field()]),
            // Its fields hold nothing but numbers.
            Class::HIncrBy => HashCommand::IncrBy(key, self.mint.number_field(), self.mint.amount()),
            Class::HGet => HashCommand::Get(
                key,
                if self.mint.chance.random() { self.mint.field() } else { self.mint.number_field() },
            ),
            Class::HLen => HashCommand::Size(key),
            _ => HashCommand::All(key), // only the classes of hashes come here
        }
    }

    fn of_list(&mut self, class: Class) -> ListCommand {
        let key = self.key(class);
        match class {
            Class::RPush => ListCommand::PushRight(key, self.mint.new_elements()),
            Class::LPush => ListCommand::PushLeft(key, self.mint.new_elements()),
            Class::LPop => ListCommand::PopLeft(key),
            Class::RPop => ListCommand::PopRight(key),
            Class::LInsert => ListCommand::Insert(key, self.mint.known_element(), self.mint.suffix()),
            Class::LRem => ListCommand::Remove(key, self.mint.known_element()),
            Class::LLen => ListCommand::Size(key),
            _ => ListCommand::All(key), // only the classes of lists come here
        }
    }

    fn of_sorted_set(&mut self, class: Class) -> SortedSetCommand {
        let key = self.key(class);
        match class {
            Class::ZAdd => {
                let number = self.mint.chance.random_range(1..=2);
                SortedSetCommand::Add(key, (0..number).map(|_| (self.mint.amount(), self.mint.field())).collect())
            }
            Class::ZRem => SortedSetCommand::Remove(key, vec![self.mint.field()]),
            Class::ZIncrBy => SortedSetCommand::IncrBy(key, self.mint.amount(), self.mint.field()),
            Class::ZScore => SortedSetCommand::Score(key, self.mint.field()),
            Class::ZRank => SortedSetCommand::Rank(key, self.mint.field()),
            Class::ZCard => SortedSetCommand::Size(key),
            _ => SortedSetCommand::All(key), // only the classes of sorted sets come here
        }
    }

    /// A new name for a key is that of a key of the same kind, sometimes its own.
    fn rename(&mut self) -> KeyCommand {
        let from = self.mint.chance.random_range(0..self.keys.len());
        let alike = (0..self.keys.len()).filter(|key| self.contents[*key] == self.contents[from]);
        let to = alike.choose(&mut self.mint.chance).unwrap_or(from);
        KeyCommand::Rename(self.keys[from].clone(), self.keys[to].clone())
    }

    fn set(&mut self, class: Class, condition: Option<Condition>, get: bool) -> Command {
        let (key, value) = (self.key(class), self.mint.value());
        self.newest = Some((key.clone(), value.clone()));
        Command::String(StringCommand::Set { key, value, condition, get })
    }

    /// A key that a command of the class suits.
    fn key(&mut self, class: Class) -> Word {
        if let Some(pinned) = &self.pinned {
            return pinned.clone();
        }
        let misfits = if self.in_transaction { MISFITS_IN_TRANSACTIONS } else { MISFITS };
        if self.configuration.contents.is_empty() || self.mint.chance.random_ratio(1, misfits) {
            return self.any_key();
        }
        let fits = |number: &usize| self.contents[*number].is_none_or(|contents| class.fits(contents));
        let fitting: Vec<usize> = (0..self.keys.len()).filter(fits).collect();
        match fitting.choose(&mut self.mint.chance) {
            Some(number) => self.keys[*number].clone(),
            None => self.any_key(),
        }
    }

    fn any_key(&mut self) -> Word {
        self.keys.choose(&mut self.mint.chance).cloned().unwrap_or_else(|| Word::from("")) // a round has a key at least
    }

    /// Several keys, of which one may come twice.
    fn several_keys(&mut self, class: Class) -> Vec<Word> {
        let number = self.mint.chance.random_range(2..=self.configuration.keys_per_command);
        let mut keys = self.keys.iter().cloned().sample(&mut self.mint.chance, number);
        if keys.len() < 2 || self.mint.chance.random_ratio(1, 16) {
            keys.push(self.key(class));
        }
        keys
    }
}
