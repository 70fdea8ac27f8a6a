//! The order of what a search finds.
//!
//! Places at the same distance come in the order in which Valkey gives them. If a request wants all places, that is the
//! order in which they were found. If it wants only some of them, Valkey sorts no more than it needs, by the quicksort of
//! Bentley and McIlroy ("Engineering a sort function", 1993), which moves equal elements. `partial` makes the same
//! exchanges, because they decide which one of two equally near places a reply leaves out.

use std::cmp::Ordering as Comparison;
use std::ops::Range;

/// Compares two elements.
pub(super) type Ordering<T> = fn(&T, &T) -> Comparison;

/// Below this length, elements are inserted one by one.
const SMALL: usize = 7;
/// Above this length, the pivot is a median of nine elements.
const LARGE: usize = 40;
/// A range that was halved badly so often is sorted otherwise. Only elements that were chosen to harm get there.
const DEPTH: usize = 96;

/// Sorts a list, or at least its first `wanted` elements.
pub(super) fn arrange<T>(list: &mut [T], wanted: usize, order: Ordering<T>) {
    if wanted < list.len() {
        partial(list, wanted, order);
    } else {
        list.sort_by(order);
    }
}

/// Moves the first `wanted` elements of the order to the front, sorted.
fn partial<T>(list: &mut [T], wanted: usize, order: Ordering<T>) {
    let mut open = vec![(0..list.len(), 0)];
    while let Some((range, depth)) = open.pop() {
        let part = &mut list[range.clone()];
        if part.len() < SMALL {
            insert(part, order);
        } else if depth > DEPTH {
            part.sort_by(order);
        } else {
            let (below, above) = split(part, order);
            let rest = [below, above].map(|part| range.start + part.start..range.start + part.end);
            open.extend(
                rest.into_iter().filter(|rest| rest.len() > 1 && rest.start < wanted).map(|rest| (rest, depth + 1)),
            );
        }
    }
}

fn insert<T>(list: &mut [T], order: Ordering<T>) {
    for end in 1..list.len() {
        let mut at = end;
        while at > 0 && order(&list[at - 1], &list[at]).is_gt() {
            list.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Puts the elements below a pivot before those equal to it, and those above it behind them. Returns where the elements
/// below and above are.
fn split<T>(list: &mut [T], order: Ordering<T>) -> (Range<usize>, Range<usize>) {
    list.swap(0, pivot(list, order));
    // Equal elements gather at both ends: before `equal_start` and from `equal_end`. The elements from `low` to `high`,
    // the second one excluded, have not been compared yet.
    let (mut equal_start, mut low) = (1, 1);
    let (mut high, mut equal_end) = (list.len(), list.len());
    loop {
        while low < high && order(&list[low], &list[0]).is_le() {
            if order(&list[low], &list[0]).is_eq() {
                list.swap(equal_start, low);
                equal_start += 1;
            }
            low += 1;
        }
        while low < high && order(&list[high - 1], &list[0]).is_ge() {
            if order(&list[high - 1], &list[0]).is_eq() {
                equal_end -= 1;
                list.swap(high - 1, equal_end);
            }
            high -= 1;
        }
        if low >= high {
            break;
        }
        list.swap(low, high - 1);
        low += 1;
        high -= 1;
    }
    let (below, above) = (low - equal_start, equal_end - high);
    exchange(list, 0, low, equal_start.min(below));
    exchange(list, low, list.len(), (list.len() - equal_end).min(above));
    (0..below, list.len() - above..list.len())
}

/// Exchanges the elements from `first` on with the last ones before `end`.
fn exchange<T>(list: &mut [T], first: usize, end: usize, length: usize) {
    for offset in 0..length {
        list.swap(first + offset, end - length + offset);
    }
}

/// The position of an element that is probably near the middle of the order.
fn pivot<T>(list: &[T], order: Ordering<T>) -> usize {
    let (mut first, mut middle, mut last) = (0, list.len() / 2, list.len() - 1);
    if list.len() == SMALL {
        return middle;
    }
    if list.len() > LARGE {
        let step = list.len() / 8;
        first = median(list, [first, first + step, first + 2 * step], order);
        middle = median(list, [middle - step, middle, middle + step], order);
        last = median(list, [last - 2 * step, last - step, last], order);
    }
    median(list, [first, middle, last], order)
}

/// The position of the middle one of three elements.
fn median<T>(list: &[T], [a, b, c]: [usize; 3], order: Ordering<T>) -> usize {
    let compare = |one: usize, other: usize| order(&list[one], &list[other]);
    match (compare(a, b).is_lt(), compare(b, c)) {
        (true, Comparison::Less) | (false, Comparison::Greater) => b,
        (rising, _) if rising == compare(a, c).is_lt() => c,
        _ => a,
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn the_first_elements_are_sorted_whatever_the_others_are() {
        let mut rng = StdRng::seed_from_u64(1);
        for round in 0..2000 {
            let length = rng.random_range(0..200);
            let largest = [2, 20, 1_000_000][round % 3];
            let list: Vec<u32> = (0..length).map(|_| rng.random_range(0..largest)).collect();
            let wanted = rng.random_range(0..=length);
            let (mut sorted, mut arranged) = (list.clone(), list);
            sorted.sort_unstable();
            arrange(&mut arranged, wanted, u32::cmp);
            assert_eq!(arranged[..wanted], sorted[..wanted]);
            arranged.sort_unstable();
            assert_eq!(arranged, sorted);
        }
    }

    #[test]
    fn all_elements_keep_the_order_of_equal_ones() {
        let mut list = vec![(1, 'a'), (0, 'b'), (1, 'c'), (0, 'd')];
        arrange(&mut list, 4, |one, other| one.0.cmp(&other.0));
        assert_eq!(list, [(0, 'b'), (0, 'd'), (1, 'a'), (1, 'c')]);
    }
}
