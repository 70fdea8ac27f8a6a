//! The goals: every number of the table, with its target and its bound.

/// The target of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// At least this value.
    AtLeast(f64),
    /// At most this value.
    AtMost(f64),
    /// At least this share of the bound that the same run has found.
    ShareOfBound(f64),
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A multiple, such as 1.9x.
    Times,
    /// Round trips to the store, such as 1.9 L.
    RoundTrips,
    /// A plain number.
    Number,
    /// Memory.
    Bytes,
    /// Money.
    Dollars,
    /// Time.
    Seconds,
}

/// A number that the benchmark measures.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The number in the table. Rows with the same number belong together.
    pub number: u32,
    /// The name that experiments use.
    pub id: &'static str,
    /// The text of the row.
    pub what: &'static str,
    /// The target.
    pub limit: Limit,
    /// The best value that is possible at all, if there is one. An experiment may know it more exactly.
    pub bound: Option<f64>,
    /// How the number is written.
    pub unit: Unit,
}

const fn goal(number: u32, id: &'static str, what: &'static str, limit: Limit, bound: Option<f64>, unit: Unit) -> Goal {
    Goal { number, id, what, limit, bound, unit }
}

use Limit::{AtLeast, AtMost, ShareOfBound};
use Unit::{Bytes, Dollars, Number, RoundTrips, Seconds, Times};

const ONE: Option<f64> = Some(1.0);
const ZERO: Option<f64> = Some(0.0);

