//! Single items of lists: `LINDEX`, `LSET`, `LINSERT`, `LREM`, `LPOS`.

use bytes::Bytes;

use super::listing::count;
use super::number::{natural, number, signed};
use super::template::LIST;
use crate::command::arguments::{SYNTAX, exactly};
use crate::command::flag::Flag::{Denyoom, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::list::{self, Side};

pub(super) const AT: Spec = Spec {
    name: "lindex",
    syntax: "key index",
    arity: 3,
    flags: &[Readonly],
    keys: &[Keys::READ],
    complexity: "O(log(N)) where N is the length of the list",
    summary: "Returns the item at an index.",
    meaning: Meaning::Data(item_at),
    ..LIST
};

pub(super) const INSERT: Spec = Spec {
    name: "linsert",
    syntax: "key <BEFORE | AFTER> pivot element",
    arity: 5,
    flags: &[Write, Denyoom],
    keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
    since: "2.2.0",
    complexity: "O(N) where N is the number of items before the pivot, and the pivot itself",
    summary: "Inserts an item next to the first one that equals the pivot.",
    meaning: Meaning::Data(insert),
    check: Some(|words| behind(&words[2]).map(drop)),
    ..LIST
};

pub(super) const POSITION: Spec = Spec {
    name: "lpos",
    syntax: "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    arity: -3,
    flags: &[Readonly],
    keys: &[Keys::READ],
    since: "6.0.6",
    complexity: "O(N) where N is the number of items compared",
    summary: "Returns the indexes of the items that equal a value.",
    meaning: Meaning::Data(position),
    check: Some(|words| Search::parse(&words[3..]).map(drop)),
    ..LIST
};

pub(super) const REMOVE: Spec = Spec {
    name: "lrem",
    syntax: "key count element",
    arity: 4,
    flags: &[Write],
    keys: &[Keys { access: &["RW", "delete"], ..Keys::ONE }],
    complexity: "O(N+M*log(N)) where N is the length of the list and M the number of items removed",
    summary: "Removes items that equal a value: the first ones, the last ones, or all.",
    meaning: Meaning::Data(remove),
    check: Some(|words| signed(&words[2]).map(drop)),
    ..LIST
};

pub(super) const SET: Spec = Spec {
    name: "lset",
    syntax: "key index element",
    arity: 4,
    flags: &[Write, Denyoom],
    keys: &[Keys { access: &["RW", "update"], ..Keys::ONE }],
    complexity: "O(log(N)) where N is the length of the list",
    summary: "Replaces the item at an index.",
    meaning: Meaning::Data(set),
    ..LIST
};

/// Whether an insert goes behind its pivot.
fn behind(word: &[u8]) -> Result<bool, Reply> {
    match word {
        word if word.eq_ignore_ascii_case(b"BEFORE") => Ok(false),
        word if word.eq_ignore_ascii_case(b"AFTER") => Ok(true),
        _ => Err(SYNTAX),
    }
}

/// The options of a search.
struct Search {
    from: Side,
    /// How many matches come before the first one that counts.
    passed: u64,
    /// How many matches are wanted; 0 means all. Without it, the reply is one index.
    count: Option<u64>,
    /// How many items are compared; 0 means all.
    among: u64,
}

impl Search {
    fn parse(options: &[Bytes]) -> Result<Search, Reply> {
        let mut search = Search { from: Side::Left, passed: 0, count: None, among: 0 };
        let (pairs, rest) = options.as_chunks::<2>();
        for [name, word] in pairs {
            if name.eq_ignore_ascii_case(b"RANK") {
                let rank = signed(word)?;
                search.from = if rank < 0 { Side::Right } else { Side::Left };
                search.passed = rank.unsigned_abs().checked_sub(1).ok_or(ZERO_RANK)?;
            } else if name.eq_ignore_ascii_case(b"COUNT") {
                search.count = Some(natural(word, Reply::fault("ERR COUNT can't be negative"))?);
            } else if name.eq_ignore_ascii_case(b"MAXLEN") {
                search.among = natural(word, Reply::fault("ERR MAXLEN can't be negative"))?;
            } else {
                return Err(SYNTAX);
            }
        }
        if rest.is_empty() { Ok(search) } else { Err(SYNTAX) }
    }
}

/// The error for a rank of zero.
const ZERO_RANK: Reply = Reply::fault(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from \
     the end of the list",
);

fn item_at(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, index] = exactly(words)?;
    // The index of an absent list may be anything.
    let Some(list) = list::open(draft, key)? else { return Ok(Reply::Null) };
    Ok(list.index(number(index)?).and_then(|index| list.get(draft, index)).into())
}

fn set(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, index, item] = exactly(words)?;
    let mut list = list::open(draft, key)?.ok_or(Reply::fault("ERR no such key"))?;
    let index = list.index(number(index)?).ok_or(Reply::fault("ERR index out of range"))?;
    list.set(draft, index, item.clone());
    list.keep(draft, key.clone());
    Ok(Reply::OK)
}

fn insert(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, place, pivot, item] = exactly(words)?;
    let behind = behind(place)?;
    let Some(mut list) = list::open(draft, key)? else { return Ok(Reply::Integer(0)) };
    let found = list.find(draft, pivot, Side::Left, u64::MAX, 1);
    let Some(found) = found.first() else { return Ok(Reply::Integer(-1)) };
    list.insert(draft, found.index + u64::from(behind), item.clone());
    let reply = count(list.len());
    list.keep(draft, key.clone());
    Ok(reply)
}

fn remove(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, wanted, item] = exactly(words)?;
    let wanted = signed(wanted)?;
    let Some(mut list) = list::open(draft, key)? else { return Ok(Reply::Integer(0)) };
    let (from, most) = match wanted {
        0 => (Side::Left, u64::MAX),
        1.. => (Side::Left, wanted.unsigned_abs()),
        _ => (Side::Right, wanted.unsigned_abs()),
    };
    let found = list.find(draft, item, from, u64::MAX, most);
    if !found.is_empty() {
        list.remove(draft, &found);
        list.keep(draft, key.clone());
    }
    Ok(Reply::count(found.len()))
}

fn position(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let Search { from, passed, count: wanted, among } = Search::parse(&words[3..])?;
    let unlimited = |number: u64| if number == 0 { u64::MAX } else { number };
    let enough = passed.saturating_add(unlimited(wanted.unwrap_or(1)));
    let list = list::open(draft, &words[1])?;
    let found = list.map_or_else(Vec::new, |list| list.find(draft, &words[2], from, unlimited(among), enough));
    let passed = usize::try_from(passed).unwrap_or(usize::MAX);
    let mut indexes = found.iter().skip(passed).map(|found| count(found.index));
    Ok(match wanted {
        Some(_) => Reply::Array(indexes.collect()),
        None => indexes.next().unwrap_or(Reply::Null),
    })
}
