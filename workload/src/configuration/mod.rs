//! The configuration of a round, drawn at random with its extremes.
//!
//! Averages hide bugs: a hundred rounds of a bit of everything are one round. So each round leaves out whole classes of
//! commands and exaggerates others (swarm testing: Groce and others, 2012). It may use one key only, or one server only, or
//! long pipelines only.

mod restriction;
mod weights;

use std::fmt;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use crate::carried::Carried;
use crate::chance::Chance;
use crate::class::{Class, ClassSet};
use crate::contents::Contents;

/// The most commands under way at once in a round whose keys are joined. With more than two keys it is half of that.
const UNDER_WAY: usize = 32;

/// The most keys of such a round. With more, one round in some thousands would be undecided (`tests/rounds.rs`).
const JOINED_KEYS: usize = 5;

/// The most keys of any other round that an open FLUSHALL of an earlier round may still empty.
const DISTURBED_KEYS: usize = 16;

/// The most operations of a typed round. A longer one shows no more, and costs the checker more.
const TYPED_OPERATIONS: usize = 300;

/// The most operations of a typed round that is hard to follow: a life may end at many moments, or elements move between
/// lists.
const LIMITED_OPERATIONS: usize = 120;

/// The most operations of each key of a round of logs. A look shows the whole log, so histories would grow with the square.
const LOG_OPERATIONS: usize = 150;

/// The longest value of a typed round, in bytes. A history keeps it whole, so that the model can append to it.
const TYPED_VALUE: usize = 100;

/// The limits within which configurations are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The number of servers.
    pub servers: usize,
    /// Whether the workload is the sole user of the database, so that rounds may flush it and count its keys.
    pub own_database: bool,
    /// The least and the most operations of a round, roughly.
    pub operations: (usize, usize),
    /// The longest value, in bytes.
    pub longest_value: usize,
    /// The classes of commands that may be drawn.
    pub classes: ClassSet,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            servers: 1,
            own_database: false,
            operations: (100, 1500),
            longest_value: 300 << 10,
            classes: ClassSet::ALL,
        }
    }
}

/// The configuration of one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The number of clients, which all run at the same time.
    pub clients: usize,
    /// The number of turns of each client.
    pub steps: usize,
    /// The number of keys.
    pub keys: usize,
    /// The number of those keys that each client uses.
    pub keys_per_client: usize,
    /// The classes of commands that clients send, with their weights.
    pub classes: Vec<(Class, u32)>,
    /// Those that clients may send beside them, such as a look at every key in the end.
    pub allowed: ClassSet,
    /// The most keys of a command of several keys.
    pub keys_per_command: usize,
    /// The most commands that a client sends at once.
    pub pipeline: usize,
    /// The lengths of values.
    pub values: Lengths,
    /// Whether keys and values are arbitrary bytes instead of text.
    pub binary: bool,
    /// The servers that clients use, as indexes in the list of servers.
    pub servers: Vec<usize>,
    /// A client opens a new connection every so many turns on average, and never if this is 0.
    pub reconnect: u32,
    /// Whether clients speak RESP3.
    pub resp3: bool,
    /// The longest rest of a client between turns, in milliseconds.
    pub rest: u64,
    /// Whether the round begins with a FLUSHALL and may count keys.
    pub owns_database: bool,
    /// What the keys hold, in turns. A round of registers has none.
    pub contents: Vec<Contents>,
    /// The number of databases. Each client selects one of them.
    pub databases: u8,
}

/// The lengths of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lengths {
    /// As short as unique values can be. One value is empty.
    Tiny,
    /// Up to 300 bytes.
    Short,
    /// Mostly short, some up to this many bytes.
    Mixed(usize),
}

