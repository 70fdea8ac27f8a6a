//! The files of the evidence, and the text for a terminal.

use std::fs;

use valthree_workload::history;
use valthree_workload::report;

use crate::evidence::{WHY, all_but_the_last, stale_read, written_stale_read};

#[test]
fn a_violation_is_written_as_two_histories_and_a_page() {
    let (whole, shrunk, violation) = stale_read();
    let artifacts = written_stale_read("files");
    let read = |path| history::read(fs::read(path).expect("a file").as_slice()).expect("a history");
    assert_eq!(read(&artifacts.history), whole);
    let again = read(&artifacts.shrunk);
    let exchanges = |history: &history::History| -> Vec<_> {
        let exchange = |operation: &history::Operation| {
            (operation.id, operation.command.clone(), operation.end.clone().map(|end| end.1))
        };
        history.operations.iter().map(exchange).collect()
    };
    assert_eq!(exchanges(&again), exchanges(&shrunk));
    assert_eq!(fs::read_to_string(&artifacts.page).expect("a page"), report::page(&whole, &shrunk, &violation));
}

#[test]
fn a_terminal_is_told_in_a_dozen_lines() {
    let (_, shrunk, violation) = stale_read();
    let told = report::text(&shrunk, &violation);
    let expected = format!(
        "\
Not strictly serializable: {WHY}
  #12 client 2, on 127.0.0.1:6380, from 90.000 ms to 110.700 ms
    GET balance → 100
The longest order found has 8 operations and ends with:
     3. #4 client 3            MSET owner ada limit 500 → OK                  limit = 500, owner = ada
     4. #6 client 4            SET balance 45 → OK                            balance = 45
     5. #7 client 2            MGET balance owner limit → [45, ada, 500]
     6. #5 client 1            SET balance 70 → unknown: the connection bro…  balance = 70
     7. #9 client 3            GET balance → 70
     8. #10 client 2           DEL limit fee → 1                              limit is absent
     ✗  #12 client 2           GET balance → 100                              where 70 would be right
"
    );
    assert_eq!(told, expected);
}

#[test]
fn a_terminal_is_told_of_a_first_operation_that_makes_no_sense() {
    let lines = "{\"call\":1,\"client\":1,\"command\":[\"GET\",\"k\"]}\n{\"return\":1,\"reply\":\"v\"}\n";
    let (history, violation) = all_but_the_last(lines, "nothing ever set v");
    let told = report::text(&history, &violation);
    assert_eq!(
        told.lines().skip(3).collect::<Vec<_>>(),
        [
            "No operation can come before it:",
            "     ✗  #1 client 1            GET k → v                                      where (nil) would be right",
        ]
    );
}

#[test]
fn what_a_server_says_cannot_steer_a_terminal() {
    let lines = "{\"call\":1,\"client\":1,\"server\":\"\\u001b[2J\",\"command\":[\"SET\",\"\\u202ek\",\"\\u001b]0;x\\u0007\"]}\n\
                 {\"return\":1,\"reply\":{\"error\":\"\\u009b31m\\r\\n\"}}\n\
                 {\"call\":2,\"client\":1,\"command\":[\"GET\",\"k\"]}\n\
                 {\"return\":2,\"reply\":{\"strange\":\"\\u001b[1A\"}}\n";
    let (history, violation) = all_but_the_last(lines, "\u{1b}[31mno reason");
    let told = report::text(&history, &violation);
    assert!(told.lines().count() <= 12, "{told}");
    assert!(!told.chars().any(|character| character != '\n' && character.is_control()), "{told:?}");
    assert!(!told.contains('\u{202e}'), "{told:?}");
}
