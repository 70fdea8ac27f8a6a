//! Small histories of transactions and scripts, written by hand: right ones that the checker accepts, and wrong ones that it
//! refuses.

mod lines;

use lines::{accepted, history, refused};
use valthree_workload::check::{Budget, Verdict, check, needless_refusals};
use valthree_workload::history::{read, write};

#[test]
fn a_transaction_takes_effect_at_one_moment() {
    accepted("whole", "1-9 1 MULTI; SET a 1; SADD s x; EXEC -> [OK :1]\n2-8 2 GET a -> 1\n10 2 SMEMBERS s -> [x]");
    refused(
        "torn: the first half is seen without the second",
        "1-9 1 MULTI; SET a 1; SADD s x; EXEC -> [OK :1]\n2 2 GET a -> 1\n4 2 SMEMBERS s -> []",
    );
    accepted("not yet", "1-9 1 MULTI; SET a 1; SADD s x; EXEC -> [OK :1]\n2 2 GET a -> nil\n4 2 SMEMBERS s -> [x]");
    refused("torn inside", "1 1 MULTI; RPUSH k a; LPOP k; LLEN k; EXEC -> [:1 a :1]");
    refused("lost", "1 1 MULTI; SET a 1; SADD s x; EXEC -> [OK :1]\n3 2 SMEMBERS s -> []");
    refused("half lost", "1 1 MULTI; SET a 1; SADD s x; EXEC -> ?\n3 2 GET a -> 1\n5 2 SMEMBERS s -> []");
    accepted("unknown, and it happened", "1 1 MULTI; SET a 1; SADD s x; EXEC -> ?\n3 2 GET a -> 1\n5 2 SCARD s -> :1");
    refused("a failed one is seen", "1 1 MULTI; SET a 1; SADD s x; EXEC -> failed\n3 2 SCARD s -> :1");
    refused("a null reply without WATCH", "1 1 MULTI; SET a 1; EXEC -> nil");
    refused("too few replies", "1 1 MULTI; SET a 1; SADD s x; EXEC -> [OK]");
}

#[test]
fn an_error_inside_undoes_nothing() {
    let before = "1 1 SADD s x -> :1\n";
    accepted(
        "the others took effect",
        &format!("{before}3 1 MULTI; SET a 1; GET s; SET b 2; EXEC -> [OK WRONGTYPE OK]\n5 2 MGET a b -> [1 2]"),
    );
    refused(
        "one of the others did not",
        &format!("{before}3 1 MULTI; SET a 1; GET s; SET b 2; EXEC -> [OK WRONGTYPE OK]\n5 2 MGET a b -> [1 nil]"),
    );
    refused("an error without a reason", &format!("{before}3 1 MULTI; SET a 1; SADD s y; EXEC -> [OK WRONGTYPE]"));
}

#[test]
fn a_transaction_that_is_discarded_or_spoilt_does_nothing() {
    accepted("DISCARD", "1 1 MULTI; SET a 1; SADD s x; DISCARD -> OK\n3 2 GET a -> nil\n5 2 SCARD s -> :0");
    refused("DISCARD leaves something", "1 1 MULTI; SET a 1; SADD s x; DISCARD -> OK\n3 2 SCARD s -> :1");
    accepted("EXECABORT", "1 1 MULTI; SADD s x; !GET; EXEC -> EXECABORT\n3 2 SCARD s -> :0");
    refused("EXECABORT leaves something", "1 1 MULTI; SADD s x; !GET; EXEC -> EXECABORT\n3 2 SCARD s -> :1");
    refused("a refused command is ignored", "1 1 MULTI; SADD s x; !GET; EXEC -> [:1]\n3 2 SCARD s -> :1");
    refused("EXECABORT for nothing", "1 1 MULTI; SADD s x; EXEC -> EXECABORT");
}

