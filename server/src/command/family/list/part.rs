//! Parts of lists: `LLEN`, `LRANGE`, `LTRIM`.

use bytes::Bytes;

use super::listing::{bulks, count};
use super::number::number;
use super::template::LIST;
use crate::command::arguments::exactly;
use crate::command::flag::Flag::{Fast, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::list;

pub(super) const LENGTH: Spec = Spec {
    name: "llen",
    syntax: "key",
    arity: 2,
    flags: &[Readonly, Fast],
    keys: &[Keys { access: &["RO"], ..Keys::ONE }],
    summary: "Returns the length of a list.",
    meaning: Meaning::Data(length),
    ..LIST
};

pub(super) const RANGE: Spec = Spec {
    name: "lrange",
    syntax: "key start stop",
    arity: 4,
    flags: &[Readonly],
    keys: &[Keys::READ],
    complexity: "O(log(N)+M) where N is the length of the list and M the number of items returned",
    summary: "Returns the items from one index to another.",
    meaning: Meaning::Data(range),
    check: Some(|words| span(words).map(drop)),
    ..LIST
};

pub(super) const TRIM: Spec = Spec {
    name: "ltrim",
    syntax: "key start stop",
    arity: 4,
    flags: &[Write],
    keys: &[Keys { access: &["RW", "delete"], ..Keys::ONE }],
    complexity: "O(N*log(M)) where N is the number of items removed and M the length of the list",
    summary: "Removes all items but those from one index to another.",
    meaning: Meaning::Data(trim),
    check: Some(|words| span(words).map(drop)),
    ..LIST
};

/// The first and the last index of a range.
fn span(words: &[Bytes]) -> Result<(i64, i64), Reply> {
    let [_, _, start, stop] = exactly(words)?;
    Ok((number(start)?, number(stop)?))
}

fn length(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(count(list::open(draft, &words[1])?.map_or(0, |list| list.len())))
}

fn range(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let (start, stop) = span(words)?;
    let list = list::open(draft, &words[1])?;
    Ok(bulks(list.map_or_else(Vec::new, |list| list.range(draft, list.span(start, stop)))))
}

fn trim(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let (start, stop) = span(words)?;
    if let Some(mut list) = list::open(draft, &words[1])? {
        list.trim(draft, list.span(start, stop));
        list.keep(draft, words[1].clone());
    }
    Ok(Reply::OK)
}
