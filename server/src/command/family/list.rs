//! Lists: `LPUSH`, `LRANGE`, `LMOVE` and their kin, as far as they do not wait.

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, exactly, integer, wrong_arity};
use crate::command::flag::{
    Category::List as Lists,
    Flag::{Denyoom, Fast, MovableKeys, Readonly, Write},
};
use crate::command::keys::Begin;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::list::{self, List, Side};

const LIST: Spec = Spec { group: "list", categories: &[Lists], keys: &[Keys::ONE], ..Spec::BLANK };
const PUSH: Spec = Spec {
    syntax: "key element [element ...]",
    arity: -3,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
    complexity: "O(N) where N is the number of items added",
    ..LIST
};
const POP: Spec = Spec {
    syntax: "key [count]",
    arity: -2,
    flags: &[Write, Fast],
    keys: &[Keys::TAKEN],
    complexity: "O(N*log(M)) where N is the number of items returned and M the length of the list",
    ..LIST
};
const MOVE: Spec = Spec {
    flags: &[Write, Denyoom],
    keys: &[Keys::TAKEN, Keys { begin: Begin::At(2), access: &["RW", "insert"], ..Keys::ONE }],
    complexity: "O(log(N)) where N is the length of the source",
    ..LIST
};

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "lindex",
        syntax: "key index",
        arity: 3,
        flags: &[Readonly],
        keys: &[Keys::READ],
        complexity: "O(log(N)) where N is the length of the list",
        summary: "Returns the item at an index.",
        meaning: Meaning::Data(item_at),
        ..LIST
    },
    Spec {
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
    },
    Spec {
        name: "llen",
        syntax: "key",
        arity: 2,
        flags: &[Readonly, Fast],
        keys: &[Keys { access: &["RO"], ..Keys::ONE }],
        summary: "Returns the length of a list.",
        meaning: Meaning::Data(length),
        ..LIST
    },
    Spec {
        name: "lmove",
        syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        arity: 5,
        since: "6.2.0",
        summary: "Takes an item at one end of a list and adds it at one end of the same or of another list.",
        meaning: Meaning::Data(|draft, words| move_item(draft, words, side(&words[3])?, side(&words[4])?)),
        check: Some(|words| side(&words[3]).and(side(&words[4])).map(drop)),
        ..MOVE
    },
    Spec {
        name: "lmpop",
        syntax: "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        arity: -4,
        flags: &[Write, MovableKeys],
        keys: &[Keys { access: &["RW", "access", "delete"], ..Keys::COUNTED }],
        since: "7.0.0",
        complexity: "O(N+M*log(L)) where N is the number of keys, M the number of items and L the length of the list",
        summary: "Takes items at one end of the first of several lists that exists.",
        meaning: Meaning::Data(pop_from_several),
        check: Some(|words| Several::parse(words).map(drop)),
        ..LIST
    },
    Spec {
        name: "lpop",
        summary: "Takes the first items of a list.",
        meaning: Meaning::Data(|draft, words| pop(draft, words, Side::Left)),
        check: Some(|words| count_of_pop("lpop", words).map(drop)),
        ..POP
    },
    Spec {
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
    },
    Spec {
        name: "lpush",
        summary: "Adds items in front of a list, one after the other. An absent list counts as empty.",
        meaning: Meaning::Data(|draft, words| push(draft, words, Side::Left)),
        ..PUSH
    },
    Spec {
        name: "lpushx",
        since: "2.2.0",
        summary: "Adds items in front of a list if it exists.",
        meaning: Meaning::Data(|draft, words| push_if_present(draft, words, Side::Left)),
        ..PUSH
    },
    Spec {
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
    },
    Spec {
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
    },
    Spec {
        name: "lset",
        syntax: "key index element",
        arity: 4,
        flags: &[Write, Denyoom],
        keys: &[Keys { access: &["RW", "update"], ..Keys::ONE }],
        complexity: "O(log(N)) where N is the length of the list",
        summary: "Replaces the item at an index.",
        meaning: Meaning::Data(set),
        ..LIST
    },
    Spec {
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
    },
    Spec {
        name: "rpop",
        summary: "Takes the last items of a list.",
        meaning: Meaning::Data(|draft, words| pop(draft, words, Side::Right)),
        check: Some(|words| count_of_pop("rpop", words).map(drop)),
        ..POP
    },
    Spec {
        name: "rpoplpush",
        syntax: "source destination",
        arity: 3,
        since: "1.2.0",
        summary: "Takes the last item of a list and adds it in front of the same or of another list.",
        meaning: Meaning::Data(|draft, words| move_item(draft, words, Side::Right, Side::Left)),
        ..MOVE
    },
    Spec {
        name: "rpush",
        summary: "Adds items behind a list. An absent list counts as empty.",
        meaning: Meaning::Data(|draft, words| push(draft, words, Side::Right)),
        ..PUSH
    },
    Spec {
        name: "rpushx",
        since: "2.2.0",
        summary: "Adds items behind a list if it exists.",
        meaning: Meaning::Data(|draft, words| push_if_present(draft, words, Side::Right)),
        ..PUSH
    },
];