/// All goals. `L` is one round trip to the store: the p50 of a raw conditional PUT, or of a raw 304 for reads.
///
/// The bounds of 5 are one request for each round trip of all clients. The bound of 14 is one PUT every 4/3 L, since a
/// commit waits at most a third of a round trip for more commands.
pub const GOALS: &[Goal] = &[
    goal(1, "set-1", "SET throughput over naive, 1 client", AtLeast(1.95), Some(2.0), Times),
    goal(1, "set-16", "the same, 16 clients", AtLeast(31.0), Some(32.0), Times),
    goal(1, "set-256", "256 clients", AtLeast(450.0), Some(512.0), Times),
    goal(1, "set-1024", "1024 clients", AtLeast(1500.0), Some(2048.0), Times),
    goal(
        2,
        "pipeline",
        "256 clients, pipeline 16, 100,000 keys: share of 4,096 SETs for each L",
        AtLeast(0.85),
        ONE,
        Times,
    ),
    goal(3, "set-p50-1", "SET p50, 1 client", AtMost(1.02), ONE, RoundTrips),
    goal(3, "set-p50-16", "SET p50, 16 clients", AtMost(1.04), ONE, RoundTrips),
    goal(3, "set-p50-256", "SET p50, 256 clients", AtMost(1.15), ONE, RoundTrips),
    goal(3, "set-p99", "SET p99, the worst of these", AtMost(1.5), ONE, RoundTrips),
    goal(4, "get-p50-1", "GET p50, 1 client", AtMost(1.02), ONE, RoundTrips),
    goal(4, "get-p50-256", "GET p50, 256 clients", AtMost(1.10), ONE, RoundTrips),
    goal(4, "get-p50-writer", "GET p50 while 256 clients write", AtMost(1.15), ONE, RoundTrips),
    goal(4, "get-p50-elsewhere", "GET p50 while 256 clients write on another server", AtMost(1.15), ONE, RoundTrips),
    goal(
        5,
        "requests-1024",
        "requests to the store for 1,000 SETs, 1024 clients",
        AtMost(1.1),
        Some(1000.0 / 1024.0),
        Number,
    ),
    goal(5, "requests-pipeline", "256 clients, pipeline 16", AtMost(0.28), Some(1000.0 / 4096.0), Number),
    goal(5, "requests-get", "for 1,000 GETs, 256 clients", AtMost(8.0), Some(1000.0 / 256.0), Number),
    goal(
        6,
        "bytes-entry",
        "bytes put for a SET over the size of the entry, the largest database",
        AtMost(7.0),
        ONE,
        Times,
    ),
    goal(7, "start", "from start to the first right answer, the largest database", AtMost(0.25), None, Seconds),
    goal(8, "memory", "memory for a key beyond key and value", AtMost(24.0), None, Bytes),
    goal(8, "memory-field", "for a field of a hash beyond field and value", AtMost(12.0), None, Bytes),
    goal(
        8,
        "memory-member",
        "for a member of a sorted set beyond member and score, in order",
        AtMost(40.0),
        None,
        Bytes,
    ),
    goal(9, "three", "SET throughput of three servers over one's, 192 clients", AtLeast(0.95), ONE, Times),
    goal(10, "share", "the smallest server's share of that over the largest's", AtLeast(0.9), ONE, Times),
    goal(10, "share-p99", "the worst server's p99", AtMost(3.0), ONE, RoundTrips),
    goal(10, "share-refused", "commands that they refused for want of time", AtMost(0.0), ZERO, Number),
    goal(11, "lost-errors", "5 % of the PUT answers lost: errors that clients saw", AtMost(0.0), ZERO, Number),
    goal(11, "lost-wrong", "commands applied twice or never", AtMost(0.0), ZERO, Number),
    goal(
        12,
        "killed",
        "kill -9 of one of three servers under load: both others have committed",
        AtMost(8.0),
        Some(2.0),
        RoundTrips,
    ),
    goal(
        13,
        "redis",
        "256 clients, pipeline 16, over redis-server with appendfsync always",
        ShareOfBound(0.9),
        None,
        Times,
    ),
    goal(14, "cost", "cost of a million SETs at 1,000 a second, L = 62 ms", AtMost(0.066), Some(0.0605), Dollars),
    goal(
        15,
        "cpu-set",
        "CPU time of the server for a pipelined SET over valkey-server's with appendfsync always",
        AtMost(1.5),
        None,
        Times,
    ),
    goal(16, "cpu-incr", "the same for INCR", AtMost(2.0), None, Times),
    goal(16, "cpu-lpush", "LPUSH", AtMost(2.0), None, Times),
    goal(16, "cpu-rpop", "RPOP", AtMost(2.0), None, Times),
    goal(16, "cpu-sadd", "SADD", AtMost(2.0), None, Times),
    goal(16, "cpu-hset", "HSET", AtMost(2.0), None, Times),
    goal(16, "cpu-zadd", "ZADD", AtMost(2.0), None, Times),
    goal(16, "cpu-spop", "SPOP", AtMost(2.0), None, Times),
    goal(16, "cpu-zpopmin", "ZPOPMIN", AtMost(2.0), None, Times),
    goal(16, "cpu-lrange", "LRANGE of 100 items", AtMost(2.0), None, Times),
    goal(16, "cpu-mset", "MSET of 10 pairs", AtMost(2.0), None, Times),
    goal(
        17,
        "large-hset",
        "CPU time of the server in a collection of a million over one of 1,000: HSET",
        AtMost(2.0),
        None,
        Times,
    ),
    goal(17, "large-zadd", "ZADD", AtMost(2.0), None, Times),
    goal(17, "large-zrank", "ZRANK", AtMost(2.0), None, Times),
    goal(17, "large-lindex", "LINDEX", AtMost(2.0), None, Times),
    goal(17, "large-linsert", "LINSERT behind the first item", AtMost(2.0), None, Times),
    goal(17, "large-lpop", "LPOP and RPUSH in turn", AtMost(2.0), None, Times),
    goal(17, "large-bytes", "bytes put for a change, the worst of these", AtMost(1.1), None, Times),
    goal(
        17,
        "valkey-hset",
        "CPU time over that of valkey-server in memory, in the same million: HSET",
        AtMost(3.0),
        None,
        Times,
    ),
    goal(17, "valkey-zadd", "ZADD", AtMost(3.0), None, Times),
    goal(17, "valkey-zrank", "ZRANK", AtMost(3.0), None, Times),
    goal(17, "valkey-lindex", "LINDEX", AtMost(3.0), None, Times),
    goal(17, "valkey-linsert", "LINSERT behind the first item", AtMost(3.0), None, Times),
    goal(17, "valkey-lpop", "LPOP and RPUSH in turn", AtMost(3.0), None, Times),
    goal(
        18,
        "cpu-eval",
        "CPU time of a script of three lines over that of valkey-server in memory",
        AtMost(3.0),
        None,
        Times,
    ),
    goal(20, "get-expiry", "CPU time of a GET of a key with an expiry over one without", AtMost(1.05), None, Times),
    goal(
        20,
        "expiry-commit",
        "a million keys expire in one second: the largest commit",
        AtMost(4_194_304.0),
        None,
        Bytes,
    ),
    goal(20, "expiry-p99", "p99 of a SET meanwhile", AtMost(2.0), ONE, RoundTrips),
    goal(22, "requests-idle", "requests of an idle server in a minute", AtMost(0.0), ZERO, Number),
];

