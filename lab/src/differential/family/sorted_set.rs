//! Sorted sets: members, scores and whole sets. `sorted_range` has the ranges.

use super::super::check::Check;
use super::super::grammar::Kind::{Lex, Set, Sorted};
use super::super::grammar::{
    Manner, Part, Rule, V7_2, V8_1, command, counted, draw, key, matched, one_of, optional, options, repeat, seq,
    since, target, word, words,
};
use super::super::pool::Pool::{Count, Cursor, Digit, Everything, Float, Glob, Member, Sample, Score};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let drawn = Check::Drawn { pairs: true };
    let before = "ZRANGE $1 0 -1 WITHSCORES";
    let with_score = || optional(since(V7_2, word("WITHSCORE")));
    vec![
        command("ZADD", [target(Sorted), repeat(1, seq([draw(Digit), draw(Member)]))]).fills(),
        command("ZADD", [target(Lex), repeat(1, seq([word("0"), draw(Member)]))]).fills(),
        command("ZADD", [target(Sorted), add_options(), repeat(1, seq([draw(Score), draw(Member)]))]),
        command("ZADD", [target(Sorted), words(["INCR", "incr"]), add_options(), draw(Score), draw(Member)]).seldom(),
        command("ZINCRBY", [target(Sorted), draw(Score), draw(Member)]),
        command("ZREM", [key(Sorted), repeat(1, draw(Member))]),
        command("ZCARD", [key(Sorted)]),
        command("ZSCORE", [key(Sorted), draw(Member)]),
        command("ZMSCORE", [key(Sorted), repeat(1, draw(Member))]),
        command("ZRANK", [key(Sorted), draw(Member), with_score()]),
        command("ZREVRANK", [key(Sorted), draw(Member), with_score()]),
        command("ZPOPMIN", [key(Sorted), optional(draw(Count))]),
        command("ZPOPMAX", [key(Sorted), optional(draw(Count))]),
        command("ZMPOP", [counted(key(Sorted)), words(["MIN", "MAX"]), optional(seq([word("COUNT"), draw(Count)]))]),
        command("ZRANDMEMBER", [key(Sorted)]).check(drawn).after_looking(before),
        command("ZRANDMEMBER", [key(Sorted), draw(Sample), optional(word("WITHSCORES"))])
            .check(drawn)
            .after_looking(before),
        command("ZUNION", [counted(either()), aggregate(), optional(word("WITHSCORES"))]),
        command("ZINTER", [counted(either()), aggregate(), optional(word("WITHSCORES"))]),
        command("ZDIFF", [counted(either()), optional(word("WITHSCORES"))]),
        command("ZUNIONSTORE", [target(Sorted), counted(either()), aggregate()]),
        command("ZINTERSTORE", [target(Sorted), counted(either()), aggregate()]),
        command("ZDIFFSTORE", [target(Sorted), counted(either())]),
        command("ZINTERCARD", [counted(either()), optional(seq([word("LIMIT"), draw(Count)]))]),
        command("ZSCAN", [key(Sorted), draw(Cursor), scan_options()])
            .check(Check::Scan { pairs: true })
            .manner(Manner::Cycle(2)),
    ]
}

/// Sets serve as sorted sets with equal scores.
fn either() -> Part {
    one_of([key(Sorted), key(Sorted), key(Sorted), key(Set)])
}

fn add_options() -> Part {
    options([words(["NX", "XX"]), words(["GT", "LT"]), word("CH"), word("INCR")])
}

fn aggregate() -> Part {
    options([seq([word("WEIGHTS"), matched(draw(Float))]), seq([word("AGGREGATE"), words(["SUM", "MIN", "MAX"])])])
}

fn scan_options() -> Part {
    let count = one_of([draw(Count), draw(Everything)]);
    options([seq([word("MATCH"), draw(Glob)]), seq([word("COUNT"), count]), since(V8_1, word("NOSCORES"))])
}
