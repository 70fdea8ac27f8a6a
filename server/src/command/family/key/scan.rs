//! Visiting all keys.

use bytes::Bytes;

use super::template::GENERIC;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, cursor, error_about, exactly, integer, is};
use crate::command::flag::{
    Category::{Dangerous, Keyspace},
    Flag::Readonly,
};
use crate::command::glob::{Case, matches};
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::state::{By, Draft};
use crate::value::Kind;

pub(super) const KEYS: Spec = Spec {
    name: "keys",
    syntax: "pattern",
    arity: 2,
    flags: &[Readonly],
    categories: &[Keyspace, Dangerous],
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    complexity: "O(N) where N is the number of keys in the database",
    summary: "Returns the keys that match a pattern.",
    meaning: Meaning::Data(keys),
    ..GENERIC
};

pub(super) const SCAN: Spec = Spec {
    name: "scan",
    syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    arity: -2,
    flags: &[Readonly],
    tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
    since: "2.8.0",
    complexity: "O(log(N)+M) where N is the number of keys in the database, and M that of visited ones",
    summary: "Visits the keys of the database, a few at each call.",
    meaning: Meaning::Data(scan),
    check: Some(|words| ScanOptions::parse(words).map(drop)),
    ..GENERIC
};

/// How many keys a call visits if it does not say.
const USUAL_COUNT: usize = 10;

/// The types that TYPE knows.
const KINDS: [Kind; 6] = [Kind::String, Kind::Hash, Kind::List, Kind::Set, Kind::Zset, Kind::Stream];

/// Whether a key matches. A star alone matches every key: even the empty one, which no other pattern with a star does.
fn passes(pattern: &[u8], key: &[u8]) -> bool {
    pattern == b"*" || matches(pattern, key, Case::Sensitive)
}

fn keys(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, pattern] = exactly(words)?;
    let order = draft.order(draft.keys_table(), By::Hash);
    let matching = order.iter().map(|place| place.name()).filter(|name| passes(pattern, name));
    let living = matching.filter(|name| draft.find(name).is_some());
    Ok(Reply::Array(living.map(Reply::Bulk).collect()))
}

/// The cursor and the options of a `SCAN`.
struct ScanOptions<'a> {
    cursor: u64,
    pattern: &'a [u8],
    count: usize,
    kind: Option<Kind>,
}

impl<'a> ScanOptions<'a> {
    fn parse(words: &'a [Bytes]) -> Result<ScanOptions<'a>, Reply> {
        let [_, from, options @ ..] = words else { return Err(SYNTAX) };
        let cursor = cursor(from).ok_or(Reply::fault("ERR invalid cursor"))?;
        let mut parsed = ScanOptions { cursor, pattern: b"*", count: USUAL_COUNT, kind: None };
        let mut options = options;
        loop {
            options = match options {
                [] => return Ok(parsed),
                [option, count, rest @ ..] if is(option, "COUNT") => {
                    let count = integer(count).ok_or(NOT_AN_INTEGER)?;
                    parsed.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(SYNTAX)?;
                    rest
                }
                [option, pattern, rest @ ..] if is(option, "MATCH") => {
                    parsed.pattern = pattern;
                    rest
                }
                [option, name, rest @ ..] if is(option, "TYPE") => {
                    let kind = KINDS.into_iter().find(|kind| is(name, kind.name()));
                    parsed.kind = Some(kind.ok_or_else(|| error_about("ERR unknown type name '", name, "'"))?);
                    rest
                }
                [option, ..] if is(option, "NOVALUES") => {
                    return Err(Reply::fault("ERR NOVALUES option can only be used in HSCAN"));
                }
                [option, ..] if is(option, "NOSCORES") => {
                    return Err(Reply::fault("ERR NOSCORES option can only be used in ZSCAN"));
                }
                _ => return Err(SYNTAX),
            }
        }
    }

    fn wants(&self, draft: &Draft<'_>, key: &[u8]) -> bool {
        let is_wanted = |kind: Kind| self.kind.is_none_or(|wanted| wanted == kind);
        passes(self.pattern, key) && draft.find(key).is_some_and(|row| is_wanted(Kind::of(&row)))
    }
}

/// A cursor is the lowest hash that was not visited yet. Keys that share a hash are visited in the same call, so a key that
/// is there all the time is never passed over.
fn scan(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let options = ScanOptions::parse(words)?;
    let order = draft.order(draft.keys_table(), By::Hash);
    let (mut visited, mut next, mut found) = (0, options.cursor, Vec::new());
    let mut is_whole = true;
    for place in order.iter_from(order.below(options.cursor)) {
        if visited >= options.count && place.rank >= next {
            is_whole = false;
            break;
        }
        visited += 1;
        // A hash has 48 bits, so there is always a next one.
        next = place.rank + 1;
        let name = place.name();
        if options.wants(draft, &name) {
            found.push(Reply::Bulk(name));
        }
    }
    let next = if is_whole { 0 } else { next };
    Ok(Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(found)]))
}
