//! Iterations over collections, written by hand: right ones that the checker accepts, and wrong ones that it refuses.

mod lines;

use lines::{accepted, history, refused};
use valthree_workload::check::{Budget, Verdict, check};
use valthree_workload::operation::{Command, Outcome, Reply, next_call};
use valthree_workload::word::Word;

const THREE: &str = "1 1 SADD s a b c -> :3\n";

#[test]
fn an_iteration_shows_what_is_there_all_the_time() {
    accepted("in one call", &format!("{THREE}3 2 SSCAN s 0 COUNT 100 -> [0 [c a b]]"));
    accepted("in two calls", &format!("{THREE}3 2 SSCAN s 0 COUNT 1 -> [17 [c]]\n5 3 SSCAN s 17 COUNT 1 -> [0 [a b]]"));
    accepted(
        "an element twice",
        &format!("{THREE}3 2 SSCAN s 0 COUNT 1 -> [17 [c a]]\n5 3 SSCAN s 17 COUNT 1 -> [0 [a b]]"),
    );
    accepted("no end", &format!("{THREE}3 2 SSCAN s 0 COUNT 1 -> [17 [c]]"));
    accepted("an absent key", "1 1 SSCAN s 0 COUNT 1 -> [0 []]");
    refused("in one call", &format!("{THREE}3 2 SSCAN s 0 COUNT 100 -> [0 [c a]]"));
    refused("in two calls", &format!("{THREE}3 2 SSCAN s 0 COUNT 1 -> [17 [c]]\n5 3 SSCAN s 17 COUNT 1 -> [0 [a]]"));
    refused(
        "another iteration showed it",
        &format!("{THREE}3 2 SSCAN s 0 COUNT 100 -> [0 [a b c]]\n5 2 SSCAN s 0 COUNT 100 -> [0 [a c]]"),
    );
    refused("fields", "1 1 HSET h f 1 g 2 -> :2\n3 1 HINCRBY h n 5 -> :5\n5 2 HSCAN h 0 COUNT 9 -> [0 [f 1 g 2]]");
    refused(
        "members with scores",
        "1 1 ZADD z 1 a 2 b -> :2\n3 1 ZPOPMIN z 1 -> [a 1]\n5 2 ZSCAN z 0 COUNT 9 -> [0 []]",
    );
    refused("a moved member", "1 1 SADD r a -> :1\n3 1 SMOVE r s a -> :1\n5 2 SSCAN s 0 COUNT 9 -> [0 []]");
}

#[test]
fn what_comes_or_goes_meanwhile_may_be_shown_or_not() {
    let between = |doing: &str, last: &str| {
        format!("{THREE}3 2 SSCAN s 0 COUNT 1 -> [17 [c]]\n{doing}\n9 2 SSCAN s 17 COUNT 1 -> [0 [{last}]]")
    };
    accepted("it goes", &between("5 1 SREM s b -> :1", "a"));
    accepted("it goes after it was shown", &between("5 1 SREM s c -> :1", "a b"));
    accepted("somebody pops", &between("5 1 SPOP s -> b", "a"));
    accepted("somebody may pop", &between("5 1 SPOP s -> ?", "a"));
    accepted("the key goes", &between("5 1 DEL s -> :1", ""));
    accepted("a flush", &between("5 1 FLUSHALL -> OK", "a"));
    accepted("another set takes its place", &between("5 1 SUNIONSTORE s x y -> :0", ""));
    accepted("it comes and is seen", &between("5 1 SADD s d -> :1", "a b d"));
    accepted("it comes and is not seen", &between("5 1 SADD s d -> :1", "a b"));
    accepted("it goes and comes back", &between("5 1 SREM s b -> :1\n7 1 SADD s b -> :1", "a"));
    accepted("its key may end", "1 1 SADD s a -> :1\n3 1 PEXPIRE s 20 -> :1\n9999 2 SSCAN s 0 COUNT 9 -> [0 []]");
    refused("somebody pops another one", &between("5 1 SPOP s -> a", ""));
    refused(
        "a removal that came before",
        "1 2 SADD s b -> :1\n3 2 SREM s b -> :1\n5 2 SADD s b -> :1\n7 2 SSCAN s 0 COUNT 9 -> [0 []]",
    );
    refused("a removal that did nothing", &between("5 1 SREM s x -> :0", "a"));
}

#[test]
fn a_call_shows_nothing_that_nobody_has_added() {
    refused("never added", &format!("{THREE}3 2 SSCAN s 0 COUNT 9 -> [0 [a b c d]]"));
    refused("added later", &format!("{THREE}3 2 SSCAN s 0 COUNT 9 -> [0 [a b c d]]\n5 1 SADD s d -> :1"));
    refused("failed", &format!("{THREE}3 1 SADD s d -> failed\n5 2 SSCAN s 0 COUNT 9 -> [0 [a b c d]]"));
    refused("of another key", &format!("{THREE}3 1 SADD r d -> :1\n5 2 SSCAN s 0 COUNT 9 -> [0 [a b c d]]"));
    accepted("perhaps", &format!("{THREE}3 1 SADD s d -> ?\n5 2 SSCAN s 0 COUNT 9 -> [0 [a b c d]]"));
    accepted(
        "from another set",
        &format!("{THREE}3 1 SADD r d -> :1\n5 1 SUNIONSTORE s s r -> :4\n7 2 SSCAN s 0 COUNT 9 -> [0 [a b c d]]"),
    );
    refused("of another type", "1 1 SADD s a -> :1\n3 2 HSCAN s 0 COUNT 9 -> [0 []]");
    accepted("an error", "1 1 SADD s a -> :1\n3 2 HSCAN s 0 COUNT 9 -> WRONGTYPE Operation");
}

#[test]
fn the_reason_names_the_missing_element() {
    let lines = format!("{THREE}3 2 SSCAN s 0 COUNT 100 -> [0 [c a]]");
    let Verdict::Violation(violation) = check(&history(&lines), Budget::default()) else { panic!("no violation") };
    assert!(violation.why.contains("did not show b"), "{}", violation.why);
}

#[test]
fn a_client_goes_on_until_the_cursor_is_zero() {
    let command = |line: &str| Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).expect(line);
    let reply = |cursor: &str| {
        let elements = vec![Reply::Value("f".into()), Reply::Value("1".into())];
        Outcome::Reply(Reply::Array(vec![Reply::Value(cursor.into()), Reply::Array(elements)]))
    };
    let first = command("HSCAN h 0 COUNT 2");
    assert_eq!(next_call((&first, &reply("17"))), Some(command("HSCAN h 17 COUNT 2")));
    assert_eq!(next_call((&first, &reply("0"))), None);
    assert_eq!(next_call((&first, &Outcome::Unknown("the connection broke".into()))), None);
}
