//! What `valthree inspect` shows, and what `valthree verify` finds.

mod bucket;
mod cluster;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command as Process, Output};

use cluster::*;
use valthree::root::{self, Root};
use valthree::settings::Thresholds;
use valthree::store::Store as _;
use valthree::store::directory::Directory;

/// Three entries become a run, and nothing else happens.
const FOLDS: Thresholds = Thresholds { recent: 220, commits: 0, fanout: 100, garbage: 1_000, commit: 1 << 20 };

fn valthree(folder: &Path, arguments: &[&str]) -> Output {
    let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
    let (task, rest) = arguments.split_first().unwrap();
    process.arg(task).arg("--store").arg(folder).args(rest).env_remove("RUST_LOG").output().unwrap()
}

/// The output of a command that has to succeed.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = valthree(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The errors of a command that has to fail.
fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let output = valthree(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A folder with a database that has a run, and newer entries over it.
async fn database() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    let server = Server::start_with(store, 1, FOLDS).await;
    let bytes = command([&b"SET"[..], b"\xff", b"3"]);
    for command in [set("a", "1"), set("b", "2"), bytes] {
        server.call(1, command).await.unwrap();
    }
    let json = || async { tokio::fs::read(folder.path().join(root::NAME)).await.unwrap() };
    while Root::decode(&json().await, &[]).unwrap().runs.is_empty() {
        tokio::task::yield_now().await;
    }
    for command in [del(&["a"]), set("c", "4")] {
        server.call(1, command).await.unwrap();
    }
    drop(server.queue);
    server.ended.await.unwrap().unwrap();
    let root = Root::decode(&json().await, &[]).unwrap();
    (folder, root)
}

#[tokio::test]
async fn inspect_shows_the_database_and_each_of_its_objects() {
    let (folder, root) = database().await;
    let run = root.runs[0].name.to_string();
    let shown = said(folder.path(), &["inspect"]);
    let expected = r#"{"database":"0.0","key":"b","value":"2"}
{"database":"0.0","key":"c","value":"4"}
{"database":"0.0","key":"base64:/w==","value":"3"}
"#;
    assert_eq!(shown, expected);
    let shown = said(folder.path(), &["inspect", "db.json"]);
    let json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(json(shown.as_bytes()), json(&root.encode()), "the text is the stored database");
    assert!(shown.contains("\"a\": null"), "a removal is shown: {shown}");
    let shown = said(folder.path(), &["inspect", &run]);
    let (first, entries) = shown.split_once('\n').unwrap();
    assert!(
        first.starts_with(&format!("{{\"run\":2,\"database\":\"{}\",\"rows\":{},", root.header.id, root.runs[0].rows))
    );
    assert!(entries.starts_with("{\"database\":\"0.0\",\"key\":\"a\",\"value\":\"1\"}\n"), "{entries}");
    let fault = complaint(folder.path(), &["inspect", "nonsense"]);
    assert!(fault.contains("\"nonsense\" is neither db.json nor the name of a run"), "{fault}");
}

#[tokio::test]
async fn verify_counts_an_undamaged_database_or_lists_every_damage() {
    let (folder, root) = database().await;
    let (run, bytes) = (root.runs[0].name.to_string(), root.runs[0].bytes);
    let generation = root.header.generation;
    let fine = format!("generation {generation}: 3 keys, 1 runs of {bytes} bytes; no damage found\n");
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
    assert!(fault.contains(&format!("{} is missing, but db.json names it", place.display())), "{fault}");
    std::fs::write(&place, good).unwrap();

    let mut wrong = root.clone();
    wrong.header.databases[0].keys = 4;
    std::fs::write(folder.path().join(root::NAME), wrong.encode()).unwrap();
    let fault = complaint(folder.path(), &["verify"]);
    assert!(fault.contains("db.json contradicts itself: it counts 4 keys in database 0 and holds 3"), "{fault}");
}

#[tokio::test]
async fn looking_at_a_folder_changes_nothing_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    for task in ["inspect", "verify"] {
        assert!(complaint(&nowhere, &[task]).contains("is not a folder"));
        assert!(complaint(folder.path(), &[task]).contains("db.json does not exist"));
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

#[tokio::test]
async fn a_reader_that_closes_the_pipe_is_no_error() {
    let (folder, _) = database().await;
    for task in ["inspect", "verify"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
        process.arg(task).arg("--store").arg(folder.path()).env_remove("RUST_LOG").stdout(writer);
        let output = process.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{task}: {output:?}");
    }
}

#[tokio::test]
async fn a_full_device_is_an_error() {
    let (folder, _) = database().await;
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
    process.arg("inspect").arg("--store").arg(folder.path()).env_remove("RUST_LOG").stdout(full);
    let output = process.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write the output: No space left on device"), "{said}");
}

#[tokio::test]
async fn a_generation_near_the_largest_number_is_damage() {
    let (folder, root) = database().await;
    let file = folder.path().join(root::NAME);
    let stored = String::from_utf8(root.encode().to_vec()).unwrap();
    let generation = format!("\"generation\":{}", root.header.generation);
    let forged = stored.replacen(&generation, &format!("\"generation\":{}", u64::MAX), 1);
    assert_ne!(forged, stored);
    std::fs::write(&file, &forged).unwrap();
    let started = Process::new(env!("CARGO_BIN_EXE_valthree"))
        .args(["--listen", "127.0.0.1:0", "--log-filter", "error", "--store"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(started.status.code(), Some(1));
    for said in [String::from_utf8(started.stderr).unwrap(), complaint(folder.path(), &["verify"])] {
        let damage = format!("{} contradicts itself: generation {} is beyond the last one", file.display(), u64::MAX);
        assert!(said.contains(&damage), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), forged, "nothing replaces a damaged database");
}
