//! Who decides what becomes of a server's requests: mostly what should, within a round trip, and sometimes what a network, a
//! proxy or a store in trouble makes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep};
use valthree::store::memory::{HeldRequest, Request, Script};

use crate::cluster::{conflict, refused, unclear};

/// What happens to a request that does not go well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It is lost.
    RequestLost,
    /// Its sender is told that nobody knows, and only then is it carried out.
    LandsLate,
    /// It never leaves the server.
    Refused,
    /// It is told that it met a conflict, without having been tried.
    FalseConflict,
    /// It is told that it met a conflict, which is itself: a proxy has sent it twice.
    OwnConflict,
    /// It is carried out soon and answered late.
    AnswerLate,
    /// It is carried out late.
    RequestLate,
    /// It is carried out and never answered.
    HangsAfter,
    /// It is neither carried out nor answered.
    HangsBefore,
}

use Fault::*;

const OF_A_PUT: [Fault; 10] = [
    AnswerLost,
    RequestLost,
    LandsLate,
    Refused,
    FalseConflict,
    OwnConflict,
    AnswerLate,
    RequestLate,
    HangsAfter,
    HangsBefore,
];
const OF_A_GET: [Fault; 6] = [RequestLost, Refused, AnswerLate, RequestLate, HangsAfter, HangsBefore];

/// When nothing of a test's trouble is left, late answers included.
pub const CALM: Duration = Duration::from_secs(60);

/// How often requests fare badly, and how.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Of a thousand requests, so many meet one of these faults.
    pub per_mille: u32,
    pub faults: &'static [Fault],
    /// From when to when every request meets this fault.
    pub outage: Option<(Duration, Duration, Fault)>,
    /// When the trouble ends.
    pub until: Duration,
}

impl Weather {
    pub const FAIR: Weather = Weather { per_mille: 0, faults: &[], outage: None, until: Duration::ZERO };

    /// Trouble of any kind, from a shower to a storm.
    pub fn draw(rng: &mut StdRng) -> Weather {
        let outage = rng.random_bool(0.3).then(|| {
            let from = Duration::from_millis(rng.random_range(0..300));
            let fault = *[RequestLost, AnswerLost, Refused, HangsBefore, HangsAfter].choose(rng).unwrap();
            (from, from + Duration::from_millis(rng.random_range(500..3_500)), fault)
        });
        let per_mille = *[20, 100, 400].choose(rng).unwrap();
        Weather { per_mille, faults: &OF_A_PUT, outage, until: Duration::from_secs(8) }
    }
}

/// How often what has happened, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(pub BTreeMap<String, u64>);

impl Tally {
    pub fn add(&mut self, what: impl Into<String>, n: u64) {
        *self.0.entry(what.into()).or_default() += n;
    }

    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    pub fn merge(&mut self, other: &Tally) {
        other.0.iter().for_each(|(what, n)| self.add(what, *n));
    }

    /// Every fault that a PUT or a GET can meet, as it is counted.
    pub fn faults() -> impl Iterator<Item = String> {
        let puts = OF_A_PUT.iter().map(|fault| format!("PUT {fault:?}"));
        puts.chain(OF_A_GET.iter().map(|fault| format!("GET {fault:?}")))
    }
}

/// Decides for one server.
pub struct Director {
    pub rng: StdRng,
    pub weather: Weather,
    pub started: Instant,
    pub tally: Arc<Mutex<Tally>>,
}

impl Director {
    pub fn new(seed: u64, weather: Weather, started: Instant, tally: Arc<Mutex<Tally>>) -> Director {
        Director { rng: StdRng::seed_from_u64(seed), weather, started, tally }
    }

    /// Treats every request of a server, until the server is gone.
    pub async fn direct(mut self, mut script: Script) {
        while let Some(held) = script.next().await {
            let is_put = matches!(held.request, Request::Put { .. });
            let fault = self.fault(if is_put { &OF_A_PUT } else { &OF_A_GET });
            let soon = |rng: &mut StdRng| Duration::from_millis(rng.random_range(1..20));
            let (before, after) = (soon(&mut self.rng), soon(&mut self.rng));
            let late = match self.rng.random_bool(0.5) {
                true => soon(&mut self.rng) * 3,
                false => Duration::from_millis(self.rng.random_range(100..3_000)),
            };
            let tally = Arc::clone(&self.tally);
            tokio::spawn(async move {
                let hit = treat(held, fault, before, after, late).await;
                if let Some(fault) = fault.filter(|_| hit) {
                    let kind = if is_put { "PUT" } else { "GET" };
                    tally.lock().unwrap().add(format!("{kind} {fault:?}"), 1);
                }
            });
        }
    }

    fn fault(&mut self, possible: &[Fault]) -> Option<Fault> {
        let now = self.started.elapsed();
        let outage = self.weather.outage.filter(|(from, to, _)| (*from..*to).contains(&now)).map(|outage| outage.2);
        let trouble = now < self.weather.until && self.rng.random_range(0..1_000) < self.weather.per_mille;
        let drawn = trouble.then(|| self.weather.faults.choose(&mut self.rng).copied()).flatten();
        outage.or(drawn).filter(|fault| possible.contains(fault))
    }
}

/// Says whether the fault was one: an answer can only be lost after landing if there was a landing.
async fn treat(mut held: HeldRequest, fault: Option<Fault>, before: Duration, after: Duration, late: Duration) -> bool {
    sleep(if fault == Some(RequestLate) { late } else { before }).await;
    match fault {
        None => {
            held.perform();
            sleep(after).await;
            held.answer();
            true
        }
        Some(AnswerLost) => {
            let landed = held.perform();
            sleep(after).await;
            held.fail(unclear());
            landed
        }
        Some(RequestLost) => {
            held.fail(unclear());
            true
        }
        Some(LandsLate) => {
            held.fail(unclear());
            sleep(late).await;
            held.perform()
        }
        Some(Refused) => {
            held.fail(refused());
            true
        }
        Some(FalseConflict) => {
            held.fail(conflict());
            true
        }
        Some(OwnConflict) => {
            let landed = held.perform();
            sleep(after).await;
            held.fail(conflict());
            landed
        }
        Some(AnswerLate) => {
            held.perform();
            sleep(late).await;
            held.answer();
            true
        }
        Some(RequestLate) => {
            let landed = held.perform();
            sleep(after).await;
            held.answer();
            landed
        }
        Some(HangsAfter) => {
            let landed = held.perform();
            sleep(CALM / 2).await;
            landed
        }
        Some(HangsBefore) => {
            sleep(CALM / 2).await;
            true
        }
    }
}
