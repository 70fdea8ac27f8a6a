//! The composer: draws the commands of one client, and the keys that they are about.

mod collections;
mod fields;
mod guarded;
mod places;
mod scripts;
mod staged;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::mint::Mint;
use crate::chance::Chance;
use crate::class::Class;
use crate::configuration::Configuration;
use crate::contents::Contents;
use crate::operation::{
    Calling, Command, Condition, HashCommand, KeyCommand, Life, Limit, ListCommand, MOMENTS, ScriptCommand,
    ServerCommand, SetCommand, SortedSetCommand, StringCommand, TransactionCommand,
};
use crate::word::Word;

/// A command that suits another kind of key comes to a key so seldom: it is refused.
const MISFITS: u32 = 128;

/// The same within a transaction, where the others take effect all the same.
const MISFITS_IN_TRANSACTIONS: u32 = 12;

/// In a round with LINSERT, one transaction in this many crowds a list.
const CROWDS: u32 = 8;

/// Commands that no server queues: they lack an argument, or do not exist.
const REFUSED: [&[&str]; 3] = [&["GET"], &["SET", "k"], &["NOSUCHCOMMAND", "k"]];

/// Draws the commands of one client.
#[derive(Debug)]
pub(super) struct Composer<'a> {
    configuration: &'a Configuration,
    /// The database of the client.
    database: u8,
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

