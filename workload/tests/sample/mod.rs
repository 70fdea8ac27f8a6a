//! Histories of a simulated database, drawn from a seed: right ones, and wrong ones of a chosen kind.
//!
//! The database is the model. Each command takes effect at one moment between its call and its end. A command of unknown
//! outcome takes effect late or never. The generator has its own random numbers, so that a seed always means the same
//! history.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::VecDeque;
use std::time::Duration;

use valthree_workload::carried::FIRST_CARRIED;
use valthree_workload::client::by_text_instead;
use valthree_workload::configuration::Configuration;
use valthree_workload::generator::{Batch, Generator};
use valthree_workload::history::{History, Moment, Operation};
use valthree_workload::model::{self, Lifetime, Site, State};
use valthree_workload::operation::{
    Calling, Command, Condition, KeyCommand, Outcome, Reply, ScriptCommand, ScriptName, ServerCommand, StringCommand,
    TransactionCommand,
};
use valthree_workload::round::Round;
use valthree_workload::word::Word;

/// SplitMix64, by Sebastiano Vigna.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    fn pick<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())].clone()
    }
}

/// The microseconds between two events.
const TICK: u64 = 200;

/// A fault of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A read is answered from an older state.
    StaleRead,
    /// A write is acknowledged and does nothing.
    LostWrite,
    /// A command that failed takes effect all the same.
    Phantom,
    /// A write takes effect a second time, later.
    Twice,
    /// A count is wrong by one.
    WrongCount,
    /// An MSET sets its keys at two moments.
    TornMSet,
    /// A FLUSHALL leaves a key.
    PartialFlush,
    /// Two replies of a pipeline are swapped.
    Swapped,
    /// The last command of a transaction takes effect later.
    TornExec,
    /// An EXEC ignores that a watched key was touched.
    BlindExec,
}

pub const FAULTS: [Fault; 8] = [
    Fault::StaleRead,
    Fault::LostWrite,
    Fault::Phantom,
    Fault::Twice,
    Fault::WrongCount,
    Fault::TornMSet,
    Fault::PartialFlush,
    Fault::Swapped,
];

/// The shape of a history. Chances are in percent.
#[derive(Clone, Debug)]
pub struct Shape {
    pub clients: usize,
    /// The number of operations of each client, with those that replace it.
    pub operations: usize,
    pub keys: usize,
    pub unknown: u64,
    pub failed: u64,
    /// The most commands that a client sends at once.
    pub pipeline: usize,
    /// Commands of several keys.
    pub joined: u64,
    /// FLUSHALL and DBSIZE.
    pub whole: u64,
    /// Options of SET.
    pub options: u64,
    /// EXISTS and DEL, whose counts show existence.
    pub existence: u64,
    pub reads: u64,
    /// Whether values repeat.
    pub repeated: bool,
    /// Commands of collections and counters, in percent.
    pub typed: u64,
    /// Their type, from 0 to 4. Lists that only grow are 5, and everything in transactions and scripts is 6. Strings whose
    /// lives commands limit, in two databases, are 7, and hashes whose fields have such lives are 8: no life ends within a
    /// history. Places are 9.
    pub kind: usize,
}

impl Shape {
    /// GET, SET and DEL of one key, a third of them unknown: what the speed of the checker is measured with.
    pub fn register(clients: usize, operations: usize) -> Shape {
        Shape {
            clients,
            operations,
            keys: 1,
            unknown: 30,
            failed: 0,
            pipeline: 1,
            joined: 0,
            whole: 0,
            options: 0,
            existence: 10,
            reads: 50,
            repeated: false,
            typed: 0,
            kind: 0,
        }
    }

    /// Eight keys that MSET, MGET and DEL join.
    pub fn joined(clients: usize, operations: usize, keys: usize) -> Shape {
        Shape { keys, joined: 15, options: 20, existence: 20, unknown: 20, ..Shape::register(clients, operations) }
    }

    /// Keys that FLUSHALL and DBSIZE join.
    pub fn flushed(clients: usize, operations: usize, keys: usize) -> Shape {
        Shape { whole: 5, ..Shape::joined(clients, operations, keys) }
    }

