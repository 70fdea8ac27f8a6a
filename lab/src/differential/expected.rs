//! The differences that stay, each with its reason.
//!
//! The tester counts these and goes on. `DIFFERENCES.md` tells users the same. A difference belongs here only if somebody
//! decided that it stays; everything else is a bug until it is understood.

use std::collections::BTreeMap;

use super::check::has;
use super::difference::{Difference, Signature};
use super::grammar::{Level, V7_2, V8_0, V8_1, V9_0, V9_1};
use super::wire::Reply;
use super::wording::{is_reworded, is_reworded_by_8_1, same_but_for_its_name};

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
    /// Those from this level on.
    Since(Level),
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
        name: LINE_BREAKS,
        reason: "Valkey 8.0 sends the line breaks in an error that a script throws, so the client reads a reply that is none. \
                 Valthree sends spaces, as Valkey 8.1 does.",
        servers: Servers::Before(V8_1),
        matches: |found| {
            let flat = |text: &[u8]| -> Vec<u8> {
                text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect()
            };
            let (said, ours) = (flat(&found.left.text), &found.right.text);
            let is_cut =
                ours.strip_prefix(said.as_slice()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"  "));
            found.left.is_error() && found.right.is_error() && is_cut
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
        name: "lists at the limit",
        reason: "When elements are pushed, Valkey does not count what the list keeps beside each of them. So a list may be a few \
                 bytes too long for the compact encoding that it has.",
        servers: Servers::All,
        matches: |found| is(found, "OBJECT") && encodings(found) == ["listpack", "quicklist"],
    },
    Expected {
        name: "a score of -0",
        reason: "Valkey keeps the sign of a zero in large sorted sets, and drops it in small ones. Valthree always drops it. \
                 So a negative weight gives other zeros.",
        servers: Servers::All,
        matches: |found| {
            let signed = |left: &Reply, right: &Reply| left.text == b"-0" && right.text == b"0";
            let any = |left: &Reply, right: &Reply| is_zero(left) && is_zero(right);
            let may: fn(&Reply, &Reply) -> bool = if has(&found.words, "WEIGHTS") { any } else { signed };
            same_but(&found.left, &found.right, may)
        },
    },
    Expected {
        name: "digits of ZSCAN",
        reason: "Valkey's ZSCAN prints 17 digits of a score if the sorted set is large, and all other commands print the \
                 fewest that give the same float. Valthree always prints the fewest.",
        servers: Servers::All,
        matches: |found| is(found, "ZSCAN") && same_floats_in_any_order(&found.left, &found.right),
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
        reason: "Valkey's SORT refuses floats as small as 5e-324, and takes an error of an earlier conversion for its own. \
                 Valthree sorts them.",
        servers: Servers::All,
        matches: |found| {
            // C reads `0x10` and the empty text as well, and ends at a NUL.
            let is_number = |leaf: &&Reply| {
                let text = leaf.text.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = std::str::from_utf8(text).map_or("x", str::trim_start);
                text.is_empty() || text.starts_with("0x") || text.parse::<f64>().is_ok()
            };
            let is_hidden = has(&found.words, "GET") || has(&found.words, "BY");
            is_refused_sort(found) && (is_hidden || found.right.leaves().iter().all(is_number))
        },
    },
    Expected {
        name: "bytes behind a HyperLogLog",
        reason: "Before the correction of CVE-2025-32023, Valkey merges a HyperLogLog with more bytes than registers. \
                 Valthree calls it corrupted, as later versions do.",
        servers: Servers::Before(V9_0),
        matches: |found| {
            // PFCOUNT of several keys merges them.
            let merges = is(found, "PFMERGE") || is(found, "PFCOUNT") && found.words.len() > 2;
            merges && !found.left.is_error() && found.right.text.starts_with(b"INVALIDOBJ")
        },
    },
    Expected {
        name: NEGATIVE_OFFSETS,
        reason: "Valkey finds nothing from there on in a small sorted set, and something in a large one. Valthree always finds \
                 nothing.",
        servers: Servers::All,
        matches: |found| {
            let limit = found.words.iter().position(|word| word.eq_ignore_ascii_case(b"LIMIT"));
            let offset = limit.and_then(|limit| found.words.get(limit + 1));
            let is_nothing = |reply: &Reply| reply.is_nothing() || reply.text == b"0";
            found.name.starts_with('Z')
                && offset.is_some_and(|offset| offset.starts_with(b"-"))
                && found.left.mark == found.right.mark
                && is_nothing(&found.right)
        },
    },
    Expected {
        name: "SORT by letters with a NUL",
        reason: "A NUL ends a text that Valkey compares, and the order of texts that are equal up to there depends on its \
                 sorting method. In Valthree they keep the order that they had.",
        servers: Servers::All,
        matches: |found| {
            let until_nul = |reply: &Reply| reply.text.split(|&byte| byte == 0).next().map(<[u8]>::to_vec);
            let texts = |reply: &Reply| reply.items.iter().map(until_nul).collect::<Vec<_>>();
            let sorted = |reply: &Reply| {
                let mut texts: Vec<Vec<u8>> = reply.items.iter().map(|item| item.text.to_vec()).collect();
                texts.sort_unstable();
                texts
            };
            let has_nul =
                [&found.left, &found.right].iter().any(|reply| reply.items.iter().any(|item| item.text.contains(&0)));
            found.name.starts_with("SORT")
                && has(&found.words, "ALPHA")
                && has_nul
                && texts(&found.left) == texts(&found.right)
                && (has(&found.words, "LIMIT") || sorted(&found.left) == sorted(&found.right))
        },
    },
    Expected {
        name: "SORT of what Valkey 8 takes for numbers",
        reason: "Valkey 9 refuses elements such as an empty one. Valthree sorts them, as Valkey 8 does.",
        servers: Servers::Since(V9_1),
        matches: is_refused_sort,
    },
    Expected {
        name: "LCS of long values",
        reason: "LCS takes time and memory by the product of both lengths. Valthree refuses beyond 16 million, about a tenth of a \
                 second in which it would do nothing else; Valkey goes eight times as far.",
        servers: Servers::All,
        matches: |found| is(found, "LCS") && !found.left.is_error() && found.right.text.starts_with(LCS_MEMORY),
    },
    Expected {
        name: "LSET with an index beyond 32 bits",
        reason: "Valkey drops the upper bits of the index and overwrites another item. Here the index is out of range.",
        servers: Servers::All,
        matches: |found| is(found, "LSET") && !found.left.is_error() && found.right.text == b"ERR index out of range",
    },
    Expected {
        name: "embedded strings",
        reason: "Valkey 9 embeds longer strings than Valkey 8. OBJECT ENCODING tells here what Valkey 8 would choose.",
        servers: Servers::Since(V9_1),
        matches: |found| is(found, "OBJECT") && encodings(found) == ["embstr", "raw"],
    },
    Expected {
        name: "texts of Valkey 8.1",
        reason: "Valkey 8.1 words errors about engines and libraries in another way. Valthree says what Valkey 8.0 says.",
        servers: Servers::Since(V8_1),
        matches: |found| same_but(&found.left, &found.right, is_reworded_by_8_1),
    },
    Expected {
        name: "texts of Valkey 9",
        reason: "Valkey 9 says more about absent members and transactions, and names no script. Valthree says what Valkey 8 says.",
        servers: Servers::Since(V9_1),
        matches: |found| same_but(&found.left, &found.right, is_reworded),
    },
    Expected {
        name: "hashes named FIELDS",
        reason: "Valkey's HGETEX and HSETEX take such a key for the word before the number of fields. Valthree does not.",
        servers: Servers::Since(V9_1),
        matches: |found| {
            let named = found.words.get(1).is_some_and(|key| key.eq_ignore_ascii_case(b"FIELDS"));
            named && (is(found, "HGETEX") || is(found, "HSETEX"))
        },
    },
    Expected {
        name: "the time of GETEX",
        reason: "Valkey 9 reads it before it looks at the key. Valthree looks at the key first, as Valkey 8 does.",
        servers: Servers::Since(V9_1),
        matches: |found| {
            let is_about_time = found.left.text.starts_with(b"ERR value is not an integer")
                || found.left.text.starts_with(b"ERR invalid expire time");
            is(found, "GETEX") && is_about_time && (found.right.is_null() || found.right.text.starts_with(b"WRONGTYPE"))
        },
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
    /// Whether only one server has refused a command, as expected. What they hold may differ since then.
    pub parted: bool,
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
            Servers::Since(first) => self.level >= first,
        };
        let Some(expected) = EXPECTED.iter().filter(shows).find(|expected| (expected.matches)(found)) else {
            return false;
        };
        *self.counts.entry(expected.name).or_default() += 1;
        self.parted |= found.left.is_error() != found.right.is_error() || PARTING.contains(&expected.name);
        true
    }
}

