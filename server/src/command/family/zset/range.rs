//! Parts of the order.
//!
//! `ZRANGE` says by options what the older commands say by their names, so one parser and one meaning serve them all.

use std::ops::Range;

use bytes::Bytes;

use super::listing::listed;
use super::template::{LIST, LOOK, SORTED};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, exactly, integer, is};
use crate::command::flag::Flag::{Denyoom, Write};
use crate::command::keys::Begin;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::state::order::Order;
use crate::value::number::{self, NOT_A_BOUND};
use crate::value::zset::{Extent, NameBound, Scored, Zset, members};

const PART: Spec = Spec {
    arity: -4,
    complexity: "O(log(N)+M) where N is the number of members in the sorted set, and M that of returned ones",
    ..LIST
};

pub(super) const RANGE: Spec = Spec {
    name: "zrange",
    syntax: "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    since: "1.2.0",
    summary: "Returns a part of a sorted set, by position, by score or by member.",
    meaning: Meaning::Data(|draft, words| range(draft, words, Form::FREE)),
    check: Some(|words| WantedRange::parse(&words[2..], Form::FREE).map(drop)),
    ..PART
};

pub(super) const BY_RANK_REVERSE: Spec = Spec {
    name: "zrevrange",
    syntax: "key start stop [WITHSCORES]",
    since: "1.2.0",
    summary: "Returns the members between two positions, which count from the highest score.",
    meaning: Meaning::Data(|draft, words| range(draft, words, Form::fixed(RangeMeasure::Rank, true))),
    check: Some(|words| WantedRange::parse(&words[2..], Form::fixed(RangeMeasure::Rank, true)).map(drop)),
    ..PART
};

pub(super) const BY_SCORE: Spec = Spec {
    name: "zrangebyscore",
    syntax: "key min max [WITHSCORES] [LIMIT offset count]",
    since: "1.0.5",
    summary: "Returns the members with a score between two bounds.",
    meaning: Meaning::Data(|draft, words| range(draft, words, Form::fixed(RangeMeasure::Score, false))),
    check: Some(|words| WantedRange::parse(&words[2..], Form::fixed(RangeMeasure::Score, false)).map(drop)),
    ..PART
};

pub(super) const BY_SCORE_REVERSE: Spec = Spec {
    name: "zrevrangebyscore",
    syntax: "key max min [WITHSCORES] [LIMIT offset count]",
    since: "2.2.0",
    summary: "Returns the members with a score between two bounds, the highest score first.",
    meaning: Meaning::Data(|draft, words| range(draft, words, Form::fixed(RangeMeasure::Score, true))),
    check: Some(|words| WantedRange::parse(&words[2..], Form::fixed(RangeMeasure::Score, true)).map(drop)),
    ..PART
};

pub(super) const BY_NAME: Spec = Spec {
    name: "zrangebylex",
    syntax: "key min max [LIMIT offset count]",
    since: "2.8.9",
    summary: "Returns the members between two bounds, if all scores are equal.",
    meaning: Meaning::Data(|draft, words| range(draft, words, Form::fixed(RangeMeasure::Name, false))),
    check: Some(|words| WantedRange::parse(&words[2..], Form::fixed(RangeMeasure::Name, false)).map(drop)),
    ..PART
};

pub(super) const BY_NAME_REVERSE: Spec = Spec {
    name: "zrevrangebylex",
    syntax: "key max min [LIMIT offset count]",
    since: "2.8.9",
    summary: "Returns the members between two bounds, the last one first, if all scores are equal.",
    meaning: Meaning::Data(|draft, words| range(draft, words, Form::fixed(RangeMeasure::Name, true))),
    check: Some(|words| WantedRange::parse(&words[2..], Form::fixed(RangeMeasure::Name, true)).map(drop)),
    ..PART
};

pub(super) const STORE: Spec = Spec {
    name: "zrangestore",
    syntax: "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    arity: -5,
    flags: &[Write, Denyoom],
    keys: &[Keys::REPLACED, Keys { begin: Begin::At(2), ..Keys::READ }],
    since: "6.2.0",
    complexity: "O(log(N)+M) where N is the number of members in the source, and M that of stored ones",
    summary: "Stores a part of a sorted set under another key.",
    meaning: Meaning::Data(store),
    check: Some(|words| WantedRange::parse(&words[3..], Form::STORED).map(drop)),
    ..SORTED
};

const NUMBER: Spec = Spec {
    syntax: "key min max",
    arity: 4,
    complexity: "O(log(N)) where N is the number of members in the sorted set",
    ..LOOK
};

pub(super) const COUNT: Spec = Spec {
    name: "zcount",
    since: "2.0.0",
    summary: "Returns how many members have a score between two bounds.",
    meaning: Meaning::Data(|draft, words| count(draft, words, RangeMeasure::Score)),
    check: Some(|words| extent(RangeMeasure::Score, &words[2], &words[3]).map(drop)),
    ..NUMBER
};

pub(super) const NAME_COUNT: Spec = Spec {
    name: "zlexcount",
    since: "2.8.9",
    summary: "Returns how many members lie between two bounds, if all scores are equal.",
    meaning: Meaning::Data(|draft, words| count(draft, words, RangeMeasure::Name)),
    check: Some(|words| extent(RangeMeasure::Name, &words[2], &words[3]).map(drop)),
    ..NUMBER
};

/// What the bounds of a part are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RangeMeasure {
    /// Positions.
    Rank,
    /// Scores.
    Score,
    /// Members.
    Name,
}

/// What the name of a command says, so that its options need not.
#[derive(Clone, Copy, Debug)]
struct Form {
    measure: Option<RangeMeasure>,
    backwards: Option<bool>,
    stores: bool,
}

