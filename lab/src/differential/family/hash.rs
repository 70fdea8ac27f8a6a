//! Hashes.

use super::super::check::Check;
use super::super::grammar::Kind::Hash;
use super::super::grammar::{
    Manner, Rule, V8_0, command, draw, key, one_of, optional, options, repeat, seq, since, target, word,
};
use super::super::pool::Pool::{
    Count, Cursor, Digit, Everything, Field, Float, Glob, Integer, NumberField, Sample, Value,
};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let pair = || one_of([seq([draw(Field), draw(Value)]), seq([draw(NumberField), draw(Digit)])]);
    let drawn = Check::Drawn { pairs: true };
    vec![
        command("HSET", [target(Hash), repeat(1, pair())]).often(3),
        command("HMSET", [target(Hash), repeat(1, pair())]),
        command("HSETNX", [target(Hash), pair()]),
        command("HGET", [key(Hash), draw(Field)]),
        command("HMGET", [key(Hash), repeat(1, draw(Field))]),
        command("HGETALL", [key(Hash)]).check(Check::Pairs),
        command("HKEYS", [key(Hash)]).check(Check::Unordered),
        command("HVALS", [key(Hash)]).check(Check::Unordered),
        command("HLEN", [key(Hash)]),
        command("HEXISTS", [key(Hash), draw(Field)]),
        command("HSTRLEN", [key(Hash), draw(Field)]),
        command("HDEL", [key(Hash), repeat(1, draw(Field))]),
        command("HINCRBY", [target(Hash), draw(NumberField), draw(Integer)]),
        command("HINCRBYFLOAT", [target(Hash), draw(NumberField), draw(Float)]),
        command("HRANDFIELD", [key(Hash)]).check(drawn).after_looking("HGETALL $1"),
        command("HRANDFIELD", [key(Hash), draw(Sample), optional(word("WITHVALUES"))])
            .check(drawn)
            .after_looking("HGETALL $1"),
        command(
            "HSCAN",
            [
                key(Hash),
                draw(Cursor),
                options([
                    seq([word("MATCH"), draw(Glob)]),
                    seq([word("COUNT"), one_of([draw(Count), draw(Everything)])]),
                    since(V8_0, word("NOVALUES")),
                ]),
            ],
        )
        .check(Check::Scan { pairs: true })
        .manner(Manner::Cycle(2)),
    ]
}
