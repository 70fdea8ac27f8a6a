//! Visiting all members in pieces, and drawing or taking some at random.

use bytes::Bytes;

use super::member::unordered;
use super::template::{LIST, SHRINK};
use crate::command::arguments::{SYNTAX, cursor, integer};
use crate::command::draw::{self, sample_size};
use crate::command::page::{INVALID_CURSOR, PageOptions, is_packed, page};
use crate::command::spec::{Meaning, Spec};
use crate::knobs::Packing;
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::set::Set;

pub(super) const SCAN: Spec = Spec {
    name: "sscan",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    arity: -3,
    tips: &["nondeterministic_output"],
    since: "2.8.0",
    complexity: "O(log(N)+M) where N is the number of members, and M that of visited ones",
    summary: "Visits the members of a set, a few at each call.",
    meaning: Meaning::Data(scan),
    check: Some(|words| cursor(&words[2]).map(drop).ok_or(INVALID_CURSOR)),
    ..LIST
};

pub(super) const RANDOM: Spec = Spec {
    name: "srandmember",
    syntax: "key [count]",
    arity: -2,
    tips: &["nondeterministic_output"],
    complexity: DRAWN_MEMBERS,
    summary: "Returns random members.",
    meaning: Meaning::Data(random),
    check: Some(|words| random_size(&words[2..]).map(drop)),
    ..LIST
};

pub(super) const POP: Spec = Spec {
    name: "spop",
    syntax: "key [count]",
    arity: -2,
    tips: &["nondeterministic_output"],
    complexity: DRAWN_MEMBERS,
    summary: "Removes and returns random members.",
    meaning: Meaning::Data(pop),
    check: Some(|words| popped(&words[2..]).map(drop)),
    ..SHRINK
};

const DRAWN_MEMBERS: &str = "O(M*log(N)) where N is the number of members, and M that of returned ones";

/// Valkey looks at the options only if the key is there.
fn scan(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, from, options @ ..] = words else { return Err(SYNTAX) };
    let from = cursor(from).ok_or(INVALID_CURSOR)?;
    let Some(set) = Set::open(draft, key)? else { return Ok(page(0, Vec::new())) };
    let options = PageOptions::parse(options, false)?;
    let order = set.members(draft);
    let packings = draft.packings();
    let threshold = packings.get(Packing::SetIntegers).max(packings.get(Packing::SetMembers));
    let is_packed = is_packed(draft, key, order.len(), threshold);
    let (next, members) = options.names(&order, set.size(), is_packed, from);
    Ok(page(next, members.into_iter().map(Reply::Bulk).collect()))
}

/// The size of the sample that a request wants, or none if it wants one member and not a list.
fn random_size(arguments: &[Bytes]) -> Result<Option<i64>, Reply> {
    match arguments {
        [] => Ok(None),
        [size] => sample_size(size).map(Some),
        _ => Err(SYNTAX),
    }
}

fn random(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let size = random_size(arguments)?;
    let order = Set::open(draft, key)?.map(|set| set.members(draft)).unwrap_or_default();
    match size {
        None => Ok(draw::one(draft, &order).into()),
        Some(size) => {
            let members = draw::sample(draft, &order, size, |member| member, Bytes::len)?;
            Ok(Reply::Array(members.into_iter().map(Reply::Bulk).collect()))
        }
    }
}

/// How many members a request wants to take, or none if it wants one and not a list.
fn popped(arguments: &[Bytes]) -> Result<Option<usize>, Reply> {
    match arguments {
        [] => Ok(None),
        [count] => {
            let count = integer(count).and_then(|count| usize::try_from(count).ok());
            count.map(Some).ok_or(Reply::fault("ERR value is out of range, must be positive"))
        }
        _ => Err(SYNTAX),
    }
}

fn pop(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let count = popped(arguments)?;
    let Some(mut set) = Set::open(draft, key)? else {
        return Ok(if count.is_some() { unordered(Vec::new()) } else { Reply::Null });
    };
    let members = draw::different(draft, &set.members(draft), count.unwrap_or(1));
    if members.len() == set.len() {
        // Nothing has to be written of the members: nobody can reach them any more.
        draft.delete(key);
    } else {
        for member in &members {
            set.remove(draft, member);
        }
        set.keep(draft, key);
    }
    Ok(match count {
        Some(_) => unordered(members),
        None => members.into_iter().next().into(),
    })
}
