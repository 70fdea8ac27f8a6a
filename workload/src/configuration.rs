//! What a round is like: drawn at random, extremes included, and told in a line.
//!
//! Averages hide bugs: a hundred rounds of a bit of everything are one round. So each round leaves whole classes of
//! commands out and exaggerates others (swarm testing), and it may be all on one key, all on one server, or all in long
//! pipelines.

use std::fmt;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use crate::carried::Carried;
use crate::chance::Chance;
use crate::class::Class;

/// How many commands may be under way at once in a round whose keys are joined; half as many if they are more than two.
const UNDER_WAY: usize = 32;

/// How many keys such a round may have: with more of them, one round in some thousands would be undecided
/// (`tests/rounds.rs`).
const JOINED_KEYS: usize = 5;

/// How many others may have while a FLUSHALL of an earlier round may still empty them.
const DISTURBED_KEYS: usize = 16;

/// What rounds may be like.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many servers there are.
    pub servers: usize,
    /// Whether the database is the workload's alone, so that it may be flushed and counted.
    pub own_database: bool,
    /// How many operations a round has, about: the least and the most.
    pub operations: (usize, usize),
    /// The longest value, in bytes.
    pub longest_value: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { servers: 1, own_database: false, operations: (100, 1500), longest_value: 300 << 10 }
    }
}

/// What one round is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Clients that are at it at the same time.
    pub clients: usize,
    /// How often each of them sends something.
    pub steps: usize,
    /// How many keys there are.
    pub keys: usize,
    /// Of which each client uses only so many.
    pub keys_per_client: usize,
    /// What they send, and how often each in comparison to the others.
    pub classes: Vec<(Class, u32)>,
    /// How many keys a command of several has, at most.
    pub keys_per_command: usize,
    /// How many commands are sent at once, at most.
    pub pipeline: usize,
    /// How long values are.
    pub values: Lengths,
    /// Whether keys and values are arbitrary bytes, or text.
    pub binary: bool,
    /// The servers that are used, by their places in the list.
    pub servers: Vec<usize>,
    /// Every so many steps a client connects anew, to any of the servers; never, if 0.
    pub reconnect: u32,
    /// Whether clients speak RESP3.
    pub resp3: bool,
    /// How long a client rests between steps, at most, in milliseconds.
    pub rest: u64,
    /// Whether the round begins with a FLUSHALL, so that it may count keys.
    pub owns_database: bool,
}

/// How long values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lengths {
    /// Just what makes them unique; and one of them is empty.
    Tiny,
    /// Up to some hundred bytes.
    Short,
    /// Mostly short, but some of up to so many bytes.
    Mixed(usize),
}

