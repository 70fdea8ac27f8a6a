//! Which requests meet which faults.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;

use super::network_fault::{FaultKind, NetworkFault};
use super::requests::Method;

/// The most bytes that pass before a cut. Every PUT and the head of every answer are longer.
const CUT_WITHIN: u64 = 64;

/// The range of a throttled connection's rate, in bytes a second.
const RATES: (u64, u64) = (4 << 10, 64 << 10);

/// A request whose head has arrived.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead {
    /// Its method.
    pub method: Method,
    /// Its number among the requests of this method on all connections, from 1.
    pub number: u64,
    /// When its head was complete.
    pub at: Instant,
}

/// Decides the fault of every request, in order of arrival. It runs under a lock, so it must not call the proxy.
pub type DecideFault = Box<dyn FnMut(&RequestHead) -> Option<NetworkFault> + Send>;

/// The source of faults, which can be turned on and off. Clones share it.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Source>>);

#[derive(Default)]
struct Source {
    decide: Option<DecideFault>,
    on: bool,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.lock();
        f.write_str(if source.on && source.decide.is_some() { "Faults" } else { "no faults" })
    }
}

impl Faults {
    /// No faults at all.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// The faults that `decide` chooses. They are on.
    pub fn decided_by(decide: impl FnMut(&RequestHead) -> Option<NetworkFault> + Send + 'static) -> Faults {
        Faults(Arc::new(Mutex::new(Source { decide: Some(Box::new(decide)), on: true })))
    }

    /// Turns the faults on or off. Faults that have begun go on: a held PUT still arrives, and a connection that swallows
    /// bytes still does.
    pub fn turn(&self, on: bool) {
        self.lock().on = on;
    }

    pub(super) fn of(&self, head: &RequestHead) -> Option<NetworkFault> {
        let mut source = self.lock();
        if !source.on {
            return None;
        }
        source.decide.as_mut().and_then(|decide| decide(head))
    }

    fn lock(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often faults come. They come in spells, since one retry overcomes a single fault.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// A spell begins after this many suitable requests on average, and after twice as many at the latest.
    pub every: u64,
    /// How long a spell lasts. All suitable requests meet its kind of fault. If zero, only the first does.
    pub spell: Duration,
    /// How long no spell begins after a spell.
    pub rest: Duration,
}

/// A source of faults that a seed decides.
#[derive(Debug)]
pub struct Schedule {
    rng: StdRng,
    kinds: Vec<FaultKind>,
    rhythm: Rhythm,
    /// How long a held PUT waits.
    hold: Duration,
    /// The kinds of this round. The next one is last.
    coming: Vec<FaultKind>,
    /// The suitable requests that pass before the next spell.
    passing: u64,
    /// The kind of the present spell, and its end.
    spell: Option<(FaultKind, Instant)>,
    /// The end of the present rest.
    resting: Option<Instant>,
}

impl Schedule {
    /// A schedule of these kinds. Each comes once, in random order, before any comes again.
    pub fn new(seed: u64, kinds: Vec<FaultKind>, rhythm: Rhythm, hold: Duration) -> Schedule {
        let mut rng = StdRng::seed_from_u64(seed);
        let passing = gap(&mut rng, rhythm.every);
        Schedule { rng, kinds, rhythm, hold, coming: Vec::new(), passing, spell: None, resting: None }
    }

    /// The fault of a request, if any.
    pub fn draw(&mut self, head: &RequestHead) -> Option<NetworkFault> {
        if let Some((kind, until)) = self.spell {
            if head.at < until {
                return kind.concerns(head.method).then(|| self.fault(kind));
            }
            self.spell = None;
            self.resting = Some(until + self.rhythm.rest);
        }
        if self.resting.is_some_and(|until| head.at < until) {
            return None;
        }
        let kind = self.next()?;
        if !kind.concerns(head.method) {
            return None;
        }
        if self.passing > 0 {
            self.passing -= 1;
            return None;
        }
        self.coming.pop();
        self.passing = gap(&mut self.rng, self.rhythm.every);
        self.spell = Some((kind, head.at + self.rhythm.spell));
        Some(self.fault(kind))
    }

    /// The kind of the next spell. `None` if there are no kinds.
    fn next(&mut self) -> Option<FaultKind> {
        if self.coming.is_empty() {
            self.coming.clone_from(&self.kinds);
            self.coming.shuffle(&mut self.rng);
        }
        self.coming.last().copied()
    }

