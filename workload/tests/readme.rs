//! The README's example of a violation.

use std::path::Path;
use std::process::Command;

#[test]
fn the_history_that_the_readme_shows_is_a_violation() {
    let folder = tempfile::tempdir().unwrap();
    let history = Path::new(env!("CARGO_MANIFEST_DIR")).join("evidence.jsonl");
    let mut checker = Command::new(env!("CARGO_BIN_EXE_valthree-workload"));
    let output = checker.arg("check").arg(history).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("#17 client 0") && said.contains("DEL 66:0:0 66:0:1"), "{said}");
    assert!(folder.path().join("valthree-evidence/evidence.html").is_file(), "{said}");
}