impl Configuration {
    /// Draws a configuration for a round after earlier rounds that left `carried` open. `flushing` says whether the round
    /// may begin with a FLUSHALL.
    pub fn draw(chance: &mut Chance, bounds: &Bounds, flushing: bool, carried: &Carried) -> Configuration {
        let may_own = bounds.own_database && bounds.classes.has(Class::FlushAll);
        if let Some(strays) = Configuration::draw_strays(chance, bounds) {
            return strays;
        }
        let typed = bounds.typed();
        if !typed.is_empty() && (!bounds.has_registers() || chance.random_ratio(2, 3)) {
            if Configuration::may_log(bounds.classes) && chance.random_ratio(1, 6) {
                return Configuration::draw_log(chance, bounds, carried);
            }
            let swapping = bounds.classes.has(Class::SwapDb) && bounds.classes.has(Class::Watch);
            let owns_database = may_own && flushing && chance.random_ratio(1, if swapping { 3 } else { 4 });
            return Configuration::draw_typed(chance, bounds, &typed, owns_database, carried);
        }
        let owns_database = may_own && flushing && chance.random_ratio(1, 4);
        let keys = *[1, 1, 2, 3, 5, 8, 16, 64].choose(chance).unwrap_or(&1);
        // The judge of typed values takes such a round, and follows less.
        let swapped = carried.may_swap();
        let pipeline = *[1, 1, 1, 2, 4, 16].choose(chance).unwrap_or(&1);
        let pipeline = if swapped { 1 } else { pipeline };
        let classes = weights::of_registers(chance, bounds.classes, owns_database, carried.may_count(1), keys);
        // A command of several keys binds their parts together, and so does a pipeline over several keys. The checker then
        // pays for every command under way and for every key.
        let joined = pipeline > 1 || keys > 1 && classes.iter().any(|(class, _)| class.joins());
        // An open FLUSHALL binds all keys too, but it is one command for all of them.
        let disturbed = keys > 1 && carried.may_disturb();
        let keys = keys.min(match (joined, disturbed) {
            (true, true) => JOINED_KEYS - 2,
            (true, false) => JOINED_KEYS,
            (false, true) => DISTURBED_KEYS,
            (false, false) => usize::MAX,
        });
        let keys = if swapped { keys.min(3) } else { keys };
        let under_way = if keys <= 2 { UNDER_WAY } else { UNDER_WAY / 2 };
        // A client that loses its connection may leave a whole pipeline open, several times.
        let pipeline = pipeline.min(under_way / 2);
        let most = match (owns_database, joined) {
            _ if swapped => 4,
            (true, _) => 4.min(under_way / pipeline),
            (_, true) => 6.min(under_way / pipeline),
            _ if disturbed => UNDER_WAY / 4,
            _ => 16,
        };
        let clients = *[1, 2, 3, 3, 4, 4, 6, 8, 12, 16].iter().filter(|n| **n <= most).choose(chance).unwrap_or(&2);
        // Sizes are log-uniform: as many rounds from 100 to 200 operations as from 200 to 400.
        let (least, most) = bounds.operations;
        let doublings = (most as f64 / least as f64).log2();
        let operations = (least as f64 * (doublings * chance.random::<f64>()).exp2()) as usize;
        let operations = if swapped { operations.min(TYPED_OPERATIONS) } else { operations };
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
            allowed: bounds.classes,
            keys_per_command: chance.random_range(2..=8),
            pipeline,
            values,
            binary: chance.random_ratio(1, 3),
            servers,
            reconnect: *[0, 0, 4, 16].choose(chance).unwrap_or(&0),
            resp3: chance.random_ratio(1, 2),
            rest: *[0, 0, 0, 3, 30].choose(chance).unwrap_or(&0),
            owns_database,
            contents: Vec::new(),
            databases: 1,
        }
    }

    /// Draws a round whose keys hold `typed` values. It has fewer clients and keys than a round of registers, because the
    /// checker follows the whole value of a key.
    fn draw_typed(
        chance: &mut Chance,
        bounds: &Bounds,
        typed: &[Contents],
        owns_database: bool,
        carried: &Carried,
    ) -> Configuration {
        let kinds = *[1, 1, 2, 3].choose(chance).unwrap_or(&1);
        let contents: Vec<Contents> = typed.iter().copied().sample(chance, kinds);
        // Only the owner may swap databases.
        let numbers = if owns_database { [1, 2, 2, 3] } else { [1, 1, 2, 3] };
        let databases = if bounds.classes.has(Class::Select) { *numbers.choose(chance).unwrap_or(&1) } else { 1 };
        let counting = owns_database && carried.may_count(databases);
        let mut classes =
            weights::of_typed_values(chance, bounds.classes, &contents, (owns_database, counting), databases);
        let flushing_scripts = owns_database && carried.may_flush_scripts();
        weights::add_units(chance, bounds.classes, &contents, flushing_scripts, &mut classes);
        let pipeline = *[1, 1, 1, 2].choose(chance).unwrap_or(&1);
        let joined = owns_database || carried.may_disturb() || classes.iter().any(|(class, _)| class.joins());
        let keys = contents.len() * *[1, 1, 2, 3].choose(chance).unwrap_or(&1);
        let keys = if joined || pipeline > 1 { keys.min(3).max(contents.len()) } else { keys };
        let most = if joined { 4 / pipeline } else { 12 / pipeline };
        let clients = *[1, 2, 3, 3, 4, 4, 6, 8].iter().filter(|n| **n <= most.max(1)).choose(chance).unwrap_or(&1);
        let (least, most) = (bounds.operations.0, bounds.operations.1.min(TYPED_OPERATIONS).max(bounds.operations.0));
        let doublings = (most as f64 / least as f64).log2();
        let operations = (least as f64 * (doublings * chance.random::<f64>()).exp2()) as usize;
        let limits_lives = weights::limit_lives(&classes);
        let moving = classes.iter().any(|(class, _)| [Class::LMove, Class::LMPop].contains(class));
        let operations = if limits_lives || moving { operations.min(LIMITED_OPERATIONS) } else { operations };
        let mut servers: Vec<usize> = (0..bounds.servers).collect();
        if chance.random_ratio(1, 8) {
            servers = vec![chance.random_range(0..bounds.servers)];
        }
        let configuration = Configuration {
            clients,
            steps: (2 * operations / (clients * (pipeline + 1))).max(1),
            keys,
            keys_per_client: keys,
            classes,
            allowed: bounds.classes,
            keys_per_command: chance.random_range(2..=3),
            pipeline,
            values: if chance.random_ratio(1, 2) { Lengths::Tiny } else { Lengths::Mixed(TYPED_VALUE) },
            binary: chance.random_ratio(1, 3),
            servers,
            reconnect: *[0, 0, 4, 16].choose(chance).unwrap_or(&0),
            resp3: chance.random_ratio(1, 2),
            rest: *[0, 0, 0, 3, 30].choose(chance).unwrap_or(&0),
            owns_database,
            contents,
            databases,
        };
        configuration.with_further_classes(chance, bounds.classes)
    }

    /// Lets some rounds of hashes limit the lives of fields, and some of sorted sets hold places. These decisions come last, so
    /// that they leave the others of a round as they are.
    fn with_further_classes(self, chance: &mut Chance, allowed: ClassSet) -> Configuration {
        let mut classes = self.classes;
        let limited_before = weights::limit_lives(&classes);
        for contents in &self.contents {
            weights::add_further_classes(chance, allowed, *contents, &mut classes);
        }
        let is_hard = weights::limit_lives(&classes) && !limited_before;
        let (clients, pipeline) = (self.clients, self.pipeline);
        let most = (2 * LIMITED_OPERATIONS / (clients * (pipeline + 1))).max(1);
        let steps = if is_hard { self.steps.min(most) } else { self.steps };
        Configuration { classes, steps, ..self }
    }

    /// Whether clients limit the lives of keys or fields.
    pub fn limits_lives(&self) -> bool {
        weights::limit_lives(&self.classes)
    }

    /// Whether the allowed classes suffice for a round of logs.
    fn may_log(allowed: ClassSet) -> bool {
        [Class::RPush, Class::LRange, Class::Multi].into_iter().all(|class| allowed.has(class))
    }

    /// Draws a round whose keys are lists that only grow. The judge of appends takes linear time, so the round may have many
    /// clients and keys. Something open from an earlier round may empty the lists, and then the other judge has to follow.
    fn draw_log(chance: &mut Chance, bounds: &Bounds, carried: &Carried) -> Configuration {
        let disturbed = carried.may_disturb();
        let most = if disturbed { 3 } else { 16 };
        let clients = *[2, 3, 4, 6, 8, 12, 16].iter().filter(|n| **n <= most).choose(chance).unwrap_or(&2);
        let keys = *[1, 2, 3, 5, 8].iter().filter(|n| **n <= most).choose(chance).unwrap_or(&1);
        let pipeline = if disturbed { 1 } else { *[1, 1, 1, 2, 4].choose(chance).unwrap_or(&1) };
        let (least, most) = bounds.operations;
        let doublings = (most as f64 / least as f64).log2();
        let operations = (least as f64 * (doublings * chance.random::<f64>()).exp2()) as usize;
        let operations = operations.min(if disturbed { LIMITED_OPERATIONS } else { LOG_OPERATIONS * keys });
        let mut classes = vec![(Class::RPush, 4), (Class::LRange, *[2, 4, 8].choose(chance).unwrap_or(&4))];
        weights::add_units(chance, bounds.classes, &[Contents::Log], false, &mut classes);
        if !classes.iter().any(|(class, _)| *class == Class::Multi) {
            classes.push((Class::Multi, 6));
        }
        let mut servers: Vec<usize> = (0..bounds.servers).collect();
        if chance.random_ratio(1, 8) {
            servers = vec![chance.random_range(0..bounds.servers)];
        }
        Configuration {
            clients,
            steps: (2 * operations / (clients * (pipeline + 1))).max(1),
            keys,
            keys_per_client: keys,
            classes,
            allowed: bounds.classes,
            keys_per_command: 2,
            pipeline,
            values: Lengths::Tiny,
            binary: chance.random_ratio(1, 3),
            servers,
            reconnect: *[0, 0, 4, 16].choose(chance).unwrap_or(&0),
            resp3: chance.random_ratio(1, 2),
            rest: *[0, 0, 0, 3].choose(chance).unwrap_or(&0),
            owns_database: false,
            contents: vec![Contents::Log],
            databases: if bounds.classes.has(Class::Select) { *[1, 1, 2].choose(chance).unwrap_or(&1) } else { 1 },
        }
    }

    /// What a key holds.
    pub fn contents_of(&self, key: usize) -> Option<Contents> {
        self.contents.get(key % self.contents.len().max(1)).copied()
    }

    /// Whether clients send a class of commands.
    pub fn has(&self, class: Class) -> bool {
        self.classes.iter().any(|(one, _)| *one == class)
    }
}

/// The configuration in one line.
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
        f.write_str(if self.owns_database { ", on an emptied database" } else { "" })?;
        match self.databases {
            1 => Ok(()),
            databases => write!(f, ", in {databases} databases"),
        }
    }
}
