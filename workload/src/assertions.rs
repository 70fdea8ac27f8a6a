//! The workload's claims about a cluster, as assertions of the Antithesis platform.
//!
//! The readers of a report see the messages. Each message is a literal that occurs once in the code: the platform knows an
//! assertion by its message, and lists it even if no run reaches it.
//!
//! Away from the platform the assertions cost next to nothing. With `ANTITHESIS_SDK_LOCAL_OUTPUT` they go to a file, which
//! `scripts/judge-assertions` judges as the platform would.

use antithesis_sdk::{assert_always, assert_sometimes};
use serde::Serialize;

use crate::census::Census;
use crate::check::Verdict;
use crate::class::Class;
use crate::history::History;
use crate::model;
use crate::operation::{Command, Outcome, Reply, ScriptName};

/// The details of an assertion about a verdict. They are serialized only if the platform wants them.
#[derive(Serialize)]
struct VerdictDetails<'a> {
    about: &'a str,
    why: &'a str,
}

/// The details of an assertion about a reply.
#[derive(Serialize)]
struct ReplyDetails<'a> {
    command: &'a Command,
    outcome: &'a Outcome,
}

/// Asserts that a history is serializable and decided.
pub fn about_verdict(history: &History, verdict: &Verdict) {
    let why = match verdict {
        Verdict::Violation(violation) => violation.why.as_str(),
        Verdict::Undecided(why) | Verdict::Malformed(why) => why.as_str(),
        Verdict::Serializable => "",
    };
    let details = VerdictDetails { about: &history.about, why };
    assert_always!(
        !matches!(verdict, Verdict::Violation(_)),
        "Every history that clients observe is strictly serializable",
        &details
    );
    assert_always!(
        !matches!(verdict, Verdict::Undecided(_)),
        "The checker comes to a verdict on every history within its budget",
        &details
    );
}

/// Asserts that the replies in a history are of the right types.
pub fn about_replies(history: &History) {
    for operation in &history.operations {
        let Some((_, outcome)) = &operation.end else { continue };
        let details = ReplyDetails { command: &operation.command, outcome };
        assert_always!(
            !matches!(outcome, Outcome::Reply(Reply::Strange { .. })),
            "Every reply is of a type that Redis clients know",
            &details
        );
        assert_always!(
            !matches!(outcome, Outcome::Reply(Reply::Error { error }) if !model::is_right_error(&operation.command, error)),
            "A correct command is never answered with an error other than those that say what became of it",
            &details
        );
    }
}

/// Asserts that each interesting situation comes up sometimes.
pub fn about_census(census: &Census) {
    let details = census;
    let did = |class| census.answered(class) > 0;
    assert_sometimes!(did(Class::Get), "GET is answered", details);
    assert_sometimes!(did(Class::Set), "SET is answered", details);
    assert_sometimes!(did(Class::SetAbsent), "SET with NX is answered", details);
    assert_sometimes!(did(Class::SetPresent), "SET with XX is answered", details);
    assert_sometimes!(did(Class::SetGet), "SET with GET is answered", details);
    assert_sometimes!(did(Class::Del), "DEL of one key is answered", details);
    assert_sometimes!(did(Class::DelMany), "DEL of several keys is answered", details);
    assert_sometimes!(did(Class::Exists), "EXISTS is answered", details);
    assert_sometimes!(did(Class::MGet), "MGET is answered", details);
    assert_sometimes!(did(Class::MSet), "MSET is answered", details);
    assert_sometimes!(did(Class::Ping), "PING is answered", details);
    assert_sometimes!(did(Class::FlushAll), "FLUSHALL is answered", details);
    assert_sometimes!(did(Class::DbSize), "DBSIZE is answered", details);
    about_types(census);
    about_fields_and_places(census);
    about_units(census);
    assert_sometimes!(census.pipelined > 0, "A client sends several commands at once", details);
    assert_sometimes!(census.failed > 0, "A client is told that nothing happened", details);
    assert_sometimes!(census.uncertain > 0, "A client is told that the outcome is uncertain", details);
    assert_sometimes!(census.lost > 0, "A client loses its connection before it is answered", details);
    assert_sometimes!(census.flushes_beside_writes > 0, "FLUSHALL overlaps a write", details);
    assert_sometimes!(census.keys_on_three_servers > 0, "Clients on three servers use the same key", details);
    assert_sometimes!(census.unknown_applied > 0, "A write of unknown outcome turns out to have happened", details);
    assert_sometimes!(
        census.unknown_not_applied > 0,
        "A write of unknown outcome has not happened when somebody looks later",
        details
    );
}

