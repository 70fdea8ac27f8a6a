//! Draws what each client of a round does, command by command.

use bytes::{BufMut as _, Bytes, BytesMut};
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{Rng as _, RngExt as _};

use crate::chance::Chance;
use crate::class::{Class, Contents};
use crate::configuration::{Configuration, Lengths};
use crate::operation::{
    Calling, Command, Condition, HashCommand, KeyCommand, ListCommand, Script, ScriptCommand, ScriptName,
    ServerCommand, SetCommand, SortedSetCommand, StringCommand, TransactionCommand,
};
use crate::word::Word;

/// The fields of a hash and the members of a sorted set. They are few, so that commands overwrite them.
const FIELDS: u64 = 6;

/// A command that suits another kind of key comes to a key so seldom: it is refused.
const MISFITS: u32 = 128;

/// The same within a transaction, where the others take effect all the same.
const MISFITS_IN_TRANSACTIONS: u32 = 12;

/// The longest rest between WATCH and EXEC, in milliseconds. Other clients change the key in that time.
const GUARDED_REST: u64 = 3;

/// Commands that no server queues: they lack an argument, or do not exist.
const REFUSED: [&[&str]; 3] = [&["GET"], &["SET", "k"], &["NOSUCHCOMMAND", "k"]];

/// The lives that clients give to keys, in milliseconds. Some end within the round, and some certainly do not.
const LIVES: [i64; 6] = [1, 5, 20, 900, 60_000, 3_600_000];

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
    /// The commands.
    pub commands: Vec<Command>,
}

/// Draws the decisions of one client in one round. They depend on its chance alone, not on replies or time.
#[derive(Debug)]
pub struct Generator<'a> {
    configuration: &'a Configuration,
    actor: usize,
    /// The comment in the scripts of the round: its first key, which no other round has.
    tag: Word,
    keys: Vec<Word>,
    /// What each of them holds in a typed round.
    contents: Vec<Option<Contents>>,
    /// The number of values drawn so far.
    values: u64,
    /// The key and the value of the newest SET.
    newest: Option<(Word, Word)>,
    /// The key that the next command is about, if that is settled.
    pinned: Option<Word>,
    /// Whether the commands drawn are those of a transaction.
    in_transaction: bool,
    chance: Chance,
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

