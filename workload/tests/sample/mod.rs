//! Histories of a simulated database, drawn from a seed: right ones, and wrong ones of a chosen kind.
//!
//! The database is the model itself. Each command takes effect at a moment of its own between its call and its end; one
//! of unknown outcome takes effect late or never. The generator uses its own numbers, so that a seed means the same
//! history for ever.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::VecDeque;
use std::time::Duration;

use valthree_workload::configuration::Configuration;
use valthree_workload::generator::{self, Generator};
use valthree_workload::history::{History, Moment, Operation};
use valthree_workload::model::{self, State};
use valthree_workload::operation::{Command, Condition, Outcome, Reply};
use valthree_workload::round::{FIRST_CARRIED, Round};
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

/// What a database may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A read is answered from an older state.
    StaleRead,
    /// A write is acknowledged and does nothing.
    LostWrite,
    /// A command that failed has happened all the same.
    Phantom,
    /// A write happens once more, later.
    Twice,
    /// A count is wrong by one.
    WrongCount,
    /// An MSET sets its keys at two moments.
    TornMSet,
    /// A FLUSHALL leaves a key.
    PartialFlush,
    /// Two replies of a pipeline are swapped.
    Swapped,
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

/// What histories look like. Chances are in percent.
#[derive(Clone, Debug)]
pub struct Shape {
    pub clients: usize,
    /// How many operations each client begins, and those that come in its place.
    pub operations: usize,
    pub keys: usize,
    pub unknown: u64,
    pub failed: u64,
    /// How many commands are sent at once at most.
    pub pipeline: usize,
    /// Commands of several keys.
    pub joined: u64,
    /// FLUSHALL and DBSIZE.
    pub whole: u64,
    /// Conditions and GET of a SET.
    pub options: u64,
    /// EXISTS, and DEL whose counts tell of existence.
    pub existence: u64,
    pub reads: u64,
    /// Whether values repeat.
    pub repeated: bool,
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

    /// Small enough for a plain search, and anything may occur.
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
        }
    }

    /// The same, but so that a fault can strike and be noticed.
    pub fn prone_to(self, fault: Option<Fault>) -> Shape {
        match fault {
            None | Some(Fault::StaleRead | Fault::LostWrite | Fault::WrongCount) => self,
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
    place: usize,
    reply: Option<Reply>,
}

struct World<'a> {
    dice: &'a mut Dice,
    /// Of each client, what decides its commands, if the shape does not.
    generators: Vec<Generator<'a>>,
    shape: Shape,
    fault: Option<Fault>,
    state: State,
    past: Vec<State>,
    history: History,
    events: u64,
    values: usize,
    /// Of each client: its number, how many operations it may still begin, and what is under way.
    clients: Vec<(u64, usize, VecDeque<Running>)>,
    /// Commands whose client has given up.
    adrift: Vec<Command>,
    /// How often the fault has struck.
    struck: usize,
}

/// The history of a round such as the workload draws, on a right database where so many of a hundred commands have an
/// unknown outcome. Of what earlier rounds have left open a third may land in it.
pub fn round(dice: &mut Dice, round: &Round, carried: &[Command], unknown: u64) -> History {
    let Configuration { clients, steps, .. } = round.configuration;
    let keys = generator::keys(&round.configuration, &round.prefix);
    let chance = |actor| round.source.chance(round.number, actor as u64 + 1);
    let generators =
        (0..clients).map(|actor| Generator::new(&round.configuration, actor, &keys, chance(actor))).collect();
    let shape = Shape { unknown, ..Shape::register(clients, steps) };
    let mut world =
        World { generators, adrift: carried.iter().step_by(3).cloned().collect(), ..World::of(dice, &shape, None) };
    for (place, command) in carried.iter().enumerate() {
        world.record(FIRST_CARRIED + place as u64, command.clone());
    }
    while world.step() {}
    world.history
}

