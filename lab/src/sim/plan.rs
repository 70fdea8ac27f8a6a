//! The plan of a run: its conditions and its faults. The seed alone decides it, and it prints as one line.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use valthree::settings::Thresholds;
use valthree_workload::class::{Class, ClassSet, Contents};

use super::place::{Place, SERVERS};

/// When faults begin, in milliseconds. Servers may have started by then or not.
const WINDOW: (u64, u64) = (100, 1300);

/// How long a fault lasts, in milliseconds.
const LASTS: (u64, u64) = (20, 700);

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

/// How far the wall clocks of servers are off if they are set well, in milliseconds.
const NEAR: i64 = 20;

/// How far the others may be off, in milliseconds: less than a second, half a minute, hours, a year, twenty years.
const APART: [i64; 6] = [0, 700, 30_000, 3 * 3_600_000, 400 * 86_400_000, 20 * 365 * 86_400_000];

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
    /// The sizes at which servers fold, merge and sweep.
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
    /// Some of them are years off. Each start of a server finds another time.
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
}

/// A fault with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// Its kind.
    pub what: What,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The network drops messages from the first host to the second.
    OneWay(Place, Place),
    /// The network drops messages between two hosts, or holds them until the end.
    Partition(Place, Place, Loss),
    /// A partition between one host and all others.
    Alone(Place, Loss),
    /// Messages between two hosts take up to this long.
    SlowLink(Place, Place, Duration),
    /// The store's answers to this server arrive this much later. Its requests arrive in time.
    LateAnswers(usize, Duration),
    /// The network resets all connections between two hosts.
    Cut(Place, Place),
    /// A server loses its memory and its connections, and starts again at the end.
    Crash(usize),
    /// All servers crash.
    CrashAll,
    /// A server is asked to stop, and starts again at the end.
    Stop(usize),
    /// The store does not listen.
    StoreGone,
    /// The store treats some requests in a faulty way.
    Store {
        /// The fault.
        fault: StoreFault,
        /// The share of requests, in percent.
        odds: u8,
    },
}

/// The fate of messages in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// They never arrive.
    Dropped,
    /// They arrive when the partition ends.
    Held,
}

/// A fault of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// The answer is 500, and the store may have applied the request.
    Answer500,
    /// The answer is 503, and the store does not apply the request.
    Answer503,
    /// The answer is 409, and the store does not apply the request. PUTs only.
    Answer409,
    /// The store applies the request, but its answer is lost. PUTs only.
    AnswerLost,
    /// The store applies the request and answers 412, as if it had arrived twice. PUTs only.
    False412,
    /// The store does not apply the request, and its answer does not say so.
    RequestLost,
    /// The answer ends early.
    CutShort,
    /// The answer has the new body and the ETag of the version before. GETs only.
    TornNewBody,
    /// The answer has the body of the version before and the new ETag. GETs only.
    TornOldBody,
    /// The answer is 404 for some milliseconds, although the object exists. GETs only.
    Passing404,
    /// The answer is lost, and the store applies the request after that. PUTs only.
    Late {
        /// The most delay.
        most: Duration,
    },
    /// The request and its answer take long.
    Slow {
        /// The most time.
        most: Duration,
    },
}

impl StoreFault {
    /// Whether it concerns only PUTs.
    pub fn is_for_puts(self) -> bool {
        use StoreFault::{Answer409, AnswerLost, False412, Late};
        matches!(self, Answer409 | AnswerLost | False412 | Late { .. })
    }

    /// Whether it concerns only GETs.
    pub fn is_for_gets(self) -> bool {
        use StoreFault::{Passing404, TornNewBody, TornOldBody};
        matches!(self, TornNewBody | TornOldBody | Passing404)
    }
}

