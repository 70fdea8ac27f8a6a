//! Sorted sets.
//!
//! | module | commands |
//! |---|---|
//! | [`add`] | `ZADD`, `ZINCRBY` |
//! | [`look`] | single members: `ZCARD`, `ZSCORE`, `ZMSCORE`, `ZRANK`, `ZREVRANK` |
//! | [`range`] | parts of the order: `ZRANGE` and its older forms, `ZRANGESTORE`, `ZCOUNT`, `ZLEXCOUNT` |
//! | [`remove`] | `ZREM`, `ZREMRANGEBYRANK`, `ZREMRANGEBYSCORE`, `ZREMRANGEBYLEX` |
//! | [`pop`] | `ZPOPMIN`, `ZPOPMAX`, `ZMPOP` |
//! | [`combine`] | `ZUNION`, `ZINTER`, `ZDIFF`, `ZINTERCARD`, and the forms that store |
//! | [`scan`] | `ZSCAN`, `ZRANDMEMBER` |
//!
//! Scores are doubles in RESP3, and text in RESP2. Where a reply has members with their scores, RESP3 nests them, with few
//! exceptions.

use bytes::Bytes;

use crate::command::flag::{
    Category::SortedSet,
    Flag::{Denyoom, Fast, MovableKeys, Readonly, Write},
};
use crate::command::keys::{Begin, Find};
use crate::command::spec::{Keys, Spec};
use crate::resp::Reply;
use crate::value::zset::Scored;

pub mod add;
pub mod combine;
pub mod look;
pub mod pop;
pub mod range;
pub mod remove;
pub mod scan;

/// The rows.
pub static ROWS: &[Spec] = &[
    add::ADD,
    add::INCREMENT,
    combine::DIFFERENCE,
    combine::DIFFERENCE_STORE,
    combine::INTERSECTION,
    combine::INTERSECTION_CARDINALITY,
    combine::INTERSECTION_STORE,
    combine::UNION,
    combine::UNION_STORE,
    look::CARDINALITY,
    look::RANK,
    look::REVERSE_RANK,
    look::SCORE,
    look::SCORES,
    pop::POP_HIGHEST,
    pop::POP_LOWEST,
    pop::POP_OF_MANY,
    range::BY_NAME,
    range::BY_NAME_REVERSE,
    range::BY_RANK_REVERSE,
    range::BY_SCORE,
    range::BY_SCORE_REVERSE,
    range::COUNT,
    range::NAME_COUNT,
    range::RANGE,
    range::STORE,
    remove::BY_NAME,
    remove::BY_RANK,
    remove::BY_SCORE,
    remove::MEMBERS,
    scan::RANDOM,
    scan::SCAN,
];

const SORTED: Spec = Spec { group: "sorted-set", categories: &[SortedSet], ..Spec::BLANK };

/// Commands that read one key in a time that hardly depends on the data.
const LOOK: Spec = Spec { flags: &[Readonly, Fast], keys: &[READ], ..SORTED };

/// Commands that read one key and may return all of it.
const LIST: Spec = Spec { flags: &[Readonly], keys: &[READ], ..SORTED };

/// Commands that read as many keys as an argument says.
const COMPUTE: Spec =
    Spec { arity: -3, flags: &[Readonly, MovableKeys], keys: &[Keys { find: Find::Counted, ..READ }], ..SORTED };

/// Commands that replace the key that comes first by what they compute from the others.
const COMPUTE_AND_STORE: Spec = Spec {
    arity: -4,
    flags: &[Write, Denyoom, MovableKeys],
    keys: &[Keys::REPLACED, Keys { begin: Begin::At(2), find: Find::Counted, ..Keys::READ }],
    ..SORTED
};

const READ: Keys = Keys::READ;

/// Members, with their scores if a client wants them.
fn listed(members: Vec<Scored>, scores: bool) -> Reply {
    if scores {
        Reply::Pairs(members.into_iter().map(|(member, score)| (Reply::Bulk(member), Reply::Double(score))).collect())
    } else {
        Reply::Array(members.into_iter().map(|(member, _)| Reply::Bulk(member)).collect())
    }
}

/// Whether a word of a request is this option, in any case.
fn is(word: &Bytes, option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}