/// A history, and how often the fault struck.
pub fn history(dice: &mut Dice, shape: &Shape, fault: Option<Fault>) -> (History, usize) {
    let mut world = World::of(dice, shape, fault);
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
            struck: 0,
        }
    }
}

/// Makes a history wrong in one place, late in it: a GET is answered with a value that had been read before, and then
/// another one.
pub fn spoil(history: &mut History) {
    let value = |operation: &Operation| match (&operation.command, operation.reply()) {
        (Command::Get(key), Some(Reply::Value(value))) => Some((key.clone(), value.clone())),
        _ => None,
    };
    let reads: Vec<(usize, Word, Word)> = history
        .operations
        .iter()
        .enumerate()
        .filter_map(|(place, operation)| value(operation).map(|(key, value)| (place, key, value)))
        .collect();
    let spoilt = reads.len() * 9 / 10;
    let (place, key, new) = &reads[spoilt];
    let of_key = |read: &&(usize, Word, Word)| read.1 == *key && read.2 != *new;
    let old = reads[..spoilt / 2].iter().rev().find(of_key).map(|(_, _, value)| value.clone());
    if let (Some(old), Some((_, outcome))) = (old, &mut history.operations[*place].end) {
        *outcome = Outcome::Reply(Reply::Value(old));
    }
}

