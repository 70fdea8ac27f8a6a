//! Libraries of functions. Their texts come from [`super::super::lua`].

use super::super::check::Check;
use super::super::grammar::{
    Manner, Part, Rule, command, counted, draw, key_of_script, one_of, optional, repeat, seq, word, words,
};
use super::super::pool::Pool::{Count, Function, Glob, Library, LibraryName, Payload, Value};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("FUNCTION LOAD", [optional(word("REPLACE")), draw(Library)]).often(2),
        command("FUNCTION DELETE", [draw(LibraryName)]),
        // The order of libraries and functions is that of a hash table.
        command("FUNCTION LIST", [optional(seq([word("LIBRARYNAME"), pattern()])), optional(word("WITHCODE"))])
            .check(Check::Shape),
        command("FUNCTION STATS", []),
        command("FUNCTION FLUSH", [one_of([seq([]), words(["ASYNC", "SYNC"])])]).seldom(),
        command("FUNCTION KILL", []).seldom(),
        command("FUNCTION DUMP", []).check(Check::Shape),
        command("FUNCTION RESTORE", [draw(Payload), one_of([seq([]), words(["FLUSH", "APPEND", "REPLACE"])])])
            .after_looking("FUNCTION DUMP")
            .manner(Manner::Carry),
        command("FCALL", [draw(Function), inputs()]).often(2),
        command("FCALL", [draw(Function), draw(Count), repeat(0, draw(Value))]).seldom(),
        command("FCALL_RO", [draw(Function), inputs()]),
    ]
}

fn pattern() -> Part {
    one_of([draw(LibraryName), draw(Glob)])
}

/// The keys and the arguments.
fn inputs() -> Part {
    seq([counted(key_of_script()), repeat(0, draw(Value))])
}