    /// A history small enough for a plain search, in which anything may occur.
    pub fn small(dice: &mut Dice) -> Shape {
        Shape {
            clients: 1 + dice.below(4),
            operations: 1 + dice.below(5),
            keys: 1 + dice.below(3),
            unknown: dice.pick(&[0, 0, 10, 30, 60]),
            failed: dice.pick(&[0, 0, 10]),
            pipeline: dice.pick(&[1, 1, 3]),
            joined: dice.pick(&[0, 20, 50]),
            whole: dice.pick(&[0, 0, 10, 30]),
            options: dice.pick(&[0, 30, 80]),
            existence: dice.pick(&[0, 20, 50]),
            reads: dice.pick(&[20, 50]),
            repeated: dice.percent(15),
            typed: 0,
            kind: 0,
        }
    }

    /// The same shape, changed so that a fault can strike and be noticed.
    pub fn prone_to(self, fault: Option<Fault>) -> Shape {
        match fault {
            None
            | Some(Fault::StaleRead | Fault::LostWrite | Fault::WrongCount | Fault::TornExec | Fault::BlindExec) => {
                self
            }
            Some(Fault::Phantom) => Shape { failed: 40, unknown: 0, reads: 50, ..self },
            Some(Fault::Twice) => Shape { unknown: self.unknown.min(10), reads: 50, ..self },
            Some(Fault::TornMSet) => Shape { joined: 50, reads: 50, existence: 0, keys: self.keys.max(2), ..self },
            Some(Fault::PartialFlush) => {
                Shape { whole: 40, unknown: 0, existence: 0, clients: self.clients.min(2), operations: 5, ..self }
            }
            Some(Fault::Swapped) => Shape { pipeline: 3, ..self },
        }
    }
}

/// A command on its way through the database.
struct Running {
    index: usize,
    reply: Option<Reply>,
}

struct World<'a> {
    dice: &'a mut Dice,
    /// The generator of each client, if the shape does not decide its commands.
    generators: Vec<Generator<'a>>,
    shape: Shape,
    fault: Option<Fault>,
    state: State,
    past: Vec<State>,
    history: History,
    events: u64,
    values: usize,
    /// For each client: its number, the operations that it may still begin, and those under way.
    clients: Vec<(u64, usize, VecDeque<Running>)>,
    /// Commands whose clients have given up.
    adrift: Vec<(Site, Command)>,
    /// When the lives of keys end.
    deaths: Vec<(Duration, Lifetime, Word)>,
    /// The database of each client.
    databases: Vec<u8>,
    /// The keys that each client watches, if the shape decides its commands.
    watching: Vec<Vec<Word>>,
    /// What each client still sends in its turn.
    batches: Vec<VecDeque<Batch>>,
    /// The scripts that the database knows.
    scripts: Vec<(ScriptName, Word)>,
    /// How often the fault has struck.
    struck: usize,
}

/// The history of a round that the workload drew, on a right database. `unknown` percent of the outcomes are unknown. A
/// third of the carried commands may land in the round.
pub fn round(dice: &mut Dice, round: &Round, carried: &[Command], unknown: u64) -> History {
    let Configuration { clients, steps, .. } = round.configuration;
    let keys = round.keys();
    let chance = |actor| round.source.chance(round.number, actor as u64 + 1);
    let generators =
        (0..clients).map(|actor| Generator::new(&round.configuration, actor, &keys, chance(actor))).collect();
    let shape = Shape { unknown, ..Shape::register(clients, steps) };
    let mut world = World { generators, ..World::of(dice, &shape, None) };
    for (index, command) in carried.iter().enumerate() {
        let stamp = world.record(FIRST_CARRIED + index as u64, command.clone()) as u32;
        if index % 3 == 0 {
            let client = FIRST_CARRIED + index as u64;
            world.adrift.push((Site { stamp, client, ..Site::default() }, command.clone()));
        }
    }
    world.databases = (0..clients).map(|actor| Generator::database(&round.configuration, actor)).collect();
    (0..clients).for_each(|client| world.select(client));
    while world.step() {}
    world.history
}

/// A history, and the number of times the fault struck.
pub fn history(dice: &mut Dice, shape: &Shape, fault: Option<Fault>) -> (History, usize) {
    let mut world = World::of(dice, shape, fault);
    if [7, 8].contains(&shape.kind) {
        world.databases = (0..shape.clients).map(|client| (client % 2) as u8).collect();
        (0..shape.clients).for_each(|client| world.select(client));
    }
    while world.step() {}
    if fault == Some(Fault::Swapped) {
        world.swap();
    }
    (world.history, world.struck)
}

