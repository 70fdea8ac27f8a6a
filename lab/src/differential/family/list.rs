//! Lists, without the commands that wait.

use super::super::grammar::Kind::{Digits, List};
use super::super::grammar::{
    Part, Rule, command, counted, draw, ends, key, one_of, optional, options, repeat, seq, target, word, words,
};
use super::super::pool::Pool::{Count, Digit, Index, ShortIndex, Value};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let side = || words(["LEFT", "RIGHT"]);
    vec![
        command("LPUSH", [elements()]).often(2),
        command("RPUSH", [elements()]).often(2),
        command("LPUSHX", [elements()]),
        command("RPUSHX", [elements()]),
        command("LPOP", [key(List), optional(draw(Count))]),
        command("RPOP", [key(List), optional(draw(Count))]),
        command("LLEN", [key(List)]),
        command("LINDEX", [key(List), draw(Index)]),
        command("LSET", [key(List), draw(ShortIndex), draw(Value)]),
        command("LINSERT", [key(List), words(["BEFORE", "AFTER"]), draw(Value), draw(Value)]),
        command("LREM", [key(List), draw(Index), draw(Value)]),
        // In Valkey it touches the list even if it removes nothing.
        command("LTRIM", [key(List), one_of([range(), wide()])]).touches_others(),
        command("LRANGE", [key(List), one_of([range(), wide()])]),
        command(
            "LPOS",
            [
                key(List),
                draw(Value),
                options([
                    seq([word("RANK"), draw(Index)]),
                    seq([word("COUNT"), draw(Count)]),
                    seq([word("MAXLEN"), draw(Count)]),
                ]),
            ],
        ),
        command("LMOVE", [key(List), target(List), side(), side()]),
        command("RPOPLPUSH", [key(List), target(List)]),
        command("LMPOP", [counted(key(List)), side(), optional(seq([word("COUNT"), draw(Count)]))]),
    ]
}

fn elements() -> Part {
    one_of([
        seq([target(List), repeat(1, draw(Value))]),
        seq([target(List), repeat(1, draw(Value))]),
        seq([target(Digits), repeat(1, draw(Digit))]),
    ])
}

fn range() -> Part {
    ends(Index)
}

/// A range that keeps most elements.
fn wide() -> Part {
    seq([words(["0", "1"]), words(["-1", "-2"])])
}