#[test]
fn an_exec_takes_effect_only_if_the_watched_keys_are_untouched() {
    let watch = "1 1 SET k a -> OK\n3 1 WATCH k -> OK\n5 1 GET k -> a\n";
    accepted("untouched", &format!("{watch}9 1 MULTI; SET k b; EXEC k -> [OK]\n11 2 GET k -> b"));
    refused("touched", &format!("{watch}7 2 SET k c -> OK\n9 1 MULTI; SET k b; EXEC k -> [OK]"));
    accepted(
        "refused for a touch",
        &format!("{watch}7 2 SET k c -> OK\n9 1 MULTI; SET k b; EXEC k -> nil\n11 2 GET k -> c"),
    );
    refused(
        "a refused one took effect",
        &format!("{watch}7 2 SET k c -> OK\n9 1 MULTI; SET k b; EXEC k -> nil\n11 2 GET k -> b"),
    );
    accepted("overlaps", &format!("{watch}7-12 2 SET k c -> OK\n9 1 MULTI; SET k b; EXEC k -> [OK]\n14 2 GET k -> c"));
    refused(
        "overlaps, but was seen before",
        &format!("{watch}7-14 2 SET k c -> OK\n8 3 GET k -> c\n10 1 MULTI; SET k b; EXEC k -> [OK]"),
    );
    refused(
        "the key came and went",
        "1 1 WATCH k -> OK\n3 2 SET k c -> OK\n5 2 DEL k -> :1\n7 1 MULTI; SADD s b; EXEC k -> [:1]\n9 1 GET k -> nil",
    );
    refused("its own client touched it", &format!("{watch}7 1 SET k c -> OK\n9 1 MULTI; SET k b; EXEC k -> [OK]"));
    accepted("UNWATCH", &format!("{watch}7 2 SET k c -> OK\n9 1 UNWATCH -> OK\n11 1 MULTI; SET k b; EXEC -> [OK]"));
    accepted(
        "a second WATCH",
        &format!(
            "{watch}7 2 SET k c -> OK\n9 1 MULTI; SET k b; EXEC k -> nil\n11 1 WATCH k -> OK\n13 1 MULTI; SET k d; EXEC k -> [OK]"
        ),
    );
    refused(
        "two guarded transactions of one version",
        "1 1 WATCH n -> OK\n3 2 WATCH n -> OK\n5 1 MULTI; INCRBY n 1; EXEC n -> [:1]\n7 2 MULTI; INCRBY n 1; EXEC n -> [:2]",
    );
    refused(
        "an expired key",
        "1 1 SET k a PX 100 -> OK\n3 1 WATCH k -> OK\n5 2 GET k -> a\n5000 1 MULTI; SET k b; EXEC k -> [OK]",
    );
}

#[test]
fn a_refusal_without_need_is_no_mistake_and_is_counted() {
    let watch = "1 1 SET k a -> OK\n3 1 WATCH k -> OK\n5 1 GET k -> a\n";
    let needless = |between: &str| {
        let lines = format!("{watch}{between}9 1 MULTI; SET k b; EXEC k -> nil");
        accepted(between, &lines);
        needless_refusals(&history(&lines)).len()
    };
    assert_eq!(needless(""), 1);
    assert_eq!(needless("7 2 SET j c -> OK\n"), 1, "another key");
    assert_eq!(needless("7 2 SET k c -> failed\n"), 1, "a failed write");
    assert_eq!(needless("7 2 RPUSH k x -> WRONGTYPE\n"), 1, "an error");
    assert_eq!(needless("7 2 SET k c -> ?\n"), 0, "an open write");
    assert_eq!(needless("7 2 SET k c -> OK\n"), 0);
    assert_eq!(needless("7 2 FLUSHALL -> OK\n"), 0);
}

#[test]
fn a_script_is_one_operation() {
    accepted(
        "compare and set",
        "1 1 SET k a -> OK\n3 1 EVAL compare-and-set r 1 k a b -> :1\n5 2 EVAL compare-and-set r 1 k a c -> :0\n7 2 GET k -> b",
    );
    refused(
        "two succeed",
        "1 1 SET k a -> OK\n3-9 1 EVAL compare-and-set r 1 k a b -> :1\n4-8 2 EVAL compare-and-set r 1 k a c -> :1",
    );
    accepted(
        "move",
        "1 1 RPUSH k a b -> :2\n3 1 EVAL move-if r 2 k j 1 -> a\n5 1 EVAL move-if r 2 k j 1 -> nil\n7 2 LRANGE j 0 -1 -> [a]",
    );
    refused(
        "a torn move",
        "1 1 RPUSH k a b -> :2\n3-9 1 EVAL move-if r 2 k j 1 -> a\n4 2 LRANGE k 0 -1 -> [b]\n6 2 LLEN j -> :0",
    );
    accepted(
        "a limit",
        "1 1 EVAL incr-with-limit r 1 n 5 7 -> :5\n3 1 EVAL incr-with-limit r 1 n 5 7 -> nil\n5 1 GET n -> 5",
    );
    refused("beyond the limit", "1 1 EVAL incr-with-limit r 1 n 5 7 -> :5\n3 1 EVAL incr-with-limit r 1 n 5 7 -> :10");
    accepted(
        "an error keeps what was done",
        "1 1 EVAL set-and-fail r 1 k v -> ERR value is not an integer\n3 2 GET k -> v",
    );
    refused("an error undoes", "1 1 EVAL set-and-fail r 1 k v -> ERR value is not an integer\n3 2 GET k -> nil");
    refused("no error", "1 1 EVAL set-and-fail r 1 k v -> :1");
    accepted(
        "inside MULTI",
        "1 1 MULTI; RPUSH k a; EVAL push-and-look r 1 k b; EXEC -> [:1 [a b]]\n3 2 LRANGE k 0 -1 -> [a b]",
    );
}

