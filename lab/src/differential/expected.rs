//! The differences that stay, each with its reason.
//!
//! The tester counts these and goes on. `DIFFERENCES.md` tells users the same. A difference belongs here only if somebody
//! decided that it stays; everything else is a bug until it is understood.

use std::collections::BTreeMap;
use std::ops::Range;

use super::difference::{Difference, Signature};
use super::grammar::{Level, V7_2, V8_0};
use super::wire::Reply;

/// A difference that stays.
pub struct Expected {
    /// Its name.
    pub name: &'static str,
    /// Why it stays.
    pub reason: &'static str,
    /// The real servers that show it.
    pub servers: Servers,
    matches: fn(&Difference) -> bool,
}

/// The real servers that show a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// All.
    All,
    /// Those before this level.
    Before(Level),
}

/// All expected differences.
pub const EXPECTED: &[Expected] = &[
    Expected {
        name: "digits of floats",
        reason: "Valkey 8 prints the shortest digits that give the same float; older servers print 17 digits.",
        servers: Servers::Before(V8_0),
        matches: |found| same_but(&found.left, &found.right, same_float),
    },
    Expected {
        name: "encoding of small sets",
        reason: "Redis 7.2 brought the compact encoding of small sets.",
        servers: Servers::Before(V7_2),
        matches: |found| is(found, "OBJECT") && encodings(found).contains(&"listpack".to_owned()),
    },
    Expected {
        name: "texts about scripts",
        reason: "Valkey 8 names no Redis in its errors about scripts.",
        servers: Servers::Before(V8_0),
        matches: |found| same_but(&found.left, &found.right, same_but_for_its_name),
    },
    Expected {
        name: "cursors that are none",
        reason: "Older servers took a negative or an empty cursor for some number.",
        servers: Servers::Before(V8_0),
        matches: |found| !found.left.is_error() && found.right.text == b"ERR invalid cursor",
    },
    Expected {
        name: "the lowest rank",
        reason: "Older servers let the lowest rank of LPOS overflow.",
        servers: Servers::Before(V8_0),
        matches: |found| is(found, "LPOS") && !found.left.is_error() && found.right.text.starts_with(RANGE),
    },
    Expected {
        name: "names with a NUL",
        reason: "Since 7.2 nothing checks what follows a NUL in the name of a client.",
        servers: Servers::Before(V8_0),
        matches: |found| {
            let mut words = found.words.iter().skip(2).chain([&found.right.text]);
            is(found, "CLIENT") && words.any(|word| word.contains(&0))
        },
    },
    Expected {
        name: "encodings that remember",
        reason: "A key that was large, or that was changed in place, keeps a roomy encoding in Valkey. OBJECT ENCODING tells \
                 here which encoding Valkey would choose for the content.",
        servers: Servers::All,
        matches: |found| is(found, "OBJECT") && keeps_room(&encodings(found)),
    },
    Expected {
        name: "a score of -0",
        reason: "Valkey keeps the sign of a zero in large sorted sets, and drops it in small ones. Valthree always drops it.",
        servers: Servers::All,
        matches: |found| same_but(&found.left, &found.right, |left, right| left.text == b"-0" && right.text == b"0"),
    },
    Expected {
        name: "digits of ZSCAN",
        reason: "Valkey's ZSCAN prints 17 digits of a score if the sorted set is large, and all other commands print the \
                 fewest that give the same float. Valthree always prints the fewest.",
        servers: Servers::All,
        matches: |found| is(found, "ZSCAN") && same_floats_in_any_order(&found.left, &found.right),
    },
    Expected {
        name: "stored estimates of HyperLogLogs",
        reason: "Valkey's PFCOUNT writes its estimate into the string. Valthree writes nothing in a read, which would cost a \
                 commit; it estimates again.",
        servers: Servers::All,
        matches: |found| same_but(&found.left, &found.right, same_hyperloglog) || is_part_of_an_estimate(found),
    },
    Expected {
        name: "which library FUNCTION RESTORE names",
        reason: "If several libraries are there already, the error names one of them. Valkey dumps libraries in the order of a \
                 hash table, and Valthree in the order of their names.",
        servers: Servers::All,
        matches: |found| {
            let names_one = |reply: &Reply| reply.is_error() && reply.text.ends_with(b" already exists");
            is(found, "FUNCTION") && names_one(&found.left) && names_one(&found.right)
        },
    },
    Expected {
        name: "SORT after a tiny float",
        reason: "Valkey's SORT takes an error of an earlier conversion for its own, so it refuses numbers after a command with \
                 a float such as 5e-324. Valthree sorts them.",
        servers: Servers::All,
        matches: |found| {
            let is_number =
                |leaf: &&Reply| std::str::from_utf8(&leaf.text).is_ok_and(|text| text.parse::<f64>().is_ok());
            is(found, "SORT")
                && found.left.text.starts_with(NOT_SCORES)
                && !found.right.is_error()
                && found.right.leaves().iter().all(is_number)
        },
    },
    Expected {
        name: "LCS of long values",
        reason: "LCS takes time and memory by the product of both lengths. Valthree refuses beyond 16 million, about a tenth of a \
                 second in which it would do nothing else; Valkey goes eight times as far.",
        servers: Servers::All,
        matches: |found| is(found, "LCS") && !found.left.is_error() && found.right.text.starts_with(LCS_MEMORY),
    },
];

