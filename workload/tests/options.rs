//! The options of `run`: restricted commands, servers that know few commands, and keys that it removes.

mod small_server;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use small_server::SmallServer;
use valthree_workload::class::Class;

fn workload(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_valthree-workload"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .output();
    output.expect("the workload can be started")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Runs 20 small rounds of the four commands that the small server knows.
fn run(server: &SmallServer, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "--addrs", &server.address, "--rounds", "20", "--operations", "60", "--seed", "7"];
    workload(folder.path(), &[arguments.as_slice(), &["--commands", "get,set,del,flushall"], more].concat())
}

#[test]
fn a_server_that_refuses_hello_and_knows_four_commands_is_judged() {
    let server = SmallServer::start();
    let output = run(&server, &["--own-database"]);
    // Status 3 says that so few rounds flush seldom.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", said(&output));
    assert!(said(&output).contains("no violation"), "{}", said(&output));
    let known = ["CLIENT", "DEL", "FLUSHALL", "GET", "HELLO", "SET"].map(str::to_owned);
    assert_eq!(server.received(), BTreeSet::from(known), "the run tries RESP3, and sends nothing but its commands");
}

#[test]
fn without_a_database_of_its_own_a_run_never_flushes() {
    let server = SmallServer::start();
    let output = run(&server, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!server.received().contains("FLUSHALL"), "{:?}", server.received());
}

#[test]
fn the_keys_of_a_run_stay_unless_it_is_told_to_remove_them() {
    let server = SmallServer::start();
    run(&server, &[]);
    let left = server.keys();
    assert!(left > 0);
    let output = run(&server, &["--remove-keys"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(server.keys(), left, "the second run removes its own keys and no others");
}

#[test]
fn commands_that_show_nothing_together_are_refused() {
    let refused = |arguments: &[&str], why: &str| {
        let folder = tempfile::tempdir().unwrap();
        let output = workload(folder.path(), &[["run", "--addrs", "127.0.0.1:1"].as_slice(), arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(why), "{arguments:?}: {}", said(&output));
    };
    refused(&["--commands", "get,del"], "must name a command that always sets values: one of set, mset, set-get");
    refused(&["--commands", "set,del"], "must name a command that always reads values: one of get, mget, set-get");
    refused(&["--commands", "get,geo"], "not a class of commands: known are get, set, set-nx");
    refused(&["--commands", "get,set", "--remove-keys"], "--remove-keys sends DEL, which --commands does not name");
    refused(&["--histories", "h", "--remove-keys"], "cannot be used with");
}

#[test]
fn the_help_names_every_class_of_commands_and_the_status_of_its_example() {
    let folder = tempfile::tempdir().unwrap();
    let words = |output: Output| said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    let run = words(workload(folder.path(), &["run", "--help"]));
    let classes = Class::ALL.map(Class::flag).join(", ");
    assert!(run.contains(&format!("values: {classes}]")), "{run}");
    let check = words(workload(folder.path(), &["check", "--help"]));
    assert!(check.contains("exits with status 1. That is intended."), "{check}");
}

#[test]
fn the_lines_of_a_run_fit_a_terminal_of_80_columns() {
    let server = SmallServer::start();
    let output = run(&server, &[]);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("serializable: round 19, "), "{log}");
    for line in said(&output).lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}
