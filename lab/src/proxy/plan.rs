//! Which requests meet which fault.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;

use super::{Fault, Kind, Method};

/// The most bytes that pass before a cut. The object and its conditions are longer, and so is the head of any answer.
const CUT_WITHIN: u64 = 64;

/// What a throttled connection carries, at least and at most, in bytes a second.
const RATES: (u64, u64) = (4 << 10, 64 << 10);

/// A request whose head has come.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// What it wants.
    pub method: Method,
    /// The how manyth of this method it is, over all connections, from 1.
    pub number: u64,
    /// When its head had come.
    pub at: Instant,
}

/// Decides on every request, in the order of their arrival. Called under a lock: it must not call the proxy.
pub type Decide = Box<dyn FnMut(&Asked) -> Option<Fault> + Send>;

/// Where faults come from, while they are on. Clones are the same one.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Source>>);

#[derive(Default)]
struct Source {
    decide: Option<Decide>,
    on: bool,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.lock();
        f.write_str(if source.on && source.decide.is_some() { "Faults" } else { "no faults" })
    }
}

impl Faults {
    /// None.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Those that `decide` decides on. They are on.
    pub fn decided_by(decide: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) -> Faults {
        Faults(Arc::new(Mutex::new(Source { decide: Some(Box::new(decide)), on: true })))
    }

    /// Turns them on or off. While they are off no request meets one, and none is asked about. What some have met already
    /// still takes its course: a PUT that is held will arrive, and a connection with a hole in it keeps it.
    pub fn turn(&self, on: bool) {
        self.lock().on = on;
    }

    pub(super) fn of(&self, asked: &Asked) -> Option<Fault> {
        let mut source = self.lock();
        if !source.on {
            return None;
        }
        source.decide.as_mut().and_then(|decide| decide(asked))
    }

    fn lock(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often faults come. They come in spells, since a client that tries again makes up for a single one.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// A spell begins at one of so many requests that it can concern on the average, and within twice as many.
    pub every: u64,
    /// So long all requests that it concerns meet the same kind of fault; if zero, only the first.
    pub spell: Duration,
    /// So long there are none after it.
    pub rest: Duration,
}

/// Draws faults by a seed.
#[derive(Debug)]
pub struct Plan {
    rng: StdRng,
    kinds: Vec<Kind>,
    rhythm: Rhythm,
    /// How long a PUT is held.
    hold: Duration,
    /// The kinds that come before any comes again, the next one last.
    coming: Vec<Kind>,
    /// Requests that pass before the next spell.
    passing: u64,
    /// What there is now, until when.
    spell: Option<(Kind, Instant)>,
    /// Until when there are none.
    resting: Option<Instant>,
}

impl Plan {
    /// One that draws from these kinds: each of them once, in random order, before any comes again.
    pub fn new(seed: u64, kinds: Vec<Kind>, rhythm: Rhythm, hold: Duration) -> Plan {
        let mut rng = StdRng::seed_from_u64(seed);
        let passing = gap(&mut rng, rhythm.every);
        Plan { rng, kinds, rhythm, hold, coming: Vec::new(), passing, spell: None, resting: None }
    }

    /// What happens to a request.
    pub fn draw(&mut self, asked: &Asked) -> Option<Fault> {
        if let Some((kind, until)) = self.spell {
            if asked.at < until {
                return kind.concerns(asked.method).then(|| self.fault(kind));
            }
            self.spell = None;
            self.resting = Some(until + self.rhythm.rest);
        }
        if self.resting.is_some_and(|until| asked.at < until) {
            return None;
        }
        let kind = self.next()?;
        if !kind.concerns(asked.method) {
            return None;
        }
        if self.passing > 0 {
            self.passing -= 1;
            return None;
        }
        self.coming.pop();
        self.passing = gap(&mut self.rng, self.rhythm.every);
        self.spell = Some((kind, asked.at + self.rhythm.spell));
        Some(self.fault(kind))
    }

