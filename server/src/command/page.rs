//! Visiting a collection in pieces: what `HSCAN` and `SSCAN` have in common.
//!
//! A cursor is the lowest hash that was not visited yet. Elements that share a hash are visited in the same call, so an
//! element that is there all the time is never passed over, whatever else comes and goes.

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer};
use crate::command::family::key::encoding;
use crate::command::glob::{Case, matches};
use crate::resp::Reply;
use crate::state::Draft;
use crate::state::order::Order;
use crate::zoo::planted;

/// The error for a cursor that is no number.
pub const INVALID_CURSOR: Reply = Reply::fault("ERR invalid cursor");

/// Collections of so many elements are visited in one call, whatever COUNT says. Valkey does so with small collections,
/// too, and clients may rely on it.
const SMALL: usize = 128;

/// Larger collections are never visited in one call if COUNT asks for less, however few elements they have. In bytes, with
/// a constant for each element.
const SMALL_SIZE: u64 = 128 << 10;

/// How many elements a call visits if it does not say.
const USUAL_COUNT: usize = 10;

/// The options of a call.
#[derive(Debug)]
pub struct PageOptions<'a> {
    pattern: Option<&'a Bytes>,
    count: usize,
    /// Whether the reply has names alone.
    pub names_only: bool,
}

impl<'a> PageOptions<'a> {
    /// Parses the words after the cursor. Only hashes have values that a client may not want.
    pub fn parse(mut options: &'a [Bytes], has_values: bool) -> Result<PageOptions<'a>, Reply> {
        let is = |word: &Bytes, option: &str| word.eq_ignore_ascii_case(option.as_bytes());
        let mut parsed = PageOptions { pattern: None, count: USUAL_COUNT, names_only: false };
        loop {
            options = match options {
                [] => return Ok(parsed),
                [option, count, rest @ ..] if is(option, "COUNT") => {
                    let count = integer(count).ok_or(NOT_AN_INTEGER)?;
                    parsed.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(SYNTAX)?;
                    rest
                }
                [option, pattern, rest @ ..] if is(option, "MATCH") => {
                    // A lone star does not match the empty name, but as a filter it lets everything through.
                    parsed.pattern = Some(pattern).filter(|pattern| &pattern[..] != b"*");
                    rest
                }
                [option, rest @ ..] if is(option, "NOVALUES") => {
                    if !has_values {
                        return Err(Reply::fault("ERR NOVALUES option can only be used in HSCAN"));
                    }
                    parsed.names_only = true;
                    rest
                }
                [option, ..] if is(option, "NOSCORES") => {
                    return Err(Reply::fault("ERR NOSCORES option can only be used in ZSCAN"));
                }
                _ => return Err(SYNTAX),
            }
        }
    }

    /// The next cursor, which is 0 at the end, and the names from a cursor on. `size` is that of the whole collection.
    pub fn names(&self, order: &Order, size: u64, is_packed: bool, cursor: u64) -> (u64, Vec<Bytes>) {
        planted!("scan-cursor-is-a-position" => return crate::zoo::command::names_from(order, self.count, cursor));
        let is_small = order.len() <= SMALL && size <= SMALL_SIZE || is_packed;
        let (from, count) = if is_small { (0, order.len()) } else { (cursor, self.count) };
        let (mut visited, mut next, mut names) = (0, from, Vec::new());
        for place in order.iter_from(order.below(from)) {
            if visited >= count && place.rank >= next {
                return (next, names);
            }
            visited += 1;
            // A hash has 48 bits, so there is always a next one.
            next = place.rank + 1;
            let name = place.name();
            if self.pattern.is_none_or(|pattern| matches(pattern, &name, Case::Sensitive)) {
                names.push(name);
            }
        }
        (0, names)
    }
}

/// Whether Valkey keeps a collection of so many elements in one piece, with this threshold. It returns all of that in one call.
pub fn is_packed(draft: &Draft<'_>, key: &[u8], elements: usize, threshold: i64) -> bool {
    let may_be = elements > SMALL && i64::try_from(elements).is_ok_and(|elements| elements <= threshold);
    let row = if may_be { draft.find(key) } else { None };
    row.is_some_and(|row| matches!(encoding::of(draft, key, &row), "listpack" | "intset"))
}

/// The reply: the next cursor and what was found.
pub fn page(next: u64, found: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(found)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::order::Place;

    /// Many elements of which some share a hash.
    fn order(places: u64) -> Order {
        let place = |at: u64| Place { rank: at / 3 * 1000, name: Bytes::from(at.to_string()) };
        Order::from_unsorted((0..places).map(place).collect())
    }

    fn options(words: &[Bytes]) -> PageOptions<'_> {
        PageOptions::parse(words, true).expect("the options agree")
    }

    #[test]
    fn every_element_is_visited_once() {
        let order = order(500);
        for count in ["1", "2", "7", "1000"] {
            let words = [Bytes::from("count"), Bytes::from(count)];
            let options = options(&words);
            let (mut cursor, mut seen) = (0, Vec::new());
            loop {
                let (next, names) = options.names(&order, 0, false, cursor);
                seen.extend(names);
                if next == 0 {
                    break;
                }
                assert!(next > cursor, "a cursor ascends");
                cursor = next;
            }
            assert_eq!(seen.len(), 500, "{count}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 500, "{count}");
        }
    }

    #[test]
    fn a_small_collection_is_one_page_unless_it_is_large_in_bytes() {
        let order = order(100);
        assert_eq!(options(&[]).names(&order, 0, false, 5_000_000).1.len(), 100);
        assert!(options(&[]).names(&order, SMALL_SIZE + 1, false, 0).1.len() < 20);
        assert_eq!(options(&[]).names(&order, SMALL_SIZE + 1, true, 0).1.len(), 100);
    }

    #[test]
    fn options_of_other_types_are_refused() {
        let refused = |words: &[&'static str], has_values| {
            let words: Vec<Bytes> = words.iter().map(|word| Bytes::from(*word)).collect();
            PageOptions::parse(&words, has_values).map(|options| options.names_only).err()
        };
        assert_eq!(refused(&["novalues"], true), None);
        let only = |option, command| Some(Reply::error(format!("ERR {option} option can only be used in {command}")));
        assert_eq!(refused(&["novalues"], false), only("NOVALUES", "HSCAN"));
        assert_eq!(refused(&["noscores"], true), only("NOSCORES", "ZSCAN"));
        assert_eq!(refused(&["count", "0"], true), Some(SYNTAX));
        assert_eq!(refused(&["count", "x"], true), Some(NOT_AN_INTEGER));
        assert_eq!(refused(&["match"], true), Some(SYNTAX));
    }
}