impl Goal {
    /// The goal of this id.
    pub fn of(id: &str) -> &'static Goal {
        GOALS.iter().find(|goal| goal.id == id).expect("experiments name only known goals")
    }

    /// Whether a value meets the goal, given its bound. `None` if that needs a bound and there is none.
    pub fn is_met_by(&self, value: f64, bound: Option<f64>) -> Option<bool> {
        match self.limit {
            AtLeast(least) => Some(value >= least),
            AtMost(most) => Some(value <= most),
            ShareOfBound(share) => bound.map(|bound| value >= share * bound),
        }
    }

    /// How far a value is beyond its bound, as a share of the bound. Zero or less: it is not.
    pub fn excess(&self, value: f64, bound: f64) -> f64 {
        let beyond = match self.limit {
            AtLeast(_) | ShareOfBound(_) => value - bound,
            AtMost(_) => bound - value,
        };
        if bound == 0.0 { beyond } else { beyond / bound }
    }

    /// The target in words.
    pub fn wanted(&self) -> String {
        match self.limit {
            AtLeast(least) => format!("at least {}", self.unit.show(least)),
            AtMost(0.0) => "0".to_owned(),
            AtMost(most) => format!("at most {}", self.unit.show(most)),
            ShareOfBound(share) => format!("at least {share} of the bound"),
        }
    }
}

impl Unit {
    /// A value with its significant digits and its unit.
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
            Seconds => format!("{number} s"),
        }
    }
}

/// Puts commas between the thousands of a number.
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
    fn goals_are_in_order_and_their_ids_are_unique() {
        assert!(GOALS.is_sorted_by_key(|goal| goal.number));
        for goal in GOALS {
            assert_eq!(GOALS.iter().filter(|other| other.id == goal.id).count(), 1, "{}", goal.id);
        }
    }

    #[test]
    fn no_goal_is_beyond_its_bound() {
        for goal in GOALS {
            let (AtLeast(limit) | AtMost(limit)) = goal.limit else { continue };
            if let Some(bound) = goal.bound {
                assert!(goal.excess(limit, bound) <= 0.0, "{}: {limit} is better than {bound}", goal.id);
            }
        }
    }

    #[test]
    fn numbers_are_written_with_their_significant_digits() {
        let shown = [0.0, 1.234, 12.34, 123.4, 50_000.0, 1_234_567.8].map(|value| Unit::Number.show(value));
        assert_eq!(shown, ["0", "1.23", "12.3", "123", "50,000", "1,234,568"]);
        assert_eq!(Goal::of("cost").wanted(), "at most $0.066");
        assert_eq!(Goal::of("requests-idle").wanted(), "0");
    }

    #[test]
    fn a_share_of_the_bound_is_judged_by_the_bound_of_the_run() {
        let goal = Goal::of("redis");
        assert_eq!(goal.is_met_by(0.35, Some(0.37)), Some(true));
        assert_eq!(goal.is_met_by(0.22, Some(0.37)), Some(false));
        assert_eq!(goal.is_met_by(0.22, None), None);
    }
}
