//! Adding members and changing scores.

use bytes::Bytes;

use super::template::SORTED;
use crate::command::arguments::{SYNTAX, is};
use crate::command::flag::Flag::{Denyoom, Fast, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::number::{self, NOT_A_FLOAT, SCORE_IS_NAN};
use crate::value::zset::Zset;

pub(super) const ADD: Spec = Spec {
    name: "zadd",
    syntax: "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
    arity: -4,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "update"], ..Keys::ONE }],
    since: "1.2.0",
    complexity: "O(log(N)) for each member, where N is the number of members in the sorted set",
    summary: "Adds members with their scores, or changes the scores of members.",
    meaning: Meaning::Data(|draft, words| add(draft, words, false)),
    check: Some(|words| Addition::parse(&words[2..], false).map(drop)),
    ..SORTED
};

pub(super) const INCREMENT: Spec = Spec {
    name: "zincrby",
    syntax: "key increment member",
    arity: 4,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "access", "update"], ..Keys::ONE }],
    since: "1.2.0",
    complexity: "O(log(N)) where N is the number of members in the sorted set",
    summary: "Adds to the score of a member, which counts as zero if the member is absent.",
    meaning: Meaning::Data(|draft, words| add(draft, words, true)),
    check: Some(|words| Addition::parse(&words[2..], true).map(drop)),
    ..SORTED
};

/// The options of a `ZADD`, and its scores with their members.
#[derive(Debug, Default, PartialEq)]
struct Addition<'a> {
    /// `NX`: scores of members stay as they are.
    only_new: bool,
    /// `XX`: no member is added.
    only_old: bool,
    /// `GT`: a score may only grow.
    greater: bool,
    /// `LT`: a score may only fall.
    less: bool,
    /// `CH`: the reply counts changed members, too.
    changes: bool,
    /// `INCR`: the score is added to the one that is there.
    increments: bool,
    scores: Vec<(f64, &'a Bytes)>,
}

impl<'a> Addition<'a> {
    /// Parses the words after the key. `ZINCRBY` is parsed like `ZADD` with INCR, and takes the same options, but its arity
    /// leaves no room for them.
    fn parse(mut words: &'a [Bytes], increments: bool) -> Result<Addition<'a>, Reply> {
        let mut parsed = Addition { increments, ..Addition::default() };
        while let [option, rest @ ..] = words {
            let switch = match option {
                _ if is(option, "NX") => &mut parsed.only_new,
                _ if is(option, "XX") => &mut parsed.only_old,
                _ if is(option, "GT") => &mut parsed.greater,
                _ if is(option, "LT") => &mut parsed.less,
                _ if is(option, "CH") => &mut parsed.changes,
                _ if is(option, "INCR") => &mut parsed.increments,
                _ => break,
            };
            *switch = true;
            words = rest;
        }
        let (pairs, rest) = words.as_chunks();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(SYNTAX);
        }
        parsed.refuse_contradictions(pairs.len())?;
        let score = |word: &Bytes| number::score(word).ok_or(Reply::fault(NOT_A_FLOAT));
        parsed.scores = pairs.iter().map(|[text, member]| Ok((score(text)?, member))).collect::<Result<_, Reply>>()?;
        Ok(parsed)
    }

    fn refuse_contradictions(&self, members: usize) -> Result<(), Reply> {
        let Addition { only_new, only_old, greater, less, increments, .. } = *self;
        if only_new && only_old {
            return Err(Reply::fault("ERR XX and NX options at the same time are not compatible"));
        }
        if [greater, less, only_new].into_iter().filter(|option| *option).count() > 1 {
            return Err(Reply::fault("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if increments && members > 1 {
            return Err(Reply::fault("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// The new score of a member, or none if the options leave it as it is.
    fn result(&self, old: Option<f64>, score: f64) -> Result<Option<f64>, Reply> {
        let Some(old) = old else { return Ok((!self.only_old).then_some(score)) };
        if self.only_new {
            return Ok(None);
        }
        let new = if self.increments { old + score } else { score };
        if new.is_nan() {
            return Err(Reply::fault(SCORE_IS_NAN));
        }
        let refused = self.greater && new <= old || self.less && new >= old;
        Ok((!refused).then_some(new))
    }
}

fn add(draft: &mut Draft<'_>, words: &[Bytes], increments: bool) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let addition = Addition::parse(arguments, increments)?;
    let zset = Zset::open(draft, key)?;
    let nothing = if addition.increments { Reply::Null } else { Reply::Integer(0) };
    let mut zset = match zset {
        Some(zset) => zset,
        None if addition.only_old => return Ok(nothing),
        None => Zset::new(draft),
    };
    let (mut added, mut changed, mut last) = (0, 0, None);
    for (score, member) in &addition.scores {
        // Only an increment can fail here, and it comes alone. So nothing was changed before.
        let (old, chosen) = zset.update(draft, member, |old| addition.result(old, *score))?;
        last = chosen;
        let Some(new) = last else { continue };
        match old {
            None => added += 1,
            Some(old) => changed += usize::from(old != new),
        }
    }
    zset.keep(draft, key);
    Ok(match last {
        Some(score) if addition.increments => Reply::Double(score),
        None if addition.increments => Reply::Null,
        _ => Reply::count(if addition.changes { added + changed } else { added }),
    })
}
