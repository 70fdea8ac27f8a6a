//! Which words of a request are keys, and what a command does with them.
//!
//! Clients, proxies and access control lists have to know the keys of any command without knowing the command. So a row
//! says it in the form of Valkey's key specifications: where to begin, and how to go on. A command may have several.

use bytes::Bytes;

use super::arguments::integer;

/// Some keys among the words of a request.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Where they begin.
    pub begin: Begin,
    /// How they go on.
    pub find: Find,
    /// How the command uses the keys, in the words of key specifications.
    pub access: &'static [&'static str],
    /// The reason for the access, where it is not obvious.
    pub notes: &'static str,
}

/// Where the first of several keys is, or the word that counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At this position. The name of the command is 0.
    At(u8),
    /// Behind this word, which is looked for from this position on.
    Behind(&'static str, u8),
    /// Only the command knows.
    Unknown,
}

/// How to find all keys, once the beginning is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// Every `step`-th word up to the last one.
    Range {
        /// The position of the last key, counted from the beginning. If it is negative, it is counted from the end of the
        /// request, whose last word is -1.
        last: i8,
        /// The distance from one key to the next.
        step: u8,
    },
    /// The first word says how many keys follow it.
    Counted,
    /// Only the command knows.
    Unknown,
}

/// A key of a request: its position, and how the command uses it.
pub type KeyPosition = (usize, &'static [&'static str]);

/// Finds the keys of a request that the specifications cannot find.
pub type FindKeys = fn(&[Bytes]) -> Vec<KeyPosition>;

impl Find {
    /// All words from the beginning on.
    pub const ALL: Find = Find::Range { last: -1, step: 1 };
}

impl Keys {
    /// The first argument: each row states what differs from it.
    pub const ONE: Keys = Keys { begin: Begin::At(1), find: Find::Range { last: 0, step: 1 }, access: &[], notes: "" };
    /// The first two arguments.
    pub const TWO: Keys = Keys { find: Find::Range { last: 1, step: 1 }, ..Keys::ONE };
    /// All arguments.
    pub const MANY: Keys = Keys { find: Find::ALL, ..Keys::ONE };
    /// The first argument, and every second one after it.
    pub const PAIRS: Keys = Keys { find: Find::Range { last: -1, step: 2 }, ..Keys::ONE };
    /// As many arguments as the first one says.
    pub const COUNTED: Keys = Keys { find: Find::Counted, ..Keys::ONE };
    /// The first argument, whose content the command replies or uses.
    pub const READ: Keys = Keys { access: &["RO", "access"], ..Keys::ONE };
    /// The first argument, which the command replaces.
    pub const REPLACED: Keys = Keys { access: &["OW", "update"], ..Keys::ONE };
    /// The first argument, from which the command takes something away that it replies or uses.
    pub const TAKEN: Keys = Keys { access: &["RW", "access", "delete"], ..Keys::ONE };

    /// The positions of these keys. `None` if the specification does not say it, or if the request contradicts it.
    pub fn positions(&self, words: &[Bytes]) -> Option<Vec<usize>> {
        let mut first = match self.begin {
            Begin::At(position) => usize::from(position),
            Begin::Behind(word, from) => {
                let is_it = |at: &usize| words[*at].eq_ignore_ascii_case(word.as_bytes());
                match (usize::from(from)..words.len()).find(is_it) {
                    Some(at) => at + 1,
                    None => return Some(Vec::new()),
                }
            }
            Begin::Unknown => return None,
        };
        let (end, step) = match self.find {
            Find::Range { last, step } => {
                let end = match usize::try_from(last) {
                    Ok(last) => first + last + 1,
                    Err(_) => (words.len() + 1).checked_sub(usize::from(last.unsigned_abs()))?,
                };
                (end, usize::from(step))
            }
            Find::Counted => {
                let count = words.get(first).and_then(|word| usize::try_from(integer(word)?).ok())?;
                first += 1;
                (first.checked_add(count)?, 1)
            }
            Find::Unknown => return None,
        };
        (first < end && end <= words.len()).then(|| (first..end).step_by(step).collect())
    }

    /// Whether the specification names a number of words that does not depend on the request, or all up to its end.
    pub fn range(&self) -> Option<(u8, i8, u8)> {
        match (self.begin, self.find) {
            (Begin::At(first), Find::Range { last, step }) => Some((first, last, step)),
            _ => None,
        }
    }
}

/// What older clients get instead of the specifications: the first key, the last one and the step between them. All are
/// zero if no specification has this form.
pub fn as_one_range(keys: &[Keys]) -> (i64, i64, i64) {
    let absolute = |(first, last, step): (u8, i8, u8)| {
        let last = if last < 0 { i64::from(last) } else { i64::from(first) + i64::from(last) };
        (i64::from(first), last, i64::from(step))
    };
    let ranges = keys.iter().filter_map(Keys::range).map(absolute);
    // A last key that is counted from the end is behind every other.
    let join = |one: (i64, i64, i64), other: (i64, i64, i64)| {
        let last = if one.1 < 0 || other.1 < 0 { one.1.min(other.1) } else { one.1.max(other.1) };
        (one.0.min(other.0), last, one.2)
    };
    ranges.reduce(join).unwrap_or((0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(keys: Keys, line: &str) -> Option<Vec<usize>> {
        let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        keys.positions(&words)
    }

    #[test]
    fn keys_are_found_by_position_by_count_and_behind_a_word() {
        assert_eq!(found(Keys::ONE, "get a"), Some(vec![1]));
        assert_eq!(found(Keys::MANY, "del a b c"), Some(vec![1, 2, 3]));
        assert_eq!(found(Keys::PAIRS, "mset a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(found(Keys::COUNTED, "lmpop 2 a b left"), Some(vec![2, 3]));
        let stored = Keys { begin: Begin::Behind("STORE", 3), ..Keys::ONE };
        assert_eq!(found(stored, "georadius a 1 store b"), Some(vec![4]));
        assert_eq!(found(stored, "georadius a 1 2 b"), Some(vec![]));
    }

    #[test]
    fn a_request_that_contradicts_its_specification_has_no_keys() {
        for line in ["lmpop 3 a b", "lmpop 0 a b", "lmpop x a b", "lmpop -1 a", "lmpop 18446744073709551615 a", "lmpop"]
        {
            assert_eq!(found(Keys::COUNTED, line), None, "{line}");
        }
        assert_eq!(found(Keys::MANY, "del"), None);
        assert_eq!(found(Keys { begin: Begin::Unknown, ..Keys::ONE }, "sort a"), None);
    }

    #[test]
    fn several_ranges_are_joined_for_older_clients() {
        let at = |position, keys| Keys { begin: Begin::At(position), ..keys };
        assert_eq!(as_one_range(&[]), (0, 0, 0));
        assert_eq!(as_one_range(&[Keys::COUNTED]), (0, 0, 0));
        assert_eq!(as_one_range(&[Keys::ONE, at(2, Keys::ONE)]), (1, 2, 1));
        assert_eq!(as_one_range(&[at(2, Keys::ONE), at(3, Keys::MANY)]), (2, -1, 1));
        assert_eq!(as_one_range(&[Keys::ONE, at(2, Keys::COUNTED)]), (1, 1, 1));
    }
}
