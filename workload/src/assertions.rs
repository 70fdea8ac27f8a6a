//! What the workload claims about a cluster, in the words that a reader of a report on the Antithesis platform sees.
//!
//! Away from the platform the assertions cost next to nothing, and with `ANTITHESIS_SDK_LOCAL_OUTPUT` they go to a file
//! that `scripts/judge-assertions` judges as the platform would. Each message is a literal that stands nowhere else:
//! the platform knows an assertion by its message, and lists it even if it is never reached.

use antithesis_sdk::{assert_always, assert_sometimes};
use serde::Serialize;

use crate::census::Census;
use crate::check::Verdict;
use crate::class::Class;
use crate::history::History;
use crate::operation::{Command, Outcome, Reply};

/// Details are only put into words when the platform wants them.
#[derive(Serialize)]
struct Judged<'a> {
    about: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct Answered<'a> {
    command: &'a Command,
    outcome: &'a Outcome,
}

/// Says what the verdict on a history means.
pub fn about_verdict(history: &History, verdict: &Verdict) {
    let why = match verdict {
        Verdict::Violation(violation) => violation.why.as_str(),
        Verdict::Undecided(why) => why.as_str(),
        _ => "",
    };
    let details = Judged { about: &history.about, why };
    assert_always!(
        !matches!(verdict, Verdict::Violation(_)),
        "Every history that clients observe is strictly serializable",
        &details
    );
    assert_always!(
        !matches!(verdict, Verdict::Undecided(_)),
        "The checker comes to a verdict on every history within its budget",
        &details
    );
}

/// Says what the replies in a history mean by themselves.
pub fn about_replies(history: &History) {
    for operation in &history.operations {
        let Some((_, outcome)) = &operation.end else { continue };
        let details = Answered { command: &operation.command, outcome };
        assert_always!(
            !matches!(outcome, Outcome::Reply(Reply::Strange { .. })),
            "Every reply is of a type that Redis clients know",
            &details
        );
        assert_always!(
            !matches!(outcome, Outcome::Reply(Reply::Error { .. })),
            "A correct command is never answered with an error other than those that say what became of it",
            &details
        );
    }
}

/// Says which situations have come up.
pub fn about_census(census: &Census) {
    let details = census;
    let did = |class| census.answered(class) > 0;
    assert_sometimes!(did(Class::Get), "GET is answered", details);
    assert_sometimes!(did(Class::Set), "SET is answered", details);
    assert_sometimes!(did(Class::SetAbsent), "SET with NX is answered", details);
    assert_sometimes!(did(Class::SetPresent), "SET with XX is answered", details);
    assert_sometimes!(did(Class::SetGet), "SET with GET is answered", details);
    assert_sometimes!(did(Class::Del), "DEL of one key is answered", details);
    assert_sometimes!(did(Class::DelMany), "DEL of several keys is answered", details);
    assert_sometimes!(did(Class::Exists), "EXISTS is answered", details);
    assert_sometimes!(did(Class::MGet), "MGET is answered", details);
    assert_sometimes!(did(Class::MSet), "MSET is answered", details);
    assert_sometimes!(did(Class::Ping), "PING is answered", details);
    assert_sometimes!(did(Class::FlushAll), "FLUSHALL is answered", details);
    assert_sometimes!(did(Class::DbSize), "DBSIZE is answered", details);
    assert_sometimes!(census.pipelined > 0, "A client sends several commands at once", details);
    assert_sometimes!(census.failed > 0, "A client is told that nothing happened", details);
    assert_sometimes!(census.uncertain > 0, "A client is told that the outcome is uncertain", details);
    assert_sometimes!(census.lost > 0, "A client loses its connection before it is answered", details);
    assert_sometimes!(census.flushes_beside_writes > 0, "FLUSHALL overlaps a write", details);
    assert_sometimes!(census.keys_on_three_servers > 0, "Clients on three servers use the same key", details);
    assert_sometimes!(census.unknown_applied > 0, "A write of unknown outcome turns out to have happened", details);
    assert_sometimes!(
        census.unknown_not_applied > 0,
        "A write of unknown outcome has not happened when somebody looks later",
        details
    );
}
