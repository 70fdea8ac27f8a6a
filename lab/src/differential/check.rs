//! How two replies to the same command are compared.
//!
//! Most replies must be equal byte for byte. The other rules accept what the specification leaves open, and nothing more:
//! an order, a random choice, a time that passes between two servers.

use std::collections::BTreeSet;

use super::pool::FAR_SECONDS;
use super::wire::{Reply, Words};

/// A rule of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The same bytes.
    Exact,
    /// The same elements, in any order.
    Unordered,
    /// The same pairs, in any order; a map, or an array of twice as many elements.
    Pairs,
    /// Integers, or arrays of integers, that differ by at most so much. Negative ones, and the far absolute times, must be equal.
    Near(i64),
    /// The same types, and as many elements.
    Shape,
    /// As many elements, each from the reply before. In that reply, members are single, or have a value each.
    Drawn {
        /// Whether members have values.
        pairs: bool,
    },
    /// One call of a scan: the same elements, if both servers gave everything at once.
    Scan {
        /// Whether elements are pairs.
        pairs: bool,
    },
    /// SORT: any order, if a constant pattern forbids sorting.
    Sorted,
    /// Places: any order if no order was asked for, and any choice after ANY.
    Places,
}

/// The replies of both servers.
#[derive(Clone, Copy)]
pub struct Both<'a> {
    /// The real server's.
    pub left: &'a Reply,
    /// The other's.
    pub right: &'a Reply,
}

impl Check {
    /// Whether the replies to these words agree. `before` are the replies to the command before.
    pub fn agree(self, words: &Words, before: Option<Both<'_>>, both: Both<'_>) -> bool {
        let Both { left, right } = both;
        if left.is_lost() || right.is_lost() {
            return false;
        }
        if self != (Check::Drawn { pairs: false }) && self != (Check::Drawn { pairs: true }) && left == right {
            return true;
        }
        let plain = |reply: &Reply| reply.is_error() || reply.is_null() || reply.is_queued();
        if plain(left) || plain(right) {
            return left == right;
        }
        match self {
            Check::Exact => false,
            Check::Unordered => left.mark == right.mark && elements(left) == elements(right),
            Check::Pairs => left.mark == right.mark && pairs(&left.items) == pairs(&right.items),
            Check::Near(within) => near(left, right, within),
            Check::Shape => same_shape(left, right),
            Check::Drawn { pairs } => before.is_some_and(|before| drawn(words, pairs, before, both)),
            Check::Scan { pairs } => scan(words, pairs, both),
            Check::Sorted if !unsorted(words) => false,
            Check::Sorted if has(words, "LIMIT") => left.items.len() == right.items.len(),
            Check::Sorted => elements(left) == elements(right),
            Check::Places if has(words, "ANY") => left.items.len() == right.items.len(),
            Check::Places if ["ASC", "DESC", "COUNT"].iter().any(|order| has(words, order)) => false,
            Check::Places => left.mark == right.mark && elements(left) == elements(right),
        }
    }
}

/// Whether a word stands among the arguments, in any case.
pub fn has(words: &Words, word: &str) -> bool {
    words.iter().skip(1).any(|other| other.eq_ignore_ascii_case(word.as_bytes()))
}

/// The elements in a fixed order.
pub fn elements(reply: &Reply) -> Vec<&Reply> {
    let mut items: Vec<&Reply> = reply.items.iter().collect();
    items.sort();
    items
}

/// Pairs in a fixed order.
pub fn pairs(items: &[Reply]) -> Vec<&[Reply]> {
    let mut pairs: Vec<&[Reply]> = items.chunks(2).collect();
    pairs.sort();
    pairs
}

fn near(left: &Reply, right: &Reply, within: i64) -> bool {
    if left.is_aggregate() {
        let mut pairs = left.items.iter().zip(&right.items);
        return same_shape(left, right) && pairs.all(|(left, right)| left == right || near(left, right, within));
    }
    let (Some(left), Some(right)) = (left.integer(), right.integer()) else { return false };
    let absolute = |number: i64| FAR_SECONDS.iter().any(|&far| number == far || number == far * 1000);
    left >= 0 && right >= 0 && !absolute(left) && !absolute(right) && left.abs_diff(right) <= within.unsigned_abs()
}

fn same_shape(left: &Reply, right: &Reply) -> bool {
    left.mark == right.mark && left.items.len() == right.items.len()
}

/// A scan may give its elements in one call or in many. Only whole answers can be compared, each element once.
fn scan(words: &Words, in_pairs: bool, both: Both<'_>) -> bool {
    let whole = |reply: &Reply| reply.items.first().is_some_and(|cursor| cursor.text == b"0");
    let [left, right] = [both.left, both.right].map(|reply| reply.items.get(1));
    let (Some(left), Some(right)) = (left, right) else { return false };
    if !whole(both.left) || !whole(both.right) || !has(words, "0") {
        return true;
    }
    if in_pairs && !has(words, "NOVALUES") && !has(words, "NOSCORES") {
        return pairs(&left.items).into_iter().collect::<BTreeSet<_>>() == pairs(&right.items).into_iter().collect();
    }
    left.items.iter().collect::<BTreeSet<_>>() == right.items.iter().collect()
}

