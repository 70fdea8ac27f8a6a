//! The stand-in for S3 as a host. The plan and the seed decide its faults.

use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;

use super::fault::{StoreFault, What};
use super::hits::Hit;
use super::network::Network;
use super::place::Place;
use super::plan::Plan;
use crate::s3::{Answer, Asked, Config, Fate, Keys, RequestKind, Stand, Tear, serve};

/// The store's port.
pub const PORT: u16 = 9000;
/// The bucket of the database. The first server creates it.
pub const BUCKET: &str = "valthree";
/// The region of signatures.
pub const REGION: &str = "us-east-1";
/// The access key that the store accepts.
pub const ACCESS_KEY: &str = "lab";
/// The secret of that key.
pub const SECRET_KEY: &str = "lab-secret";

/// A passing 404 lasts for the first of these times, in milliseconds, and begins anew after the second. On a real server
/// it lasts for the replacement of a file. A server is meant to tell it from an object that is gone.
const PASSING_404: (u128, u128) = (12, 60);

/// Runs the store, which listens while `up` is true. When it goes down, every connection ends, but it may still apply
/// requests that have arrived. It comes back with all its objects.
pub async fn run(network: Network, plan: Plan, started: SystemTime, mut up: watch::Receiver<bool>) -> turmoil::Result {
    let keys = Keys { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() };
    let stand = Stand::new(Config { keys: Some(keys), region: REGION.to_owned(), buckets: Vec::new(), started });
    if plan.opaque_tags {
        stand.make_tags_opaque();
    }
    let mut decisions = Decisions { rng: StdRng::seed_from_u64(plan.seed ^ 0x5703), plan, network: network.clone() };
    stand.decide(move |asked| decisions.fate(asked));
    loop {
        up.wait_for(|up| *up).await?;
        let door = network.listen(Place::Store, PORT).await?;
        let mut ends = up.clone();
        let gone = async move {
            let _ = ends.wait_for(|up| !*up).await; // the sender outlives the store
        };
        serve(door, stand.clone(), gone).await;
    }
}

struct Decisions {
    rng: StdRng,
    plan: Plan,
    network: Network,
}

impl Decisions {
    fn fate(&mut self, asked: &Asked) -> Fate {
        let now = turmoil::sim_elapsed().unwrap_or_default();
        let under_way = self.plan.faults.iter().enumerate().filter(|(_, fault)| fault.at <= now && now < fault.end());
        let met = under_way.into_iter().find_map(|(place, fault)| {
            let What::Store { fault, odds } = fault.what else { return None };
            let meant = match asked.kind {
                RequestKind::Put => !fault.is_for_gets(),
                RequestKind::Get => !fault.is_for_puts() && (fault != StoreFault::Passing404 || is_passing(now)),
                _ => !fault.is_for_puts() && !fault.is_for_gets(),
            };
            (meant && self.rng.random_bool(f64::from(odds) / 100.0)).then_some((place, fault))
        });
        let (least, most) = self.plan.service;
        let usual = Duration::from_millis(self.rng.random_range(least.as_millis() as u64..=most.as_millis() as u64));
        let mut fate = Fate { performed: Some(usual), answered: usual, answer: Answer::Truth };
        if let Some((place, fault)) = met {
            let hit;
            (fate, hit) = self.faulty(fault, fate);
            self.network.hits.count(hit, place);
        }
        let Asked { number, kind, key, conditional, length, .. } = asked;
        let condition = if *conditional { " on a condition" } else { "" };
        self.network.trace.note(format_args!("store #{number} {kind:?} {key} {length}{condition}: {fate:?}"));
        fate
    }

    fn faulty(&mut self, fault: StoreFault, honest: Fate) -> (Fate, Hit) {
        let error = |status, code| Answer::Error { status, code };
        match fault {
            StoreFault::Answer500 => {
                // A 500 says nothing about whether the store applied the request.
                let performed = self.rng.random_bool(0.5).then_some(Duration::ZERO);
                (Fate { performed, answer: Answer::INTERNAL_ERROR, ..honest }, Hit::Answer500)
            }
            StoreFault::Answer503 => (Fate { performed: None, answer: Answer::SLOW_DOWN, ..honest }, Hit::Answer503),
            StoreFault::Answer409 => (Fate { performed: None, answer: Answer::CONFLICT, ..honest }, Hit::Answer409),
            StoreFault::AnswerLost => (Fate { answer: self.nothing(), ..honest }, Hit::AnswerLost),
            StoreFault::False412 => (Fate { answer: error(412, "PreconditionFailed"), ..honest }, Hit::AnswerFalse412),
            StoreFault::RequestLost => (Fate { performed: None, answer: self.nothing(), ..honest }, Hit::RequestLost),
            StoreFault::CutShort => (Fate { answer: Answer::Truncated(16), ..honest }, Hit::AnswerCutShort),
            StoreFault::TornNewBody => (Fate { answer: Answer::Torn(Tear::NewBody), ..honest }, Hit::AnswerTorn),
            StoreFault::TornOldBody => (Fate { answer: Answer::Torn(Tear::OldBody), ..honest }, Hit::AnswerTorn),
            StoreFault::Passing404 => (Fate { answer: Answer::NO_SUCH_KEY, ..honest }, Hit::Answer404Passing),
            StoreFault::Late { most } => {
                let performed = Some(honest.answered + self.up_to(most));
                (Fate { performed, answer: self.nothing(), ..honest }, Hit::PutAppliedLate)
            }
            StoreFault::Slow { most } => {
                let [one, other] = [self.up_to(most), self.up_to(most)];
                let fate = Fate { performed: Some(one.min(other)), answered: one.max(other), answer: Answer::Truth };
                (fate, Hit::StoreSlow)
            }
        }
    }

    /// Draws a lost answer: silence, a 500, or an end of the connection.
    fn nothing(&mut self) -> Answer {
        match self.rng.random_range(0..4) {
            0 => Answer::Silence,
            1 => Answer::INTERNAL_ERROR,
            _ => Answer::Hangup,
        }
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.rng.random_range(1..=most.as_millis().max(1) as u64))
    }
}

fn is_passing(now: Duration) -> bool {
    now.as_millis() % PASSING_404.1 < PASSING_404.0
}
