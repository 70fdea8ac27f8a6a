//! Where the items of a list stand.
//!
//! A position is a number. The multiples of the stride are the *grid*. A push goes to the next grid position beyond the
//! end, so it needs to know nothing but the end. An insert goes to the middle between its neighbors, or continues a run:
//! see [`InsertSpot`]. When its neighbors leave no position between them, a window of positions around them is spread.
//!
//! A spread leaves half of the window free at the spot, because many inserts come to one spot. It divides the other half
//! evenly. That half may hold at most `w^(5/8)` items if it is `w` positions wide. So the density that is allowed falls as
//! windows grow, and a window that was just spread leaves room in each of its parts. That makes a spread rare for wide
//! windows. A hundred thousand inserts at one spot move less than one item each on the average. A greater exponent moves
//! more, and a smaller one would take the grid itself for too dense where a list has millions of items.

use std::ops::RangeInclusive;

use crate::zoo::planted;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The head, where the index is 0.
    Left,
    /// The tail.
    Right,
}

/// The spacing of positions.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// The distance from one grid position to the next.
    pub stride: i64,
    /// No position is further from zero than this.
    pub furthest: i64,
}

/// The spacing that the server uses. The stride leaves room for 16 inserts at one spot before anything moves, and costs five
/// digits in the name of each item. A million pushes per second to one end take two years to reach the furthest position.
/// The distance of two positions fits into an `i64`.
pub const GRID: Grid = Grid { stride: 1 << 16, furthest: 1 << 62 };

/// The narrowest window that is spread, as a power of two: narrower ones would be full again after a few inserts.
const NARROWEST: u32 = 5;

impl Grid {
    /// Whether a position is on the grid.
    pub fn holds(self, position: i64) -> bool {
        position % self.stride == 0
    }

    /// The next grid position beyond an end, or nothing where the positions are used up.
    pub fn beyond(self, end: i64, side: Side) -> Option<i64> {
        let cell = end.div_euclid(self.stride);
        let next = match side {
            Side::Right if planted!("push-passes-the-grid") => (cell + 2) * self.stride,
            Side::Right => (cell + 1) * self.stride,
            Side::Left if self.holds(end) => (cell - 1) * self.stride,
            Side::Left => cell * self.stride,
        };
        (next.abs() <= self.furthest).then_some(next)
    }

    /// The first of some grid positions in a row that have as much room on their left as on their right.
    pub fn centered(self, items: u64) -> i64 {
        -(items / 2).cast_signed() * self.stride
    }
}

/// The windows around a position, from narrow to wide, without what lies beyond the ends. The last one is the whole list.
pub fn windows(around: i64, ends: RangeInclusive<i64>) -> impl Iterator<Item = RangeInclusive<i64>> {
    let whole = ends.clone();
    let aligned = (NARROWEST..i64::BITS - 1).map(move |level| {
        let mask = (1 << level) - 1;
        (around & !mask).max(*ends.start())..=(around | mask).min(*ends.end())
    });
    // No aligned window reaches over zero.
    aligned.chain([whole])
}

/// A spot for an insert: its neighbors, and how far the next items beyond them are.
///
/// Inserts at one spot come in runs, each next to the one before. A run shows by its distances: they are shorter than those
/// on the other side of the spot. An insert beside a run keeps the distance. A run of `n` inserts takes `n` distances
/// then, where the middle between the neighbors would halve what is left each time.
#[derive(Clone, Copy, Debug)]
pub struct InsertSpot {
    /// The position of the item before the spot.
    pub left: i64,
    /// The position of the item behind the spot.
    pub right: i64,
    /// The distance from the left neighbor to the item before it.
    pub before: i64,
    /// The distance from the right neighbor to the item behind it.
    pub behind: i64,
}

impl InsertSpot {
    /// The end of the run that is beside the spot, as far as one can tell: the neighbor that was inserted last.
    pub fn run(self) -> Side {
        if self.before < self.behind { Side::Left } else { Side::Right }
    }

    /// The position for an item, or nothing if all are taken.
    pub fn position(self) -> Option<i64> {
        let gap = self.right - self.left;
        let step = self.before.min(self.behind);
        let position = match self.run() {
            _ if self.before == self.behind || step > gap / 2 => self.left + gap / 2,
            Side::Left => self.left + step,
            Side::Right => self.right - step,
        };
        (position > self.left).then_some(position)
    }
}

/// Whether a spread may put this many items into a window.
pub fn has_room(window: &RangeInclusive<i64>, items: u64) -> bool {
    let half = width(window) / 2;
    let root = half.isqrt();
    items <= root * root.isqrt().isqrt()
}