impl World<'_> {
    fn of<'a>(dice: &'a mut Dice, shape: &Shape, fault: Option<Fault>) -> World<'a> {
        let clients = (0..shape.clients).map(|client| (client as u64 + 1, shape.operations, VecDeque::new())).collect();
        World {
            dice,
            generators: Vec::new(),
            shape: shape.clone(),
            fault,
            state: State::new(),
            past: vec![State::new()],
            history: History::default(),
            events: 0,
            values: 0,
            clients,
            adrift: Vec::new(),
            deaths: Vec::new(),
            databases: vec![0; shape.clients],
            watching: vec![Vec::new(); shape.clients],
            batches: vec![VecDeque::new(); shape.clients],
            scripts: Vec::new(),
            struck: 0,
        }
    }
}

/// Makes a history wrong late in it: one GET is answered with a value that had been read before and replaced since.
pub fn spoil(history: &mut History) {
    let value = |operation: &Operation| match (&operation.command, operation.reply()) {
        (Command::String(StringCommand::Get(key)), Some(Reply::Value(value))) => Some((key.clone(), value.clone())),
        _ => None,
    };
    let reads: Vec<(usize, Word, Word)> = history
        .operations
        .iter()
        .enumerate()
        .filter_map(|(index, operation)| value(operation).map(|(key, value)| (index, key, value)))
        .collect();
    let spoilt = reads.len() * 9 / 10;
    let (index, key, new) = &reads[spoilt];
    let of_key = |read: &&(usize, Word, Word)| read.1 == *key && read.2 != *new;
    let old = reads[..spoilt / 2].iter().rev().find(of_key).map(|(_, _, value)| value.clone());
    if let (Some(old), Some((_, outcome))) = (old, &mut history.operations[*index].end) {
        *outcome = Outcome::Reply(Reply::Value(old));
    }
}

