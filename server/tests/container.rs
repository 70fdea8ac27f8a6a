//! The image and the compose file set only variables that the server knows.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn text(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace");
    std::fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The variables of the server that a text names. Those of the workload have a longer prefix.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("VALTHREE_") && !word.starts_with("VALTHREE_WORKLOAD_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn every_variable_of_the_image_and_the_compose_file_is_one_of_the_servers() {
    let help = Command::new(env!("CARGO_BIN_EXE_valthree")).arg("--help").output().unwrap();
    let known = variables(&String::from_utf8(help.stdout).unwrap());
    let used = variables(&(text("docker-compose.yaml") + &text("Dockerfile.valthree")));
    assert!(used.len() >= 3, "{used:?}");
    assert!(used.is_subset(&known), "{:?}", used.difference(&known));
}
