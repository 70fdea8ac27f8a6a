//! Visiting all members in pieces, and drawing some at random.

use bytes::Bytes;

use super::listing::listed;
use super::template::LIST;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, cursor, integer, is};
use crate::command::draw::{self, OUT_OF_RANGE, sample_size};
use crate::command::glob::{Case, matches};
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::number::format_double;
use crate::value::zset::{Scored, Zset, scored};

pub(super) const SCAN: Spec = Spec {
    name: "zscan",
    syntax: "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
    arity: -3,
    tips: &["nondeterministic_output"],
    since: "2.8.0",
    complexity: "O(log(N)+M) where N is the number of members in the sorted set, and M that of visited ones",
    summary: "Visits the members of a sorted set, a few at each call.",
    meaning: Meaning::Data(scan),
    check: Some(|words| cursor(&words[2]).map(drop).ok_or(INVALID_CURSOR)),
    ..LIST
};

pub(super) const RANDOM: Spec = Spec {
    name: "zrandmember",
    syntax: "key [count [WITHSCORES]]",
    arity: -2,
    tips: &["nondeterministic_output"],
    since: "6.2.0",
    complexity: "O(M*log(N)) where N is the number of members in the sorted set, and M that of returned ones",
    summary: "Returns random members.",
    meaning: Meaning::Data(random),
    check: Some(|words| Sample::parse(&words[2..]).map(drop)),
    ..LIST
};

/// Sorted sets of so many members are visited in one call, whatever COUNT says. Valkey does so up to this size, too, and
/// clients may rely on it.
const SMALL: usize = 128;

/// How many members a call visits if it does not say.
const USUAL_COUNT: usize = 10;

const INVALID_CURSOR: Reply = Reply::fault("ERR invalid cursor");

/// The options of a `ZSCAN`.
struct Visit<'a> {
    pattern: Option<&'a Bytes>,
    count: usize,
    scores: bool,
}

impl<'a> Visit<'a> {
    fn parse(mut options: &'a [Bytes]) -> Result<Visit<'a>, Reply> {
        let mut parsed = Visit { pattern: None, count: USUAL_COUNT, scores: true };
        loop {
            options = match options {
                [] => return Ok(parsed),
                [option, count, rest @ ..] if is(option, "COUNT") => {
                    let count = integer(count).ok_or(NOT_AN_INTEGER)?;
                    parsed.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(SYNTAX)?;
                    rest
                }
                [option, pattern, rest @ ..] if is(option, "MATCH") => {
                    // A lone star does not match the empty member, but as a filter it lets everything through.
                    parsed.pattern = Some(pattern).filter(|pattern| &pattern[..] != b"*");
                    rest
                }
                [option, rest @ ..] if is(option, "NOSCORES") => {
                    parsed.scores = false;
                    rest
                }
                [option, ..] if is(option, "NOVALUES") => {
                    return Err(Reply::fault("ERR NOVALUES option can only be used in HSCAN"));
                }
                _ => return Err(SYNTAX),
            }
        }
    }

    fn wants(&self, member: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| matches(pattern, member, Case::Sensitive))
    }

    /// The members from a cursor on, and the next cursor. It is 0 at the end.
    ///
    /// A cursor is the lowest hash that was not visited yet. Members that share a hash are visited in the same call, so a
    /// member that is there all the time is never passed over.
    fn page(&self, draft: &Draft<'_>, zset: &Zset, cursor: u64) -> (u64, Vec<Scored>) {
        if zset.len() <= SMALL {
            let order = zset.order(draft);
            return (0, order.iter().map(scored).filter(|(name, _)| self.wants(name)).collect());
        }
        let order = zset.scattered(draft);
        let (mut visited, mut next, mut members) = (0, cursor, Vec::new());
        for place in order.iter_from(order.below(cursor)) {
            if visited >= self.count && place.rank >= next {
                return (next, members);
            }
            visited += 1;
            // A hash has 48 bits, so there is always a next one.
            next = place.rank + 1;
            let name = place.name();
            if self.wants(&name) {
                members.extend(zset.score(draft, &name).map(|score| (name, score)));
            }
        }
        (0, members)
    }
}

/// Scores are text in both protocols. Valkey looks at the options only if the key is there.
fn scan(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, from, options @ ..] = words else { return Err(SYNTAX) };
    let from = cursor(from).ok_or(INVALID_CURSOR)?;
    let (next, members, scores) = match Zset::open(draft, key)? {
        None => (0, Vec::new(), false),
        Some(zset) => {
            let visit = Visit::parse(options)?;
            let (next, members) = visit.page(draft, &zset, from);
            (next, members, visit.scores)
        }
    };
    let words = members.into_iter().flat_map(|(member, score)| {
        [Some(Reply::Bulk(member)), scores.then(|| Reply::bulk(format_double(score)))].into_iter().flatten()
    });
    Ok(Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(words.collect())]))
}

/// The arguments of a `ZRANDMEMBER`.
struct Sample {
    /// How many members the request wants. A negative number allows repetitions.
    size: i64,
    scores: bool,
}

impl Sample {
    /// Parses the words after the key. Without them the request wants one member, and not a list.
    fn parse(arguments: &[Bytes]) -> Result<Option<Sample>, Reply> {
        let [size, options @ ..] = arguments else { return Ok(None) };
        let size = sample_size(size)?;
        match options {
            [] => Ok(Some(Sample { size, scores: false })),
            // The reply has two words for each member, and their number has to fit.
            [option] if is(option, "WITHSCORES") && size.unsigned_abs() > i64::MAX.unsigned_abs() / 2 => {
                Err(OUT_OF_RANGE)
            }
            [option] if is(option, "WITHSCORES") => Ok(Some(Sample { size, scores: true })),
            _ => Err(SYNTAX),
        }
    }
}

fn random(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let sample = Sample::parse(arguments)?;
    let zset = Zset::open(draft, key)?;
    match (sample, zset) {
        (None, None) => Ok(Reply::Null),
        (None, Some(zset)) => Ok(draw::one(draft, &zset.order(draft)).into()),
        (Some(_), None) => Ok(Reply::Array(Vec::new())),
        (Some(Sample { size, scores }), Some(zset)) => {
            let look = |member: Bytes| {
                let score = zset.score(draft, &member).expect("the order holds members alone");
                (member, score)
            };
            let members = draw::sample(draft, &zset.order(draft), size, look, |(member, _)| member.len())?;
            Ok(listed(members, scores))
        }
    }
}