impl World<'_> {
    fn moment(&mut self) -> Moment {
        self.events += 1;
        Moment { event: self.events - 1, at: Duration::from_micros(TICK * self.events) }
    }

    /// Lets one random thing happen. Returns false at the end.
    fn step(&mut self) -> bool {
        let is_busy = |client: &usize| {
            let (_, left, running) = &self.clients[*client];
            *left > 0 || !running.is_empty() || !self.batches[*client].is_empty()
        };
        let busy: Vec<usize> = (0..self.clients.len()).filter(is_busy).collect();
        if busy.is_empty() {
            return false;
        }
        if !self.adrift.is_empty() && self.dice.percent(8) {
            let (site, command) = self.adrift.swap_remove(self.dice.below(self.adrift.len()));
            if self.dice.percent(60) {
                self.apply(site, &command);
            }
            return true;
        }
        let client = self.dice.pick(&busy);
        if self.clients[client].2.is_empty() {
            self.call(client);
            return true;
        }
        let waiting = self.clients[client].2.iter().position(|running| running.reply.is_none());
        match waiting {
            Some(0) if self.dice.percent(self.shape.failed) => self.fail(client),
            Some(0) if self.dice.percent(self.shape.unknown / 2) => self.lose(client),
            Some(next) if next == 0 || self.dice.percent(50) => {
                let index = self.clients[client].2[next].index;
                let command = self.history.operations[index].command.clone();
                let reply = self.apply(self.site(client, index), &command);
                self.clients[client].2[next].reply = Some(reply);
            }
            _ if self.dice.percent(self.shape.unknown / 2) => self.lose(client),
            _ => {
                if let Some(Running { index, reply: Some(reply) }) = self.clients[client].2.pop_front() {
                    let (moment, outcome) = (self.moment(), Outcome::Reply(reply));
                    let command = &self.history.operations[index].command;
                    if let Some(command) = by_text_instead((command, &outcome)) {
                        self.batches[client].push_front(Batch { rest: 0, elsewhere: false, commands: vec![command] });
                    }
                    self.history.operations[index].end = Some((moment, outcome));
                }
            }
        }
        true
    }

    fn site(&self, client: usize, index: usize) -> Site {
        let (database, client) = (self.databases[client], self.clients[client].0);
        Site { database, stamp: index as u32, client, ..Site::default() }
    }

    /// Records that a client selects its database.
    fn select(&mut self, client: usize) {
        if self.databases[client] > 0 {
            let select = Command::Server(ServerCommand::Select(self.databases[client]));
            let index = self.record(self.clients[client].0, select);
            let moment = self.moment();
            self.history.operations[index].end = Some((moment, Outcome::Reply(Reply::ok())));
        }
    }

    fn call(&mut self, client: usize) {
        if self.batches[client].is_empty()
            && let Some(generator) = self.generators.get_mut(client)
        {
            self.clients[client].1 -= 1;
            self.batches[client].extend(generator.turn().batches);
        }
        let commands = match self.batches[client].pop_front() {
            Some(batch) => batch.commands,
            None => {
                let most = self.shape.pipeline.min(self.clients[client].1);
                let number = 1 + self.dice.below(most);
                self.clients[client].1 -= number;
                (0..number).map(|_| self.command_of(client)).collect()
            }
        };
        for command in commands {
            let index = self.record(self.clients[client].0, command);
            self.clients[client].2.push_back(Running { index, reply: None });
        }
    }

    fn record(&mut self, client: u64, command: Command) -> usize {
        let (index, call) = (self.history.operations.len(), self.moment());
        let (id, server) = (index as u64 + 1, String::new());
        let command = command.abridged(); // as a recorder does
        self.history.operations.push(Operation { id, client, server, command, call, end: None });
        index
    }

    /// Tells a client that its first command did nothing.
    fn fail(&mut self, client: usize) {
        let Some(Running { index, .. }) = self.clients[client].2.pop_front() else { return };
        let moment = self.moment();
        self.history.operations[index].end = Some((moment, Outcome::Failed("TRYAGAIN".into())));
        // A client whose WATCH or transaction fails goes on over another connection, and so as another client.
        let left_over = std::mem::take(&mut self.batches[client]);
        if !left_over.is_empty() || self.history.operations[index].command.transaction().is_some() {
            self.lose(client);
        }
        if self.fault == Some(Fault::Phantom) && self.dice.percent(60) {
            let command = self.history.operations[index].command.clone();
            self.apply(self.site(client, index), &command);
            self.struck += 1;
        }
    }

    /// Leaves a client without answers, and puts another client in its place.
    fn lose(&mut self, client: usize) {
        let next = self.clients.iter().map(|(number, ..)| *number).max().unwrap_or_default() + 1;
        let gone = self.clients[client].0;
        self.state.forget(gone);
        self.clients[client].0 = next;
        self.batches[client].clear();
        self.watching[client].clear();
        let forgotten = self.dice.percent(10);
        for Running { index, reply } in std::mem::take(&mut self.clients[client].2) {
            if !forgotten {
                let moment = self.moment();
                self.history.operations[index].end = Some((moment, Outcome::Unknown("the connection broke".into())));
            }
            if reply.is_none() {
                // The EXEC of a client that is gone does not see what the next one watches.
                let site = Site { client: gone, ..self.site(client, index) };
                self.adrift.push((site, self.history.operations[index].command.clone()));
            }
        }
        self.select(client);
    }

    /// Ends the lives that are over, and notes the life that a command gives.
    fn live(&mut self, site: Site, command: &Command) {
        let now = Duration::from_micros(TICK * self.events);
        for (_, limit, key) in self.deaths.extract_if(.., |(at, ..)| *at <= now) {
            (0..3).for_each(|database| model::expire(&mut self.state, database, &key, limit));
        }
        let of_fields = command.field_lifetimes().into_iter().map(|(key, life, _)| (key, life));
        for (key, milliseconds) in command.lifetimes().into_iter().chain(of_fields).filter(|(_, life)| *life > 0) {
            let limit = Lifetime::of(site, milliseconds);
            self.deaths.push((now + Duration::from_millis(milliseconds.unsigned_abs()), limit, key.clone()));
        }
    }

    fn apply(&mut self, site: Site, command: &Command) -> Reply {
        self.live(site, command);
        let is_transaction = command.transaction().is_some();
        if !is_transaction && let Some(reply) = self.know(command) {
            return reply;
        }
        let strikes = self.fault.is_some() && self.dice.percent(20);
        let before = (self.fault == Some(Fault::StaleRead)).then(|| self.state.clone());
        let mut reply = match (self.fault.filter(|_| strikes), command) {
            // What a server notes of a WATCH is not what it reads.
            _ if command.transaction().is_some_and(|unit| !unit.noted().is_empty()) && !command.may_write() => {
                model::apply_at(&mut self.state, site, command)
            }
            (Some(Fault::StaleRead), _) if !command.may_write() => {
                self.struck += 1;
                let mut past = self.dice.pick(&self.past);
                model::apply_at(&mut past, site, command)
            }
            (Some(Fault::LostWrite), _) if command.may_write() => {
                self.struck += 1;
                model::apply_at(&mut self.state.clone(), site, command)
            }
            (Some(Fault::Twice), _) if command.may_write() => {
                self.struck += 1;
                self.adrift.push((site, command.clone()));
                model::apply_at(&mut self.state, site, command)
            }
            (Some(Fault::TornMSet), Command::String(StringCommand::MSet(pairs))) if pairs.len() > 1 => {
                self.struck += 1;
                let (now, later) = pairs.split_at(1);
                self.adrift.push((site, Command::String(StringCommand::MSet(later.to_vec()))));
                model::apply(&mut self.state, &Command::String(StringCommand::MSet(now.to_vec())))
            }
            (Some(Fault::TornExec), Command::Transaction(TransactionCommand::Exec { watched, commands }))
                if watched.is_empty() && commands.len() > 1 =>
            {
                self.struck += 1;
                let (now, later) = commands.split_at(commands.len() - 1);
                let exec = |commands: &[Command]| TransactionCommand::Exec {
                    watched: Vec::new(),
                    commands: commands.to_vec(),
                };
                self.adrift.push((site, Command::Transaction(exec(later))));
                let mut replies = match model::apply_at(&mut self.state, site, &Command::Transaction(exec(now))) {
                    Reply::Array(replies) => replies,
                    _ => Vec::new(),
                };
                replies.push(model::apply_at(&mut self.state.clone(), site, &later[0]));
                Reply::Array(replies)
            }
            (Some(Fault::BlindExec), Command::Transaction(TransactionCommand::Exec { commands, .. })) => {
                self.struck += 1;
                let (watched, commands) = (Vec::new(), commands.clone());
                let blind = Command::Transaction(TransactionCommand::Exec { watched, commands });
                model::apply_at(&mut self.state, site, &blind)
            }
            (Some(Fault::PartialFlush), command) if command.is_flush() && !self.state.is_empty() => {
                self.struck += 1;
                let spared = self.dice.below(self.state.len());
                let kept = self.state.entries().nth(spared).map(|(key, _)| key.clone());
                self.state.retain(|database, word| kept.as_ref() == Some(&(database, word.clone())));
                Reply::ok()
            }
            _ => model::apply_at(&mut self.state, site, command),
        };
        if strikes
            && self.fault == Some(Fault::WrongCount)
            && let Reply::Integer(count) = &mut reply
        {
            self.struck += 1;
            *count = if *count > 0 && self.dice.percent(50) { *count - 1 } else { *count + 1 };
        }
        if let Some(before) = before.filter(|before| *before != self.state) {
            self.past.push(before);
        }
        // A transaction that is refused loads no script.
        if is_transaction && reply != Reply::Nil {
            self.know(command);
        }
        reply
    }

    /// Learns or forgets scripts. Returns the reply if the script of an EVALSHA is not known.
    fn know(&mut self, command: &Command) -> Option<Reply> {
        for script in command.parts().into_iter().filter_map(Command::script) {
            match script {
                ScriptCommand::Flush => self.scripts.clear(),
                ScriptCommand::Load { tag, name } => self.scripts.push((*name, tag.clone())),
                ScriptCommand::Run { calling: Calling::Text, tag, script } => {
                    self.scripts.push((script.name(), tag.clone()));
                }
                ScriptCommand::Run { calling: Calling::Digest, tag, script } => {
                    if !self.scripts.contains(&(script.name(), tag.clone())) {
                        return Some(Reply::Error { error: "NOSCRIPT No matching script".into() });
                    }
                }
            }
        }
        None
    }

    /// Swaps the replies of two neighbours in a pipeline.
    fn swap(&mut self) {
        let operations = &self.history.operations;
        let pairs: Vec<(usize, usize)> = (0..operations.len())
            .filter_map(|first| {
                let one = &operations[first];
                let second = (first + 1..operations.len()).find(|other| operations[*other].client == one.client)?;
                let other = &operations[second];
                let overlap = one.end.as_ref().is_some_and(|(end, _)| *end > other.call);
                (overlap && one.reply().is_some() && other.reply().is_some() && one.reply() != other.reply())
                    .then_some((first, second))
            })
            .collect();
        if pairs.is_empty() {
            return;
        }
        let (first, second) = self.dice.pick(&pairs);
        let reply = |index: usize| self.history.operations[index].reply().cloned().map(Outcome::Reply);
        let (Some(one), Some(other)) = (reply(first), reply(second)) else { return };
        for (index, outcome) in [(first, other), (second, one)] {
            if let Some((_, end)) = &mut self.history.operations[index].end {
                *end = outcome;
            }
        }
        self.struck += 1;
    }

    /// A command of a collection or a counter, as a person types it. Keys have one type each, except by chance.
    fn typed_command(&mut self) -> Command {
        let kind = if self.dice.percent(4) { self.dice.below(5) } else { self.shape.kind };
        self.values += 1;
        let (value, few) = (self.values, self.dice.below(3));
        let lines: [&[&str]; 5] = [
            &[
                "SADD @ e#",
                "SADD @ e#",
                "SADD @ e# x#",
                "SPOP @",
                "SPOP @ 2",
                "SREM @ e1",
                "SMEMBERS @",
                "SMEMBERS @",
                "SCARD @",
                "SISMEMBER @ e1",
                "SMOVE @ % e1",
                "SUNIONSTORE @ @ %",
                "SINTERSTORE % @ k0",
                "SDIFFSTORE @ % k0",
            ],
            &["HSET @ f? #", "HDEL @ f?", "HGET @ f?", "HGETALL @", "HLEN @", "HINCRBY @ n? #0"],
            &[
                "RPUSH @ e#",
                "LPUSH @ e#",
                "RPUSH @ e# x#",
                "LPOP @",
                "RPOP @",
                "LINSERT @ AFTER e1 i#",
                "LREM @ 0 e1",
                "LMOVE @ % LEFT RIGHT",
                "LMOVE @ % RIGHT LEFT",
                "LMPOP 2 @ % LEFT COUNT 2",
                "LSET @ -1 s#",
                "LTRIM @ 1 -1",
                "LINDEX @ 0",
                "LPOS @ e1",
                "LRANGE @ 0 -1",
                "LRANGE @ 0 -1",
                "LLEN @",
            ],
            &[
                "ZADD @ # f?",
                "ZREM @ f?",
                "ZSCORE @ f?",
                "ZRANK @ f?",
                "ZRANGE @ 0 -1 WITHSCORES",
                "ZRANGE @ 0 -1 WITHSCORES",
                "ZINCRBY @ #0 f?",
                "ZPOPMIN @ 1",
                "ZPOPMAX @ 2",
                "ZRANGE @ 0 1 REV WITHSCORES",
                "ZRANGE @ (5 +inf BYSCORE LIMIT 0 2 WITHSCORES",
                "ZRANGESTORE % @ 0 1",
                "ZUNIONSTORE @ 2 @ % AGGREGATE MAX",
                "ZCARD @",
            ],
            &["INCRBY @ #0", "INCRBY @ #0", "GET @", "GETDEL @", "SETNX @ #", "GETSET @ #", "APPEND @ #", "STRLEN @"],
        ];
        let line = match self.dice.below(100) {
            0..8 => "DEL @",
            8..11 => "RENAME @ k0",
            _ => self.dice.pick(lines[kind]),
        };
        let [key, other] = [(); 2].map(|()| format!("k{}", self.dice.below(self.shape.keys)));
        let line = line
            .replace('@', &key)
            .replace('%', &other)
            .replace('#', &value.to_string())
            .replace('?', &few.to_string());
        Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).expect("the lines are commands")
    }

    fn command_of(&mut self, client: usize) -> Command {
        match self.shape.kind {
            5 => self.of_log(),
            6 => self.in_unit(client),
            7 => self.about_life(client),
            8 => self.about_field(client),
            9 => self.about_place(),
            _ => self.command(),
        }
    }

    /// A command, or a transaction, about lists that only grow.
    fn of_log(&mut self) -> Command {
        let chosen = self.dice.below(100);
        let number = 1 + self.dice.below(3);
        let commands: Vec<Command> = (0..number).map(|_| self.about_log()).collect();
        Command::Transaction(match chosen {
            0..50 => return self.about_log(),
            50..55 => TransactionCommand::Discard(commands),
            _ => TransactionCommand::Exec { watched: Vec::new(), commands },
        })
    }

    fn about_log(&mut self) -> Command {
        self.values += 1;
        let (key, value) = (self.key(), self.values);
        let line = match self.dice.below(10) {
            0..4 => format!("RPUSH {key} e{value}"),
            4 => format!("RPUSH {key} e{value} x{value}"),
            5 => format!("EVAL push-and-look r 1 {key} e{value}"),
            6 => format!("LLEN {key}"),
            _ => format!("LRANGE {key} 0 -1"),
        };
        Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).expect("the lines are commands")
    }

    /// A command about a string and its life, or a transaction of such.
    fn about_life(&mut self, client: usize) -> Command {
        let other = 1 - self.databases[client].min(1);
        let single = |world: &mut World<'_>| {
            world.values += 1;
            let (key, value) = (world.key(), world.values);
            let lines = [
                format!("SET {key} {value} PX 3600000"),
                format!("SET {key} {value} NX EX 60"),
                format!("SET {key} {value} XX EXAT 4100000000 GET"),
                format!("SET {key} {value} EXAT 1"),
                format!("SET {key} {value} KEEPTTL"),
                format!("SET {key} {value} KEEPTTL GET"),
                format!("SET {key} {value}"),
                format!("GETEX {key}"),
                format!("GETEX {key} EX 3600"),
                format!("GETEX {key} PERSIST"),
                format!("EXPIRE {key} 60 NX"),
                format!("EXPIRE {key} 3600 XX"),
                format!("EXPIRE {key} 600 GT"),
                format!("EXPIRE {key} 600 LT"),
                format!("EXPIRE {key} 0 LT"),
                format!("PERSIST {key}"),
                format!("PERSIST {key}"),
                format!("PTTL {key}"),
                format!("PTTL {key}"),
                format!("GET {key}"),
                format!("GET {key}"),
                format!("MOVE {key} {other}"),
                format!("COPY {key} {key} DB {other}"),
                format!("COPY {key} {key} DB {other} REPLACE"),
                format!("COPY {key} k3 REPLACE"),
            ];
            let line = world.dice.pick(&lines);
            Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).expect("the lines are commands")
        };
        if self.dice.percent(75) {
            return single(self);
        }
        let commands = (0..2).map(|_| single(self)).collect();
        Command::Transaction(TransactionCommand::Exec { watched: Vec::new(), commands })
    }

    /// A command about fields and their lives, or a transaction of such.
    fn about_field(&mut self, client: usize) -> Command {
        let other = 1 - self.databases[client].min(1);
        let single = |world: &mut World<'_>| {
            world.values += 1;
            let (key, value) = (world.key(), world.values);
            let [field, second] = [(); 2].map(|()| ["f", "g", "n"][world.dice.below(3)]);
            let lines = [
                format!("HSET {key} {field} {value}"),
                format!("HSET {key} f {value} g {value}"),
                format!("HDEL {key} {field}"),
                format!("HINCRBY {key} n {value}0"),
                format!("HGET {key} {field}"),
                format!("HGETALL {key}"),
                format!("HGETALL {key}"),
                format!("HLEN {key}"),
                format!("HPEXPIRE {key} 3600000 FIELDS 2 {field} {second}"),
                format!("HEXPIRE {key} 60 NX FIELDS 2 {field} {second}"),
                format!("HEXPIRE {key} 600 GT FIELDS 2 {field} {second}"),
                format!("HEXPIRE {key} 600 LT FIELDS 1 {field}"),
                format!("HEXPIRE {key} 3600 XX FIELDS 1 {field}"),
                format!("HEXPIREAT {key} 1 FIELDS 1 {field}"),
                format!("HPEXPIREAT {key} 4100000000000 FIELDS 1 {field}"),
                format!("HPERSIST {key} FIELDS 2 {field} {second}"),
                format!("HTTL {key} FIELDS 1 {field}"),
                format!("HPTTL {key} FIELDS 2 {field} {second}"),
                format!("HGETEX {key} FIELDS 1 {field}"),
                format!("HGETEX {key} PERSIST FIELDS 1 {field}"),
                format!("HGETEX {key} EX 3600 FIELDS 2 {field} {second}"),
                format!("HSETEX {key} FNX PX 3600000 FIELDS 2 f {value} g {value}"),
                format!("HSETEX {key} FXX KEEPTTL FIELDS 1 {field} {value}"),
                format!("HSETEX {key} EXAT 1 FIELDS 1 {field} {value}"),
                format!("HGETDEL {key} FIELDS 1 {field}"),
                format!("EVAL set-field-for r 1 {key} {field} {value} 3600000"),
                format!("PEXPIRE {key} 3600000"),
                format!("EXISTS {key}"),
                format!("MOVE {key} {other}"),
                format!("COPY {key} {key} DB {other} REPLACE"),
            ];
            let line = world.dice.pick(&lines);
            Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).expect("the lines are commands")
        };
        if self.dice.percent(75) {
            return single(self);
        }
        let commands = (0..2).map(|_| single(self)).collect();
        Command::Transaction(TransactionCommand::Exec { watched: Vec::new(), commands })
    }

    /// A command about places.
    fn about_place(&mut self) -> Command {
        let [key, other] = [(); 2].map(|()| self.key());
        let [member, second] = [(); 2].map(|()| format!("f{}", self.dice.below(3)));
        let places = ["13.361389 38.115556", "13.289300 38.081800", "139.691700 35.689500", "-180.000000 85.051128"];
        let place = self.dice.pick(&places);
        let lines = [
            format!("GEOADD {key} {place} {member}"),
            format!("GEOADD {key} {place} {member} {place} {second}"),
            format!("GEOPOS {key} {member} {second}"),
            format!("GEODIST {key} {member} {second}"),
            format!("GEOSEARCH {key} FROMLONLAT {place} BYRADIUS 200 km"),
            format!("GEOSEARCH {key} FROMMEMBER {member} BYRADIUS 10 km"),
            format!("GEOSEARCHSTORE {key} {other} FROMMEMBER {member} BYRADIUS 200 km"),
            format!("ZREM {key} {member}"),
            format!("ZCARD {key}"),
            format!("ZRANGE {key} 0 -1 WITHSCORES"),
            format!("ZADD {key} 5 {member}"),
            format!("EVAL put-and-search r 1 {key} {place} {member} 200"),
        ];
        let line = self.dice.pick(&lines);
        Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).expect("the lines are commands")
    }

    /// A command of any type, a transaction, a script, or a WATCH.
    fn in_unit(&mut self, client: usize) -> Command {
        let chosen = self.dice.below(100);
        let typed = |world: &mut World<'_>| {
            let (kind, shape) = (world.dice.below(5), world.shape.clone());
            // Each key has one type, except by chance.
            let kind = if world.dice.percent(90) { 2 + 2 * (shape.clients % 2) } else { kind };
            world.shape.kind = kind;
            let command = world.typed_command();
            world.shape = shape;
            command
        };
        match chosen {
            0..20 if self.watching[client].is_empty() => {
                let watched = vec![self.key()];
                self.watching[client].clone_from(&watched);
                Command::Transaction(TransactionCommand::Watch(watched))
            }
            0..50 => {
                let number = 1 + self.dice.below(3);
                let commands = (0..number).map(|_| typed(self)).collect();
                let watched = std::mem::take(&mut self.watching[client]);
                Command::Transaction(TransactionCommand::Exec { watched, commands })
            }
            50..65 => {
                self.values += 1;
                let (key, other, value) = (self.key(), self.key(), self.values);
                let lines = [
                    format!("EVAL move-if r 2 {key} {other} 0"),
                    format!("EVAL incr-with-limit r 1 {key} {value}0 200"),
                    format!("EVAL push-and-look r 1 {key} e{value}"),
                    format!("EVAL set-and-fail r 1 {key} v{value}"),
                    format!("EVAL compare-and-set r 1 {key} {} {value}", value - 1),
                ];
                let line = self.dice.pick(&lines);
                Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).expect("the lines are commands")
            }
            _ => typed(self),
        }
    }

    fn command(&mut self) -> Command {
        if self.dice.percent(self.shape.typed) {
            return self.typed_command();
        }
        let key = self.key();
        if self.dice.percent(self.shape.whole) {
            let size = Command::Server(ServerCommand::DbSize);
            return self.dice.pick(&[Command::FLUSH_ALL, size.clone(), size]);
        }
        let several = self.dice.percent(self.shape.joined);
        let keys: Vec<Word> =
            if several { (0..2 + self.dice.below(3)).map(|_| self.key()).collect() } else { vec![key.clone()] };
        if self.dice.percent(self.shape.existence) {
            let exists = self.dice.percent(40);
            return Command::Key(if exists { KeyCommand::Exists(keys) } else { KeyCommand::Del(keys) });
        }
        let read = self.dice.percent(self.shape.reads);
        Command::String(match (read, several) {
            (true, true) => StringCommand::MGet(keys),
            (true, false) => StringCommand::Get(key),
            (false, true) => StringCommand::MSet(keys.into_iter().map(|key| (key, self.value())).collect()),
            (false, false) => {
                let options = self.dice.percent(self.shape.options);
                let conditions = [None, Some(Condition::Absent), Some(Condition::Present)];
                let condition = if options { self.dice.pick(&conditions) } else { None };
                let get = options && self.dice.percent(50);
                StringCommand::Set { key, value: self.value(), condition, get }
            }
        })
    }

    fn key(&mut self) -> Word {
        format!("k{}", self.dice.below(self.shape.keys)).into()
    }

    fn value(&mut self) -> Word {
        self.values += 1;
        if self.shape.repeated { format!("v{}", self.dice.below(2)) } else { format!("v{}", self.values) }.into()
    }
}