impl Fault {
    /// When it ends.
    pub fn end(&self) -> Duration {
        self.at + self.lasts
    }
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Plan {
        let mut rng = StdRng::seed_from_u64(seed);
        let quiet = rng.random_ratio(1, QUIET);
        let mut span = |least, spread| {
            let least = rng.random_range(least);
            (millis(least), millis(least + rng.random_range(spread)))
        };
        let (hop, service) = match quiet {
            true => (span(1..=1, 0..=3), span(0..=5, 0..=10)), // few clients take turns, so slow hops would make the run too long
            false => (span(1..=3, 0..=6), span(0..=30, 0..=30)),
        };
        let mut faults: Vec<Fault> = (0..rng.random_range(FAULTS.0..=FAULTS.1))
            .map(|_| Fault {
                at: millis(rng.random_range(WINDOW.0..WINDOW.1)),
                lasts: millis(rng.random_range(LASTS.0..=LASTS.1)),
                what: What::draw(&mut rng),
            })
            .collect();
        if quiet {
            // The delay is so long that a server looks up the fate of the PUT before it lands.
            let what = What::Store { fault: StoreFault::Late { most: millis(100) }, odds: 40 };
            faults.push(Fault { at: Duration::ZERO, lasts: millis(WINDOW.1), what });
        }
        faults.sort_by_key(|fault| fault.at);
        Plan {
            seed,
            tick: millis(if quiet { 1 } else { 2 }), // a longer tick takes less CPU time
            hop,
            service,
            deadline: millis(*[300, 600, 1000, 1900].choose(&mut rng).expect("there are some")),
            quiet,
            skew: std::array::from_fn(|_| Duration::from_secs(rng.random_range(0..600))),
            thresholds: draw_thresholds(&mut rng),
            opaque_tags: rng.random_ratio(1, OPAQUE),
            clocks: if rng.random_bool(0.5) { Clocks::Near } else { Clocks::Apart },
            draws: Draws::draw(&mut rng),
            forget_orders: *[1, 2, 5, 1000].choose(&mut rng).expect("there are some"),
            faults,
        }
    }

    /// The most rounds at the same time.
    pub fn at_once(&self) -> usize {
        AT_ONCE[usize::from(self.quiet)]
    }

    /// How far the wall clock of a server is ahead in one of its lives, in milliseconds.
    pub fn lead(&self, server: usize, life: u64) -> i64 {
        let mut rng = StdRng::seed_from_u64(self.seed ^ ((life + 1) << 8) ^ ((server as u64 + 1) << 4));
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

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Draws {
    /// Draws the commands. Half of the runs send those of registers only, since the checker can follow many more of them.
    fn draw(rng: &mut StdRng) -> Draws {
        if rng.random_bool(0.5) {
            return Draws { contents: Vec::new(), lives: false, databases: false };
        }
        let kinds = rng.random_range(1..=3);
        Draws {
            contents: Contents::ALL.into_iter().sample(rng, kinds),
            lives: rng.random_bool(0.5),
            databases: rng.random_bool(0.5),
        }
    }

    /// The classes of commands.
    pub fn classes(&self) -> ClassSet {
        let Draws { contents, lives, databases } = self;
        if contents.is_empty() {
            return ClassSet::REGISTERS;
        }
        let limited = |class: &Class| *lives || !Class::LIVES.contains(class);
        let of_keys = contents.iter().flat_map(|contents| contents.classes()).copied();
        let some = [Class::Del, Class::DelMany, Class::Exists, Class::Rename, Class::FlushAll, Class::DbSize];
        let of_databases = [Class::Select, Class::FlushDb, Class::SwapDb].into_iter().filter(|_| *databases);
        of_keys.chain(some).chain(Class::LIVES).filter(limited).chain(of_databases).collect()
    }
}

impl fmt::Display for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.contents[..] {
            [] => f.write_str("registers")?,
            contents => write!(f, "{contents:?}")?,
        }
        f.write_str(if self.lives { " that expire" } else { "" })?;
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
    }
}