    /// The kind of the next spell; none if there are no kinds.
    fn next(&mut self) -> Option<Kind> {
        if self.coming.is_empty() {
            self.coming.clone_from(&self.kinds);
            self.coming.shuffle(&mut self.rng);
        }
        self.coming.last().copied()
    }

    /// A fault of a kind.
    pub fn fault(&mut self, kind: Kind) -> Fault {
        match kind {
            Kind::Hold => Fault::Hold(self.hold),
            Kind::CutRequest => Fault::CutRequest(self.rng.random_range(0..=CUT_WITHIN)),
            Kind::CutAnswer => Fault::CutAnswer(self.rng.random_range(0..=CUT_WITHIN)),
            Kind::Reset => Fault::Reset,
            Kind::HoleThere => Fault::HoleThere,
            Kind::HoleBack => Fault::HoleBack,
            Kind::Throttle => Fault::Throttle(self.rng.random_range(RATES.0..=RATES.1)),
        }
    }
}

/// How many requests pass before one of `every`, on the average, is hit.
fn gap(rng: &mut StdRng, every: u64) -> u64 {
    rng.random_range(0..=2 * every.max(1) - 2)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    /// What a plan decides about so many requests, one every millisecond, every third of them a PUT.
    fn drawn(mut plan: Plan, requests: u64) -> Vec<(u64, Method, Fault)> {
        let began = Instant::now();
        let asked = |number: u64| Asked {
            method: if number.is_multiple_of(3) { Method::Put } else { Method::Get },
            number,
            at: began + Duration::from_millis(number),
        };
        (0..requests).filter_map(|n| plan.draw(&asked(n)).map(|fault| (n, asked(n).method, fault))).collect()
    }

    fn plan(seed: u64, every: u64, spell: u64, rest: u64) -> Plan {
        let (spell, rest) = (Duration::from_millis(spell), Duration::from_millis(rest));
        Plan::new(seed, Kind::value_variants().to_vec(), Rhythm { every, spell, rest }, Duration::from_secs(3))
    }

    #[test]
    fn a_seed_decides_all_of_it() {
        assert_eq!(drawn(plan(1, 10, 20, 30), 3000), drawn(plan(1, 10, 20, 30), 3000));
        assert_ne!(drawn(plan(1, 10, 20, 30), 3000), drawn(plan(2, 10, 20, 30), 3000));
    }

    #[test]
    fn every_kind_comes_once_before_any_comes_again() {
        for seed in 0..50 {
            let faults = drawn(plan(seed, 4, 0, 0), 3000);
            for round in faults.chunks_exact(Kind::value_variants().len()) {
                let mut kinds: Vec<Kind> = round.iter().map(|(_, _, fault)| fault.kind()).collect();
                kinds.sort();
                assert_eq!(kinds, Kind::value_variants());
            }
            assert!(faults.len() > 100, "{}", faults.len());
        }
    }

    #[test]
    fn one_of_so_many_requests_is_hit_and_never_later_than_twice_that() {
        for every in [1, 2, 7, 100] {
            let plan = Plan::new(
                every,
                vec![Kind::Reset],
                Rhythm { every, spell: Duration::ZERO, rest: Duration::ZERO },
                Duration::ZERO,
            );
            let hits: Vec<u64> = drawn(plan, 100 * every).into_iter().map(|(number, _, _)| number).collect();
            assert!(hits[0] < 2 * every);
            assert!(hits.windows(2).all(|pair| pair[1] - pair[0] < 2 * every));
            assert!((80..=125).contains(&hits.len()), "{} of 100", hits.len());
        }
    }

    #[test]
    fn a_spell_hits_all_that_it_concerns_and_then_rests() {
        let faults = drawn(plan(5, 1, 20, 50), 1000);
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
        let faults = drawn(plan(3, 1, 10, 0), 3000);
        for kind in Kind::value_variants() {
            let hits = faults.iter().filter(|(_, _, fault)| fault.kind() == *kind).count();
            assert!(hits > 50, "{hits} of {kind:?}");
        }
    }
}
