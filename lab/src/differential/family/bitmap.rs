//! Bitmaps.

use super::super::grammar::Kind::{Bits, Text};
use super::super::grammar::{Part, Rule, command, draw, ends, key, one_of, optional, repeat, seq, target, word, words};
use super::super::pool::Pool::{Bit, BitOffset, BitType, FieldOffset, Index, Integer};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("SETBIT", [target(Bits), draw(BitOffset), draw(Bit)]).often(3),
        command("GETBIT", [bits(), draw(BitOffset)]),
        command("BITCOUNT", [bits(), optional(range())]),
        command("BITPOS", [bits(), draw(Bit), optional(one_of([range(), draw(Index)]))]),
        command("BITOP", [words(["AND", "OR", "XOR"]), target(Bits), repeat(1, bits())]),
        command("BITOP", [word("NOT"), target(Bits), bits()]),
        command("BITOP", [word("NOT"), target(Bits), repeat(1, bits())]).seldom(),
        command("BITFIELD", [target(Bits), repeat(0, one_of([get(), set(), increase()]))]),
        // If FAIL refuses everything, Valkey may create or extend the string all the same, and tells no watcher.
        command("BITFIELD", [target(Bits), repeat(0, one_of([get(), set(), increase(), overflow()]))]).touches_others(),
        command("BITFIELD", [target(Bits), repeat(1, seq([overflow(), increase()]))]).touches_others(),
        command("BITFIELD_RO", [bits(), repeat(0, get())]),
        command("BITFIELD_RO", [bits(), repeat(0, one_of([get(), set()]))]).seldom(),
    ]
}

/// Any string is a bitmap.
fn bits() -> Part {
    one_of([key(Bits), key(Bits), key(Text)])
}

fn range() -> Part {
    seq([ends(Index), optional(words(["BYTE", "BIT"]))])
}

fn get() -> Part {
    seq([word("GET"), draw(BitType), draw(FieldOffset)])
}

fn set() -> Part {
    seq([word("SET"), draw(BitType), draw(FieldOffset), draw(Integer)])
}

fn increase() -> Part {
    seq([word("INCRBY"), draw(BitType), draw(FieldOffset), draw(Integer)])
}

fn overflow() -> Part {
    seq([word("OVERFLOW"), words(["WRAP", "SAT", "FAIL"])])
}