impl Form {
    /// `ZRANGE`
    const FREE: Form = Form { measure: None, backwards: None, stores: false };
    /// `ZRANGESTORE`
    const STORED: Form = Form { stores: true, ..Form::FREE };

    /// An older command.
    const fn fixed(measure: RangeMeasure, backwards: bool) -> Form {
        Form { measure: Some(measure), backwards: Some(backwards), stores: false }
    }
}

/// A part of a sorted set, as a request describes it.
#[derive(Debug)]
struct WantedRange {
    extent: Extent,
    backwards: bool,
    offset: i64,
    /// How many members the request wants. A negative number means all of them.
    count: i64,
    scores: bool,
}

impl WantedRange {
    /// Parses the bounds and the options after them.
    fn parse(arguments: &[Bytes], form: Form) -> Result<WantedRange, Reply> {
        let [first, second, options @ ..] = arguments else { return Err(SYNTAX) };
        let Form { mut measure, mut backwards, stores } = form;
        let (mut offset, mut count, mut scores) = (0, -1, false);
        let mut options = options;
        while let [option, rest @ ..] = options {
            options = rest;
            match rest {
                _ if !stores && is(option, "WITHSCORES") => scores = true,
                [skipped, wanted, rest @ ..] if is(option, "LIMIT") => {
                    offset = integer(skipped).ok_or(NOT_AN_INTEGER)?;
                    count = integer(wanted).ok_or(NOT_AN_INTEGER)?;
                    options = rest;
                }
                _ if backwards.is_none() && is(option, "REV") => backwards = Some(true),
                _ if measure.is_none() && is(option, "BYSCORE") => measure = Some(RangeMeasure::Score),
                _ if measure.is_none() && is(option, "BYLEX") => measure = Some(RangeMeasure::Name),
                _ => return Err(SYNTAX),
            }
        }
        let (measure, backwards) = (measure.unwrap_or(RangeMeasure::Rank), backwards.unwrap_or(false));
        if count != -1 && measure == RangeMeasure::Rank {
            return Err(Reply::fault(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if scores && measure == RangeMeasure::Name {
            return Err(Reply::fault("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        // Positions count from the end where the order starts. Other bounds come in the order of the reply.
        let swapped = backwards && measure != RangeMeasure::Rank;
        let (low, high) = if swapped { (second, first) } else { (first, second) };
        Ok(WantedRange { extent: extent(measure, low, high)?, backwards, offset, count, scores })
    }

    /// The members of the part.
    fn of(&self, draft: &Draft<'_>, zset: &Zset) -> Vec<Scored> {
        let order = zset.order(draft);
        members(&order, self.limited(&order), self.backwards)
    }

    /// The positions that LIMIT leaves. A negative offset leaves none.
    fn limited(&self, order: &Order) -> Range<usize> {
        if matches!(self.extent, Extent::Ranks(..)) {
            return self.extent.positions(order, self.backwards);
        }
        let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let Range { start, end } = self.extent.behind(order, self.backwards, skipped);
        let wanted = usize::try_from(self.count).unwrap_or(usize::MAX).min(end - start);
        if self.backwards { end - wanted..end } else { start..start + wanted }
    }
}

/// Parses the two bounds of a part.
pub(super) fn extent(measure: RangeMeasure, low: &Bytes, high: &Bytes) -> Result<Extent, Reply> {
    match measure {
        RangeMeasure::Rank => {
            let rank = |word| integer(word).ok_or(NOT_AN_INTEGER);
            Ok(Extent::Ranks(rank(low)?, rank(high)?))
        }
        RangeMeasure::Score => {
            let bound = |word| number::bound(word).ok_or(Reply::fault(NOT_A_BOUND));
            Ok(Extent::Scores(bound(low)?, bound(high)?))
        }
        RangeMeasure::Name => {
            let bound = |word| name_bound(word).ok_or(Reply::fault("ERR min or max not valid string range item"));
            Ok(Extent::Names(bound(low)?, bound(high)?))
        }
    }
}

/// Parses one end of a range of members. Valkey reads the signs as C strings, so a NUL ends them.
fn name_bound(word: &Bytes) -> Option<NameBound> {
    match &word[..] {
        [b'-'] | [b'-', 0, ..] => Some(NameBound::Lowest),
        [b'+'] | [b'+', 0, ..] => Some(NameBound::Highest),
        [b'[', ..] => Some(NameBound::At { name: word.slice(1..), exclusive: false }),
        [b'(', ..] => Some(NameBound::At { name: word.slice(1..), exclusive: true }),
        _ => None,
    }
}

fn range(draft: &mut Draft<'_>, words: &[Bytes], form: Form) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let part = WantedRange::parse(arguments, form)?;
    let members = Zset::open(draft, key)?.map_or(Vec::new(), |zset| part.of(draft, &zset));
    Ok(listed(members, part.scores))
}

fn store(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, target, source, arguments @ ..] = words else { return Err(SYNTAX) };
    let part = WantedRange::parse(arguments, Form::STORED)?;
    let members = Zset::open(draft, source)?.map_or(Vec::new(), |zset| part.of(draft, &zset));
    Ok(Reply::count(Zset::store(draft, target, members)))
}

fn count(draft: &mut Draft<'_>, words: &[Bytes], measure: RangeMeasure) -> Result<Reply, Reply> {
    let [_, key, low, high] = exactly(words)?;
    let extent = extent(measure, low, high)?;
    let zset = Zset::open(draft, key)?;
    Ok(Reply::count(zset.map_or(0, |zset| extent.positions(&zset.order(draft), false).len())))
}
