//! A bound on the work of commands that combine several keys.
//!
//! The size of the database is no bound: a request may name one large key many thousands of times, and 64 MB of `BITOP`
//! would go through 30 TB. The server would serve nobody meanwhile.

use crate::resp::Reply;
use crate::row::OVERHEAD;

/// How many bytes one command may go through. It is what a whole database may have by default, so a command that names
/// each key once stays below.
const MOST_COMBINED: u64 = 1 << 30;

const TOO_MUCH: Reply = Reply::fault("ERR the keys, each as often as it is named, are larger than 1 GiB together");

/// Refuses a command that would go through values of these sizes.
pub fn bound_bytes(sizes: impl Iterator<Item = usize>) -> Result<(), Reply> {
    let total = sizes.fold(0_u64, |total, size| total.saturating_add(size as u64));
    if total > MOST_COMBINED { Err(TOO_MUCH) } else { Ok(()) }
}

/// Refuses a command that would look at so many elements of collections.
pub fn bound_elements(elements: usize) -> Result<(), Reply> {
    if (elements as u64).saturating_mul(OVERHEAD) > MOST_COMBINED { Err(TOO_MUCH) } else { Ok(()) }
}

/// The fewest elements that an intersection looks at: the smallest collection, once for each key.
pub fn of_intersection(lengths: impl ExactSizeIterator<Item = usize>) -> usize {
    let keys = lengths.len();
    lengths.min().unwrap_or(0).saturating_mul(keys)
}

/// How to compute a difference, and how many elements that looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subtraction {
    /// Looks up each member of the first collection in the others.
    Lookups(usize),
    /// Takes the members of all others out of the first one.
    Removals(usize),
}

impl Subtraction {
    /// The cheaper way.
    pub fn of(first: usize, others: impl ExactSizeIterator<Item = usize>) -> Subtraction {
        let lookups = first.saturating_mul(others.len().max(1));
        let removals = others.fold(first, usize::saturating_add);
        if lookups <= removals { Subtraction::Lookups(lookups) } else { Subtraction::Removals(removals) }
    }

    /// Refuses too large a difference.
    pub fn bound(self) -> Result<(), Reply> {
        match self {
            Subtraction::Lookups(elements) | Subtraction::Removals(elements) => bound_elements(elements),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_as_often_as_it_is_named() {
        assert_eq!(bound_bytes([1 << 29, 1 << 29].into_iter()), Ok(()));
        assert_eq!(bound_bytes([1 << 29, 1 << 29, 1].into_iter()), Err(TOO_MUCH));
        assert_eq!(bound_bytes([usize::MAX, usize::MAX].into_iter()), Err(TOO_MUCH));
        assert_eq!(bound_elements(11_000_000), Ok(()));
        assert_eq!(bound_elements(12_000_000), Err(TOO_MUCH));
        assert_eq!(bound_elements(usize::MAX), Err(TOO_MUCH));
    }

    #[test]
    fn an_intersection_costs_what_its_smallest_key_costs() {
        assert_eq!(of_intersection([1_000_000, 3, 50].into_iter()), 9);
        assert_eq!(of_intersection([].into_iter()), 0);
    }

    #[test]
    fn a_difference_takes_the_cheaper_way() {
        assert_eq!(Subtraction::of(10, [1_000, 1_000].into_iter()), Subtraction::Lookups(20));
        assert_eq!(Subtraction::of(1_000, [2, 2, 2].into_iter()), Subtraction::Removals(1_006));
        assert_eq!(Subtraction::of(10, [].into_iter()), Subtraction::Lookups(10));
    }
}