// Arguments.

/// The error for a number of items that is none.
const NOT_POSITIVE: Reply = Reply::fault("ERR value is out of range, must be positive");

fn number(word: &[u8]) -> Result<i64, Reply> {
    integer(word).ok_or(NOT_AN_INTEGER)
}

/// A number with a sign that says a direction. The lowest one has no counterpart.
fn signed(word: &[u8]) -> Result<i64, Reply> {
    match number(word)? {
        i64::MIN => Err(Reply::fault(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        number => Ok(number),
    }
}

fn natural(word: &[u8], error: Reply) -> Result<u64, Reply> {
    integer(word).and_then(|number| u64::try_from(number).ok()).ok_or(error)
}

fn side(word: &[u8]) -> Result<Side, Reply> {
    match word {
        word if word.eq_ignore_ascii_case(b"LEFT") => Ok(Side::Left),
        word if word.eq_ignore_ascii_case(b"RIGHT") => Ok(Side::Right),
        _ => Err(SYNTAX),
    }
}

/// Whether an insert goes behind its pivot.
fn behind(word: &[u8]) -> Result<bool, Reply> {
    match word {
        word if word.eq_ignore_ascii_case(b"BEFORE") => Ok(false),
        word if word.eq_ignore_ascii_case(b"AFTER") => Ok(true),
        _ => Err(SYNTAX),
    }
}

/// The first and the last index of a range.
fn span(words: &[Bytes]) -> Result<(i64, i64), Reply> {
    let [_, _, start, stop] = exactly(words)?;
    Ok((number(start)?, number(stop)?))
}

fn count_of_pop(name: &str, words: &[Bytes]) -> Result<Option<u64>, Reply> {
    match &words[2..] {
        [] => Ok(None),
        [count] => natural(count, NOT_POSITIVE).map(Some),
        _ => Err(wrong_arity(name)),
    }
}

/// The arguments of a pop from the first of several lists.
struct Several<'a> {
    keys: &'a [Bytes],
    side: Side,
    count: u64,
}

impl Several<'_> {
    fn parse(words: &[Bytes]) -> Result<Several<'_>, Reply> {
        let positive = |word: &Bytes, error: Reply| match natural(word, error.clone())? {
            0 => Err(error),
            number => Ok(number),
        };
        let numkeys = positive(&words[1], Reply::fault("ERR numkeys should be greater than 0"))?;
        let numkeys = usize::try_from(numkeys).unwrap_or(usize::MAX);
        let keys = words[2..].get(..numkeys).ok_or(SYNTAX)?;
        let [side_word, options @ ..] = &words[2 + numkeys..] else { return Err(SYNTAX) };
        let side = side(side_word)?;
        let count = match options {
            [] => 1,
            [name, count, rest @ ..] if name.eq_ignore_ascii_case(b"COUNT") => {
                let count = positive(count, Reply::fault("ERR count should be greater than 0"))?;
                if !rest.is_empty() {
                    return Err(SYNTAX);
                }
                count
            }
            _ => return Err(SYNTAX),
        };
        Ok(Several { keys, side, count })
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

// Meanings.

fn bulks(items: Vec<Bytes>) -> Reply {
    Reply::Array(items.into_iter().map(Reply::Bulk).collect())
}

fn count(length: u64) -> Reply {
    Reply::Integer(length.cast_signed())
}

fn push(draft: &mut Draft<'_>, words: &[Bytes], side: Side) -> Result<Reply, Reply> {
    let list = match list::open(draft, &words[1])? {
        Some(list) => list,
        None => List::new(draft),
    };
    Ok(push_all(draft, words, side, list))
}

fn push_if_present(draft: &mut Draft<'_>, words: &[Bytes], side: Side) -> Result<Reply, Reply> {
    Ok(match list::open(draft, &words[1])? {
        Some(list) => push_all(draft, words, side, list),
        None => Reply::Integer(0),
    })
}

fn push_all(draft: &mut Draft<'_>, words: &[Bytes], side: Side, mut list: List) -> Reply {
    for item in &words[2..] {
        list.push(draft, side, item.clone());
    }
    let reply = count(list.len());
    list.keep(draft, words[1].clone());
    reply
}

fn pop(draft: &mut Draft<'_>, words: &[Bytes], side: Side) -> Result<Reply, Reply> {
    let wanted = count_of_pop("lpop", words)?;
    let key = &words[1];
    let Some(list) = list::open(draft, key)? else {
        return Ok(if wanted.is_some() { Reply::NullArray } else { Reply::Null });
    };
    let mut items = take(draft, key, list, side, wanted.unwrap_or(1));
    Ok(if wanted.is_some() { bulks(items) } else { items.pop().into() })
}

/// Takes at most so many items from a list.
fn take(draft: &mut Draft<'_>, key: &Bytes, mut list: List, side: Side, count: u64) -> Vec<Bytes> {
    let mut items = Vec::new();
    for _ in 0..count.min(list.len()) {
        items.extend(list.pop(draft, side));
    }
    list.keep(draft, key.clone());
    items
}

fn pop_from_several(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let Several { keys, side, count } = Several::parse(words)?;
    for key in keys {
        if let Some(list) = list::open(draft, key)? {
            let items = take(draft, key, list, side, count);
            return Ok(Reply::Array(vec![Reply::Bulk(key.clone()), bulks(items)]));
        }
    }
    Ok(Reply::NullArray)
}

fn move_item(draft: &mut Draft<'_>, words: &[Bytes], from: Side, to: Side) -> Result<Reply, Reply> {
    let [source, destination] = [&words[1], &words[2]];
    let Some(mut list) = list::open(draft, source)? else { return Ok(Reply::Null) };
    let other = list::open(draft, destination)?;
    let Some(item) = list.pop(draft, from) else { return Ok(Reply::Null) };
    if source == destination {
        list.push(draft, to, item.clone());
        list.keep(draft, source.clone());
    } else {
        list.keep(draft, source.clone());
        let mut other = match other {
            Some(other) => other,
            None => List::new(draft),
        };
        other.push(draft, to, item.clone());
        other.keep(draft, destination.clone());
    }
    Ok(Reply::Bulk(item))
}

fn length(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    Ok(count(list::open(draft, &words[1])?.map_or(0, |list| list.len())))
}

fn item_at(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, index] = exactly(words)?;
    // The index of an absent list may be anything.
    let Some(list) = list::open(draft, key)? else { return Ok(Reply::Null) };
    Ok(list.index(number(index)?).and_then(|index| list.get(draft, index)).into())
}

fn range(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let (start, stop) = span(words)?;
    let list = list::open(draft, &words[1])?;
    Ok(bulks(list.map_or_else(Vec::new, |list| list.range(draft, list.span(start, stop)))))
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

fn trim(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let (start, stop) = span(words)?;
    if let Some(mut list) = list::open(draft, &words[1])? {
        list.trim(draft, list.span(start, stop));
        list.keep(draft, words[1].clone());
    }
    Ok(Reply::OK)
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
