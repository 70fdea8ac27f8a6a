//! Keys of any type.

use super::super::check::Check;
use super::super::grammar::Kind::Any;
use super::super::grammar::{
    Manner, Part, Rule, V7_2, aside, command, draw, each_kind, key, one_of, optional, options, repeat, seq, target,
    word, words,
};
use super::super::pool::Pool::{
    Count, Cursor, Database, Everything, Glob, Instant, Junk, Lifetime, Milliseconds, Payload, Seconds,
    UnixMilliseconds, UnixSeconds,
};

/// The seconds by which two servers may differ: on a busy machine one gets a command long after the other.
pub(super) const SECONDS: Check = Check::Near(10);

/// The same in milliseconds.
pub(super) const MILLISECONDS: Check = Check::Near(10_000);

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let mut all = vec![
        command("DEL", [repeat(1, key(Any))]),
        command("UNLINK", [repeat(1, key(Any))]),
        command("EXISTS", [repeat(1, key(Any))]),
        command("TOUCH", [repeat(1, key(Any))]),
        command("TYPE", [key(Any)]),
        command("PERSIST", [key(Any)]),
        command("TTL", [key(Any)]).check(SECONDS),
        command("PTTL", [key(Any)]).check(MILLISECONDS),
        command("EXPIRETIME", [key(Any)]).check(SECONDS),
        command("PEXPIRETIME", [key(Any)]).check(MILLISECONDS),
        command("PEXPIRE", [key(Any), draw(Instant)]).manner(Manner::Pause).seldom(),
        command("KEYS", [draw(Glob)]).check(Check::Unordered),
        command("RANDOMKEY", []).check(Check::Drawn { pairs: false }).after_looking("KEYS *"),
        command("SCAN", [draw(Cursor), scan_options()]).check(Check::Scan { pairs: false }).manner(Manner::Cycle(1)),
        command("RENAME", [each_kind(|kind| seq([key(kind), target(kind)]))]),
        command("RENAMENX", [each_kind(|kind| seq([key(kind), target(kind)]))]),
        command("COPY", [each_kind(|kind| seq([key(kind), target(kind)])), copy_options()]),
        command("MOVE", [key(Any), draw(Database)]),
        command("DUMP", [key(Any)]).check(Check::Shape),
        command("RESTORE", [each_kind(|kind| seq([aside(key(kind)), target(kind)])), restore()])
            .after_looking("DUMP $aside")
            .manner(Manner::Carry),
        command("RESTORE", [target(Any), draw(Lifetime), draw(Junk), optional(word("REPLACE"))]).seldom(),
        command("OBJECT ENCODING", [key(Any)]),
        command("OBJECT REFCOUNT", [key(Any)]).check(Check::Shape),
        // Real servers share small integers between keys, and so their idle times.
        command("OBJECT IDLETIME", [key(Any)]).check(Check::Shape),
        command("OBJECT FREQ", [key(Any)]),
        command("OBJECT NOSUCH", [key(Any)]).seldom(),
        command("MEMORY USAGE", [key(Any), optional(seq([word("SAMPLES"), draw(Count)]))]).check(Check::Shape).seldom(),
        command("WAIT", [draw(Count), word("1")]).check(Check::Shape).tame().seldom().since(V7_2),
    ];
    all.extend([
        command("EXPIRE", [key(Any), draw(Seconds), condition()]),
        command("PEXPIRE", [key(Any), draw(Milliseconds), condition()]),
        command("EXPIREAT", [key(Any), draw(UnixSeconds), condition()]),
        command("PEXPIREAT", [key(Any), draw(UnixMilliseconds), condition()]),
    ]);
    all
}

fn condition() -> Part {
    one_of([optional(words(["NX", "XX", "GT", "LT"])), options([word("NX"), word("XX"), word("GT"), word("LT")])])
}

fn copy_options() -> Part {
    options([seq([word("DB"), draw(Database)]), word("REPLACE")])
}

fn restore() -> Part {
    let relative = seq([draw(Lifetime), draw(Payload), restore_options()]);
    let absolute = seq([draw(UnixMilliseconds), draw(Payload), word("ABSTTL"), restore_options()]);
    one_of([relative, absolute])
}

fn restore_options() -> Part {
    options([
        word("REPLACE"),
        word("REPLACE"),
        one_of([seq([word("IDLETIME"), draw(Count)]), seq([word("FREQ"), draw(Count)])]),
    ])
}

fn scan_options() -> Part {
    let types = words(["string", "list", "set", "zset", "hash", "stream", "nothing"]);
    let count = one_of([draw(Count), draw(Everything)]);
    options([seq([word("MATCH"), draw(Glob)]), seq([word("COUNT"), count]), seq([word("TYPE"), types])])
}
