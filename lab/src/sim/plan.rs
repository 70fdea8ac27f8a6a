//! The plan of a run: its conditions and its faults. The seed alone decides it, and it prints as one line.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use valthree::settings::Thresholds;
use valthree_workload::class::{Class, ClassSet};
use valthree_workload::contents::Contents;

use super::fault::{Fault, StoreFault, WINDOW, What};
use super::place::SERVERS;

/// The range of the number of faults.
const FAULTS: (usize, usize) = (6, 9);

/// The most rounds at the same time, in a busy run and in a quiet one. With many clients and three servers that race for
/// every version, no mistake hides for long. But few clients are needed to see a server that is alone with its state for
/// several round trips.
const AT_ONCE: [usize; 2] = [12, 2];

/// One run in this many is quiet.
const QUIET: u32 = 4;

/// One store in this many has ETags that are not MD5s.
const OPAQUE: u32 = 4;

/// From how many rows on commands wait while an order is built. Collections are small here, so most of these let nearly every
/// command wait that needs an order which is not there.
const ORDERS: [usize; 5] = [0, 0, 1, 3, 4096];

/// How far the wall clocks of servers are off if they are set well, in milliseconds.
const NEAR: i64 = 20;

/// How far the others may be off, in milliseconds: less than a second, half a minute, hours, a year, twenty years.
const APART: [i64; 6] = [0, 700, 30_000, 3 * 3_600_000, 400 * 86_400_000, 20 * 365 * 86_400_000];

/// How long such a clock goes on before it jumps. Faults begin within little more than a second.
const JUMP: Duration = Duration::from_millis(400);

/// How far the servers' estimates of the time may be off while their clocks are set well.
const NEAR_MARGIN: Duration = Duration::from_millis(500);

/// The same while their clocks are not. The store tells whole seconds, and an answer that took three seconds tells even
/// less. One server may be early by as much as another is late.
const APART_MARGIN: Duration = Duration::from_secs(10);

/// The conditions of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed that decides it.
    pub seed: u64,
    /// How long every host runs before it receives new messages.
    pub tick: Duration,
    /// The least and the most time of a message.
    pub hop: (Duration, Duration),
    /// The least and the most time of a request in a healthy store.
    pub service: (Duration, Duration),
    /// The deadline of the servers' commands.
    pub deadline: Duration,
    /// Whether only a few clients run at the same time, and go from server to server.
    pub quiet: bool,
    /// How far the clock of each server's SDK is ahead. S3 refuses a signature that is a quarter of an hour off.
    pub skew: [Duration; SERVERS],
    /// How well the servers' wall clocks are set.
    pub clocks: Clocks,
    /// The commands that the clients send.
    pub draws: Draws,
    /// The sizes at which servers fold, squash, merge and sweep.
    pub thresholds: Thresholds,
    /// Servers forget their derived orders at every version whose generation is a multiple of this.
    pub forget_orders: u64,
    /// Whether the store's ETags are not the MD5s of the objects, as on AWS with KMS.
    pub opaque_tags: bool,
    /// The faults, in the order of their beginning.
    pub faults: Vec<Fault>,
}

/// How well the servers' wall clocks are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// To some milliseconds.
    Near,
    /// Some of them are years off. Each start of a server finds another time, and they jump while the server runs.
    Apart,
}

/// The commands that the clients send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draws {
    /// What keys hold. Without any the clients send commands of registers.
    pub contents: Vec<Contents>,
    /// Whether keys expire.
    pub lives: bool,
    /// Whether clients select, flush and exchange numbered databases.
    pub databases: bool,
    /// Whether they send transactions and scripts.
    pub units: bool,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Plan {
        let mut rng = StdRng::seed_from_u64(seed);
        let quiet = rng.random_ratio(1, QUIET);
        let mut span = |least, spread| {
            let least = rng.random_range(least);
            (Duration::from_millis(least), Duration::from_millis(least + rng.random_range(spread)))
        };
        let (hop, service) = match quiet {
            true => (span(1..=1, 0..=3), span(0..=5, 0..=10)), // few clients take turns, so slow hops would make the run too long
            false => (span(1..=3, 0..=6), span(0..=30, 0..=30)),
        };
        let mut faults: Vec<Fault> =
            (0..rng.random_range(FAULTS.0..=FAULTS.1)).map(|_| Fault::draw(&mut rng)).collect();
        if quiet {
            // The delay is so long that a server looks up the fate of the PUT before it lands.
            let what = What::Store { fault: StoreFault::Late { most: Duration::from_millis(100) }, odds: 40 };
            faults.push(Fault { at: Duration::ZERO, lasts: Duration::from_millis(WINDOW.1), what });
        }
        faults.sort_by_key(|fault| fault.at);
        let mut plan = Plan {
            seed,
            tick: Duration::from_millis(if quiet { 1 } else { 2 }), // a longer tick takes less CPU time
            hop,
            service,
            deadline: Duration::from_millis(*[300, 600, 1000, 1900].choose(&mut rng).expect("there are some")),
            quiet,
            skew: std::array::from_fn(|_| Duration::from_secs(rng.random_range(0..600))),
            thresholds: draw_thresholds(&mut rng),
            opaque_tags: rng.random_ratio(1, OPAQUE),
            clocks: if rng.random_bool(0.5) { Clocks::Near } else { Clocks::Apart },
            draws: Draws::draw(&mut rng),
            forget_orders: *[1, 2, 5, 1000].choose(&mut rng).expect("there are some"),
            faults,
        };
        plan.thresholds.order = *ORDERS.choose(&mut rng).expect("there are some");
        if rng.random_bool(0.5) {
            plan.thresholds.squash = 0; // the keys are few, so servers that squash hardly ever fold
        }
        plan
    }

    /// The most rounds at the same time.
    pub fn at_once(&self) -> usize {
        AT_ONCE[usize::from(self.quiet)]
    }

    /// How far the wall clock of a server is ahead in one of its lives, when it has run for so long, in milliseconds.
    pub fn lead(&self, server: usize, life: u64, uptime: Duration) -> i64 {
        let jumps = match self.clocks {
            Clocks::Near => 0,
            Clocks::Apart => (uptime.as_millis() / JUMP.as_millis()) as u64,
        };
        let seed = self.seed ^ ((life + 1) << 8) ^ ((server as u64 + 1) << 4) ^ (jumps << 32);
        let mut rng = StdRng::seed_from_u64(seed);
        match self.clocks {
            Clocks::Near => rng.random_range(-NEAR..=NEAR),
            Clocks::Apart => {
                let lead = *APART.choose(&mut rng).expect("there are some");
                if rng.random() { lead } else { -lead }
            }
        }
    }

    /// How far the servers' estimates of the time may be off.
    pub fn margin(&self) -> Duration {
        match self.clocks {
            Clocks::Near => NEAR_MARGIN,
            Clocks::Apart => APART_MARGIN,
        }
    }

    /// When the last fault ends.
    pub fn calm(&self) -> Duration {
        self.faults.iter().map(Fault::end).max().unwrap_or_default()
    }
}

