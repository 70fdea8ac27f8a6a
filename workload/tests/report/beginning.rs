//! Where a history goes wrong, as a person is told.

use valthree_workload::check::{Budget, Verdict, Violation, check};
use valthree_workload::history::{self, History};
use valthree_workload::model::{State, apply};
use valthree_workload::report::told_from_the_beginning;

use crate::evidence::{long, stale_read};

fn found(history: &History) -> Violation {
    match check(history, Budget::default()) {
        Verdict::Violation(violation) => *violation,
        verdict => panic!("{verdict:?}"),
    }
}

/// Fails unless the prefix of a violation explains every reply in it, in an order that respects real time, and holds all
/// that was answered before the operation that it leads to.
fn assert_explains(history: &History, violation: &Violation) {
    let operations = &history.operations;
    let mut state = State::new();
    for (step, place) in violation.prefix.iter().enumerate() {
        let operation = &operations[*place];
        let reply = apply(&mut state, &operation.command);
        let wrong = operations[violation.operation].end.as_ref().map(|(moment, _)| *moment);
        let answered = operation.end.as_ref().is_some_and(|(moment, _)| Some(*moment) < wrong);
        if answered && operation.reply().is_some() {
            assert_eq!(Some(&reply), operation.reply(), "step {step}: #{}", operation.id);
        }
        for later in &violation.prefix[step + 1..] {
            let later_end = operations[*later].reply().and(operations[*later].end.as_ref());
            let ended = later_end.is_some_and(|(end, _)| *end < operation.call);
            assert!(!ended, "#{} had ended before #{} was called", operations[*later].id, operation.id);
        }
    }
    let wrong = operations[violation.operation].end.as_ref().expect("it was answered").0;
    for (place, operation) in operations.iter().enumerate() {
        let before = operation.reply().is_some() && operation.end.as_ref().is_some_and(|(end, _)| *end < wrong);
        assert!(!before || violation.prefix.contains(&place), "#{} is explained", operation.id);
    }
}

#[test]
fn a_violation_is_where_the_first_reply_is_that_nothing_explains() {
    let (_, history, by_hand) = stale_read();
    let told = told_from_the_beginning(&history, found(&history));
    assert_eq!(history.operations[told.operation].id, 12);
    assert_eq!(told.operation, by_hand.operation);
    assert_explains(&history, &told);
    assert_explains(&history, &by_hand);
}

#[test]
fn a_thousand_operations_are_told_from_the_beginning() {
    let (history, by_hand) = long(1_000);
    let told = told_from_the_beginning(&history, found(&history));
    assert_eq!(told.operation, by_hand.operation);
    assert_explains(&history, &told);
    assert_explains(&history, &by_hand);
}

#[test]
fn a_history_that_is_too_long_for_it_is_left_as_it_was_found() {
    let (history, _) = long(1_300);
    let violation = found(&history);
    assert_eq!(told_from_the_beginning(&history, violation.clone()), violation);
}

#[test]
fn an_unknown_write_may_explain_what_comes_before_the_violation() {
    let lines = r#"{"call":1,"client":1,"command":["SET","k","a"]}
        {"return":1,"unknown":"the connection broke"}
        {"call":2,"client":2,"command":["GET","k"]}
        {"return":2,"reply":null}
        {"call":3,"client":2,"command":["GET","k"]}
        {"return":3,"reply":"a"}
        {"call":4,"client":2,"command":["GET","k"]}
        {"return":4,"reply":null}
        {"call":5,"client":2,"command":["GET","k"]}
        {"return":5,"reply":"a"}"#;
    let history = history::read(lines.as_bytes()).expect("a history");
    let told = told_from_the_beginning(&history, found(&history));
    assert_eq!((told.operation, told.prefix), (3, vec![1, 0, 2]), "{}", told.why);
}

#[test]
fn the_order_keeps_to_that_of_a_pipeline() {
    let lines = r#"{"call":1,"client":1,"command":["SET","k","a"]}
        {"call":2,"client":1,"command":["SET","k","b"]}
        {"call":3,"client":2,"command":["GET","k"]}
        {"return":3,"reply":"b"}
        {"return":1,"reply":{"status":"OK"}}
        {"return":2,"reply":{"status":"OK"}}
        {"call":4,"client":2,"command":["GET","k"]}
        {"return":4,"reply":"a"}"#;
    let history = history::read(lines.as_bytes()).expect("a history");
    let told = told_from_the_beginning(&history, found(&history));
    assert_eq!((told.operation, told.prefix), (3, vec![0, 1, 2]), "{}", told.why);
}