/// The scripts for a key with such contents.
pub fn scripts(contents: Option<Contents>) -> &'static [ScriptName] {
    match contents {
        Some(Contents::Text) => &[ScriptName::CompareAndSet, ScriptName::CompareAndSet, ScriptName::SetAndFail],
        Some(Contents::Counter) => &[ScriptName::IncrWithLimit],
        Some(Contents::List) => &[ScriptName::MoveIf, ScriptName::PushAndLook],
        Some(Contents::Log) => &[ScriptName::PushAndLook],
        None | Some(Contents::Set | Contents::Hash | Contents::SortedSet) => &[],
    }
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
    pub fn new(configuration: &'a Configuration, actor: usize, keys: &[Word], mut chance: Chance) -> Generator<'a> {
        let tag = keys.first().map_or_else(|| Word::from(""), printable);
        let sampled = keys.iter().enumerate().sample(&mut chance, configuration.keys_per_client);
        let contents = sampled.iter().map(|(number, _)| configuration.contents_of(*number)).collect();
        let keys = sampled.into_iter().map(|(_, key)| key.clone()).collect();
        let (newest, pinned) = (None, None);
        Generator {
            configuration,
            actor,
            tag,
            keys,
            contents,
            values: 0,
            newest,
            pinned,
            in_transaction: false,
            chance,
        }
    }

    /// The database of a client.
    pub fn database(configuration: &Configuration, actor: usize) -> u8 {
        (actor % usize::from(configuration.databases.max(1))) as u8
    }

    /// The server for the next connection, as an index in the list of servers.
    pub fn server(&mut self) -> usize {
        *self.configuration.servers.choose(&mut self.chance).unwrap_or(&0)
    }

    /// The next turn.
    pub fn turn(&mut self) -> Turn {
        let Configuration { rest, reconnect, pipeline, .. } = *self.configuration;
        let rest = if rest > 0 { self.chance.random_range(0..=rest) } else { 0 };
        let reconnect = reconnect > 0 && self.chance.random_ratio(1, reconnect);
        let number = self.chance.random_range(1..=pipeline);
        let first = self.class();
        if first == Class::Guarded {
            return Turn { rest, reconnect, batches: self.guarded() };
        }
        let mut commands = vec![self.command(first)];
        for _ in 1..number {
            let class = self.class();
            // A guarded transaction takes a turn of its own.
            commands.push(self.command(if class == Class::Guarded { Class::Multi } else { class }));
        }
        Turn { rest, reconnect, batches: vec![Batch { rest: 0, commands }] }
    }

    fn class(&mut self) -> Class {
        let classes = &self.configuration.classes;
        classes.choose_weighted(&mut self.chance, |(_, weight)| *weight).map_or(Class::Get, |(class, _)| *class)
    }

    /// WATCH, a look at the keys, and then mostly a transaction that changes them.
    fn guarded(&mut self) -> Vec<Batch> {
        let number = if self.chance.random_ratio(1, 4) { 2 } else { 1 };
        let numbers: Vec<usize> = (0..self.keys.len()).sample(&mut self.chance, number);
        let watched: Vec<Word> = numbers.iter().map(|number| self.keys[*number].clone()).collect();
        let looks = numbers.iter().map(|number| look(self.contents[*number], self.keys[*number].clone())).collect();
        let watch = Command::Transaction(TransactionCommand::Watch(watched.clone()));
        let mut batches = vec![Batch { rest: 0, commands: vec![watch] }, Batch { rest: 0, commands: looks }];
        let mut commands: Vec<Command> = Vec::new();
        self.in_transaction = true;
        for number in numbers {
            let class = self.contents[number].unwrap_or(Contents::Text).classes()[0];
            self.pinned = Some(self.keys[number].clone());
            commands.push(self.command(class));
            self.pinned = None;
        }
        self.in_transaction = false;
        if self.chance.random_ratio(1, 2) {
            commands.extend(self.queued());
        }
        let last = match self.chance.random_range(0..16) {
            0 => vec![Command::Transaction(TransactionCommand::Discard(commands))],
            1 => vec![
                Command::Transaction(TransactionCommand::Unwatch),
                Command::Transaction(TransactionCommand::Exec { watched: Vec::new(), commands }),
            ],
            _ => vec![Command::Transaction(TransactionCommand::Exec { watched, commands })],
        };
        batches.push(Batch { rest: self.chance.random_range(0..=GUARDED_REST), commands: last });
        batches
    }

    /// The commands of a transaction.
    fn queued(&mut self) -> Vec<Command> {
        let number = *[1, 2, 2, 3].choose(&mut self.chance).unwrap_or(&1);
        let classes: Vec<(Class, u32)> =
            self.configuration.classes.iter().copied().filter(|(class, _)| class.may_be_queued()).collect();
        self.in_transaction = true;
        let mut commands = Vec::new();
        for _ in 0..number {
            let class = classes.choose_weighted(&mut self.chance, |(_, weight)| *weight).map(|(class, _)| *class);
            commands.push(self.command(class.unwrap_or(Class::Get)));
        }
        self.in_transaction = false;
        commands
    }

    fn command(&mut self, class: Class) -> Command {
        match class {
            Class::Get => Command::get(self.key(class)),
            Class::Set => self.set(class, None, false),
            Class::SetAbsent => self.set(class, Some(Condition::Absent), false),
            Class::SetPresent => self.set(class, Some(Condition::Present), false),
            Class::SetGet => {
                let condition = [None, None, Some(Condition::Absent), Some(Condition::Present)];
                let condition = condition.choose(&mut self.chance).copied().flatten();
                self.set(class, condition, true)
            }
            Class::MGet => Command::String(StringCommand::MGet(self.several_keys(class))),
            Class::MSet => {
                let pairs = self.several_keys(class).into_iter().map(|key| (key, self.value())).collect();
                Command::String(StringCommand::MSet(pairs))
            }
            Class::Del => Command::Key(KeyCommand::Del(vec![self.key(class)])),
            Class::DelMany => Command::Key(KeyCommand::Del(self.several_keys(class))),
            Class::Exists => Command::Key(KeyCommand::Exists(self.several_keys(class))),
            Class::Ping => Command::PING,
            Class::FlushAll => Command::FLUSH_ALL,
            Class::DbSize => Command::Server(ServerCommand::DbSize),
            Class::GetDel => Command::String(StringCommand::GetDel(self.key(class))),
            Class::SetNx => Command::String(StringCommand::SetNx(self.key(class), self.value())),
            Class::GetSet => Command::String(StringCommand::GetSet(self.key(class), self.value())),
            Class::Append => Command::String(StringCommand::Append(self.key(class), self.suffix())),
            Class::IncrBy => Command::String(StringCommand::IncrBy(self.key(class), self.amount())),
            Class::StrLen => Command::String(StringCommand::StrLen(self.key(class))),
            Class::SetFor => Command::String(StringCommand::SetFor(self.key(class), self.value(), self.life())),
            Class::Expire => Command::Key(KeyCommand::Expire(self.key(class), self.life() / 1000)),
            Class::PExpire => Command::Key(KeyCommand::PExpire(self.key(class), self.life())),
            Class::Persist => Command::Key(KeyCommand::Persist(self.key(class))),
            Class::PTtl => Command::Key(KeyCommand::PTtl(self.key(class))),
            // A client selects its database once, when it connects.
            Class::Select => Command::PING,
            Class::FlushDb => Command::Server(ServerCommand::FlushDb),
            Class::SwapDb => {
                let databases = self.configuration.databases;
                let one = self.chance.random_range(0..databases);
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
                let refused = REFUSED.choose(&mut self.chance).unwrap_or(&REFUSED[0]);
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
        let suiting: Vec<ScriptName> = self.contents.iter().flat_map(|contents| scripts(*contents)).copied().collect();
        suiting.choose(&mut self.chance).copied()
    }

    /// Runs a script.
    fn run(&mut self, calling: Calling) -> Command {
        let Some(name) = self.script() else { return Command::PING };
        let fits = |number: &usize| scripts(self.contents[*number]).contains(&name);
        let fitting: Vec<usize> = (0..self.keys.len()).filter(fits).collect();
        let mut key =
            || fitting.choose(&mut self.chance).map_or_else(|| Word::from(""), |number| self.keys[*number].clone());
        let (key, other) = (key(), key());
        let script = match name {
            ScriptName::CompareAndSet => {
                let newest = self.newest.clone().filter(|_| self.chance.random_ratio(2, 3));
                let (key, old) = newest.unwrap_or_else(|| (key, Word::from(format!("{}.{}", self.actor, self.values))));
                Script::CompareAndSet(key, old, self.suffix())
            }
            ScriptName::MoveIf => Script::MoveIf(key, other, self.chance.random_range(0..3)),
            ScriptName::IncrWithLimit => {
                let amount = self.amount();
                Script::IncrWithLimit(key, amount, self.chance.random_range(amount..amount.saturating_mul(64)))
            }
            ScriptName::PushAndLook => Script::PushAndLook(key, self.suffix()),
            ScriptName::SetAndFail => Script::SetAndFail(key, self.suffix()),
        };
        Command::Script(ScriptCommand::Run { calling, tag: self.tag.clone(), script })
    }

    fn of_set(&mut self, class: Class) -> SetCommand {
        let key = self.key(class);
        match class {
            Class::SAdd => SetCommand::Add(key, self.new_elements()),
            Class::SRem => SetCommand::Remove(key, vec![self.known_element()]),
            Class::SPop => SetCommand::Pop(key),
            Class::SIsMember => SetCommand::Has(key, self.known_element()),
            Class::SCard => SetCommand::Size(key),
            _ => SetCommand::Members(key), // only the classes of sets come here
        }
    }

    fn of_hash(&mut self, class: Class) -> HashCommand {
        let key = self.key(class);
        match class {
            Class::HSet => {
                let number = self.chance.random_range(1..=2);
                HashCommand::Set(key, (0..number).map(|_| (self.field(), self.suffix())).collect())
            }
            Class::HDel => HashCommand::Delete(key, vec![self.field()]),
            // Its fields hold nothing but numbers.
            Class::HIncrBy => HashCommand::IncrBy(key, self.number_field(), self.amount()),
            Class::HGet => HashCommand::Get(key, if self.chance.random() { self.field() } else { self.number_field() }),
            Class::HLen => HashCommand::Size(key),
            _ => HashCommand::All(key), // only the classes of hashes come here
        }
    }

    fn of_list(&mut self, class: Class) -> ListCommand {
        let key = self.key(class);
        match class {
            Class::RPush => ListCommand::PushRight(key, self.new_elements()),
            Class::LPush => ListCommand::PushLeft(key, self.new_elements()),
            Class::LPop => ListCommand::PopLeft(key),
            Class::RPop => ListCommand::PopRight(key),
            Class::LInsert => ListCommand::Insert(key, self.known_element(), self.suffix()),
            Class::LRem => ListCommand::Remove(key, self.known_element()),
            Class::LLen => ListCommand::Size(key),
            _ => ListCommand::All(key), // only the classes of lists come here
        }
    }

    fn of_sorted_set(&mut self, class: Class) -> SortedSetCommand {
        let key = self.key(class);
        match class {
            Class::ZAdd => {
                let number = self.chance.random_range(1..=2);
                SortedSetCommand::Add(key, (0..number).map(|_| (self.amount(), self.field())).collect())
            }
            Class::ZRem => SortedSetCommand::Remove(key, vec![self.field()]),
            Class::ZIncrBy => SortedSetCommand::IncrBy(key, self.amount(), self.field()),
            Class::ZScore => SortedSetCommand::Score(key, self.field()),
            Class::ZRank => SortedSetCommand::Rank(key, self.field()),
            Class::ZCard => SortedSetCommand::Size(key),
            _ => SortedSetCommand::All(key), // only the classes of sorted sets come here
        }
    }

    /// A new name for a key is that of a key of the same kind, sometimes its own.
    fn rename(&mut self) -> KeyCommand {
        let from = self.chance.random_range(0..self.keys.len());
        let alike = (0..self.keys.len()).filter(|key| self.contents[*key] == self.contents[from]);
        let to = alike.choose(&mut self.chance).unwrap_or(from);
        KeyCommand::Rename(self.keys[from].clone(), self.keys[to].clone())
    }

    /// Elements that no client has added before.
    fn new_elements(&mut self) -> Vec<Word> {
        let number = *[1, 1, 1, 2, 3].choose(&mut self.chance).unwrap_or(&1);
        (0..number).map(|_| self.suffix()).collect()
    }

    /// An element that some client may have added: clients draw about equally many.
    fn known_element(&mut self) -> Word {
        let actor = self.chance.random_range(0..self.configuration.clients);
        let number = self.chance.random_range(1..=self.values.max(1));
        format!("{actor}.{number};").into()
    }

    fn field(&mut self) -> Word {
        format!("f{}", self.chance.random_range(0..FIELDS)).into()
    }

    fn number_field(&mut self) -> Word {
        format!("n{}", self.chance.random_range(0..FIELDS / 2)).into()
    }

    /// A short value that no client has written before, and that shows where it ends.
    fn suffix(&mut self) -> Word {
        self.values += 1;
        format!("{}.{};", self.actor, self.values).into()
    }

    /// An amount that no other command of the round has. A sum shows which amounts are in it, except by rare chance.
    fn amount(&mut self) -> i64 {
        self.values += 1;
        let random = self.chance.random_range(1..1_i64 << 20);
        // A sorted set holds sums as floating numbers, which are exact up to 2^53.
        (random << 20) + ((self.actor as i64) << 14) + (self.values as i64 & 0x3fff)
    }

    fn life(&mut self) -> i64 {
        *LIVES.choose(&mut self.chance).unwrap_or(&1)
    }

    fn set(&mut self, class: Class, condition: Option<Condition>, get: bool) -> Command {
        let (key, value) = (self.key(class), self.value());
        self.newest = Some((key.clone(), value.clone()));
        Command::String(StringCommand::Set { key, value, condition, get })
    }

    /// A key that a command of the class suits.
    fn key(&mut self, class: Class) -> Word {
        if let Some(pinned) = &self.pinned {
            return pinned.clone();
        }
        let misfits = if self.in_transaction { MISFITS_IN_TRANSACTIONS } else { MISFITS };
        if self.configuration.contents.is_empty() || self.chance.random_ratio(1, misfits) {
            return self.any_key();
        }
        let fits = |number: &usize| self.contents[*number].is_none_or(|contents| class.fits(contents));
        let fitting: Vec<usize> = (0..self.keys.len()).filter(fits).collect();
        match fitting.choose(&mut self.chance) {
            Some(number) => self.keys[*number].clone(),
            None => self.any_key(),
        }
    }

    fn any_key(&mut self) -> Word {
        self.keys.choose(&mut self.chance).cloned().unwrap_or_else(|| Word::from("")) // a round has a key at least
    }

    /// Several keys, of which one may come twice.
    fn several_keys(&mut self, class: Class) -> Vec<Word> {
        let number = self.chance.random_range(2..=self.configuration.keys_per_command);
        let mut keys = self.keys.iter().cloned().sample(&mut self.chance, number);
        if keys.len() < 2 || self.chance.random_ratio(1, 16) {
            keys.push(self.key(class));
        }
        keys
    }

    /// A value that no client has written before. It begins with the numbers of its client and of the value.
    fn value(&mut self) -> Word {
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