    /// Draws a fault of this kind.
    pub fn fault(&mut self, kind: FaultKind) -> NetworkFault {
        match kind {
            FaultKind::Hold => NetworkFault::Hold(self.hold),
            FaultKind::CutRequest => NetworkFault::CutRequest(self.rng.random_range(0..=CUT_WITHIN)),
            FaultKind::CutAnswer => NetworkFault::CutAnswer(self.rng.random_range(0..=CUT_WITHIN)),
            FaultKind::Reset => NetworkFault::Reset,
            FaultKind::HoleThere => NetworkFault::HoleThere,
            FaultKind::HoleBack => NetworkFault::HoleBack,
            FaultKind::Throttle => NetworkFault::Throttle(self.rng.random_range(RATES.0..=RATES.1)),
        }
    }
}

/// Draws the number of requests before the next fault; `every` is the mean distance.
fn gap(rng: &mut StdRng, every: u64) -> u64 {
    rng.random_range(0..=2 * every.max(1) - 2)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    /// The faults that a schedule gives to this many requests, one each millisecond, every third of them a PUT.
    fn drawn(mut schedule: Schedule, requests: u64) -> Vec<(u64, Method, NetworkFault)> {
        let began = Instant::now();
        let head = |number: u64| RequestHead {
            method: if number.is_multiple_of(3) { Method::Put } else { Method::Get },
            number,
            at: began + Duration::from_millis(number),
        };
        (0..requests).filter_map(|n| schedule.draw(&head(n)).map(|fault| (n, head(n).method, fault))).collect()
    }

    fn schedule(seed: u64, every: u64, spell: u64, rest: u64) -> Schedule {
        let (spell, rest) = (Duration::from_millis(spell), Duration::from_millis(rest));
        Schedule::new(seed, FaultKind::value_variants().to_vec(), Rhythm { every, spell, rest }, Duration::from_secs(3))
    }

    #[test]
    fn a_seed_decides_every_fault() {
        assert_eq!(drawn(schedule(1, 10, 20, 30), 3000), drawn(schedule(1, 10, 20, 30), 3000));
        assert_ne!(drawn(schedule(1, 10, 20, 30), 3000), drawn(schedule(2, 10, 20, 30), 3000));
    }

    #[test]
    fn every_kind_comes_once_before_any_comes_again() {
        for seed in 0..50 {
            let faults = drawn(schedule(seed, 4, 0, 0), 3000);
            for round in faults.chunks_exact(FaultKind::value_variants().len()) {
                let mut kinds: Vec<FaultKind> = round.iter().map(|(_, _, fault)| fault.kind()).collect();
                kinds.sort();
                assert_eq!(kinds, FaultKind::value_variants());
            }
            assert!(faults.len() > 100, "{}", faults.len());
        }
    }

    #[test]
    fn the_distance_of_faults_is_right_on_average_and_at_most_twice_that() {
        for every in [1, 2, 7, 100] {
            let schedule = Schedule::new(
                every,
                vec![FaultKind::Reset],
                Rhythm { every, spell: Duration::ZERO, rest: Duration::ZERO },
                Duration::ZERO,
            );
            let hits: Vec<u64> = drawn(schedule, 100 * every).into_iter().map(|(number, _, _)| number).collect();
            assert!(hits[0] < 2 * every);
            assert!(hits.windows(2).all(|pair| pair[1] - pair[0] < 2 * every));
            assert!((80..=125).contains(&hits.len()), "{} of 100", hits.len());
        }
    }

    #[test]
    fn a_spell_hits_every_suitable_request_and_then_rests() {
        let faults = drawn(schedule(5, 1, 20, 50), 1000);
        let (mut began, _, first) = faults[0];
        let mut kind = first.kind();
        let hits = faults.iter().filter(|(number, _, _)| *number < began + 20).count();
        assert_eq!(hits, if kind.concerns(Method::Get) { 20 } else { 7 });
        for (number, method, fault) in faults {
            if number >= began + 20 {
                assert!(number >= began + 70, "a spell at {began}, the next at {number}");
                (began, kind) = (number, fault.kind());
            }
            assert_eq!(fault.kind(), kind);
            assert!(kind.concerns(method));
        }
    }

    #[test]
    fn every_kind_has_its_spells() {
        let faults = drawn(schedule(3, 1, 10, 0), 3000);
        for kind in FaultKind::value_variants() {
            let hits = faults.iter().filter(|(_, _, fault)| fault.kind() == *kind).count();
            assert!(hits > 50, "{hits} of {kind:?}");
        }
    }
}