impl What {
    fn draw(rng: &mut StdRng) -> What {
        let server = rng.random_range(0..SERVERS);
        let other = [Place::Store, Place::Clients].into_iter().choose(rng).expect("there are two");
        let loss = if rng.random_bool(0.5) { Loss::Dropped } else { Loss::Held };
        let here = Place::Server(server);
        match rng.random_range(0..21) {
            0 => What::OneWay(here, other),
            1 => What::OneWay(other, here),
            2 | 3 => What::Partition(here, other, loss),
            4 => What::Alone(if rng.random_bool(0.7) { here } else { other }, loss),
            5 | 6 => What::SlowLink(here, other, millis(rng.random_range(20..=300))),
            7 | 8 => What::Cut(here, other),
            9 | 10 => What::Crash(server),
            11 => {
                if rng.random_bool(0.5) {
                    What::CrashAll
                } else {
                    What::Stop(server)
                }
            }
            12 => What::StoreGone,
            // Here a commit lands, and others build on it, before this server or its checks know.
            13..=16 => What::LateAnswers(server, millis(*[120, 240].choose(rng).expect("there are some"))),
            17 => What::Store { fault: StoreFault::draw_lie(rng), odds: *[20, 40, 80, 100].choose(rng).expect("some") },
            _ => What::Store { fault: StoreFault::draw(rng), odds: *[5, 20, 40, 80, 100].choose(rng).expect("some") },
        }
    }
}

impl StoreFault {
    /// Draws a lie about the content of an object.
    fn draw_lie(rng: &mut StdRng) -> StoreFault {
        use StoreFault::{Passing404, TornNewBody, TornOldBody};
        *[TornNewBody, TornOldBody, TornOldBody, Passing404].choose(rng).expect("there are some")
    }

    fn draw(rng: &mut StdRng) -> StoreFault {
        // A delay of about one round trip lets a PUT land between the lookup of its fate and the reaction to it.
        let most = millis(*[40, 100, 100, 400, 3000].choose(rng).expect("there are some"));
        match rng.random_range(0..14) {
            0 | 1 => StoreFault::Answer500,
            2 => StoreFault::Answer503,
            3 => StoreFault::Answer409,
            4 | 5 => StoreFault::AnswerLost,
            6 => StoreFault::False412,
            7 => StoreFault::RequestLost,
            8 => StoreFault::CutShort,
            9..=11 => StoreFault::Late { most },
            _ => StoreFault::Slow { most: most.min(millis(800)) },
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { hop, service, deadline, .. } = self;
        write!(f, "hop {:?} to {:?}, store {:?} to {:?}", hop.0, hop.1, service.0, service.1)?;
        write!(f, ", {} rounds at once of {}, deadline {deadline:?}", self.at_once(), self.draws)?;
        let leads: [i64; SERVERS] = std::array::from_fn(|server| self.lead(server, 0));
        write!(f, ", clocks {leads:?} ms ahead at first")?;
        let Thresholds { recent, commits, fanout, garbage, commit } = self.thresholds;
        write!(f, ", folds at {recent} bytes or {commits} commits, {fanout} runs become one, {garbage} are swept")?;
        write!(f, ", commits of {commit} bytes, orders forgotten every {} versions", self.forget_orders)?;
        f.write_str(if self.opaque_tags { ", opaque ETags" } else { "" })?;
        self.faults.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { at, lasts, what } = self;
        write!(f, "{at:?}+{lasts:?} ")?;
        match what {
            What::OneWay(from, to) => write!(f, "{from} -x-> {to}"),
            What::Partition(one, other, loss) => write!(f, "{one} x {other} ({loss:?})"),
            What::Alone(place, loss) => write!(f, "{place} alone ({loss:?})"),
            What::SlowLink(one, other, most) => write!(f, "{one} ~ {other} up to {most:?}"),
            What::LateAnswers(server, late) => write!(f, "{} hears {late:?} late", Place::Server(*server)),
            What::Cut(one, other) => write!(f, "{one} / {other} cut"),
            What::Crash(server) => write!(f, "{} crashes", Place::Server(*server)),
            What::CrashAll => f.write_str("all servers crash"),
            What::Stop(server) => write!(f, "{} stops", Place::Server(*server)),
            What::StoreGone => f.write_str("store gone"),
            What::Store { fault, odds } => write!(f, "store {fault:?} {odds}%"),
        }
    }
}