impl Draws {
    /// Draws the commands. Half of the runs send those of registers only, since the checker can follow many more of them.
    fn draw(rng: &mut StdRng) -> Draws {
        if rng.random_bool(0.5) {
            return Draws { contents: Vec::new(), lives: false, databases: false, units: false };
        }
        let kinds = rng.random_range(1..=3);
        let contents = Contents::ALL.into_iter().sample(rng, kinds);
        let (lives, databases) = (rng.random_bool(0.5), rng.random_bool(0.5));
        // Only a transaction can watch that SWAPDB takes a key away.
        let units = rng.random_bool(if databases { 0.75 } else { 0.5 });
        Draws { contents, lives, databases, units }
    }

    /// The classes of commands.
    pub fn classes(&self) -> ClassSet {
        let Draws { contents, lives, databases, units } = self;
        if contents.is_empty() {
            return ClassSet::REGISTERS;
        }
        let fits = |class: &Class| contents.iter().any(|contents| class.fits(*contents));
        let limited = |class: &Class| !Class::LIVES.contains(class) || *lives && fits(class);
        let of_keys = contents.iter().flat_map(|contents| [contents.classes(), contents.further_classes()].concat());
        let some =
            [Class::Del, Class::DelMany, Class::Exists, Class::Rename, Class::Copy, Class::FlushAll, Class::DbSize];
        let of_databases =
            [Class::Select, Class::FlushDb, Class::SwapDb, Class::Move].into_iter().filter(|_| *databases);
        let of_units = Class::UNITS.into_iter().filter(|_| *units);
        of_keys.chain(some).chain(Class::LIVES).filter(limited).chain(of_databases).chain(of_units).collect()
    }
}

impl fmt::Display for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.contents[..] {
            [] => f.write_str("registers")?,
            contents => write!(f, "{contents:?}")?,
        }
        f.write_str(if self.lives { " that expire" } else { "" })?;
        f.write_str(if self.units { " in transactions and scripts" } else { "" })?;
        f.write_str(if self.databases { " in several databases" } else { "" })
    }
}

/// Draws the thresholds. They are often so small that a few entries, of about a hundred bytes each, behave like a large
/// database. With 0, every write becomes a run. Runs cost requests, so most runs of the simulation use the defaults and
/// see more of everything else.
fn draw_thresholds(rng: &mut StdRng) -> Thresholds {
    if rng.random_ratio(3, 5) {
        return Thresholds::default();
    }
    Thresholds {
        recent: if rng.random_ratio(1, 32) {
            0
        } else {
            *[150, 300, 600, 600, 1200, 1200].choose(rng).expect("there are some")
        },
        commits: rng.random_range(0..3),
        fanout: rng.random_range(2..=4),
        garbage: rng.random_range(1..=8),
        commit: if rng.random_ratio(1, 16) { 1 } else { *[1000, 1 << 20].choose(rng).expect("there are some") },
        ..Thresholds::default()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { hop, service, deadline, .. } = self;
        write!(f, "hop {:?} to {:?}, store {:?} to {:?}", hop.0, hop.1, service.0, service.1)?;
        write!(f, ", {} rounds at once of {}, deadline {deadline:?}", self.at_once(), self.draws)?;
        let leads: [i64; SERVERS] = std::array::from_fn(|server| self.lead(server, 0, Duration::ZERO));
        write!(f, ", clocks {leads:?} ms ahead at first")?;
        let Thresholds { recent, commits, squash, fanout, garbage, commit, order } = self.thresholds;
        write!(f, ", folds at {recent} bytes or {commits} commits, squashes of at most {squash} bytes")?;
        write!(f, ", {fanout} runs become one, {garbage} are swept")?;
        write!(f, ", commits of {commit} bytes, orders forgotten every {} versions", self.forget_orders)?;
        write!(f, " and built in slices beyond {order} rows")?;
        f.write_str(if self.opaque_tags { ", opaque ETags" } else { "" })?;
        self.faults.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}
