//! The search of one part: what it knows while it walks over the events (`walk.rs`).

use super::super::claims::{Act, Claims};
use super::super::plan::Kind;
use super::worklist::Worklist;

/// How the search counts the open operations that have taken effect.
///
/// To tell apart every count of every kind is exact, but can be expensive. Two cheaper ways come first. Each can be trusted
/// in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// Keeps one of the states that differ only in their counts, one with low counts. If this finds an order, there is
    /// one.
    Frugal,
    /// As `Frugal`, but an open operation that was called once can happen any number of times. If this finds no order,
    /// there is none.
    Lavish,
    /// Tells all counts apart.
    Exact,
}

/// A step of an order: an act, and the number of the step before. Many orders share their first steps.
#[derive(Clone, Copy)]
pub(super) struct PathStep {
    pub(super) act: u32,
    pub(super) before: u32,
}

/// A search of one part.
pub(super) struct Search<'a> {
    pub(super) claims: &'a Claims,
    /// For each key, its word in a search state.
    pub(super) local: &'a [u32],
    /// For each act, its bit in a search state or its kind.
    pub(super) seats: &'a [u32],
    /// The number of keys.
    pub(super) keys: usize,
    /// The first word that counts open acts which are never settled.
    pub(super) opens: usize,
    /// The number of words by which the search tells states apart.
    pub(super) compared: usize,
    pub(super) counting: Counting,
    pub(super) kinds: Vec<Kind>,
    /// The kinds of which an act has been called and which are not settled.
    pub(super) live: Vec<usize>,
    /// The acts between their call and their answer, in the order of their calls.
    pub(super) pending: Vec<u32>,
    /// The steps of all orders so far.
    pub(super) steps: Vec<PathStep>,
    /// The event that the search is looking at.
    pub(super) now: u64,
    /// The number of search states visited.
    pub(super) spent: u64,
    pub(super) ahead: Worklist,
    /// For each key, the round in which it was last marked as relevant.
    pub(super) relevant: Vec<u64>,
    pub(super) round: u64,
    /// The number of marks ever set.
    pub(super) marked: u64,
}

impl<'a> Search<'a> {
    pub(super) fn act(&self, act: u32) -> &'a Act {
        &self.claims.acts[act as usize]
    }

    pub(super) fn seat(&self, act: u32) -> u32 {
        self.seats[act as usize]
    }
}
