//! Histories of lists that only grow, written by hand, and what the judge of cycles says about them.

mod lines;
mod sample;

use std::time::Instant;

use lines::history;
use sample::{Dice, Shape};
use valthree_workload::check::{Budget, Verdict, check, is_serializable_by_cycles, is_serializable_by_search};
use valthree_workload::history::Operation;
use valthree_workload::operation::Reply;

/// Asserts that both judges accept a history, and that the one of cycles decides it.
fn accepted(claim: &str, lines: &str) {
    let history = history(lines);
    assert_eq!(is_serializable_by_cycles(&history), Some(true), "{claim}");
    assert_eq!(is_serializable_by_search(&history, Budget::default()), Some(true), "{claim}");
    assert_eq!(check(&history, Budget::default()), Verdict::Serializable, "{claim}");
}

/// Asserts that both judges refuse a history, and that the reason holds these words.
fn refused(claim: &str, words: &str, lines: &str) {
    let history = history(lines);
    assert_eq!(is_serializable_by_cycles(&history), Some(false), "{claim}");
    assert_eq!(is_serializable_by_search(&history, Budget::default()), Some(false), "{claim}");
    let Verdict::Violation(violation) = check(&history, Budget::default()) else { panic!("{claim}: no violation") };
    assert!(violation.why.contains(words), "{claim}: {}", violation.why);
}

#[test]
fn what_an_order_explains_is_accepted() {
    accepted("pushes overlap", "1-9 1 RPUSH k a -> :2\n2-8 2 RPUSH k b -> :1\n10 1 LRANGE k 0 -1 -> [b a]");
    accepted(
        "transactions",
        "1-9 1 MULTI; RPUSH k a; RPUSH j b; EXEC -> [:1 :1]\n2-8 2 MULTI; LRANGE k 0 -1; LRANGE j 0 -1; EXEC -> [[] []]\n\
         10 3 MULTI; LRANGE j 0 -1; RPUSH j c; LRANGE j 0 -1; EXEC -> [[b] :2 [b c]]",
    );
    accepted(
        "an unknown one happened",
        "1 1 MULTI; RPUSH k a; RPUSH j b; EXEC -> ?\n3 2 RPUSH k c -> :2\n5 2 LRANGE k 0 -1 -> [a c]",
    );
    accepted(
        "an unknown one did not",
        "1 1 MULTI; RPUSH k a; RPUSH j b; EXEC -> ?\n3 2 RPUSH k c -> :1\n5 2 LRANGE j 0 -1 -> []",
    );
    accepted(
        "a guarded one",
        "1 1 WATCH k -> OK\n3 1 LRANGE k 0 -1 -> []\n5-9 1 MULTI; RPUSH k a; EXEC k -> [:1]\n6-8 2 RPUSH k b -> :2",
    );
    accepted("a script", "1 1 RPUSH k a -> :1\n3-9 2 EVAL push-and-look r 1 k b -> [a c b]\n4-8 3 RPUSH k c -> :2");
}

#[test]
fn a_cycle_is_evidence() {
    refused(
        "a fractured read: one half of a transaction is seen without the other",
        "did not see what 1 pushed to j",
        "1-9 1 MULTI; RPUSH k a; RPUSH j b; EXEC -> [:1 :1]\n2 2 MULTI; LRANGE k 0 -1; LRANGE j 0 -1; EXEC -> [[a] []]",
    );
    refused(
        "write skew: each misses the push of the other",
        "did not see what",
        "1-9 1 MULTI; LRANGE k 0 -1; RPUSH j a; EXEC -> [[] :1]\n2-8 2 MULTI; LRANGE j 0 -1; RPUSH k b; EXEC -> [[] :1]",
    );
    refused(
        "a long fork: two readers see two pushes in different orders",
        "did not see what",
        "1-20 1 RPUSH k a -> :1\n2-19 2 RPUSH j b -> :1\n3-18 3 MULTI; LRANGE k 0 -1; LRANGE j 0 -1; EXEC -> [[a] []]\n\
         4-17 4 MULTI; LRANGE k 0 -1; LRANGE j 0 -1; EXEC -> [[] [b]]",
    );
    refused("a stale read", "1 ended before 2 was called", "1 1 RPUSH k a -> :1\n3 2 LRANGE k 0 -1 -> []");
    refused(
        "two lists order two transactions differently",
        "pushed to",
        "1-9 1 MULTI; RPUSH k a; RPUSH j a; EXEC -> [:1 :2]\n2-8 2 MULTI; RPUSH k b; RPUSH j b; EXEC -> [:2 :1]",
    );
    refused(
        "an EXEC that ignored a push after its WATCH",
        "1 saw what 2 pushed to k",
        "1 1 WATCH k -> OK\n3 2 RPUSH k b -> :1\n5 1 MULTI; RPUSH k a; EXEC k -> [:2]",
    );
    refused(
        "an unknown transaction was seen in one list and then not in the other",
        "did not see what",
        "1 1 MULTI; RPUSH k a; RPUSH j b; EXEC -> ?\n3 2 LRANGE k 0 -1 -> [a]\n5 2 LRANGE j 0 -1 -> []",
    );
}