/// Positions for some items in a window that has room for them. `new` is the index of the item that is inserted. It goes to
/// the end of its run, and half of the window stays free beside it. It stands closer to the run than others to each other,
/// so that the next insert knows the run.
pub fn spread(window: &RangeInclusive<i64>, items: u64, new: u64, run: Side) -> impl Iterator<Item = i64> {
    let (start, last, half) = (*window.start(), width(window) - 1, width(window) / 2);
    let parts = 2 * u128::from(items);
    (0..items).map(move |index| {
        // The middle of each of as many equal parts.
        let middle = 2 * u128::from(index) + 1;
        let (halves, free) = match run {
            Side::Left => (if index == new { middle - 1 } else { middle }, index > new),
            Side::Right => (if index == new { middle + 1 } else { middle }, index >= new),
        };
        let offset = halves * u128::from(half) / parts + if free { u128::from(half) } else { 0 };
        // The last part ends where the window ends: a new item there would stand outside.
        start + i64::try_from(offset.min(u128::from(last))).expect("an offset is less than the width")
    })
}

fn width(window: &RangeInclusive<i64>) -> u64 {
    window.start().abs_diff(*window.end()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_goes_to_the_next_grid_position() {
        let grid = Grid { stride: 4, furthest: 8 };
        let cases = [(0, -4, 4), (1, 0, 4), (3, 0, 4), (4, 0, 8), (-1, -4, 0), (-4, -8, 0), (-5, -8, -4)];
        for (end, left, right) in cases {
            assert_eq!(grid.beyond(end, Side::Left), Some(left), "left of {end}");
            assert_eq!(grid.beyond(end, Side::Right), Some(right), "right of {end}");
        }
        assert_eq!(grid.beyond(8, Side::Right), None);
        assert_eq!(grid.beyond(-7, Side::Left), Some(-8));
        assert_eq!(grid.beyond(-8, Side::Left), None);
        assert_eq!(GRID.beyond(GRID.furthest, Side::Right), None);
    }

    #[test]
    fn windows_grow_up_to_the_whole_list() {
        for (around, ends) in [(5, -1000..=1000), (-3, -3..=-1), (GRID.furthest - 1, 0..=GRID.furthest), (0, -9..=0)] {
            let all: Vec<_> = windows(around, ends.clone()).collect();
            assert!(all.iter().all(|window| window.contains(&around)), "{ends:?}");
            let inside = |inner: &RangeInclusive<i64>, outer: &RangeInclusive<i64>| {
                outer.start() <= inner.start() && inner.end() <= outer.end()
            };
            assert!(all.is_sorted_by(inside), "{ends:?}");
        }
    }

    #[test]
    fn an_insert_continues_the_run_beside_it() {
        let spot = |before, behind| InsertSpot { left: 100, right: 200, before, behind };
        let cases = [
            (spot(7, 40), Some(107)),
            (spot(40, 7), Some(193)),
            (spot(7, i64::MAX), Some(107)),
            (spot(7, 7), Some(150)),
            (spot(60, 80), Some(150)),
            (InsertSpot { right: 101, ..spot(1, 40) }, None),
        ];
        for (spot, position) in cases {
            assert_eq!(spot.position(), position, "{spot:?}");
        }
    }

    #[test]
    fn the_next_insert_after_a_spread_knows_the_run() {
        let window = 0..=4095;
        for (new, run) in [(30, Side::Left), (30, Side::Right)] {
            let positions: Vec<i64> = spread(&window, 60, new, run).collect();
            let at = new as usize + usize::from(run == Side::Left);
            let (left, right) = (positions[at - 1], positions[at]);
            let spot = InsertSpot { left, right, before: left - positions[at - 2], behind: positions[at + 1] - right };
            assert!(right - left > 2000, "half of the window is free: {spot:?}");
            assert_eq!(spot.run(), run, "{spot:?}");
        }
    }

    #[test]
    fn a_spread_ascends_within_its_window() {
        let narrow = (2..600).map(|width| -5..=width - 6);
        for window in narrow.chain([i64::MIN / 4..=i64::MAX / 4]) {
            let most = (1..1000).take_while(|items| has_room(&window, *items)).last().unwrap_or(0);
            for (items, new) in (2..=most).flat_map(|items| [1, items / 2, items - 1].map(|new| (items, new))) {
                for run in [Side::Left, Side::Right] {
                    let positions: Vec<i64> = spread(&window, items, new, run).collect();
                    assert_eq!(positions.len() as u64, items);
                    assert!(positions.is_sorted_by(|one, next| one < next), "{window:?} {items} {new} {run:?}");
                    assert!(positions.iter().all(|position| window.contains(position)), "{window:?} {items} {new}");
                }
            }
        }
    }

    #[test]
    fn a_grid_has_more_room_than_it_uses() {
        for items in [2_u64, 3, 10, 1000, 1 << 20, 1 << 23] {
            let window = 0..=(items - 1).cast_signed() * GRID.stride;
            assert!(has_room(&window, items + items / 2), "{items}");
        }
    }
}
