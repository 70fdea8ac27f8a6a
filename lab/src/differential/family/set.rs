//! Sets.

use super::super::check::Check;
use super::super::grammar::Kind::{Digits, Set};
use super::super::grammar::{
    Manner, Rule, command, counted, draw, key, one_of, optional, options, repeat, seq, target, word,
};
use super::super::pool::Pool::{Count, Cursor, Everything, Glob, Member, Sample};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let drawn = Check::Drawn { pairs: false };
    let scan_count = || one_of([draw(Count), draw(Everything)]);
    vec![
        command("SADD", [target(Set), repeat(1, draw(Member))]).often(2),
        command("SREM", [key(Set), repeat(1, draw(Member))]),
        command("SCARD", [key(Set)]),
        command("SISMEMBER", [key(Set), draw(Member)]),
        command("SMISMEMBER", [key(Set), repeat(1, draw(Member))]),
        command("SMEMBERS", [key(Set)]).check(Check::Unordered),
        command("SMOVE", [key(Set), target(Set), draw(Member)]),
        // The sets differ after a random pop, so they go.
        command("SPOP", [key(Set), optional(draw(Sample))]).check(drawn).after_looking("SMEMBERS $1").then("DEL $1"),
        command("SPOP", [key(Set), draw(Everything)]).check(Check::Unordered).tame(),
        command("SRANDMEMBER", [key(Set), optional(draw(Sample))]).check(drawn).after_looking("SMEMBERS $1"),
        command("SUNION", [repeat(1, key(Set))]).check(Check::Unordered),
        command("SINTER", [repeat(1, key(Set))]).check(Check::Unordered),
        command("SDIFF", [repeat(1, key(Set))]).check(Check::Unordered),
        command("SUNIONSTORE", [target(Set), repeat(1, key(Set))]),
        command("SINTERSTORE", [target(Set), repeat(1, key(Set))]),
        command("SDIFFSTORE", [target(Set), repeat(1, key(Set))]),
        command("SINTERCARD", [counted(key(Set)), optional(seq([word("LIMIT"), draw(Count)]))]),
        command(
            "SSCAN",
            [
                one_of([key(Set), key(Set), key(Set), key(Digits)]),
                draw(Cursor),
                options([seq([word("MATCH"), draw(Glob)]), seq([word("COUNT"), scan_count()])]),
            ],
        )
        .check(Check::Scan { pairs: false })
        .manner(Manner::Cycle(2)),
    ]
}