#[test]
fn a_digest_works_wherever_its_script_was_loaded() {
    let digest = valthree_workload::operation::ScriptName::IncrWithLimit.digest(&"r".into());
    let load = format!("SCRIPT LOAD incr-with-limit r -> {digest}");
    accepted("loaded", &format!("1 1 {load}\n3 2 EVALSHA incr-with-limit r 1 n 5 7 -> :5"));
    accepted("not loaded", "1 2 EVALSHA incr-with-limit r 1 n 5 7 -> NOSCRIPT No\n3 2 GET n -> nil");
    refused("unknown all the same", &format!("1 1 {load}\n3 2 EVALSHA incr-with-limit r 1 n 5 7 -> NOSCRIPT No"));
    refused(
        "known by EVAL",
        "1 1 EVAL incr-with-limit r 1 n 5 7 -> :5\n3 2 EVALSHA incr-with-limit r 1 n 1 7 -> NOSCRIPT No",
    );
    refused("never loaded", "1 2 EVALSHA incr-with-limit r 1 n 5 7 -> :5");
    accepted(
        "flushed",
        &format!("1 1 {load}\n3 1 SCRIPT FLUSH -> OK\n5 2 EVALSHA incr-with-limit r 1 n 5 7 -> NOSCRIPT No"),
    );
    refused(
        "a flushed script runs",
        &format!("1 1 {load}\n3 1 SCRIPT FLUSH -> OK\n5 2 EVALSHA incr-with-limit r 1 n 5 7 -> :5"),
    );
    accepted(
        "an open flush",
        &format!("1 1 {load}\n3 1 SCRIPT FLUSH -> ?\n5 2 EVALSHA incr-with-limit r 1 n 5 7 -> NOSCRIPT No"),
    );
    let failed = "1 1 EVAL incr-with-limit r 1 n 5 7 -> failed";
    accepted("kept before it failed", &format!("{failed}\n3 2 EVALSHA incr-with-limit r 1 n 5 7 -> :5"));
    refused(
        "flushed after it failed",
        &format!("{failed}\n3 1 SCRIPT FLUSH -> OK\n5 2 EVALSHA incr-with-limit r 1 n 5 7 -> :5"),
    );
    refused(
        "loaded by nothing but a transaction that was given up",
        "1 1 MULTI; EVAL incr-with-limit r 1 n 5 7; DISCARD -> OK\n3 2 EVALSHA incr-with-limit r 1 n 5 7 -> :5",
    );
    let exec = "1 1 MULTI; EVAL incr-with-limit r 1 n 5 7; EXEC -> [:5]";
    accepted("loaded by a transaction", &format!("{exec}\n3 2 EVALSHA incr-with-limit r 1 n 1 7 -> :6"));
    refused(
        "flushed after the transaction",
        &format!("{exec}\n3 1 SCRIPT FLUSH -> OK\n5 2 EVALSHA incr-with-limit r 1 n 1 7 -> :6"),
    );
    refused("NOSCRIPT took effect", "1 2 EVALSHA incr-with-limit r 1 n 5 7 -> NOSCRIPT No\n3 2 GET n -> 5");
}

#[test]
fn a_history_with_transactions_and_scripts_can_be_written_and_read_again() {
    let history = history(
        "1 1 WATCH k j -> OK\n3 1 MULTI; RPUSH k a; LRANGE k 0 -1; EXEC k j -> [:1 [a]]\n5 1 MULTI; LLEN k; DISCARD -> OK\n\
         7 1 MULTI; LLEN k; !GET; EXEC -> EXECABORT x\n9 1 EVAL move-if r 2 k j 0 -> a\n11 1 EVALSHA move-if r 2 k j 0 -> nil",
    );
    let mut bytes = Vec::new();
    write(&history, &mut bytes).unwrap();
    let lines = String::from_utf8(bytes).unwrap();
    assert!(
        lines.contains(r#""command":{"multi":[["RPUSH","k","a"],["LRANGE","k","0","-1"]],"watched":["k","j"]}"#),
        "{lines}"
    );
    assert!(lines.contains(r#"{"multi":[["LLEN","k"]],"discarded":true}"#), "{lines}");
    assert!(lines.contains(r#"{"multi":[["LLEN","k"]],"refused":["GET"]}"#), "{lines}");
    assert!(lines.contains(r#"["EVALSHA","move-if","r","2","k","j","0"]"#), "{lines}");
    let again = read(lines.as_bytes()).unwrap();
    let commands = |history: &valthree_workload::history::History| -> Vec<_> {
        history.operations.iter().map(|operation| operation.command.clone()).collect()
    };
    assert_eq!(commands(&again), commands(&history));
}

#[test]
fn the_reason_names_the_wrong_refusal() {
    let lines = "1 1 SET k a -> OK\n3 1 MULTI; SET k b; EXEC -> nil";
    let Verdict::Violation(violation) = check(&history(lines), Budget::default()) else { panic!("no violation") };
    assert!(violation.why.contains("watched no key"), "{}", violation.why);
}