/// Asserts that each command of more than registers is answered sometimes.
fn about_types(census: &Census) {
    let details = census;
    let did = |class| census.answered(class) > 0;
    assert_sometimes!(did(Class::GetDel), "GETDEL is answered", details);
    assert_sometimes!(did(Class::SetNx), "SETNX is answered", details);
    assert_sometimes!(did(Class::GetSet), "GETSET is answered", details);
    assert_sometimes!(did(Class::Append), "APPEND is answered", details);
    assert_sometimes!(did(Class::IncrBy), "INCRBY is answered", details);
    assert_sometimes!(did(Class::StrLen), "STRLEN is answered", details);
    assert_sometimes!(did(Class::SAdd), "SADD is answered", details);
    assert_sometimes!(did(Class::SRem), "SREM is answered", details);
    assert_sometimes!(did(Class::SPop), "SPOP is answered", details);
    assert_sometimes!(did(Class::SIsMember), "SISMEMBER is answered", details);
    assert_sometimes!(did(Class::SMembers), "SMEMBERS is answered", details);
    assert_sometimes!(did(Class::SCard), "SCARD is answered", details);
    assert_sometimes!(did(Class::HSet), "HSET is answered", details);
    assert_sometimes!(did(Class::HDel), "HDEL is answered", details);
    assert_sometimes!(did(Class::HIncrBy), "HINCRBY is answered", details);
    assert_sometimes!(did(Class::HGet), "HGET is answered", details);
    assert_sometimes!(did(Class::HGetAll), "HGETALL is answered", details);
    assert_sometimes!(did(Class::HLen), "HLEN is answered", details);
    assert_sometimes!(did(Class::RPush), "RPUSH is answered", details);
    assert_sometimes!(did(Class::LPush), "LPUSH is answered", details);
    assert_sometimes!(did(Class::LPop), "LPOP is answered", details);
    assert_sometimes!(did(Class::RPop), "RPOP is answered", details);
    assert_sometimes!(did(Class::LRange), "LRANGE is answered", details);
    assert_sometimes!(did(Class::LLen), "LLEN is answered", details);
    assert_sometimes!(did(Class::ZAdd), "ZADD is answered", details);
    assert_sometimes!(did(Class::ZRem), "ZREM is answered", details);
    assert_sometimes!(did(Class::ZIncrBy), "ZINCRBY is answered", details);
    assert_sometimes!(did(Class::ZScore), "ZSCORE is answered", details);
    assert_sometimes!(did(Class::ZRange), "ZRANGE is answered", details);
    assert_sometimes!(did(Class::ZCard), "ZCARD is answered", details);
    assert_sometimes!(did(Class::SetFor), "SET with PX, EX or EXAT is answered", details);
    assert_sometimes!(did(Class::SetKept), "SET with KEEPTTL is answered", details);
    assert_sometimes!(did(Class::GetEx), "GETEX is answered", details);
    assert_sometimes!(did(Class::ExpireIf), "EXPIRE with NX, XX, GT or LT is answered", details);
    assert_sometimes!(did(Class::Expire), "EXPIRE is answered", details);
    assert_sometimes!(did(Class::PExpire), "PEXPIRE is answered", details);
    assert_sometimes!(did(Class::Persist), "PERSIST is answered", details);
    assert_sometimes!(did(Class::PTtl), "PTTL is answered", details);
    assert_sometimes!(did(Class::Select), "SELECT is answered", details);
    assert_sometimes!(did(Class::FlushDb), "FLUSHDB is answered", details);
    assert_sometimes!(did(Class::SwapDb), "SWAPDB is answered", details);
    assert_sometimes!(did(Class::LInsert), "LINSERT is answered", details);
    assert_sometimes!(did(Class::LRem), "LREM is answered", details);
    assert_sometimes!(did(Class::ZRank), "ZRANK is answered", details);
    assert_sometimes!(did(Class::Rename), "RENAME is answered", details);
    assert_sometimes!(did(Class::Copy), "COPY is answered", details);
    assert_sometimes!(did(Class::Move), "MOVE is answered", details);
    assert_sometimes!(did(Class::SScan), "SSCAN is answered", details);
    assert_sometimes!(did(Class::HScan), "HSCAN is answered", details);
    assert_sometimes!(did(Class::ZScan), "ZSCAN is answered", details);
    assert_sometimes!(did(Class::LMove), "LMOVE is answered", details);
    assert_sometimes!(did(Class::LMPop), "LMPOP is answered", details);
    assert_sometimes!(did(Class::LSet), "LSET is answered", details);
    assert_sometimes!(did(Class::LTrim), "LTRIM is answered", details);
    assert_sometimes!(did(Class::LIndex), "LINDEX is answered", details);
    assert_sometimes!(did(Class::LPos), "LPOS is answered", details);
    assert_sometimes!(did(Class::SPopMany), "SPOP of several members is answered", details);
    assert_sometimes!(did(Class::SMove), "SMOVE is answered", details);
    assert_sometimes!(did(Class::SStore), "SUNIONSTORE, SINTERSTORE or SDIFFSTORE is answered", details);
    assert_sometimes!(did(Class::ZPop), "ZPOPMIN or ZPOPMAX is answered", details);
    assert_sometimes!(did(Class::ZRangeBy), "ZRANGE of a part of a sorted set is answered", details);
    assert_sometimes!(did(Class::ZRangeStore), "ZRANGESTORE is answered", details);
    assert_sometimes!(did(Class::ZUnionStore), "ZUNIONSTORE is answered", details);
}

