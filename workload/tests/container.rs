//! The workload understands every flag and variable that its container gives it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn workload(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_valthree-workload")).args(arguments).output().unwrap()
}

/// The workload's flags in each command line of a script.
fn command_lines(script: &str) -> Vec<Vec<&str>> {
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.split_once("valthree-workload "));
    lines.map(|(_, rest)| rest.split_whitespace().filter(|word| *word != "\"$@\"").collect()).collect()
}

#[test]
fn every_command_line_in_the_container_is_understood() {
    let scripts = ["workload", "test/valthree/singleton_driver_rounds", "test/valthree/eventually_recovered"];
    let mut seen = BTreeSet::new();
    for name in scripts {
        let script = std::fs::read_to_string(root().join("antithesis").join(name)).unwrap();
        for mut arguments in command_lines(&script) {
            seen.insert(arguments[0].to_owned());
            // What comes before it is read first, and refused if it makes no sense.
            arguments.push("--help");
            let output = workload(&arguments);
            assert!(output.status.success(), "{name}: {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(seen, BTreeSet::from(["recover", "run", "wait"].map(str::to_owned)));
}

#[test]
fn a_flag_that_does_not_exist_is_refused_even_before_help() {
    assert!(!workload(&["run", "--no-such-flag", "--help"]).status.success());
}

#[test]
fn every_variable_of_the_compose_file_is_one_of_the_workload() {
    let help = workload(&["run", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let compose = std::fs::read_to_string(root().join("docker-compose.yaml")).unwrap();
    let lines = compose.lines().map(str::trim).filter(|line| line.starts_with("VALTHREE_WORKLOAD_"));
    let names: Vec<&str> = lines.filter_map(|line| line.split(':').next()).collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        assert!(help.contains(&format!("[env: {name}=")), "{name}");
    }
}
