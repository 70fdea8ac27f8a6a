//! Golden scripts: what goes over a socket, byte for byte.
//!
//! A script is a file of `golden/` whose name is the claim. It runs in RESP2 and again in RESP3, each time on an empty
//! database, against Valthree on a folder and on S3, and against redis-server. Its lines:
//!
//! ```text
//! # A comment.
//! > SET key "two words"   sends a command, as an array of bulk strings; lines in a row are sent at once
//! raw> PING\r\n           sends exactly these bytes
//! < +OK                   expects these bytes and a CRLF
//! 2< $-1                  the same, in RESP2 alone
//! 3< _                    the same, in RESP3 alone
//! redis< -ERR no          what redis-server answers instead (also redis2<, redis3<)
//! why: because            why it differs; ends up in golden/DIFFERENCES.md
//! @ other                 from here on over the connection of that name; a script begins on `first`
//! trickle                 from here on every byte is sent alone
//! ```
//!
//! Everywhere: `\r` `\n` `\t` `\\` `\"` `\{` `\}` `\x00` are bytes, `{ab*3}` is `ababab`. In what is expected: `{int}`, `{any}`
//! (not past the end of a line), `{bulk PATTERN}` and `{verbatim PATTERN}` (a `$` or `=` string whose length has to be right;
//! `{text}` in it goes past ends of lines; without a pattern, any content), `{reply}` (any one), `{closed}` (the end of the
//! connection). What no line expects may not come either.

mod bucket;
mod peer;
mod script;

use std::fs;
use std::path::{Path, PathBuf};

use peer::{Kind, Peer};
use script::conversation::{self, Failure};
use script::{PROTOCOLS, Script, differences};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn scripts() -> Vec<Script> {
    let scripts = script::all(&directory());
    assert!(!scripts.is_empty(), "there are no scripts");
    scripts
}

#[test]
fn valthree_answers_what_the_scripts_say() {
    every_script_holds(Kind::Valthree);
}

#[test]
fn valthree_on_s3_answers_what_the_scripts_say() {
    every_script_holds(Kind::ValthreeOnS3);
}

#[test]
fn redis_answers_what_the_scripts_say() {
    every_script_holds(Kind::Redis);
}

#[test]
fn the_list_of_differences_is_current() {
    let path = directory().join("DIFFERENCES.md");
    let list = differences::list(&scripts());
    if fs::read_to_string(&path).ok().as_ref() != Some(&list) {
        fs::write(&path, list).unwrap();
        panic!("golden/DIFFERENCES.md was not what the scripts say; it is now");
    }
}

/// What each of these says is not so, and the harness has to notice.
#[test]
fn a_script_that_is_wrong_fails() {
    let wrong = [
        ("other bytes", "> PING\n< +PANG"),
        ("too little is expected", "> PING\n> PING\n< +PONG"),
        ("an answer to the last line is not expected", "> ECHO a\n< {reply}\n> PING"),
        ("the connection is closed", "> QUIT\n< +OK\n< +PONG"),
        ("a number is none", "> PING\n< +{int}"),
        ("a pattern goes past the end of a line", "> PING\n> PING\n< {any}PONG{any}G"),
        ("a counted string has other content", "> ECHO abc\n< {bulk {int}}"),
        ("a counted string is longer", "> ECHO abc\n< {bulk ab}"),
        ("another kind of counted string", "> ECHO abc\n< {verbatim abc}"),
        ("one protocol is wrong", "> GET a\n2< $-1\n3< $-1"),
        ("a difference that is none", "> PING\n< +{any}\nredis< +PONG\nwhy: it is not"),
        ("a difference that redis does not show", "> PING\n< +OK\nredis< +PANG\nwhy: it does not"),
    ];
    let redis = Peer::start(Kind::Redis);
    for (wrong, text) in wrong {
        let script = Script::parse("wrong", text).unwrap();
        let run = conversation::on_an_empty_database(&script, Kind::Redis, redis.address, 3);
        assert!(run.is_err(), "{wrong}: {text}");
    }
}

#[test]
fn a_script_that_means_nothing_is_refused() {
    let meaningless = [
        "> PING",
        "< +PONG",
        "PING\n< +PONG",
        "> PING\n< +PONG ",
        "> PING\n< {what}",
        "> PING\n< {int",
        "> PING\n< \\q",
        "> {int}\n< +PONG",
        "> \"PING\n< +PONG",
        "> PING\n< +PONG\nredis< +PING",
        "> PING\n< +PONG\nwhy: nothing differs",
    ];
    for text in meaningless {
        assert!(Script::parse("meaningless", text).is_err(), "{text}");
    }
}

fn every_script_holds(kind: Kind) {
    let peer = Peer::start(kind);
    let scripts = scripts();
    let mut failures: Vec<Failure> = Vec::new();
    for script in &scripts {
        for protocol in PROTOCOLS {
            let run = conversation::on_an_empty_database(script, kind, peer.address, protocol);
            failures.extend(run.err());
            assert_eq!(peer.damage(), None, "what {} has left in RESP{protocol}", script.name);
        }
    }
    let report: Vec<_> = failures.iter().map(Failure::to_string).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), report.join("\n"));
}