fn is(found: &Difference, name: &str) -> bool {
    found.name == name
}

/// Whether only the real server refuses to sort elements, because they are no numbers.
fn is_refused_sort(found: &Difference) -> bool {
    found.name.starts_with("SORT") && found.left.text.starts_with(NOT_SCORES) && !found.right.is_error()
}

fn encodings(found: &Difference) -> [String; 2] {
    [&found.left, &found.right].map(|reply| String::from_utf8_lossy(&reply.text).into_owned())
}

/// The beginning of the error for a number that has no counterpart of the other sign.
const RANGE: &[u8] = b"ERR value is out of range, value must between";

fn is_zero(reply: &Reply) -> bool {
    matches!(reply.text.as_slice(), b"0" | b"-0")
}

/// The real server's replies do not belong to its commands any more.
const LINE_BREAKS: &str = "line breaks in errors of scripts";

/// ZRANGESTORE may have stored something else.
const NEGATIVE_OFFSETS: &str = "negative offsets of LIMIT";

/// The differences after which nothing can be compared until the next segment.
const PARTING: [&str; 2] = [LINE_BREAKS, NEGATIVE_OFFSETS];

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

/// How the error of a SORT begins whose elements are no numbers.
const NOT_SCORES: &[u8] = b"ERR One or more scores can't be converted";

/// How the error of an LCS begins whose values are too long.
const LCS_MEMORY: &[u8] = b"ERR Insufficient memory, transient memory for LCS";

#[cfg(test)]
mod tests;
