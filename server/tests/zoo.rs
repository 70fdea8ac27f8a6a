//! Planted bugs are in the build that asks for them, and in no other.

#[cfg(feature = "bug-zoo")]
mod binary;
#[cfg(feature = "bug-zoo")]
#[allow(dead_code, reason = "the unit tests have a table of their own")]
#[path = "../../lab/src/zoo/caught.rs"]
mod caught;
#[cfg(feature = "bug-zoo")]
#[path = "zoo/rerun.rs"]
mod rerun;

// The tests that catch bugs are part of this program, so that there is only one to build and to run again.
#[cfg(feature = "bug-zoo")]
#[path = "effects.rs"]
mod effects;
#[cfg(feature = "bug-zoo")]
#[path = "layers.rs"]
mod layers;
#[cfg(feature = "bug-zoo")]
#[path = "root_formats.rs"]
mod root_formats;
#[cfg(feature = "bug-zoo")]
#[path = "run_properties.rs"]
mod run_properties;
#[cfg(feature = "bug-zoo")]
#[path = "timing.rs"]
mod timing;

/// The tables of all of them; server and laboratory share no code but what is under test.
const TABLES: [(&str, &str); 2] = [
    ("bug(", include_str!("../../lab/src/zoo/counted.rs")),
    ("    caught(", include_str!("../../lab/src/zoo/caught.rs")),
];

/// The first word of each row.
fn names() -> Vec<&'static str> {
    let rows = TABLES.iter().flat_map(|(begin, table)| table.split(begin).skip(1));
    rows.filter_map(|rest| rest.split('"').nth(1)).collect()
}

#[test]
fn no_planted_bug_is_left_in_an_ordinary_build() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_valthree")).expect("the binary is there");
    let holds = |text: &str| memchr::memmem::find(&binary, text.as_bytes()).is_some();
    assert!(holds("the store keeps its conditions"), "a search finds what is there");
    assert!(names().len() > 20, "{:?}", names());
    for name in names() {
        assert_eq!(holds(name), cfg!(feature = "bug-zoo"), "{name}");
    }
    assert_eq!(holds("VALTHREE_BUG"), cfg!(feature = "bug-zoo"));
}

/// Commands that a server with one bug answers otherwise than a server without bugs: the bug, the commands, and the right
/// reply to the last one.
#[cfg(feature = "bug-zoo")]
const OF_SCRIPTS: &[(&str, &[&str], &str)] = &[
    (
        "flushed-script-runs",
        &[
            "SCRIPT LOAD \"return 'ran'\"",
            "EVALSHA 468639e6e373341ef5feb7f60c99dc62a137b798 0",
            "SCRIPT FLUSH",
            "EVALSHA 468639e6e373341ef5feb7f60c99dc62a137b798 0",
        ],
        "-NOSCRIPT No matching script.",
    ),
    (
        "losing-script-effects-kept",
        &["SET k before", "EVAL \"redis.call('SET', 'k', 'after') while true do end\" 0", "GET k"],
        "before",
    ),
    (
        "replaced-library-still-runs",
        &[
            "FUNCTION LOAD \"#!lua name=a\\nredis.register_function('f', function() return 'old' end)\"",
            "FCALL f 0",
            "FUNCTION LOAD REPLACE \"#!lua name=a\\nredis.register_function('f', function() return 'new' end)\"",
            "FCALL f 0",
        ],
        "new",
    ),
    (
        "flushall-forgets-libraries",
        &[
            "FUNCTION LOAD \"#!lua name=a\\nredis.register_function('f', function() return 'there' end)\"",
            "FLUSHALL",
            "FCALL f 0",
        ],
        "there",
    ),
];

#[cfg(feature = "bug-zoo")]
#[test]
fn a_bug_of_scripts_shows_in_the_build_that_has_it_and_only_if_it_is_chosen() {
    for (bug, commands, right) in OF_SCRIPTS {
        for chosen in ["", bug] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut command = binary::valthree();
            command.args(["--listen", "127.0.0.1:0", "--deadline-ms", "600000", "--store"]).arg(folder.path());
            let server = binary::Server::start(command.env("VALTHREE_BUG", chosen));
            let mut client = server.client();
            let replies: Vec<String> = commands.iter().map(|command| client.call(command)).collect();
            let last = replies.last().expect("there are commands");
            assert_eq!(last == right, chosen.is_empty(), "{bug}: {replies:?}");
        }
    }
}

#[cfg(feature = "bug-zoo")]
#[test]
fn each_bug_of_the_table_makes_its_test_fail() {
    rerun::all_are_caught(&[caught::IN_TESTS, caught::ALSO_IN_TESTS].concat());
}
