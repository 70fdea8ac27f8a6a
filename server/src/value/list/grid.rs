//! Where the items of a list stand.
//!
//! A position is a number. The multiples of the stride are the *grid*. A push goes to the next grid position beyond the
//! end, so it needs to know nothing but the end. An insert goes to the middle between its neighbors. Between two grid
//! positions there is room for some inserts at one spot. Then a window of positions around the spot is spread evenly.
//!
//! A window may hold at most `w^(5/8)` items if it is `w` positions wide. So the density that is allowed falls as windows
//! grow, and a window that was just spread leaves room in each of its halves. That makes a spread rare for wide windows:
//! the items moved per insert grow with the logarithm of the length. A hundred thousand inserts at one spot move 20 items
//! each on the average. A greater exponent moves more, and a smaller one would take the grid itself for too dense where a
//! list has millions of items.

use std::ops::RangeInclusive;

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

/// Whether a window may hold this many items.
pub fn has_room(window: &RangeInclusive<i64>, items: u64) -> bool {
    let width = width(window);
    let root = width.isqrt();
    items <= root * root.isqrt().isqrt()
}

/// Positions for some items in a window, with equal distances. The window has room for them.
pub fn spread(window: &RangeInclusive<i64>, items: u64) -> impl Iterator<Item = i64> {
    let (start, width) = (*window.start(), u128::from(width(window)));
    (0..u128::from(items)).map(move |index| {
        // The middle of each of as many equal parts.
        let offset = (2 * index + 1) * width / (2 * u128::from(items));
        start + i64::try_from(offset).expect("an offset is less than the width")
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
    fn a_spread_ascends_within_its_window() {
        for (window, items) in [(0..=31, 5), (-5..=5, 3), (7..=7, 1), (i64::MIN / 4..=i64::MAX / 4, 1000)] {
            assert!(has_room(&window, items));
            let positions: Vec<i64> = spread(&window, items).collect();
            assert_eq!(positions.len() as u64, items);
            assert!(positions.is_sorted_by(|one, next| one < next));
            assert!(positions.iter().all(|position| window.contains(position)));
        }
    }

    #[test]
    fn a_grid_has_more_room_than_it_uses() {
        for items in [2_u64, 3, 10, 1000, 1 << 20, 1 << 23] {
            let window = 0..=(items - 1).cast_signed() * GRID.stride;
            assert!(has_room(&window, 2 * items), "{items}");
        }
    }
}