/// Whether SORT may show the order in which the elements are stored, which sets do not have: it keeps that order by a constant
/// pattern, and between elements whose weights are equal as texts.
fn unsorted(words: &Words) -> bool {
    let by = words.iter().position(|word| word.eq_ignore_ascii_case(b"BY"));
    by.and_then(|by| words.get(by + 1)).is_some_and(|pattern| !pattern.contains(&b'*') || has(words, "ALPHA"))
}

/// Whether both servers chose members that were there: as many, and different ones unless the count was negative.
fn drawn(words: &Words, in_pairs: bool, before: Both<'_>, both: Both<'_>) -> bool {
    let with_values = has(words, "WITHVALUES") || has(words, "WITHSCORES");
    let repeating = words.get(2).is_some_and(|count| count.starts_with(b"-"));
    let chosen = |reply: &Reply| -> Vec<Vec<Vec<u8>>> {
        let leaves: Vec<Vec<u8>> = reply.leaves().into_iter().map(|leaf| leaf.text.clone()).collect();
        leaves.chunks(if with_values { 2 } else { 1 }).map(<[Vec<u8>]>::to_vec).collect()
    };
    let possible = |reply: &Reply| -> BTreeSet<Vec<Vec<u8>>> {
        let leaves: Vec<Vec<u8>> = reply.leaves().into_iter().map(|leaf| leaf.text.clone()).collect();
        let members = leaves.chunks(if in_pairs { 2 } else { 1 });
        members.map(|member| member[..if with_values { member.len() } else { 1 }].to_vec()).collect()
    };
    let fits = |before: &Reply, reply: &Reply| {
        let (possible, chosen) = (possible(before), chosen(reply));
        let distinct = chosen.iter().collect::<BTreeSet<_>>().len() == chosen.len();
        (distinct || repeating) && chosen.iter().all(|member| possible.contains(member))
    };
    same_shape(both.left, both.right)
        && both.left.leaves().len() == both.right.leaves().len()
        && fits(before.left, both.left)
        && fits(before.right, both.right)
}

#[cfg(test)]
mod tests {
    use super::super::wire::{parse, words};
    use super::*;

    fn reply(text: &str) -> Reply {
        parse(text.replace(' ', "\r\n").as_bytes()).expect("no damage").expect("whole").0
    }

    fn agree(check: Check, line: &str, left: &str, right: &str) -> bool {
        check.agree(&words(line), None, Both { left: &reply(left), right: &reply(right) })
    }

    #[test]
    fn order_counts_only_where_it_is_defined() {
        assert!(!agree(Check::Exact, "LRANGE l 0 -1", "*2 :1 :2 ", "*2 :2 :1 "));
        assert!(agree(Check::Unordered, "SMEMBERS e", "*2 :1 :2 ", "*2 :2 :1 "));
        assert!(!agree(Check::Unordered, "SMEMBERS e", "*2 :1 :1 ", "*2 :1 :2 "));
        assert!(!agree(Check::Pairs, "HGETALL h", "*4 :1 :2 :3 :4 ", "*4 :1 :4 :3 :2 "));
        assert!(agree(Check::Pairs, "HGETALL h", "*4 :1 :2 :3 :4 ", "*4 :3 :4 :1 :2 "));
    }

    #[test]
    fn a_far_absolute_time_is_exact() {
        assert!(agree(Check::Near(2), "TTL s", ":100 ", ":101 "));
        assert!(!agree(Check::Near(2), "TTL s", ":-1 ", ":1 "));
        assert!(!agree(Check::Near(2), "EXPIRETIME s", ":9999999999 ", ":9999999998 "));
    }

    #[test]
    fn a_random_member_was_there_before() {
        let before = reply("*3 :1 :2 :3 ");
        let before = Some(Both { left: &before, right: &before });
        let drawn = |line: &str, right: &str| {
            let (left, right) = (reply("*2 :1 :2 "), reply(right));
            Check::Drawn { pairs: false }.agree(&words(line), before, Both { left: &left, right: &right })
        };
        assert!(drawn("SRANDMEMBER e 2", "*2 :3 :2 "));
        assert!(!drawn("SRANDMEMBER e 2", "*2 :3 :4 "));
        assert!(!drawn("SRANDMEMBER e 2", "*2 :3 :3 "));
        assert!(drawn("SRANDMEMBER e -2", "*2 :3 :3 "));
        assert!(!drawn("SRANDMEMBER e 2", "*1 :3 "));
    }
}