/// Decides which differences a campaign passes over, and counts them.
#[derive(Debug, Default)]
pub struct Tolerance {
    /// The real server's level.
    pub level: Level,
    /// How often each expected difference came.
    pub counts: BTreeMap<&'static str, u64>,
    /// The differences of error texts that were reported, and how often each came again. They change nothing, so the segment
    /// goes on.
    pub reported: BTreeMap<Signature, u64>,
}

impl Tolerance {
    /// Whether the difference is expected.
    pub fn accepts(&mut self, found: &Difference) -> bool {
        if let Some(times) = self.reported.get_mut(&found.signature()) {
            *times += 1;
            return true;
        }
        let shows = |expected: &&Expected| match expected.servers {
            Servers::All => true,
            Servers::Before(first) => self.level < first,
        };
        let Some(expected) = EXPECTED.iter().filter(shows).find(|expected| (expected.matches)(found)) else {
            return false;
        };
        *self.counts.entry(expected.name).or_default() += 1;
        true
    }
}

fn is(found: &Difference, name: &str) -> bool {
    found.name == name
}

fn encodings(found: &Difference) -> [String; 2] {
    [&found.left, &found.right].map(|reply| String::from_utf8_lossy(&reply.text).into_owned())
}

/// The beginning of the error for a number that has no counterpart of the other sign.
const RANGE: &[u8] = b"ERR value is out of range, value must between";

/// Whether two errors differ only in that one names Redis.
fn same_but_for_its_name(left: &Reply, right: &Reply) -> bool {
    let text = |reply: &Reply| {
        let text = String::from_utf8_lossy(&reply.text);
        text.replace(" Redis command called", " command called")
            .replace("calling Redis command", "calling command")
            .replace(" Please use EVAL.", "")
            .replace("Lua redis lib command arguments", "Command arguments")
    };
    left.mark == right.mark && text(left) == text(right)
}

/// The encodings of each type, from the tightest to the roomiest.
const ENCODINGS: [&[&str]; 4] = [
    &["int", "embstr", "raw"],
    &["intset", "listpack", "hashtable"],
    &["listpack", "skiplist"],
    &["listpack", "quicklist"],
];

/// Whether the first encoding is a roomier one for the same type.
fn keeps_room([left, right]: &[String; 2]) -> bool {
    ENCODINGS.iter().any(|all| {
        let place = |name: &String| all.iter().position(|encoding| encoding == name);
        place(left).zip(place(right)).is_some_and(|(left, right)| left > right)
    })
}

/// Whether two replies are alike but for leaves that may differ like this.
fn same_but(left: &Reply, right: &Reply, may: fn(&Reply, &Reply) -> bool) -> bool {
    let (leaves, others) = (left.leaves(), right.leaves());
    left.is_aggregate() == right.is_aggregate()
        && left.mark == right.mark
        && leaves.len() == others.len()
        && leaves.iter().zip(&others).all(|(left, right)| left == right || may(left, right))
}

fn same_float(left: &Reply, right: &Reply) -> bool {
    let float = |reply: &Reply| std::str::from_utf8(&reply.text).ok()?.parse::<f64>().ok();
    left.mark == right.mark && float(left).is_some() && float(left) == float(right)
}

