//! Connections, and commands that exist nowhere.

use super::super::check::Check;
use super::super::grammar::Kind::Any;
use super::super::grammar::{Rule, command, draw, key, optional, repeat, seq, word, words};
use super::super::pool::Pool::{Member, Value};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("PING", [optional(draw(Value))]),
        command("ECHO", [draw(Value)]),
        command("CLIENT SETNAME", [draw(Member)]),
        command("CLIENT GETNAME", []),
        command("CLIENT ID", []).check(Check::Shape),
        command("TIME", []).check(Check::Shape),
        command("LASTSAVE", []).check(Check::Shape).seldom(),
        command("COMMAND COUNT", []).check(Check::Shape).seldom(),
        command("COMMAND GETKEYS", [words(["GET", "DEL", "SET", "MSET"]), repeat(0, key(Any))]),
        command("HELLO", [words(["2", "3"]), optional(seq([word("SETNAME"), draw(Member)]))])
            .check(Check::Shape)
            .seldom(),
        command("HELLO", [draw(Value)]).check(Check::Shape).seldom(),
        command("RESET", []).seldom(),
        command("NOSUCHCOMMAND", [repeat(0, draw(Value))]).seldom(),
    ]
}
