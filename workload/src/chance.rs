//! The source of random decisions: a seed, or the Antithesis platform.
//!
//! Decisions depend on nothing else, neither on time nor on replies. So a seed makes the same decisions again.

use std::convert::Infallible;

use antithesis_sdk::random::AntithesisRng;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _, TryRng};

/// The source of all decisions of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A seed.
    Seed(u64),
    /// The platform that the run is on. The workload asks it at each decision, so that it can try several answers.
    Platform,
}

impl Source {
    /// The chance of one actor in one round. Each actor has its own, so that its decisions do not depend on the speed of
    /// the others.
    pub fn chance(self, round: u64, actor: u64) -> Chance {
        match self {
            Source::Platform => Chance::Platform,
            Source::Seed(seed) => {
                let mut key = [0; 32];
                for (part, number) in key.chunks_exact_mut(8).zip([seed, round, actor, 0]) {
                    part.copy_from_slice(&number.to_le_bytes());
                }
                Chance::Seeded(Box::new(StdRng::from_seed(key)))
            }
        }
    }
}

/// A stream of random numbers.
#[derive(Debug)]
pub enum Chance {
    /// From a seed.
    Seeded(Box<StdRng>),
    /// From the platform.
    Platform,
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(match self {
            Chance::Seeded(rng) => rng.next_u32(),
            Chance::Platform => AntithesisRng.next_u32(),
        })
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(match self {
            Chance::Seeded(rng) => rng.next_u64(),
            Chance::Platform => AntithesisRng.next_u64(),
        })
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        match self {
            Chance::Seeded(rng) => rng.fill_bytes(bytes),
            Chance::Platform => AntithesisRng.fill_bytes(bytes),
        }
        Ok(())
    }
}