impl Configuration {
    /// Draws one that may be played after rounds that have left so much in the air. `flushing` says whether it may begin
    /// with a FLUSHALL.
    pub fn draw(chance: &mut Chance, bounds: &Bounds, flushing: bool, carried: &Carried) -> Configuration {
        let owns_database = bounds.own_database && flushing && chance.random_ratio(1, 4);
        let keys = *[1, 1, 2, 3, 5, 8, 16, 64].choose(chance).unwrap_or(&1);
        let pipeline = *[1, 1, 1, 2, 4, 16].choose(chance).unwrap_or(&1);
        let classes = draw_classes(chance, owns_database, carried.may_count(), keys);
        // What joins keys makes every key everyone's business, and a pipeline gives its commands an order across keys:
        // then the checker pays for each command under way, and for each key.
        let joined = pipeline > 1 || keys > 1 && classes.iter().any(|(class, _)| class.joins());
        // So does a FLUSHALL that may yet land, though it is one command for all of them.
        let disturbed = keys > 1 && carried.may_disturb();
        let keys = keys.min(match (joined, disturbed) {
            (true, true) => JOINED_KEYS - 2,
            (true, false) => JOINED_KEYS,
            (false, true) => DISTURBED_KEYS,
            (false, false) => usize::MAX,
        });
        let under_way = if keys <= 2 { UNDER_WAY } else { UNDER_WAY / 2 };
        // Of a client that loses its connection a whole pipeline may be left open, several times.
        let pipeline = pipeline.min(under_way / 2);
        let most = match (owns_database, joined) {
            (true, _) => 4.min(under_way / pipeline),
            (_, true) => 6.min(under_way / pipeline),
            _ if disturbed => UNDER_WAY / 4,
            _ => 16,
        };
        let clients = *[1, 2, 3, 3, 4, 4, 6, 8, 12, 16].iter().filter(|n| **n <= most).choose(chance).unwrap_or(&2);
        // As many rounds of a hundred as of a thousand.
        let (least, most) = bounds.operations;
        let doublings = (most as f64 / least as f64).log2();
        let operations = (least as f64 * (doublings * chance.random::<f64>()).exp2()) as usize;
        let values = match chance.random_range(0..4) {
            0 => Lengths::Tiny,
            1 if bounds.longest_value > 1024 => Lengths::Mixed(chance.random_range(1024..=bounds.longest_value)),
            _ => Lengths::Short,
        };
        let mut servers: Vec<usize> = (0..bounds.servers).collect();
        if chance.random_ratio(1, 8) {
            servers = vec![chance.random_range(0..bounds.servers)];
        }
        Configuration {
            clients,
            // A pipeline is half full on average.
            steps: (2 * operations / (clients * (pipeline + 1))).max(1),
            keys,
            keys_per_client: if chance.random_ratio(1, 2) { keys } else { chance.random_range(1..=keys) },
            classes,
            keys_per_command: chance.random_range(2..=8),
            pipeline,
            values,
            binary: chance.random_ratio(1, 3),
            servers,
            reconnect: *[0, 0, 4, 16].choose(chance).unwrap_or(&0),
            resp3: chance.random_ratio(1, 2),
            rest: *[0, 0, 0, 3, 30].choose(chance).unwrap_or(&0),
            owns_database,
        }
    }

    /// Whether a class of commands is among those that are sent.
    pub fn has(&self, class: Class) -> bool {
        self.classes.iter().any(|(one, _)| *one == class)
    }
}

/// Which classes there are, and their weights. There is always something that writes values, and something that reads
/// them.
fn draw_classes(chance: &mut Chance, owns_database: bool, counting: bool, keys: usize) -> Vec<(Class, u32)> {
    let mut classes: Vec<(Class, u32)> = Vec::new();
    for class in Class::GENTLE {
        let likely = if class.joins() && keys == 1 { 4 } else { 2 };
        if chance.random_ratio(1, likely) {
            classes.push((class, *[1, 2, 4, 8, 16].choose(chance).unwrap_or(&4)));
        }
    }
    let mut demand = |any_of: &[Class]| {
        if !classes.iter().any(|(class, _)| any_of.contains(class)) {
            classes.extend(any_of.choose(chance).map(|class| (*class, 8)));
        }
    };
    demand(&[Class::Set, Class::MSet, Class::SetGet]);
    demand(&[Class::Get, Class::MGet, Class::SetGet]);
    if owns_database {
        // Rare enough for something to be there when they come.
        let common: u32 = classes.iter().map(|(_, weight)| weight).sum();
        classes.push((Class::FlushAll, (common / 16).max(1)));
        if counting {
            classes.push((Class::DbSize, (common / 8).max(1)));
        }
    }
    classes
}

/// In a line, and as short as it can be said.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Configuration { clients, steps, keys, keys_per_client, pipeline, rest, .. } = self;
        write!(f, "{clients} clients x {steps} steps of up to {pipeline}, {keys_per_client} of {keys} keys each:")?;
        for (class, weight) in &self.classes {
            write!(f, " {} {weight},", class.name())?;
        }
        write!(f, " up to {} keys a command, ", self.keys_per_command)?;
        match self.values {
            Lengths::Tiny => f.write_str("tiny")?,
            Lengths::Short => f.write_str("short")?,
            Lengths::Mixed(longest) => write!(f, "up to {longest} bytes of")?,
        }
        write!(f, " {} values, servers {:?}", if self.binary { "binary" } else { "text" }, self.servers)?;
        if self.reconnect > 0 {
            write!(f, ", connecting anew every {} steps", self.reconnect)?;
        }
        if *rest > 0 {
            write!(f, ", resting up to {rest} ms")?;
        }
        f.write_str(if self.resp3 { ", RESP3" } else { ", RESP2" })?;
        f.write_str(if self.owns_database { ", on an emptied database" } else { "" })
    }
}
