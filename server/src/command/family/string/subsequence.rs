//! `LCS`: the longest common subsequence of two values.
//!
//! A table has the length of the longest common subsequence of each pair of prefixes. A walk back from its last corner finds
//! one of the longest subsequences. Where there are several, the choice is that of Valkey: of two equal lengths, the walk
//! gives up the last byte of the second value.

use bytes::Bytes;

use super::template::READ;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer, is};
use crate::command::keys::Find;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::string;

pub(super) const SUBSEQUENCE: Spec = Spec {
    name: "lcs",
    syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    arity: -3,
    keys: &[Keys { find: Find::Range { last: 1, step: 1 }, ..Keys::READ }],
    since: "7.0.0",
    complexity: "O(N*M) where N and M are the lengths of the values",
    summary: "Returns the longest common subsequence of two values.",
    meaning: Meaning::Data(find),
    ..READ
};

/// How many fields the table may have. They take 64 MiB, and the server about a tenth of a second in which it does nothing
/// else.
const MOST_FIELDS: usize = 16 << 20;

const NOT_STRINGS: Reply = Reply::fault("ERR The specified keys must contain string values");
const TWO_FORMS: Reply = Reply::fault("ERR If you want both the length and indexes, please just use IDX.");
const TOO_LARGE: Reply = Reply::fault("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");

/// The options of an `LCS`.
#[derive(Debug, Default, PartialEq)]
struct LcsOptions {
    length: bool,
    positions: bool,
    lengths: bool,
    /// Shorter matches are left out.
    least: u64,
}

impl LcsOptions {
    fn parse(mut options: &[Bytes]) -> Result<LcsOptions, Reply> {
        let mut parsed = LcsOptions::default();
        while let [option, rest @ ..] = options {
            options = rest;
            match rest {
                _ if is(option, "IDX") => parsed.positions = true,
                _ if is(option, "LEN") => parsed.length = true,
                _ if is(option, "WITHMATCHLEN") => parsed.lengths = true,
                [least, rest @ ..] if is(option, "MINMATCHLEN") => {
                    parsed.least = u64::try_from(integer(least).ok_or(NOT_AN_INTEGER)?).unwrap_or(0);
                    options = rest;
                }
                _ => return Err(SYNTAX),
            }
        }
        if parsed.length && parsed.positions { Err(TWO_FORMS) } else { Ok(parsed) }
    }
}

/// Like Valkey, it looks at the values before it looks at the options.
fn find(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, one, other, options @ ..] = words else { return Err(SYNTAX) };
    let value = |key: &Bytes| {
        let value = string(draft, key).map_err(|_| NOT_STRINGS)?;
        Ok::<Bytes, Reply>(value.map(|(value, _)| value).unwrap_or_default())
    };
    let (one, other) = (value(one)?, value(other)?);
    let options = LcsOptions::parse(options)?;
    let fields = (one.len() + 1).checked_mul(other.len() + 1);
    if fields.is_none_or(|fields| fields > MOST_FIELDS) {
        return Err(TOO_LARGE);
    }
    let table = LcsTable::new(&one, &other);
    if options.length {
        return Ok(Reply::count(table.length()));
    }
    let matches = table.matches(&one, &other);
    if options.positions {
        return Ok(positions(&matches, table.length(), &options));
    }
    let mut subsequence = Vec::with_capacity(table.length());
    matches.iter().rev().for_each(|found| subsequence.extend_from_slice(&one[found.one..found.one + found.length]));
    Ok(Reply::bulk(subsequence))
}

fn positions(matches: &[Match], length: usize, options: &LcsOptions) -> Reply {
    let range = |start: usize, length: usize| Reply::Array(vec![Reply::count(start), Reply::count(start + length - 1)]);
    let wanted = matches.iter().filter(|found| found.length as u64 >= options.least);
    let listed = wanted.map(|found| {
        let mut parts = vec![range(found.one, found.length), range(found.other, found.length)];
        if options.lengths {
            parts.push(Reply::count(found.length));
        }
        Reply::Array(parts)
    });
    let matches = (Reply::text("matches"), Reply::Array(listed.collect()));
    Reply::Map(vec![matches, (Reply::text("len"), Reply::count(length))])
}

/// A stretch of the subsequence that both values have in one piece, as long as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    /// Where it begins in the first value.
    one: usize,
    /// Where it begins in the second value.
    other: usize,
    length: usize,
}

/// The length of the longest common subsequence of each pair of prefixes.
struct LcsTable {
    /// A row for each prefix of the first value, with a field for each prefix of the second one.
    lengths: Vec<u32>,
    width: usize,
}

impl LcsTable {
    fn new(one: &[u8], other: &[u8]) -> LcsTable {
        let width = other.len() + 1;
        let mut lengths = vec![0_u32; (one.len() + 1) * width];
        for (i, byte) in one.iter().enumerate() {
            let (above, below) = lengths[i * width..(i + 2) * width].split_at_mut(width);
            for (j, other) in other.iter().enumerate() {
                below[j + 1] = if byte == other { above[j] + 1 } else { above[j + 1].max(below[j]) };
            }
        }
        LcsTable { lengths, width }
    }

    fn of(&self, one: usize, other: usize) -> u32 {
        self.lengths[one * self.width + other]
    }

    fn length(&self) -> usize {
        self.lengths.last().map_or(0, |length| *length as usize)
    }

    /// The matches, from the last one to the first.
    fn matches(&self, one: &[u8], other: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (one.len(), other.len());
        while i > 0 && j > 0 {
            if one[i - 1] == other[j - 1] {
                match matches.last_mut() {
                    Some(found) if (found.one, found.other) == (i, j) => {
                        *found = Match { one: i - 1, other: j - 1, length: found.length + 1 };
                    }
                    _ => matches.push(Match { one: i - 1, other: j - 1, length: 1 }),
                }
                (i, j) = (i - 1, j - 1);
            } else if self.of(i - 1, j) > self.of(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_as_long_as_possible_and_come_from_the_end() {
        let (one, other) = (b"ohmytext", b"mynewtext");
        let table = LcsTable::new(one, other);
        assert_eq!(table.length(), 6);
        let matches = [Match { one: 4, other: 5, length: 4 }, Match { one: 2, other: 0, length: 2 }];
        assert_eq!(table.matches(one, other), matches);
    }

    #[test]
    fn values_without_common_bytes_match_nowhere() {
        for (one, other) in [("", ""), ("a", ""), ("abc", "def")] {
            let table = LcsTable::new(one.as_bytes(), other.as_bytes());
            assert_eq!((table.length(), table.matches(one.as_bytes(), other.as_bytes())), (0, vec![]));
        }
    }
}