#[test]
fn some_mistakes_need_no_cycle() {
    refused("a phantom", "which nobody pushed", "1 1 LRANGE k 0 -1 -> [a]");
    refused("an aborted read", "whose push did nothing", "1 1 RPUSH k a -> failed\n3 2 LRANGE k 0 -1 -> [a]");
    refused(
        "an element of a discarded transaction",
        "whose push did nothing",
        "1 1 MULTI; RPUSH k a; DISCARD -> OK\n3 2 LRANGE k 0 -1 -> [a]",
    );
    refused("a doubled element", "twice", "1 1 RPUSH k a -> :1\n3 2 LRANGE k 0 -1 -> [a a]");
    refused(
        "a doubled element later",
        "twice",
        "1 1 RPUSH k a -> :1\n3 1 RPUSH k b -> :2\n5 2 LRANGE k 0 -1 -> [a b a]",
    );
    refused(
        "a part of a push",
        "apart from what was pushed with it",
        "1 1 RPUSH k a b c -> :3\n3 2 LRANGE k 0 -1 -> [a c]",
    );
    refused(
        "an intermediate read",
        "saw a part of what operation 1 pushed",
        "1-9 1 MULTI; RPUSH k a; RPUSH k b; EXEC -> [:1 :2]\n2 2 LRANGE k 0 -1 -> [a]",
    );
    refused(
        "looks that are no beginnings of each other",
        "at place 0 of k",
        "1-9 1 RPUSH k a -> :1\n2-8 2 RPUSH k b -> :2\n3 3 LRANGE k 0 -1 -> [b]\n5 4 LRANGE k 0 -1 -> [a b]",
    );
    refused("a lost element", "counted more elements", "1 1 RPUSH k a -> :2");
    refused("two at one place", "where another element stands", "1-9 1 RPUSH k a -> :1\n2-8 2 RPUSH k b -> :1");
    refused("it does not see its own push", "pushed itself", "1 1 MULTI; RPUSH k a; LRANGE k 0 -1; EXEC -> [:1 []]");
    refused(
        "it sees two states",
        "shows a list of 0 elements before it, and then one of 1",
        "1 1 RPUSH k b -> :1\n3 1 MULTI; LRANGE k 0 -1; LRANGE k 0 -1; EXEC -> [[] [b]]",
    );
}

#[test]
fn an_open_flush_leaves_the_verdict_to_the_search() {
    let lines = "1 9 FLUSHALL -> ?\n3 1 RPUSH k a -> :1\n5 1 LRANGE k 0 -1 -> []";
    assert_eq!(is_serializable_by_cycles(&history(lines)), None);
    assert_eq!(check(&history(lines), Budget::default()), Verdict::Serializable);
    let lines = "1 9 FLUSHALL -> ?\n3 1 RPUSH k a -> :1\n5 1 LRANGE k 0 -1 -> [a]";
    assert_eq!(is_serializable_by_cycles(&history(lines)), Some(true), "it need not have happened");
}

#[test]
fn a_long_history_takes_linear_time() {
    // In an optimized build, `OPERATIONS=1000000` takes some seconds, most of them to draw the history.
    let operations = std::env::var("OPERATIONS").map_or(20_000, |number| number.parse().expect("a number"));
    let clients = 16;
    let shape = Shape {
        kind: 5,
        typed: 100,
        keys: operations / 25,
        unknown: 2,
        ..Shape::register(clients, operations / clients)
    };
    let (history, _) = sample::history(&mut Dice::new(7), &shape, None);
    #[expect(clippy::disallowed_methods, reason = "it measures a call, for the eyes only")]
    let began = Instant::now();
    let verdict = is_serializable_by_cycles(&history);
    let shown = |operation: &Operation| match operation.reply() {
        Some(Reply::Array(replies)) => replies.len(),
        _ => 0,
    };
    let longest = history.operations.iter().map(shown).max();
    println!("{} operations in {:?}: {verdict:?}, longest look {longest:?}", history.operations.len(), began.elapsed());
    assert_ne!(verdict, Some(false));
}
