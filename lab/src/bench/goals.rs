//! What the numbers are meant to be.

/// What a number has to be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// No less than this.
    AtLeast(f64),
    /// No more than this.
    AtMost(f64),
    /// It is measured and printed.
    None,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A multiple, such as 1.9x.
    Times,
    /// Round trips.
    RoundTrips,
    /// A number of something.
    Number,
    /// Memory.
    Bytes,
    /// Money.
    Dollars,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Goals of the same number belong together.
    pub number: u32,
    /// How the experiment calls it.
    pub id: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// What it is to be like.
    pub limit: Limit,
    /// What nothing could better, in words; the experiment may know it more exactly.
    pub bound: &'static str,
    /// How it is written.
    pub unit: Unit,
}

const fn goal(
    number: u32,
    id: &'static str,
    what: &'static str,
    limit: Limit,
    bound: &'static str,
    unit: Unit,
) -> Goal {
    Goal { number, id, what, limit, bound, unit }
}

use Limit::{AtLeast, AtMost};
use Unit::{Bytes, Dollars, Number, RoundTrips, Times};

/// All of them. `L` is a round trip to the store: a conditional PUT or a 304 by itself.
pub const GOALS: &[Goal] = &[
    goal(1, "set-1", "SET throughput over naive, 1 client", AtLeast(1.9), "2x", Times),
    goal(1, "set-16", "the same, 16 clients", AtLeast(29.0), "32x", Times),
    goal(1, "set-256", "256 clients", AtLeast(400.0), "512x", Times),
    goal(1, "set-1024", "1024 clients", AtLeast(1200.0), "2048x", Times),
    goal(2, "pipeline", "the same, 256 clients, pipeline 16, 100,000 keys", AtLeast(50_000.0), "", Times),
    goal(3, "set-p50-1", "SET p50, 1 client", AtMost(1.08), "1 L", RoundTrips),
    goal(3, "set-p50-16", "SET p50, 16 clients", AtMost(1.15), "1 L", RoundTrips),
    goal(3, "set-p50-256", "SET p50, 256 clients", AtMost(1.35), "1 L", RoundTrips),
    goal(3, "set-p99", "SET p99, the worst of these", AtMost(2.2), "1 L", RoundTrips),
    goal(4, "get-p50-1", "GET p50, 1 client", AtMost(1.03), "1 L", RoundTrips),
    goal(4, "get-p50-256", "GET p50, 256 clients", AtMost(1.2), "1 L", RoundTrips),
    goal(4, "get-p50-writer", "GET p50 while 256 clients write", AtMost(1.3), "1 L", RoundTrips),
    goal(5, "requests-16", "requests to the store for 1,000 SETs, 16 clients", AtMost(66.0), "62.5", Number),
    goal(5, "requests-256", "the same, 256 clients", AtMost(4.5), "3.9", Number),
    goal(5, "requests-1024", "1024 clients", AtMost(1.3), "0.98", Number),
    goal(5, "requests-pipeline", "256 clients, pipeline 16", AtMost(0.3), "0.24", Number),
    goal(5, "requests-get", "for 1,000 GETs, 256 clients", AtMost(20.0), "3.9", Number),
    goal(5, "requests-idle", "requests of an idle server in a minute", AtMost(0.0), "0", Number),
    goal(
        6,
        "bytes-ratio",
        "bytes put for a SET, 256 clients: the largest database over 1,000 keys",
        AtMost(2.5),
        "naive: as the sizes",
        Times,
    ),
    goal(6, "bytes-unmerged", "the same without what is merged", AtMost(1.3), "", Times),
    goal(
        6,
        "bytes-entry",
        "bytes put for a SET over the size of the entry, the largest database",
        AtMost(10.0),
        "1x",
        Times,
    ),
    goal(
        7,
        "start",
        "whole round trips from start to the first right answer, 1,000 keys",
        AtMost(3.0),
        "3 L",
        RoundTrips,
    ),
    goal(
        7,
        "start-linear",
        "what a megabyte adds to that: the largest database over a tenth of it",
        Limit::None,
        "1x",
        Times,
    ),
    goal(8, "memory", "memory for a key beyond key and value", AtMost(64.0), "", Bytes),
    goal(9, "three", "SET throughput of three servers over one's, 192 clients", AtLeast(0.35), "1x", Times),
    goal(10, "share", "the smallest server's share of that over the largest's", Limit::None, "1x", Times),
    goal(10, "share-p99", "the worst server's p99", Limit::None, "1 L", RoundTrips),
    goal(11, "lost-errors", "5 % of the PUT answers lost: errors that clients saw", AtMost(0.0), "0", Number),
    goal(11, "lost-wrong", "commands applied twice or never", AtMost(0.0), "0", Number),
    goal(
        12,
        "killed",
        "kill -9 of one of three servers under load: the next commit of one of the others",
        Limit::None,
        "2 L",
        RoundTrips,
    ),
    goal(13, "redis", "256 clients, pipeline 16, over redis-server with appendfsync always", AtLeast(1.0), "", Times),
    goal(14, "cost", "cost of a million SETs at 1,000 a second, L = 62 ms", AtMost(0.10), "$0.08", Dollars),
];

impl Goal {
    /// The goal of this id.
    pub fn of(id: &str) -> &'static Goal {
        GOALS.iter().find(|goal| goal.id == id).expect("experiments name goals that there are")
    }

    /// Whether a value meets it; `None` if there is nothing to meet.
    pub fn is_met_by(&self, value: f64) -> Option<bool> {
        match self.limit {
            AtLeast(least) => Some(value >= least),
            AtMost(most) => Some(value <= most),
            Limit::None => None,
        }
    }

    /// It in words.
    pub fn wanted(&self) -> String {
        match self.limit {
            AtLeast(least) => format!("at least {}", self.unit.show(least)),
            AtMost(0.0) => "0".to_owned(),
            AtMost(most) => format!("at most {}", self.unit.show(most)),
            Limit::None => "measured".to_owned(),
        }
    }
}

impl Unit {
    /// A value with so many digits as say something.
    pub fn show(self, value: f64) -> String {
        let number = match value.abs() {
            _ if value.fract() == 0.0 => format!("{value:.0}"),
            100.0.. => format!("{value:.0}"),
            10.0.. => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        };
        match self {
            Times => format!("{}x", thousands(&number)),
            RoundTrips => format!("{number} L"),
            Number => thousands(&number),
            Bytes => format!("{} bytes", thousands(&number)),
            Dollars => format!("${value:.3}"),
        }
    }
}

/// Puts commas into a number that is long enough.
pub fn thousands(number: &str) -> String {
    let (whole, rest) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && digit.is_ascii_digit() && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    rest.map_or(text.clone(), |rest| format!("{text}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_has_an_id_of_its_own_and_they_are_in_order() {
        assert!(GOALS.is_sorted_by_key(|goal| goal.number));
        for goal in GOALS {
            assert_eq!(GOALS.iter().filter(|other| other.id == goal.id).count(), 1, "{}", goal.id);
        }
    }

    #[test]
    fn numbers_are_written_with_the_digits_that_say_something() {
        let shown = [0.0, 1.234, 12.34, 123.4, 50_000.0, 1_234_567.8].map(|value| Unit::Number.show(value));
        assert_eq!(shown, ["0", "1.23", "12.3", "123", "50,000", "1,234,568"]);
        assert_eq!(Goal::of("cost").wanted(), "at most $0.100");
        assert_eq!(Goal::of("requests-idle").wanted(), "0");
    }
}