/// Whether two scans give the same members with the same scores.
fn same_floats_in_any_order(left: &Reply, right: &Reply) -> bool {
    let (scores, others) = (scores(left), scores(right));
    let same = |(one, other): (&Reply, &Reply)| one == other || same_float(one, other);
    scores.keys().eq(others.keys()) && scores.into_values().zip(others.into_values()).all(same)
}

/// The scores of a scan by member.
fn scores(scan: &Reply) -> BTreeMap<&Reply, &Reply> {
    let members = scan.items.get(1).map_or(&[][..], |members| &members.items);
    members.as_chunks::<2>().0.iter().map(|[member, score]| (member, score)).collect()
}

/// Whether two strings are the same HyperLogLog, whatever estimate it stores. A command may have overwritten its first bytes.
fn same_hyperloglog(left: &Reply, right: &Reply) -> bool {
    let without_estimate = |reply: &Reply| -> Option<Vec<u8>> {
        let mut bytes = reply.text.clone();
        bytes.get_mut(ESTIMATE)?.fill(0);
        let kept = bytes.iter().zip(HYPERLOGLOG).filter(|(byte, known)| byte == known).count();
        (kept > HYPERLOGLOG.len() / 2).then_some(bytes)
    };
    let bytes = without_estimate(left);
    left.mark == right.mark && bytes.is_some() && bytes == without_estimate(right)
}

/// Whether only bytes differ that are where a HyperLogLog has its estimate. Only a start that counts from the beginning tells.
fn is_part_of_an_estimate(found: &Difference) -> bool {
    let start = found.words.get(2).and_then(|word| std::str::from_utf8(word).ok()?.parse::<usize>().ok());
    let (left, right) = (&found.left, &found.right);
    let differ = |start: usize| {
        let pairs = left.text.iter().zip(&right.text).enumerate();
        pairs.filter(|(_, (left, right))| left != right).all(|(at, _)| ESTIMATE.contains(&(start + at)))
    };
    (is(found, "GETRANGE") || is(found, "SUBSTR"))
        && left.mark == right.mark
        && left.text.len() == right.text.len()
        && start.is_some_and(differ)
}

/// How the error of a SORT begins whose elements are no numbers.
const NOT_SCORES: &[u8] = b"ERR One or more scores can't be converted";

/// How the error of an LCS begins whose values are too long.
const LCS_MEMORY: &[u8] = b"ERR Insufficient memory, transient memory for LCS";

/// The first bytes of a HyperLogLog.
const HYPERLOGLOG: &[u8] = b"HYLL";

/// Where the estimate stands.
const ESTIMATE: Range<usize> = 8..16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_can_read_about_every_difference_that_stays() {
        let page = include_str!("../../../DIFFERENCES.md");
        let missing: Vec<_> =
            EXPECTED.iter().map(|expected| expected.name).filter(|name| !page.contains(name)).collect();
        assert!(missing.is_empty(), "DIFFERENCES.md lacks {missing:?}");
    }

    #[test]
    fn an_encoding_may_be_roomier_on_the_left_only() {
        let keeps = |left: &str, right: &str| keeps_room(&[left.to_owned(), right.to_owned()]);
        assert!(keeps("raw", "int") && keeps("hashtable", "intset") && keeps("quicklist", "listpack"));
        assert!(!keeps("int", "raw") && !keeps("raw", "listpack") && !keeps("raw", "raw"));
    }

    #[test]
    fn the_estimate_in_a_hyperloglog_does_not_count() {
        let reply = |text: &[u8]| Reply { mark: b'$', null: false, text: text.to_vec(), items: Vec::new() };
        let same = |left: &[u8], right: &[u8]| same_hyperloglog(&reply(left), &reply(right));
        assert!(same(b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff", b"HYLL\x01\0\0\0\x02\0\0\0\0\0\0\0\x7f\xff"));
        assert!(!same(b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff", b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfe"));
        assert!(same(b"XYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff", b"XYLL\x01\0\0\0\x02\0\0\0\0\0\0\0\x7f\xff"));
        assert!(!same(b"HYLL\x01", b"HYLL\x02"));
        assert!(!same(b"0123456789abcdef", b"01234567________"));
    }
}