/// The database of a client.
pub(super) fn database_of(configuration: &Configuration, actor: usize) -> u8 {
    (actor % usize::from(configuration.databases.max(1))) as u8
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

/// The command that shows the whole value of a key at the end of a round. `None` if clients may not send one.
pub fn last_look(configuration: &Configuration, number: usize, key: Word) -> Option<Command> {
    let look = look(configuration.contents_of(number), key.clone());
    let several = Command::String(StringCommand::MGet(vec![key]));
    [look, several].into_iter().find(|look| configuration.allows(Class::from(look)))
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
        let database = database_of(configuration, actor);
        Composer {
            configuration,
            database,
            mint,
            tag,
            keys,
            contents,
            newest: None,
            pinned: None,
            in_transaction: false,
        }
    }

    /// The chance of the client.
    pub(super) fn chance(&mut self) -> &mut Chance {
        &mut self.mint.chance
    }

    /// A command of a class about a key.
    fn pinned_to(&mut self, number: usize, class: Class) -> Command {
        self.pinned = Some(self.keys[number].clone());
        let command = self.command(class);
        self.pinned = None;
        command
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
            commands.extend(class.map(|class| self.command(class)));
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
            Class::SetFor | Class::SetKept => {
                let life = if class == Class::SetKept { Life::Kept } else { self.life() };
                let conditions = [None, None, None, Some(Condition::Absent), Some(Condition::Present)];
                let condition = conditions.choose(&mut self.mint.chance).copied().flatten();
                let get = self.mint.chance.random_ratio(1, 4);
                let (key, value) = (self.key(class), self.mint.value());
                Command::String(StringCommand::SetFor { key, value, condition, get, life })
            }
            Class::GetEx => {
                let untimed = self.mint.chance.random_range(0..4);
                let life = [Life::Kept, Life::Lifted].get(untimed).copied().unwrap_or_else(|| self.life());
                Command::String(StringCommand::GetEx(self.key(class), life))
            }
            Class::Expire => Command::Key(KeyCommand::Expire(self.key(class), self.mint.life() / 1000)),
            Class::ExpireIf => {
                let limit = *Limit::ALL.choose(&mut self.mint.chance).unwrap_or(&Limit::Absent);
                Command::Key(KeyCommand::ExpireIf(self.key(class), self.mint.life() / 1000, limit))
            }
            Class::PExpire => Command::Key(KeyCommand::PExpire(self.key(class), self.mint.life())),
            Class::Persist => Command::Key(KeyCommand::Persist(self.key(class))),
            Class::PTtl => Command::Key(KeyCommand::PTtl(self.key(class))),
            // A client selects its database once, when it connects.
            Class::Select => Command::PING,
            Class::FlushDb => Command::Server(ServerCommand::FlushDb),
            Class::SwapDb => self.swap(),
            Class::SAdd
            | Class::SRem
            | Class::SPop
            | Class::SPopMany
            | Class::SMove
            | Class::SStore
            | Class::SScan
            | Class::SIsMember
            | Class::SMembers
            | Class::SCard => Command::Set(self.of_set(class)),
            Class::HSet | Class::HDel | Class::HIncrBy | Class::HGet | Class::HGetAll | Class::HScan | Class::HLen => {
                Command::Hash(self.of_hash(class))
            }
            Class::HExpire
            | Class::HExpireIf
            | Class::HPExpire
            | Class::HExpireAt
            | Class::HPExpireAt
            | Class::HPersist
            | Class::HTtl
            | Class::HPTtl
            | Class::HGetEx
            | Class::HSetEx
            | Class::HGetDel => Command::Hash(HashCommand::Field(self.of_field(class))),
            Class::GeoAdd | Class::GeoPos | Class::GeoDist | Class::GeoSearch | Class::GeoSearchStore => {
                Command::SortedSet(SortedSetCommand::Geo(self.of_place(class)))
            }
            Class::RPush
            | Class::LPush
            | Class::LPop
            | Class::RPop
            | Class::LInsert
            | Class::LRem
            | Class::LMove
            | Class::LMPop
            | Class::LSet
            | Class::LTrim
            | Class::LIndex
            | Class::LPos
            | Class::LRange
            | Class::LLen => Command::List(self.of_list(class)),
            Class::ZAdd
            | Class::ZRem
            | Class::ZIncrBy
            | Class::ZPop
            | Class::ZScan
            | Class::ZRangeBy
            | Class::ZRangeStore
            | Class::ZUnionStore
            | Class::ZScore
            | Class::ZRank
            | Class::ZRange
            | Class::ZCard => Command::SortedSet(self.of_sorted_set(class)),
            Class::Rename => Command::Key(self.rename()),
            Class::Copy => self.copy(),
            Class::Move => match self.another_database() {
                Some(database) => Command::Key(KeyCommand::Move(self.key(class), database)),
                None => Command::PING,
            },
            Class::Multi | Class::Guarded => {
                let is_crowd = self.configuration.has(Class::LInsert) && self.mint.chance.random_ratio(1, CROWDS);
                let (watched, commands) = (Vec::new(), if is_crowd { self.crowd() } else { self.queued() });
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

    /// A look at some key.
    pub(super) fn look_at_some(&mut self) -> Command {
        let number = self.mint.chance.random_range(0..self.keys.len());
        look(self.contents[number], self.keys[number].clone())
    }

    /// A new name for a key is that of a key of the same kind, sometimes its own.
    fn rename(&mut self) -> KeyCommand {
        let from = self.mint.chance.random_range(0..self.keys.len());
        let alike = (0..self.keys.len()).filter(|key| self.contents[*key] == self.contents[from]);
        let to = alike.choose(&mut self.mint.chance).unwrap_or(from);
        KeyCommand::Rename(self.keys[from].clone(), self.keys[to].clone())
    }

    /// A copy gets the name of a key of the same kind, or its own name in another database.
    fn copy(&mut self) -> Command {
        let replace = self.mint.chance.random_ratio(1, 2);
        let from = self.mint.chance.random_range(0..self.keys.len());
        // The checker follows a limited life to another database, not to another name.
        let limited = self.configuration.limits_lives();
        let alike =
            (0..self.keys.len()).filter(|key| !limited && *key != from && self.contents[*key] == self.contents[from]);
        let to = alike.choose(&mut self.mint.chance).unwrap_or(from);
        let database = if to == from || self.mint.chance.random_ratio(1, 4) { self.another_database() } else { None };
        if to == from && database.is_none() {
            return look(self.contents[from], self.keys[from].clone());
        }
        let (from, to) = (self.keys[from].clone(), self.keys[to].clone());
        Command::Key(KeyCommand::Copy { from, to, database, replace })
    }

    /// A database of the round that the client has not selected.
    fn another_database(&mut self) -> Option<u8> {
        let databases = (0..self.configuration.databases).filter(|database| *database != self.database);
        databases.choose(&mut self.mint.chance)
    }

    /// The life of a string. DBSIZE of some servers counts a key whose moment is over until they remove it.
    fn life(&mut self) -> Life {
        let moments = &MOMENTS[usize::from(self.configuration.has(Class::DbSize))..];
        match self.mint.chance.random_range(0..8) {
            0 => Life::Until(*moments.choose(&mut self.mint.chance).unwrap_or(&MOMENTS[1])),
            1..4 => Life::Seconds((self.mint.life() / 1000).max(1)),
            _ => Life::Milliseconds(self.mint.life()),
        }
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