impl World<'_> {
    fn moment(&mut self) -> Moment {
        self.events += 1;
        Moment { event: self.events - 1, at: Duration::from_micros(self.events) }
    }

    /// Lets one random thing happen. False when all is over.
    fn step(&mut self) -> bool {
        let busy: Vec<usize> =
            (0..self.clients.len()).filter(|c| self.clients[*c].1 > 0 || !self.clients[*c].2.is_empty()).collect();
        if busy.is_empty() {
            return false;
        }
        if !self.adrift.is_empty() && self.dice.percent(8) {
            let command = self.adrift.swap_remove(self.dice.below(self.adrift.len()));
            if self.dice.percent(60) {
                self.apply(&command);
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
                let place = self.clients[client].2[next].place;
                let command = self.history.operations[place].command.clone();
                let reply = self.apply(&command);
                self.clients[client].2[next].reply = Some(reply);
            }
            _ if self.dice.percent(self.shape.unknown / 2) => self.lose(client),
            _ => {
                if let Some(Running { place, reply: Some(reply) }) = self.clients[client].2.pop_front() {
                    let moment = self.moment();
                    self.history.operations[place].end = Some((moment, Outcome::Reply(reply)));
                }
            }
        }
        true
    }

    fn call(&mut self, client: usize) {
        let commands = match self.generators.get_mut(client) {
            Some(generator) => {
                self.clients[client].1 -= 1;
                generator.step().commands
            }
            None => {
                let most = self.shape.pipeline.min(self.clients[client].1);
                let number = 1 + self.dice.below(most);
                self.clients[client].1 -= number;
                (0..number).map(|_| self.command()).collect()
            }
        };
        for command in commands {
            let place = self.record(self.clients[client].0, command);
            self.clients[client].2.push_back(Running { place, reply: None });
        }
    }

    fn record(&mut self, client: u64, command: Command) -> usize {
        let (place, call) = (self.history.operations.len(), self.moment());
        let (id, server) = (place as u64 + 1, String::new());
        self.history.operations.push(Operation { id, client, server, command, call, end: None });
        place
    }

    /// The first command of a client does nothing, or so it is told.
    fn fail(&mut self, client: usize) {
        let Some(Running { place, .. }) = self.clients[client].2.pop_front() else { return };
        let moment = self.moment();
        self.history.operations[place].end = Some((moment, Outcome::Failed("TRYAGAIN".into())));
        if self.fault == Some(Fault::Phantom) && self.dice.percent(60) {
            let command = self.history.operations[place].command.clone();
            self.apply(&command);
            self.struck += 1;
        }
    }

    /// A client learns nothing more about what is under way, and another one takes its place.
    fn lose(&mut self, client: usize) {
        let next = self.clients.iter().map(|(number, ..)| *number).max().unwrap_or_default() + 1;
        self.clients[client].0 = next;
        let forgotten = self.dice.percent(10);
        for Running { place, reply } in std::mem::take(&mut self.clients[client].2) {
            if !forgotten {
                let moment = self.moment();
                self.history.operations[place].end = Some((moment, Outcome::Unknown("the connection broke".into())));
            }
            if reply.is_none() {
                self.adrift.push(self.history.operations[place].command.clone());
            }
        }
    }

    fn apply(&mut self, command: &Command) -> Reply {
        let strikes = self.fault.is_some() && self.dice.percent(20);
        let before = (self.fault == Some(Fault::StaleRead)).then(|| self.state.clone());
        let mut reply = match (self.fault.filter(|_| strikes), command) {
            (Some(Fault::StaleRead), _) if !command.may_write() => {
                self.struck += 1;
                let mut past = self.dice.pick(&self.past);
                model::apply(&mut past, command)
            }
            (Some(Fault::LostWrite), _) if command.may_write() => {
                self.struck += 1;
                model::apply(&mut self.state.clone(), command)
            }
            (Some(Fault::Twice), _) if command.may_write() => {
                self.struck += 1;
                self.adrift.push(command.clone());
                model::apply(&mut self.state, command)
            }
            (Some(Fault::TornMSet), Command::MSet(pairs)) if pairs.len() > 1 => {
                self.struck += 1;
                let (now, later) = pairs.split_at(1);
                self.adrift.push(Command::MSet(later.to_vec()));
                model::apply(&mut self.state, &Command::MSet(now.to_vec()))
            }
            (Some(Fault::PartialFlush), Command::FlushAll) if !self.state.is_empty() => {
                self.struck += 1;
                let spared = self.dice.below(self.state.len());
                let kept = self.state.clone().into_iter().nth(spared);
                self.state = kept.into_iter().collect();
                Reply::ok()
            }
            _ => model::apply(&mut self.state, command),
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
        reply
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
        let reply = |place: usize| self.history.operations[place].reply().cloned().map(Outcome::Reply);
        let (Some(one), Some(other)) = (reply(first), reply(second)) else { return };
        for (place, outcome) in [(first, other), (second, one)] {
            if let Some((_, end)) = &mut self.history.operations[place].end {
                *end = outcome;
            }
        }
        self.struck += 1;
    }

    fn command(&mut self) -> Command {
        let key = self.key();
        if self.dice.percent(self.shape.whole) {
            return self.dice.pick(&[Command::FlushAll, Command::DbSize, Command::DbSize]);
        }
        let several = self.dice.percent(self.shape.joined);
        let keys: Vec<Word> =
            if several { (0..2 + self.dice.below(3)).map(|_| self.key()).collect() } else { vec![key.clone()] };
        if self.dice.percent(self.shape.existence) {
            return if self.dice.percent(40) { Command::Exists(keys) } else { Command::Del(keys) };
        }
        let read = self.dice.percent(self.shape.reads);
        match (read, several) {
            (true, true) => Command::MGet(keys),
            (true, false) => Command::Get(key),
            (false, true) => Command::MSet(keys.into_iter().map(|key| (key, self.value())).collect()),
            (false, false) => {
                let options = self.dice.percent(self.shape.options);
                let conditions = [None, Some(Condition::Absent), Some(Condition::Present)];
                let condition = if options { self.dice.pick(&conditions) } else { None };
                let get = options && self.dice.percent(50);
                Command::Set { key, value: self.value(), condition, get }
            }
        }
    }

    fn key(&mut self) -> Word {
        format!("k{}", self.dice.below(self.shape.keys)).into()
    }

    fn value(&mut self) -> Word {
        self.values += 1;
        if self.shape.repeated { format!("v{}", self.dice.below(2)) } else { format!("v{}", self.values) }.into()
    }
}
