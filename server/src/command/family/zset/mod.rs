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

use crate::command::spec::Spec;

pub mod add;
pub mod combine;
mod listing;
pub mod look;
pub mod pop;
pub mod range;
pub mod remove;
pub mod scan;
mod template;

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
