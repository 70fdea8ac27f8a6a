//! The bug zoo: what the README says of it, and that an alarm rings and can be heard again.

#[path = "../src/zoo.rs"]
mod zoo;

use zoo::{BUGS, Bug};

/// No bug may take more seeds to be caught.
const BOUND: u64 = 200;

#[test]
fn the_table_of_the_readme_has_every_bug_and_none_that_took_longer_than_the_bound() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("<!-- zoo:").expect("the table begins");
    let (table, _) = table.split_once("<!-- end of zoo -->").expect("the table ends");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let told: Vec<_> = rows.iter().map(|row| (row[0].trim_matches('`'), row[1], row[2])).collect();
    let known: Vec<_> = BUGS.iter().map(|Bug { name, what, seen }| (*name, *what, *seen)).collect();
    assert_eq!(told, known);
    for row in rows {
        assert!(row[6].contains(&format!("VALTHREE_BUG={} ", row[0].trim_matches('`'))), "{}", row[6]);
        let [median, worst] = [row[3], row[4]].map(|seeds| seeds.parse::<u64>().expect("how many seeds it took"));
        assert!(1 <= median && median <= worst && worst <= BOUND, "{}: {median}, {worst}", row[0]);
    }
}

#[cfg(feature = "bug-zoo")]
#[test]
fn the_printed_command_has_a_failure_again_to_the_byte() {
    use std::path::Path;
    use std::process::{Command, Output};

    let run = |arguments: &[&str], folder: &Path| -> Output {
        let mut sim = Command::new(env!("CARGO_BIN_EXE_valthree-lab-sim"));
        sim.env("VALTHREE_BUG", "canary").args(arguments).arg("--artifacts").arg(folder);
        sim.output().expect("the command starts")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let found = run(&["--from", "1", "--seeds", "5"], folder.path());
    let said = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(1), "the canary is not heard: {said}");
    let again = said.lines().skip_while(|line| *line != "to have it again:").nth(1).expect("a command").trim();
    let (cargo, arguments) = again.split_once(" -- ").expect("arguments");
    assert!(cargo.starts_with("VALTHREE_BUG=canary cargo run ") && cargo.contains("--features bug-zoo"), "{again}");
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