/// Asserts that the commands about lives of fields and about places are answered.
fn about_fields_and_places(census: &Census) {
    let details = census;
    let did = |class| census.answered(class) > 0;
    assert_sometimes!(did(Class::HExpire), "HEXPIRE is answered", details);
    assert_sometimes!(did(Class::HExpireIf), "HEXPIRE with NX, XX, GT or LT is answered", details);
    assert_sometimes!(did(Class::HPExpire), "HPEXPIRE is answered", details);
    assert_sometimes!(did(Class::HExpireAt), "HEXPIREAT is answered", details);
    assert_sometimes!(did(Class::HPExpireAt), "HPEXPIREAT is answered", details);
    assert_sometimes!(did(Class::HPersist), "HPERSIST is answered", details);
    assert_sometimes!(did(Class::HTtl), "HTTL is answered", details);
    assert_sometimes!(did(Class::HPTtl), "HPTTL is answered", details);
    assert_sometimes!(did(Class::HGetEx), "HGETEX is answered", details);
    assert_sometimes!(did(Class::HSetEx), "HSETEX is answered", details);
    assert_sometimes!(did(Class::HGetDel), "HGETDEL is answered", details);
    assert_sometimes!(did(Class::GeoAdd), "GEOADD is answered", details);
    assert_sometimes!(did(Class::GeoPos), "GEOPOS is answered", details);
    assert_sometimes!(did(Class::GeoDist), "GEODIST is answered", details);
    assert_sometimes!(did(Class::GeoSearch), "GEOSEARCH is answered", details);
    assert_sometimes!(did(Class::GeoSearchStore), "GEOSEARCHSTORE is answered", details);
}

/// Asserts that each kind of transaction and script succeeds sometimes, and is refused sometimes.
fn about_units(census: &Census) {
    let details = census;
    let did = |class| census.answered(class) > 0;
    let ran = |script: ScriptName| census.scripts.get(script.name()).is_some_and(|number| *number > 0);
    assert_sometimes!(did(Class::Multi), "MULTI with EXEC is answered", details);
    assert_sometimes!(census.guarded > 0, "EXEC after WATCH takes effect", details);
    assert_sometimes!(census.refused > 0, "EXEC is refused because a watched key was touched", details);
    assert_sometimes!(did(Class::Discard), "MULTI with DISCARD is answered", details);
    assert_sometimes!(did(Class::Spoilt), "EXEC is aborted because a command was not queued", details);
    assert_sometimes!(did(Class::Unwatch), "UNWATCH is answered", details);
    assert_sometimes!(
        census.partly_wrong > 0,
        "A command of a transaction fails while another one takes effect",
        details
    );
    assert_sometimes!(did(Class::Eval), "EVAL is answered", details);
    assert_sometimes!(census.known_scripts > 0, "EVALSHA runs a script", details);
    assert_sometimes!(census.unknown_scripts > 0, "EVALSHA meets a server that does not know the script", details);
    assert_sometimes!(census.scripts_from_elsewhere > 0, "EVALSHA runs a script that another server was sent", details);
    assert_sometimes!(did(Class::ScriptLoad), "SCRIPT LOAD is answered", details);
    assert_sometimes!(did(Class::ScriptFlush), "SCRIPT FLUSH is answered", details);
    assert_sometimes!(ran(ScriptName::CompareAndSet), "A script compares and sets", details);
    assert_sometimes!(ran(ScriptName::MoveIf), "A script moves an element between lists", details);
    assert_sometimes!(ran(ScriptName::IncrWithLimit), "A script adds within a limit", details);
    assert_sometimes!(ran(ScriptName::PushAndLook), "A script pushes and looks", details);
    assert_sometimes!(ran(ScriptName::SetAndFail), "A script fails and keeps what it did before", details);
    assert_sometimes!(ran(ScriptName::SetFieldFor), "A script limits the life of a field", details);
    assert_sometimes!(ran(ScriptName::PutAndSearch), "A script puts a member at a place and searches", details);
}
