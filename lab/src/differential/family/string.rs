//! Strings.

use super::super::grammar::Kind::{Any, Number, Text};
use super::super::grammar::{
    Manner, Part, Rule, V8_1, V9_0, V9_1, command, counted, draw, ends, key, one_of, optional, options, rarely, repeat,
    seq, since, target, word, words,
};
use super::super::pool::Pool::{
    ByteOffset, Count, Digit, Float, Index, Instant, Integer, Milliseconds, Seconds, UnixMilliseconds, UnixSeconds,
    Value,
};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("SET", [text_or_number(), set_options()]).often(2),
        command("SET", [target(Text), draw(Value), one_of([word("PX"), word("px")]), draw(Instant)])
            .manner(Manner::Pause)
            .seldom(),
        command("GET", [key(Text)]),
        command("GETDEL", [key(Text)]),
        command("GETEX", [key(Text), optional(one_of([expiry(), word("PERSIST")])), rarely(word("PERSIST"))]),
        command("GETSET", [text_or_number()]),
        command("SETNX", [text_or_number()]),
        command("SETEX", [target(Text), draw(Seconds), draw(Value)]),
        command("PSETEX", [target(Text), draw(Milliseconds), draw(Value)]),
        command("PSETEX", [target(Text), draw(Instant), draw(Value)]).manner(Manner::Pause).seldom(),
        command("MGET", [repeat(1, key(Text))]),
        command("MSET", [repeat(1, text_or_number())]),
        // If it has uploaded large values and then does nothing, its keys count as touched in a transaction that does more.
        command("MSETNX", [repeat(1, text_or_number())]).touches_others(),
        command("APPEND", [target(Text), draw(Value)]),
        command("STRLEN", [key(Text)]),
        command("GETRANGE", [key(Text), ends(Index)]),
        command("SUBSTR", [key(Text), ends(Index)]),
        command("SETRANGE", [target(Text), draw(ByteOffset), draw(Value)]),
        command("INCR", [target(Number)]),
        command("DECR", [target(Number)]),
        command("INCRBY", [target(Number), draw(Integer)]),
        command("DECRBY", [target(Number), draw(Integer)]),
        command("INCRBYFLOAT", [target(Number), draw(Float)]),
        command("LCS", [key(Text), key(Text), lcs_options()]),
        command("DELIFEQ", [key(Text), draw(Value)]).since(V9_0),
        command(
            "MSETEX",
            [counted(text_or_number()), optional(words(["NX", "XX"])), optional(one_of([expiry(), word("KEEPTTL")]))],
        )
        .since(V9_1),
    ]
}

/// A key and its new value.
fn text_or_number() -> Part {
    one_of([seq([target(Text), draw(Value)]), seq([target(Number), draw(Digit)])])
}

fn set_options() -> Part {
    let condition = one_of([
        word("NX"),
        word("XX"),
        since(V8_1, seq([word("IFEQ"), draw(Value)])),
        since(V8_1, seq([word("IFEQ"), draw(Digit)])),
    ]);
    options([condition, word("GET"), one_of([expiry(), expiry(), word("KEEPTTL")]), rarely(expiry())])
}

/// An expiry that does not end while the test runs.
fn expiry() -> Part {
    one_of([
        seq([word("EX"), draw(Seconds)]),
        seq([word("PX"), draw(Milliseconds)]),
        seq([word("EXAT"), draw(UnixSeconds)]),
        seq([word("PXAT"), draw(UnixMilliseconds)]),
    ])
}

fn lcs_options() -> Part {
    one_of([
        optional(word("LEN")),
        seq([word("IDX"), options([word("WITHMATCHLEN"), seq([word("MINMATCHLEN"), draw(Count)])])]),
        options([word("LEN"), word("IDX"), word("WITHMATCHLEN"), seq([word("MINMATCHLEN"), draw(Integer)])]),
        rarely(key(Any)),
    ])
}
