//! What `valthree inspect` shows, and what `valthree verify` finds.

mod bucket;
mod cluster;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command as Process, Output};

use bytes::Bytes;
use cluster::*;
use valthree::command::Command;
use valthree::root::{self, Root};
use valthree::shared::Thresholds;
use valthree::store::Store as _;
use valthree::store::directory::Directory;

/// Three entries become a run, and nothing else happens.
const FOLDS: Thresholds = Thresholds { recent: 220, commits: 0, fanout: 100, garbage: 1_000, commit: 1 << 20 };

fn valthree(folder: &Path, arguments: &[&str]) -> Output {
    let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
    let (task, rest) = arguments.split_first().unwrap();
    process.arg(task).arg("--store").arg(folder).args(rest).env_remove("RUST_LOG").output().unwrap()
}

/// What it says, if it has nothing to complain about.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = valthree(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains about.
fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let output = valthree(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A folder with a database that has a run, and something over it.
async fn database() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    let server = Server::start_with(store, 1, FOLDS).await;
    let bytes = Command::Set { key: Bytes::from_static(b"\xff"), value: "3".into(), condition: None, get: false };
    for command in [set("a", "1"), set("b", "2"), bytes] {
        server.call(1, command).await.unwrap();
    }
    let json = || async { tokio::fs::read(folder.path().join(root::NAME)).await.unwrap() };
    while Root::decode(&json().await).unwrap().runs.is_empty() {
        tokio::task::yield_now().await;
    }
    for command in [del(&["a"]), set("c", "4")] {
        server.call(1, command).await.unwrap();
    }
    drop(server.queue);
    server.ended.await.unwrap().unwrap();
    let root = Root::decode(&json().await).unwrap();
    (folder, root)
}

#[tokio::test]
async fn inspect_shows_the_database_and_each_of_its_objects() {
    let (folder, root) = database().await;
    let run = root.runs[0].name.to_string();
    let shown = said(folder.path(), &["inspect"]);
    let expected = r#"{"key":"b","value":"2"}
{"key":"c","value":"4"}
{"key":"base64:/w==","value":"3"}
"#;
    assert_eq!(shown, expected);
    let shown = said(folder.path(), &["inspect", "db.json"]);
    assert_eq!(Root::decode(shown.as_bytes()).unwrap(), root, "it is what is stored");
    assert!(shown.contains("\n    \"a\": null,\n"), "one entry stands in a line: {shown}");
    let shown = said(folder.path(), &["inspect", &run]);
    let (first, entries) = shown.split_once('\n').unwrap();
    assert!(first.starts_with(&format!(
        "{{\"run\":1,\"database\":\"{}\",\"entries\":{},",
        root.header.id, root.runs[0].entries
    )));
    assert!(entries.starts_with("{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"b\",\"value\":\"2\"}\n"), "{entries}");
    let fault = complaint(folder.path(), &["inspect", "nonsense"]);
    assert!(fault.contains("\"nonsense\" is neither db.json nor the name of a run"), "{fault}");
}

#[tokio::test]
async fn verify_says_what_there_is_or_all_that_is_wrong_with_it() {
    let (folder, root) = database().await;
    let (run, bytes) = (root.runs[0].name.to_string(), root.runs[0].bytes);
    let generation = root.header.generation;
    let fine = format!("generation {generation}: 3 keys, and 1 runs of {bytes} bytes; nothing is wrong\n");
    assert_eq!(said(folder.path(), &["verify"]), fine);

    let place = folder.path().join(&run);
    let good = std::fs::read(&place).unwrap();
    let mut cases: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let mut flipped = good.clone();
    flipped[100] ^= 4;
    cases.insert("is damaged: its checksum is wrong", flipped);
    cases.insert("is not the run that db.json names: it is ", good[..good.len() - 3].to_vec());
    for (why, bytes) in cases {
        std::fs::write(&place, bytes).unwrap();
        let fault = complaint(folder.path(), &["verify"]);
        assert!(fault.contains(&format!("{} {why}", place.display())), "{fault}");
        assert!(complaint(folder.path(), &["inspect"]).contains(why));
    }
    std::fs::remove_file(&place).unwrap();
    let fault = complaint(folder.path(), &["verify"]);
    assert!(fault.contains(&format!("{} is missing, although db.json names it", place.display())), "{fault}");
    std::fs::write(&place, good).unwrap();

    let mut wrong = root.clone();
    wrong.keys = 4;
    std::fs::write(folder.path().join(root::NAME), wrong.encode()).unwrap();
    let fault = complaint(folder.path(), &["verify"]);
    assert!(fault.contains("db.json contradicts itself: it counts 4 keys and holds 3"), "{fault}");
    wrong = root.clone();
    wrong.recent.replace(vec![("nobody".into(), Some(None))]);
    std::fs::write(folder.path().join(root::NAME), wrong.encode()).unwrap();
    let fault = complaint(folder.path(), &["verify"]);
    assert!(fault.contains("it deletes a key from its runs that they do not have"), "{fault}");
}

#[tokio::test]
async fn looking_at_a_folder_changes_nothing_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    for task in ["inspect", "verify"] {
        assert!(complaint(&nowhere, &[task]).contains("is not a folder"));
        assert!(complaint(folder.path(), &[task]).contains("db.json is not there"));
    }
    assert!(!nowhere.exists());
    let store = Directory::open(folder.path()).unwrap();
    assert!(store.list("").await.unwrap().is_empty());
}

#[test]
fn looking_at_a_bucket_that_is_not_there_does_not_create_it() {
    let bucket = bucket::Bucket::on_a_stand_in();
    for task in ["inspect", "verify", "inspect"] {
        let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
        let output = bucket.arguments(process.arg(task).env_remove("RUST_LOG")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("there is no bucket valthree-test at http://") && !said.contains("created"), "{said}");
    }
}
