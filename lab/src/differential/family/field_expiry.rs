//! Fields of hashes that expire: Valkey 9 and later. No older server can judge them, so they are drawn only if the real
//! server knows them.

use super::super::grammar::Kind::Hash;
use super::super::grammar::{
    Manner, Part, Rule, V9_0, V9_1, command, counted, draw, key, one_of, optional, options, seq, target, word, words,
};
use super::super::pool::Pool::{self, Field, Instant, Milliseconds, Seconds, UnixMilliseconds, UnixSeconds, Value};
use super::key::{MILLISECONDS, SECONDS};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let all = vec![
        expire("HEXPIRE", Seconds),
        expire("HPEXPIRE", Milliseconds),
        expire("HEXPIREAT", UnixSeconds),
        expire("HPEXPIREAT", UnixMilliseconds),
        command("HPERSIST", [key(Hash), fields()]),
        command("HTTL", [key(Hash), fields()]).check(SECONDS),
        command("HPTTL", [key(Hash), fields()]).check(MILLISECONDS),
        command("HEXPIRETIME", [key(Hash), fields()]).check(SECONDS),
        command("HPEXPIRETIME", [key(Hash), fields()]).check(MILLISECONDS),
        command("HGETEX", [key(Hash), optional(one_of([expiry(), word("PERSIST")])), fields()]),
        command("HSETEX", [target(Hash), set_options(), word("FIELDS"), counted(seq([draw(Field), draw(Value)]))]),
        ends(command("HPEXPIRE", [key(Hash), draw(Instant), one_field()])),
        ends(command("HGETEX", [key(Hash), word("PX"), draw(Instant), one_field()])),
        ends(command("HSETEX", [target(Hash), word("PX"), draw(Instant), one_field(), draw(Value)])),
    ];
    let mut all: Vec<Rule> = all.into_iter().map(|rule| rule.since(V9_0)).collect();
    all.push(command("HGETDEL", [key(Hash), fields()]).since(V9_1));
    all
}

fn expire(name: &'static str, time: Pool) -> Rule {
    command(name, [key(Hash), draw(time), optional(words(["NX", "XX", "GT", "LT"])), fields()])
}

/// A command that lets a field end while the test waits.
fn ends(rule: Rule) -> Rule {
    rule.manner(Manner::Pause).tame().seldom()
}

fn one_field() -> Part {
    seq([word("FIELDS"), word("1"), draw(Field)])
}

fn fields() -> Part {
    seq([word("FIELDS"), counted(draw(Field))])
}

fn set_options() -> Part {
    options([words(["FNX", "FXX"]), words(["NX", "XX"]), one_of([expiry(), word("KEEPTTL")])])
}

fn expiry() -> Part {
    one_of([
        seq([word("EX"), draw(Seconds)]),
        seq([word("PX"), draw(Milliseconds)]),
        seq([word("EXAT"), draw(UnixSeconds)]),
        seq([word("PXAT"), draw(UnixMilliseconds)]),
    ])
}
