//! Scripts. Their texts come from [`super::super::lua`].

use super::super::grammar::{
    Manner, Part, Rule, V8_0, aside, command, counted, draw, key_of_script, one_of, repeat, seq, since, words,
};
use super::super::pool::Pool::{Count, Lua, Payload, ServerLua, Sha, Value};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let known = |name| {
        command(name, [aside(text()), draw(Payload), inputs()])
            .after_looking("SCRIPT LOAD $aside")
            .manner(Manner::Carry)
    };
    vec![
        command("EVAL", [text(), inputs()]).often(4),
        command("EVAL", [text(), draw(Count), repeat(0, draw(Value))]).seldom(),
        command("EVAL_RO", [text(), inputs()]),
        known("EVALSHA"),
        known("EVALSHA_RO"),
        command("EVALSHA", [draw(Sha), inputs()]).seldom(),
        command("EVALSHA_RO", [draw(Sha), inputs()]).seldom(),
        command("SCRIPT LOAD", [text()]),
        command("SCRIPT EXISTS", [repeat(1, draw(Sha))]),
        command("SCRIPT SHOW", [draw(Sha)]).seldom().since(V8_0),
        command("SCRIPT FLUSH", [one_of([seq([]), words(["ASYNC", "SYNC"])])]).seldom(),
        command("SCRIPT KILL", []).seldom(),
    ]
}

fn text() -> Part {
    one_of([draw(Lua), draw(Lua), since(V8_0, draw(ServerLua))])
}

/// The keys and the arguments.
fn inputs() -> Part {
    seq([counted(key_of_script()), repeat(0, draw(Value))])
}
