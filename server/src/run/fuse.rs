//! How a part of a filter is built.
//!
//! Each mark is given to one of its slots that no other remaining mark shares, and taken out; that frees slots of others.
//! When all are out, the slots are filled in the opposite order: whoever fills a slot disturbs nobody filled before. If
//! some marks share all their slots with others, the next attempt mixes the marks in another way.

use super::fuse_shape::{FuseShape, LONGEST_SEGMENT, OPEN};

/// After so many attempts the part stays open. An attempt fails once in a hundred times for marks that nobody chose, and
/// somewhat more often for a few marks.
const ATTEMPTS: u8 = 32;

/// The steps of the count of marks in a slot. The lower bits are the exclusive or of the places, 0 to 2, that the slot has
/// among the slots of its marks.
const ONE: u8 = 4;

/// The shape and the slots for these marks.
pub(super) fn fuse(mut marks: Vec<u64>) -> (FuseShape, Vec<u8>) {
    if marks.is_empty() {
        return (FuseShape { attempt: 0, segment: 0, segments: 0 }, Vec::new());
    }
    for attempt in 0..ATTEMPTS {
        let shape = shape(marks.len(), attempt);
        if let Some(slots) = attempt_with(shape, &marks) {
            return (shape, slots);
        }
        if attempt == 0 {
            // Two rows with the same mark share all slots for ever.
            marks.sort_unstable();
            marks.dedup();
        }
    }
    (FuseShape { attempt: OPEN, segment: 0, segments: 0 }, Vec::new())
}

/// The shape for so many marks. Calculated with integers, so that all machines agree.
fn shape(marks: usize, attempt: u8) -> FuseShape {
    // A segment has about 2^2.25 · marks^(ln 2 / ln 3.33) slots: it doubles when the marks are 3.33 times as many.
    let (mut segment, mut thousandths) = (2_u8, 2465_u64);
    while segment < LONGEST_SEGMENT && marks as u64 * 1000 >= thousandths {
        segment += 1;
        thousandths = thousandths * 333 / 100;
    }
    // The array has 0.875 + 3.454 / ln(marks) slots for each mark, and 1.125 at least.
    let factor = (875 + 4983 / u64::from(marks.ilog2().max(1))).max(1125);
    let slots = (marks as u64 * factor).div_ceil(1000);
    let segments = slots.div_ceil(1 << segment).saturating_sub(2).max(1);
    FuseShape { attempt, segment, segments: u32::try_from(segments).expect("a layer has fewer rows") }
}

/// The slots, unless some marks can't be told apart in this way.
fn attempt_with(shape: FuseShape, marks: &[u64]) -> Option<Vec<u8>> {
    let mut shared = vec![0_u64; shape.slots()];
    let mut counts = vec![0_u8; shape.slots()];
    for &mark in marks {
        for (place, slot) in shape.slots_of(mark).0.into_iter().enumerate() {
            shared[slot] ^= mark;
            counts[slot] = counts[slot].checked_add(ONE)? ^ place as u8;
        }
    }
    let mut alone: Vec<usize> = (0..counts.len()).filter(|&slot| counts[slot] / ONE == 1).collect();
    let mut order = Vec::with_capacity(marks.len());
    while let Some(slot) = alone.pop() {
        if counts[slot] / ONE != 1 {
            continue;
        }
        let (mark, place) = (shared[slot], usize::from(counts[slot] % ONE));
        order.push((mark, place));
        for (other, slot) in shape.slots_of(mark).0.into_iter().enumerate() {
            counts[slot] = (counts[slot] - ONE) ^ other as u8;
            shared[slot] ^= mark;
            if counts[slot] / ONE == 1 {
                alone.push(slot);
            }
        }
    }
    if order.len() < marks.len() {
        return None;
    }
    let mut slots = vec![0_u8; shape.slots()];
    for (mark, place) in order.into_iter().rev() {
        let (places, byte) = shape.slots_of(mark);
        // Its own slot is still empty, so it does not count.
        slots[places[place]] = places.iter().fold(byte, |byte, &slot| byte ^ slots[slot]);
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::row::{Made, Table};
    use crate::run::filter::{Filter, FilterBuilding, PART, mark};
    use crate::run::fuse_shape::mix;

    fn filter(marks: &[u64]) -> (Filter, Bytes) {
        let mut building = FilterBuilding::new(marks.len() as u64);
        marks.iter().for_each(|mark| building.add(*mark));
        let bytes = loop {
            if let Some(parts) = building.build_next() {
                break Bytes::from(parts.concat());
            }
        };
        (Filter::read(&bytes).unwrap(), bytes)
    }

    #[test]
    fn every_mark_is_found_and_few_others() {
        for count in (0..20).chain([100, 1000, 5000, PART, PART + 1, 3 * PART]) {
            let marks: Vec<u64> = (0..count).map(mix).collect();
            let (filter, bytes) = filter(&marks);
            assert!(marks.iter().all(|mark| filter.may_have(*mark)), "{count}");
            let wrong = (count..count + 50_000).filter(|mark| filter.may_have(mix(*mark))).count();
            assert!((count == 0 && wrong == 0) || (120..320).contains(&wrong), "{count}: {wrong}");
            if count >= 5000 {
                assert!(bytes.len() as u64 * 8 < count * 11, "{count}: {} bytes", bytes.len());
            }
        }
    }

    #[test]
    fn marks_that_somebody_chose_make_a_filter_that_is_larger_or_open_but_never_wrong() {
        let twice: Vec<u64> = (0..500).chain(0..500).chain([7; 300]).map(mix).collect();
        assert!(twice.iter().all(|mark| filter(&twice).0.may_have(*mark)));
        // For each attempt, two marks with the same slots.
        let mut marks = Vec::new();
        for attempt in 0..ATTEMPTS {
            let shape = shape(2 * usize::from(ATTEMPTS), attempt);
            let mut seen = std::collections::BTreeMap::new();
            let pair = (0..).map(mix).find_map(|mark| {
                let other = seen.insert(shape.slots_of(mark).0, mark).filter(|other| !marks.contains(other))?;
                (!marks.contains(&mark)).then_some([mark, other])
            });
            marks.extend(pair.unwrap());
        }
        let (filter, bytes) = filter(&marks);
        assert_eq!(bytes[..], [1, 0, 0, 0, OPEN, 0, 0, 0, 0, 0]);
        assert!((0..1000).all(|mark| filter.may_have(mark)));
    }

    #[test]
    fn marks_never_change() {
        let id = Made { generation: 18, ordinal: 3 };
        let marks = [
            mark(Table::Keys(Made::first(0)), b""),
            mark(Table::Keys(id), b"greeting"),
            mark(Table::Elements(id), b"greeting"),
            mark(Table::Elements(id), b"greeting\0"),
        ];
        assert_eq!(
            marks.map(|mark| format!("{mark:016x}")),
            ["9a04b5983ed5a094", "22c32a74ff6c8bf4", "a736378eb3657205", "146e7a9ede9238f1"]
        );
    }
}
