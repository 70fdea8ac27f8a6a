//! Databases as a whole.

use bytes::Bytes;

use super::template::GENERIC;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, exactly, integer};
use crate::command::flag::{
    Category::{Dangerous, Keyspace},
    Flag::{Fast, Readonly, Write},
};
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::root::DATABASES;
use crate::state::Draft;
use crate::zoo::planted;

const NO_SUCH_DATABASE: Reply = Reply::fault("ERR DB index is out of range");

pub(super) const COUNT: Spec = Spec {
    name: "dbsize",
    arity: 1,
    flags: &[Readonly, Fast],
    group: "server",
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    summary: "Returns the number of keys.",
    meaning: Meaning::Data(count),
    ..GENERIC
};

pub(super) const FLUSH: Spec = Spec {
    name: "flushdb",
    syntax: "[ASYNC | SYNC]",
    arity: -1,
    flags: &[Write],
    group: "server",
    categories: &[Keyspace, Dangerous],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    summary: "Deletes all keys of the selected database in one step.",
    meaning: Meaning::Data(flush),
    check: Some(check_flush),
    ..Spec::BLANK
};

pub(super) const FLUSH_ALL: Spec = Spec {
    name: "flushall",
    summary: "Deletes all keys of all databases in one step.",
    meaning: Meaning::Data(flush_all),
    ..FLUSH
};

pub(super) const SWAP: Spec = Spec {
    name: "swapdb",
    syntax: "index1 index2",
    arity: 3,
    flags: &[Write, Fast],
    group: "server",
    categories: &[Keyspace, Dangerous],
    since: "4.0.0",
    summary: "Exchanges two databases.",
    meaning: Meaning::Data(swap),
    check: Some(|words| numbers(words).map(drop)),
    ..Spec::BLANK
};

fn count(draft: &mut Draft<'_>, _: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::Integer(draft.count().cast_signed()))
}

fn flush(draft: &mut Draft<'_>, _: &[Bytes]) -> Result<Reply, Reply> {
    draft.flush(draft.selected());
    Ok(Reply::OK)
}

fn flush_all(draft: &mut Draft<'_>, _: &[Bytes]) -> Result<Reply, Reply> {
    (0..DATABASES).for_each(|number| draft.flush(number));
    planted!("flushall-forgets-libraries" => crate::script::library::flush(draft));
    Ok(Reply::OK)
}

/// ASYNC and SYNC are accepted and make no difference: a flush takes one step however large the database is.
fn check_flush(words: &[Bytes]) -> Result<(), Reply> {
    match &words[1..] {
        [] => Ok(()),
        [mode] if mode.eq_ignore_ascii_case(b"ASYNC") || mode.eq_ignore_ascii_case(b"SYNC") => Ok(()),
        _ => Err(SYNTAX),
    }
}

fn numbers(words: &[Bytes]) -> Result<[usize; 2], Reply> {
    let [_, one, other] = exactly(words)?;
    let number = |word: &[u8]| integer(word).and_then(|number| i32::try_from(number).ok());
    let one = number(one).ok_or(Reply::fault("ERR invalid first DB index"))?;
    let other = number(other).ok_or(Reply::fault("ERR invalid second DB index"))?;
    let exists = |number| usize::try_from(number).ok().filter(|number| *number < DATABASES).ok_or(NO_SUCH_DATABASE);
    Ok([exists(one)?, exists(other)?])
}

fn swap(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [one, other] = numbers(words)?;
    if one != other {
        draft.swap(one, other);
    }
    Ok(Reply::OK)
}

/// A word that has to be an integer of 32 bits.
fn small_integer(word: &[u8]) -> Result<i32, Reply> {
    let number = integer(word).ok_or(NOT_AN_INTEGER)?;
    i32::try_from(number).map_err(|_| {
        Reply::error(format!("ERR value is out of range, value must between {} and {}", i32::MIN, i32::MAX))
    })
}

/// The number of a database.
pub(super) fn database_number(word: &[u8]) -> Result<usize, Reply> {
    let number = usize::try_from(small_integer(word)?).ok();
    number.filter(|number| *number < DATABASES).ok_or(NO_SUCH_DATABASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_takes_at_most_one_known_word() {
        let check = |line: &str| {
            let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            check_flush(&words)
        };
        for line in ["flushall", "flushdb", "FLUSHALL async", "flushdb Sync"] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
        for line in ["flushall now", "flushdb async sync", "flushall "] {
            assert_eq!(check(line), Err(SYNTAX), "{line}");
        }
    }
}
