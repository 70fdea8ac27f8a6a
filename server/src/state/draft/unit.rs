//! Units on a draft, how large their changes may be, and how long their scripts may work.
//!
//! Nobody knows the size of a unit's effects before it is executed: COPY, SORT with STORE and scripts need few words for
//! them. So a draft counts while it changes. A unit with too large effects must leave nothing behind. A savepoint makes that
//! easy, but it costs every unit some time, and such units are rare. So an ordinary draft takes none. If a unit turns out to be
//! too large, the draft is spoiled: nobody may store it or answer out of it, and whoever executed it does so again on a
//! *careful* draft, which takes a savepoint before each unit.

use super::effects::{MOST_EFFECTS, Undoes};
use super::{Draft, Labour, Lookups};
use crate::state::orders::OrderKey;
use crate::zoo::planted;

impl Draft<'_> {
    /// Has units with too large effects undone. Has to be called before the first unit.
    pub fn be_careful(&mut self) {
        self.effects.is_careful = true;
    }

    /// About how long the changes are in an entry, in bytes.
    pub fn effects(&self) -> u64 {
        self.effects.bytes
    }

    /// Whether a unit was too large and could not be undone. Then nobody may use the draft.
    pub fn is_spoiled(&self) -> bool {
        self.effects.is_spoiled
    }

    /// Begins a unit.
    pub fn begin_unit(&mut self, may_write: bool) {
        self.effects.before = self.effects.bytes;
        self.labours.of_unit = Labour::default();
        self.missing.get_mut().clear();
        self.undoes = match (may_write, self.effects.is_careful) {
            (false, _) => Undoes::Nothing,
            (true, false) => Undoes::Draft,
            (true, true) => Undoes::Unit,
        };
        if self.undoes == Undoes::Unit {
            self.save();
        }
    }

    /// Whether the effects of the present unit are too large.
    pub fn exceeds(&self) -> bool {
        self.effects.bytes.saturating_sub(self.effects.before) > MOST_EFFECTS
    }

    /// Ends a unit. Returns whether its effects were too large. If they were, or if it lacks an order, the unit is undone or
    /// the draft is spoiled.
    pub fn end_unit(&mut self) -> bool {
        let (exceeds, lacks) = (self.exceeds(), self.lacks());
        if lacks {
            // Nobody may conclude anything from what it has seen.
            self.crossed.set(false);
        }
        planted!("unit-takes-the-savepoint-of-its-batch" => if !exceeds && !lacks {
            self.release();
            return false;
        });
        match (exceeds || lacks, self.undoes) {
            (false, Undoes::Unit) => self.release(),
            (true, Undoes::Unit) => self.roll_back(),
            (true, Undoes::Draft) => self.effects.is_spoiled = true,
            (_, Undoes::Nothing) | (false, Undoes::Draft) => {}
        }
        exceeds
    }

    /// Whether the present unit lacks an order.
    pub fn lacks(&self) -> bool {
        !self.missing.borrow().is_empty()
    }

    /// The orders that the last unit lacks, in the order of their tables. Then the unit has not been executed.
    pub fn take_missing(&mut self) -> Vec<OrderKey> {
        std::mem::take(self.missing.get_mut()).into_iter().collect()
    }

    /// Whether the next unit may wait for large orders. If not, they are built at once.
    pub fn be_patient(&mut self, is_patient: bool) {
        self.is_patient = is_patient;
    }

    /// Says whether the look-ups of the next command count.
    pub fn count_lookups(&self, is_on: bool) {
        self.counting.set(self.counting.get().turn(is_on));
    }

    /// The look-ups since this was asked last.
    pub fn take_lookups(&self) -> Lookups {
        self.counting.take().lookups()
    }

    /// Notes what a script has used up.
    pub fn note_labour(&mut self, labour: Labour) {
        self.labours.note(labour);
    }

    /// What the scripts of the present unit have used up.
    pub fn labour_of_unit(&self) -> Labour {
        self.labours.of_unit
    }

    /// Whether scripts have worked on the draft for so long that others have to wait for the next one.
    pub fn is_tired(&self) -> bool {
        self.labours.is_much()
    }
}
