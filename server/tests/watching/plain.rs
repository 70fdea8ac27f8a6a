//! The plain history: what each number has, and when each key changed.

use std::collections::BTreeMap;

/// How many numbers the schedules use.
pub const NUMBERS: usize = 3;

/// The keys of the schedules.
pub const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// What a key has, as far as time concerns it.
#[derive(Clone, Debug)]
pub struct Held {
    /// When the key ends.
    pub end: Option<u64>,
    /// When a field of it ends.
    pub field_end: Option<u64>,
}

/// A moment within the serial order.
pub type Moment = u64;

/// The state at a moment, and when it changed.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// Ascends with every step of every unit.
    pub moment: Moment,
    /// The time in milliseconds.
    pub now: u64,
    pub numbers: [BTreeMap<&'static str, Held>; NUMBERS],
    touched: BTreeMap<(usize, &'static str), Moment>,
    /// When each number was last exchanged or emptied, with or without effect on a key.
    remapped: [Moment; NUMBERS],
}

impl Held {
    /// When it changes by itself for the first time after this.
    fn first_end(&self, now: u64) -> Option<u64> {
        self.end.into_iter().chain(self.field_end).filter(|end| *end > now).min()
    }
}

impl Plain {
    /// Nothing, at the first moment.
    pub fn new() -> Plain {
        Plain { moment: 1, ..Plain::default() }
    }

    /// A key, if it is alive.
    pub fn find(&self, number: usize, key: &str) -> Option<&Held> {
        self.numbers[number].get(key).filter(|held| held.end.is_none_or(|end| end > self.now))
    }

    /// When a living key changes by itself.
    pub fn first_end(&self, number: usize, key: &str) -> Option<u64> {
        self.find(number, key).and_then(|held| held.first_end(self.now))
    }

    pub fn set(&mut self, number: usize, key: &'static str, held: Held) {
        self.touch(number, key);
        self.numbers[number].insert(key, held);
    }

    pub fn delete(&mut self, number: usize, key: &'static str) {
        if self.find(number, key).is_some() {
            self.touch(number, key);
        }
        self.numbers[number].remove(key);
    }

    pub fn swap(&mut self, one: usize, other: usize) {
        for key in KEYS {
            if self.find(one, key).is_some() || self.find(other, key).is_some() {
                self.touch(one, key);
                self.touch(other, key);
            }
        }
        self.numbers.swap(one, other);
        (self.remapped[one], self.remapped[other]) = (self.moment, self.moment);
    }

    pub fn flush(&mut self, number: usize) {
        KEYS.into_iter().for_each(|key| self.delete(number, key));
        self.remapped[number] = self.moment;
    }

    fn touch(&mut self, number: usize, key: &'static str) {
        self.touched.insert((number, key), self.moment);
    }

    /// Whether a key was touched at this moment or later.
    pub fn is_touched(&self, number: usize, key: &'static str, since: Moment) -> bool {
        self.touched.get(&(number, key)).is_some_and(|touched| *touched >= since)
    }

    /// Whether a number was exchanged or emptied at this moment or later.
    pub fn is_remapped(&self, number: usize, since: Moment) -> bool {
        self.remapped[number] >= since
    }
}
