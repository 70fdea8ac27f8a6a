//! The bug zoo: lab/ZOO.md lists every bug, its commands exist, and the canary is caught again.

#[path = "../src/zoo/mod.rs"]
mod zoo;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use zoo::{ALSO_IN_TESTS, BUGS, Bug, Caught, Harm, IN_TESTS, IN_UNITS};

/// The most seeds that any catch may take.
const BOUND: u64 = 200;

const ZOO: &str = include_str!("../ZOO.md");

/// The table's rows, as cells.
fn rows() -> Vec<Vec<&'static str>> {
    let (_, table) = ZOO.split_once("<!-- zoo:").expect("the table begins");
    let (table, _) = table.split_once("<!-- end of zoo -->").expect("the table ends");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn the_canary_gives_wrong_replies() {
    assert_eq!(BUGS[0].harm, Harm::WrongReplies);
}

#[test]
fn the_table_has_every_bug_and_no_catch_beyond_the_bound() {
    let rows = rows();
    let told: Vec<_> = rows.iter().map(|row| (row[0].trim_matches('`'), row[1], row[2])).collect();
    let known: Vec<_> = BUGS.iter().map(|Bug { name, what, seen, .. }| (*name, *what, *seen)).collect();
    assert_eq!(told, known, "put the rows that valthree-lab-zoo prints into lab/ZOO.md");
    for row in rows {
        let [median, worst] = [row[3], row[4]].map(|seeds| seeds.parse::<u64>().expect("a number of seeds"));
        assert!(1 <= median && median <= worst && worst <= BOUND, "{}: {median}, {worst}", row[0]);
    }
}

/// The names that the server's sources plant.
fn planted(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            planted(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("text");
            let found = text.split("planted!(\"").skip(1).filter_map(|rest| rest.split('"').next());
            names.extend(found.map(str::to_owned));
        }
    }
}

#[test]
fn every_planted_bug_is_in_one_of_the_tables() {
    let mut names = BTreeSet::new();
    planted(&top().join("server/src"), &mut names);
    let cells = ZOO.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let words = cells.flat_map(|cell| cell.split('`')).filter(|word| !word.is_empty() && *word != ", ");
    let told: BTreeSet<String> = words.map(str::to_owned).collect();
    assert_eq!(told, names);
}

#[test]
fn no_bug_stands_in_two_tables() {
    let in_runs = BUGS.iter().map(|bug| bug.name);
    let mut names = BTreeSet::new();
    for name in in_runs.chain(IN_TESTS.iter().chain(IN_UNITS).map(|caught| caught.name)) {
        assert!(names.insert(name), "{name}");
    }
    for Caught { name, what, .. } in ALSO_IN_TESTS {
        assert!(BUGS.iter().any(|bug| (bug.name, bug.what) == (*name, *what)), "{name}");
    }
}

#[test]
fn the_bugs_that_tests_catch_are_listed_with_their_tests() {
    let (_, table) = ZOO.split_once("| bug | mistake | test |\n|---|---|---|\n").expect("the table begins");
    let (table, _) = table.split_once("\n\n").expect("the table ends");
    let row = |Caught { name, what, test }: &Caught| format!("| `{name}` | {what} | `{test}` |");
    let rows: Vec<String> = IN_TESTS.iter().chain(IN_UNITS).map(row).collect();
    assert!(table.lines().eq(&rows), "the table in lab/ZOO.md should be:\n{}", rows.join("\n"));
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Checks that a command line of `cargo run` names a package, a binary, a profile, features and flags that exist.
fn check(line: &str) {
    let (cargo, own) = line.split_once(" -- ").unwrap_or((line, ""));
    let mut words = cargo.split_whitespace().peekable();
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        assert_eq!(name, "VALTHREE_BUG", "{line}");
        assert!(BUGS.iter().any(|bug| bug.name == value), "{line}: there is no bug {value}");
        words.next();
    }
    assert_eq!((words.next(), words.next()), (Some("cargo"), Some("run")), "{line}");
    let manifest = std::fs::read_to_string(top().join("lab/Cargo.toml")).expect("the manifest");
    let mut binary = None;
    while let Some(flag) = words.next() {
        let value = words.next().expect("each of these flags has a value");
        let exists = match flag {
            "-p" => manifest.contains(&format!("name = \"{value}\"")),
            "--profile" => std::fs::read_to_string(top().join("Cargo.toml"))
                .is_ok_and(|workspace| workspace.contains(&format!("[profile.{value}]"))),
            "--features" => manifest.contains(&format!("\n{value} = [")),
            "--bin" => {
                binary = Some(value);
                top().join(format!("lab/src/bin/{value}.rs")).is_file()
            }
            _ => false,
        };
        assert!(exists, "{line}: {flag} {value}");
    }
    let binary = binary.expect("the command names a binary");
    if own.is_empty() {
        return;
    }
    assert_eq!(binary, "valthree-lab-sim", "{line}: another binary needs another check of its flags");
    let help = Command::new(env!("CARGO_BIN_EXE_valthree-lab-sim")).arg("--help").output().expect("the command starts");
    let help = String::from_utf8(help.stdout).expect("text");
    for flag in own.split_whitespace().filter(|word| word.starts_with('-')) {
        assert!(help.split_whitespace().any(|word| word == flag), "{line}: the command has no flag {flag}");
    }
}

#[test]
fn every_command_runs_as_printed() {
    let shown: Vec<&str> = ZOO.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(!shown.is_empty());
    shown.into_iter().filter(|line| !line.starts_with("cargo test ")).for_each(check);
    for row in rows() {
        let (name, command) = (row[0].trim_matches('`'), row[6].trim_matches('`'));
        let bug = BUGS.iter().find(|bug| bug.name == name).expect("a known bug");
        let from = command.rsplit(' ').next().and_then(|from| from.parse().ok()).expect("a seed at the end");
        assert_eq!(command, bug.command(from), "the zoo prints this command now");
        check(command);
    }
}

#[cfg(feature = "bug-zoo")]
#[test]
fn the_printed_command_repeats_a_failure_to_the_byte() {
    use std::process::Output;

    let run = |arguments: &[&str], folder: &Path| -> Output {
        let mut sim = Command::new(env!("CARGO_BIN_EXE_valthree-lab-sim"));
        sim.env("VALTHREE_BUG", "canary").args(arguments).arg("--artifacts").arg(folder);
        sim.output().expect("the command starts")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let found = run(&["--from", "1", "--seeds", "5"], folder.path());
    let said = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(1), "the canary is not caught: {said}");
    let again = said.lines().skip_while(|line| *line != "to repeat it:").nth(1).expect("a command").trim();
    check(again);
    let (_, arguments) = again.split_once(" -- ").expect("arguments");
    assert!(again.starts_with("VALTHREE_BUG=canary "), "{again}");
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let traces = ["one", "other"].map(|name| {
        let folder = folder.path().join(name);
        let replayed = run(&arguments, &folder);
        assert_eq!(replayed.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&replayed.stdout).contains("VIOLATION: "));
        let name = format!("seed-{}", arguments[1]);
        assert!(folder.join(format!("{name}.html")).is_file(), "the page of the evidence");
        std::fs::read_to_string(folder.join(format!("{name}.trace"))).expect("its trace")
    });
    assert!(traces[0] == traces[1], "the same seed had two traces");
}
