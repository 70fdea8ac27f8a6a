//! Histories as lines for people: `time client command -> reply`.
//!
//! The first time is the call. The reply comes one later, unless the line begins with two times. `?` is an unknown outcome. A
//! transaction is `MULTI; command; command; EXEC`, with the watched keys behind EXEC. A command behind `!` is one that the
//! server refuses to queue.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::Duration;

use valthree_workload::check::{Budget, Verdict, check};
use valthree_workload::history::{History, Moment, Operation};
use valthree_workload::operation::{Command, Outcome, Reply, TransactionCommand};
use valthree_workload::word::Word;

/// A history of these lines. Times are milliseconds, and no two are equal.
pub fn history(lines: &str) -> History {
    let mut operations = Vec::new();
    for (number, line) in lines.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let (called, outcome) = line.split_once(" -> ").expect("a reply");
        let mut parts = called.splitn(3, ' ');
        let span = parts.next().expect("a time");
        let client = parts.next().and_then(|client| client.parse().ok()).expect("a client");
        let command = command(parts.next().expect("a command"));
        let (from, to) = match span.split_once('-') {
            Some((from, to)) => (from.parse().expect("a time"), to.parse().expect("a time")),
            None => (span.parse::<u64>().expect("a time"), span.parse::<u64>().expect("a time") + 1),
        };
        let moment = |at: u64| Moment { event: at, at: Duration::from_millis(at) };
        let outcome = match outcome {
            "?" => Outcome::Unknown("the connection broke".into()),
            "failed" => Outcome::Failed("TRYAGAIN".into()),
            reply => Outcome::Reply(parsed(reply)),
        };
        let end = Some((moment(to), outcome));
        let (id, server) = (number as u64 + 1, String::new());
        operations.push(Operation { id, client, server, command, call: moment(from), end });
    }
    History { about: String::new(), operations }
}

fn words(text: &str) -> Vec<Word> {
    text.split(' ').map(Word::from).collect()
}

fn command(text: &str) -> Command {
    let single = |text: &str| Command::try_from(words(text)).expect("a command");
    let Some(rest) = text.strip_prefix("MULTI; ") else { return single(text) };
    let mut parts: Vec<&str> = rest.split("; ").collect();
    let end = parts.pop().expect("an end");
    let refused = parts.iter().find_map(|part| part.strip_prefix('!')).map(words);
    let commands: Vec<Command> = parts.iter().filter(|part| !part.starts_with('!')).map(|part| single(part)).collect();
    Command::Transaction(match (end, refused) {
        ("DISCARD", _) => TransactionCommand::Discard(commands),
        (_, Some(refused)) => TransactionCommand::Spoilt { commands, refused },
        (end, None) => TransactionCommand::Exec { watched: words(end).split_off(1), commands },
    })
}

fn parsed(reply: &str) -> Reply {
    let spaced = reply.replace('[', " [ ").replace(']', " ] ");
    if reply.starts_with('[') {
        let mut tokens = spaced.split_whitespace();
        return one(&mut tokens).expect("a reply");
    }
    scalar(reply)
}

/// The next reply of some tokens. `None` at the end of an array.
fn one<'t>(tokens: &mut impl Iterator<Item = &'t str>) -> Option<Reply> {
    match tokens.next()? {
        "]" => None,
        "[" => {
            let mut replies = Vec::new();
            while let Some(reply) = one(tokens) {
                replies.push(reply);
            }
            Some(Reply::Array(replies))
        }
        token => Some(scalar(token)),
    }
}

fn scalar(reply: &str) -> Reply {
    match reply {
        "OK" => Reply::ok(),
        "nil" => Reply::Nil,
        _ if ["WRONGTYPE", "EXECABORT", "NOSCRIPT", "ERR"].iter().any(|code| reply.starts_with(code)) => {
            Reply::Error { error: reply.into() }
        }
        _ => match reply.strip_prefix(':') {
            Some(integer) => Reply::Integer(integer.parse().expect("an integer")),
            None => Reply::Value(reply.into()),
        },
    }
}

pub fn accepted(claim: &str, lines: &str) {
    assert_eq!(check(&history(lines), Budget::default()), Verdict::Serializable, "{claim}");
}

pub fn undecided(claim: &str, lines: &str, steps: u64, what: &str) {
    let verdict = check(&history(lines), Budget { steps, ..Budget::default() });
    assert!(matches!(&verdict, Verdict::Undecided(why) if why.contains(what)), "{claim}: {verdict:?}");
}

pub fn refused(claim: &str, lines: &str) {
    let verdict = check(&history(lines), Budget::default());
    assert!(matches!(verdict, Verdict::Violation(_)), "{claim}: {verdict:?}");
}
