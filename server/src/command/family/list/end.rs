//! The ends of lists: `LPUSH`, `LPOP`, `LMOVE`, `LMPOP` and their kin.

use bytes::Bytes;

use super::listing::{bulks, count};
use super::number::natural;
use super::template::{LIST, MOVE, POP, PUSH};
use crate::command::arguments::{SYNTAX, wrong_arity};
use crate::command::flag::Flag::{MovableKeys, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::list::{self, List, Side};
use crate::zoo::planted;

pub(super) const MOVE_BETWEEN_ENDS: Spec = Spec {
    name: "lmove",
    syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    arity: 5,
    since: "6.2.0",
    summary: "Takes an item at one end of a list and adds it at one end of the same or of another list.",
    meaning: Meaning::Data(|draft, words| move_item(draft, words, side(&words[3])?, side(&words[4])?)),
    check: Some(|words| side(&words[3]).and(side(&words[4])).map(drop)),
    ..MOVE
};

pub(super) const MOVE_RIGHT_TO_LEFT: Spec = Spec {
    name: "rpoplpush",
    syntax: "source destination",
    arity: 3,
    since: "1.2.0",
    summary: "Takes the last item of a list and adds it in front of the same or of another list.",
    meaning: Meaning::Data(|draft, words| move_item(draft, words, Side::Right, Side::Left)),
    ..MOVE
};

pub(super) const POP_LEFT: Spec = Spec {
    name: "lpop",
    summary: "Takes the first items of a list.",
    meaning: Meaning::Data(|draft, words| pop(draft, words, Side::Left)),
    check: Some(|words| count_of_pop("lpop", words).map(drop)),
    ..POP
};

pub(super) const POP_OF_MANY: Spec = Spec {
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
};

pub(super) const POP_RIGHT: Spec = Spec {
    name: "rpop",
    summary: "Takes the last items of a list.",
    meaning: Meaning::Data(|draft, words| pop(draft, words, Side::Right)),
    check: Some(|words| count_of_pop("rpop", words).map(drop)),
    ..POP
};

pub(super) const PUSH_LEFT: Spec = Spec {
    name: "lpush",
    summary: "Adds items in front of a list, one after the other. An absent list counts as empty.",
    meaning: Meaning::Data(|draft, words| push(draft, words, Side::Left)),
    ..PUSH
};

pub(super) const PUSH_LEFT_IF_PRESENT: Spec = Spec {
    name: "lpushx",
    since: "2.2.0",
    summary: "Adds items in front of a list if it exists.",
    meaning: Meaning::Data(|draft, words| push_if_present(draft, words, Side::Left)),
    ..PUSH
};

pub(super) const PUSH_RIGHT: Spec = Spec {
    name: "rpush",
    summary: "Adds items behind a list. An absent list counts as empty.",
    meaning: Meaning::Data(|draft, words| push(draft, words, Side::Right)),
    ..PUSH
};

pub(super) const PUSH_RIGHT_IF_PRESENT: Spec = Spec {
    name: "rpushx",
    since: "2.2.0",
    summary: "Adds items behind a list if it exists.",
    meaning: Meaning::Data(|draft, words| push_if_present(draft, words, Side::Right)),
    ..PUSH
};

/// The error for a number of items that is none.
const NOT_POSITIVE: Reply = Reply::fault("ERR value is out of range, must be positive");

fn side(word: &[u8]) -> Result<Side, Reply> {
    match word {
        word if word.eq_ignore_ascii_case(b"LEFT") => Ok(Side::Left),
        word if word.eq_ignore_ascii_case(b"RIGHT") => Ok(Side::Right),
        _ => Err(SYNTAX),
    }
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
        let to = if planted!("lmove-onto-itself-stays") { from } else { to };
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
