//! The faults of a run: how the seed draws each, and how a plan prints it.

use std::fmt;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::place::{Place, SERVERS};

/// When faults begin, in milliseconds. Servers may have started by then or not.
pub(super) const WINDOW: (u64, u64) = (100, 1300);

/// How long a fault lasts, in milliseconds.
const LASTS: (u64, u64) = (20, 700);

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
    /// Draws a fault with its time.
    pub(super) fn draw(rng: &mut StdRng) -> Fault {
        Fault {
            at: Duration::from_millis(rng.random_range(WINDOW.0..WINDOW.1)),
            lasts: Duration::from_millis(rng.random_range(LASTS.0..=LASTS.1)),
            what: What::draw(rng),
        }
    }

    /// When it ends.
    pub fn end(&self) -> Duration {
        self.at + self.lasts
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
            5 | 6 => What::SlowLink(here, other, Duration::from_millis(rng.random_range(20..=300))),
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
            13..=16 => {
                What::LateAnswers(server, Duration::from_millis(*[120, 240].choose(rng).expect("there are some")))
            }
            17 => What::Store { fault: StoreFault::draw_lie(rng), odds: *[20, 40, 80, 100].choose(rng).expect("some") },
            _ => What::Store { fault: StoreFault::draw(rng), odds: *[5, 20, 40, 80, 100].choose(rng).expect("some") },
        }
    }
}

impl StoreFault {
    /// Draws a lie about the content of an object.
    fn draw_lie(rng: &mut StdRng) -> StoreFault {
        use StoreFault::{Passing404, TornNewBody, TornOldBody};
        // A server that takes the new body mostly learns the new ETag soon after, so this lie has to come often.
        *[TornNewBody, TornNewBody, TornOldBody, Passing404].choose(rng).expect("there are some")
    }

    fn draw(rng: &mut StdRng) -> StoreFault {
        // A delay of about one round trip lets a PUT land between the lookup of its fate and the reaction to it.
        let most = Duration::from_millis(*[40, 100, 100, 400, 3000].choose(rng).expect("there are some"));
        match rng.random_range(0..14) {
            0 | 1 => StoreFault::Answer500,
            2 => StoreFault::Answer503,
            3 => StoreFault::Answer409,
            4 | 5 => StoreFault::AnswerLost,
            6 => StoreFault::False412,
            7 => StoreFault::RequestLost,
            8 => StoreFault::CutShort,
            9..=11 => StoreFault::Late { most },
            _ => StoreFault::Slow { most: most.min(Duration::from_millis(800)) },
        }
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
