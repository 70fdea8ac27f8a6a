//! The census of writes whose outcome their clients do not know.

use valthree_workload::census::Census;
use valthree_workload::history;

/// How many writes of unknown outcome were seen to have happened, and seen not to have happened.
fn shown(lines: &str) -> (u64, u64) {
    let census = Census::of(&history::read(lines.as_bytes()).unwrap());
    (census.unknown_applied, census.unknown_not_applied)
}

/// The counts of a history in which a client sets a key, a second one gets no answer, and a third one reads the key.
fn shown_of(unknown: &str, found: &str) -> (u64, u64) {
    shown(&format!(
        r#"{{"call":1,"client":1,"command":["SET","k","old"]}}
{{"return":1,"reply":{{"status":"OK"}}}}
{{"call":2,"client":2,"command":{unknown}}}
{{"return":2,"unknown":"timeout"}}
{{"call":3,"client":3,"command":["GET","k"]}}
{{"return":3,"reply":{found}}}
"#
    ))
}

#[test]
fn an_unknown_write_whose_value_is_found_has_happened() {
    assert_eq!(shown_of(r#"["SET","k","new"]"#, r#""new""#), (1, 0));
    assert_eq!(shown_of(r#"["MSET","other","new","k","newer"]"#, r#""newer""#), (1, 0));
}

#[test]
fn an_unknown_write_has_not_happened_if_what_it_would_have_ended_is_found_later() {
    for unknown in [
        r#"["SET","k","new"]"#,
        r#"["SET","k","new","XX"]"#,
        r#"["MSET","other","new","k","newer"]"#,
        r#"["DEL","other","k"]"#,
        r#"["FLUSHALL"]"#,
    ] {
        assert_eq!(shown_of(unknown, r#""old""#), (0, 1), "{unknown}");
    }
}

#[test]
fn what_would_have_left_the_value_alone_may_have_happened() {
    for unknown in [r#"["SET","k","new","NX"]"#, r#"["SET","other","new"]"#, r#"["GET","k"]"#] {
        assert_eq!(shown_of(unknown, r#""old""#), (0, 0), "{unknown}");
    }
    assert_eq!(shown_of(r#"["DEL","k"]"#, "null"), (0, 0), "somebody else may have deleted it");
}

#[test]
fn a_value_that_is_replaced_was_looked_at_too_and_may_have_been_known_from_a_look_alone() {
    let lines = r#"{"call":1,"client":1,"command":["SET","k","old","NX"]}
{"call":2,"client":2,"command":["GET","k"]}
{"return":2,"reply":"old"}
{"call":3,"client":2,"command":["DEL","k"]}
{"return":3,"unknown":"timeout"}
{"call":4,"client":3,"command":["SET","k","new","GET"]}
{"return":4,"reply":"old"}
"#;
    assert_eq!(shown(lines), (0, 1));
}

#[test]
fn a_look_that_began_before_the_client_gave_up_shows_nothing() {
    let lines = r#"{"call":1,"client":1,"command":["SET","k","old"]}
{"return":1,"reply":{"status":"OK"}}
{"call":2,"client":2,"command":["SET","k","new"]}
{"call":3,"client":3,"command":["GET","k"]}
{"return":2,"unknown":"timeout"}
{"return":3,"reply":"old"}
"#;
    assert_eq!(shown(lines), (0, 0));
}

#[test]
fn a_value_that_came_while_the_write_was_under_way_shows_nothing() {
    let lines = r#"{"call":1,"client":2,"command":["SET","k","new"]}
{"call":2,"client":1,"command":["SET","k","later"]}
{"return":2,"reply":{"status":"OK"}}
{"return":1,"unknown":"timeout"}
{"call":3,"client":3,"command":["GET","k"]}
{"return":3,"reply":"later"}
"#;
    assert_eq!(shown(lines), (0, 0));
}
