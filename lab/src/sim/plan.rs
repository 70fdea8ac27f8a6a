//! What will go wrong in a run, and when: a pure function of the seed, which can be read in a line.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use valthree::shared::Thresholds;

use super::place::{Place, SERVERS};

/// Faults begin in the time between these. Before it, the servers may start undisturbed or not, as it comes.
const WINDOW: (u64, u64) = (100, 1300);

/// How long a fault lasts, in milliseconds.
const LASTS: (u64, u64) = (20, 700);

/// How many faults there are.
const FAULTS: (usize, usize) = (6, 9);

/// How many rounds go on at the same time, at most, in a busy run and in a quiet one. Where many clients share every
/// batch and three servers race for every version, little goes unnoticed for long; but a server that has something to
/// itself for a few round trips is seen only where few clients are.
const AT_ONCE: [usize; 2] = [12, 2];

/// One of so many runs is quiet.
const QUIET: u32 = 4;

/// The conditions of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// How long all hosts run before they hear of each other.
    pub tick: Duration,
    /// The least and the most time that a message takes.
    pub hop: (Duration, Duration),
    /// The least and the most time that the store takes for a request, if it is well.
    pub service: (Duration, Duration),
    /// The deadline of the servers' commands.
    pub deadline: Duration,
    /// Whether few clients are there at the same time, who go from server to server.
    pub quiet: bool,
    /// How far the servers' wall clocks are ahead.
    pub skew: [Duration; SERVERS],
    /// From which sizes on the database is kept in several objects.
    pub thresholds: Thresholds,
    /// In the order of their beginning.
    pub faults: Vec<Fault>,
}

/// Something that goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From when on.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
    /// What it is.
    pub what: What,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// What one sends to the other is dropped.
    OneWay(Place, Place),
    /// What they send to each other is dropped, or held back until the end.
    Partition(Place, Place, Loss),
    /// A place is parted from all others.
    Alone(Place, Loss),
    /// Messages between them take longer.
    SlowLink(Place, Place, Duration),
    /// What the store answers this server comes so much later. What it asks is done in time.
    LateAnswers(usize, Duration),
    /// All connections between them are reset at the beginning.
    Cut(Place, Place),
    /// A server loses its memory and its connections, and starts again at the end.
    Crash(usize),
    /// All servers do.
    CrashAll,
    /// A server is told to stop, and starts again at the end.
    Stop(usize),
    /// Nobody listens where the store was.
    StoreGone,
    /// The store does this to so many of a hundred requests.
    Store {
        /// What it does.
        fault: StoreFault,
        /// How often.
        odds: u8,
    },
}

/// What becomes of messages that do not arrive in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// They never arrive.
    Dropped,
    /// They arrive when it is over.
    Held,
}

/// What a store can do to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// It is answered with 500, and may have been carried out.
    Answer500,
    /// It is answered with 503, and not carried out.
    Answer503,
    /// It is answered with 409, and not carried out. PUTs only.
    Answer409,
    /// It is carried out, and not answered with what came of it. PUTs only.
    AnswerLost,
    /// It is carried out, and answered as if something between us had sent it twice. PUTs only.
    False412,
    /// It is not carried out, and the answer does not say so.
    RequestLost,
    /// The answer breaks off.
    CutShort,
    /// It is not answered to the point, and carried out after that. PUTs only.
    Late {
        /// At most so much later.
        most: Duration,
    },
    /// It takes long.
    Slow {
        /// At most so long.
        most: Duration,
    },
}

impl StoreFault {
    /// Whether it can only happen to a PUT.
    pub fn is_for_puts(self) -> bool {
        use StoreFault::{Answer409, AnswerLost, False412, Late};
        matches!(self, Answer409 | AnswerLost | False412 | Late { .. })
    }
}

impl Fault {
    /// When it is over.
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
            true => (span(1..=1, 0..=3), span(0..=5, 0..=10)), // one after the other, it would take for ever otherwise
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
            // It takes so long until what was not answered is done that somebody looks before.
            let what = What::Store { fault: StoreFault::Late { most: millis(100) }, odds: 40 };
            faults.push(Fault { at: Duration::ZERO, lasts: millis(WINDOW.1), what });
        }
        faults.sort_by_key(|fault| fault.at);
        Plan {
            seed,
            tick: millis(if quiet { 1 } else { 2 }), // the longer, the cheaper
            hop,
            service,
            deadline: millis(*[300, 600, 1000, 1900].choose(&mut rng).expect("there are some")),
            quiet,
            skew: std::array::from_fn(|_| Duration::from_secs(rng.random_range(0..600))),
            thresholds: draw_thresholds(&mut rng),
            faults,
        }
    }

    /// How many rounds the clients play at the same time, at most.
    pub fn at_once(&self) -> usize {
        AT_ONCE[usize::from(self.quiet)]
    }

    /// When everything is well again.
    pub fn calm(&self) -> Duration {
        self.faults.iter().map(Fault::end).max().unwrap_or_default()
    }
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Often so small that what happens to large databases happens all the time: an entry counts a hundred bytes and some.
/// With none, every write is a run of its own. Runs cost requests, so in the other runs there is more of all else.
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
        match rng.random_range(0..20) {
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
            // A commit has landed, and others go on from it, before this server knows; nor do its checks tell it.
            13..=16 => What::LateAnswers(server, millis(*[120, 240].choose(rng).expect("there are some"))),
            _ => What::Store { fault: StoreFault::draw(rng), odds: *[5, 20, 40, 80, 100].choose(rng).expect("some") },
        }
    }
}

impl StoreFault {
    fn draw(rng: &mut StdRng) -> StoreFault {
        // Within a round trip, a PUT may land between a look at what became of it and what is done then.
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
        let skew = self.skew.map(|skew| skew.as_secs());
        write!(f, "hop {:?} to {:?}, store {:?} to {:?}", hop.0, hop.1, service.0, service.1)?;
        write!(f, ", {} rounds at once, deadline {deadline:?}, clocks {skew:?}s ahead", self.at_once())?;
        let Thresholds { recent, commits, fanout, garbage, commit } = self.thresholds;
        write!(f, ", folds at {recent} bytes or {commits} commits, {fanout} runs become one, {garbage} are swept")?;
        write!(f, ", commits of {commit} bytes")?;
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
