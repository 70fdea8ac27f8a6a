//! What the embedded store says when the folder is not what it needs. Permissions are not tried, as the superuser has
//! them all; a file in the place of a folder, and the other way round, stops everybody.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use valthree::store::directory::Directory;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

fn folder() -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    (folder, store)
}

fn assert_names(error: &impl ToString, operation: &str, path: &Path) {
    let (text, path) = (error.to_string(), path.display().to_string());
    assert!(text.contains(operation) && text.contains(&path), "{text:?} does not say {operation:?} and {path:?}");
}

fn assert_did_not_happen<T: std::fmt::Debug>(result: Result<T, StoreError>, operation: &str, path: &Path) {
    match result {
        Err(error @ StoreError::DidNotHappen(_)) => assert_names(&error, operation, path),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_folder_is_created_with_those_above_it_and_left_empty() {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("a/b/valthree-data");
    let store = Directory::open(&inner).unwrap();
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 0);
    store.put("db.json", "{}".into(), &Condition::Absent).await.unwrap();
    let again = Directory::open(&inner).unwrap();
    assert!(matches!(again.get("db.json", None).await.unwrap(), Got::Object { .. }));
}

#[test]
fn a_path_that_cannot_be_a_store_is_refused_by_name() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert_names(&Directory::open(&file).unwrap_err(), "use as a folder", &file);
    assert_names(&Directory::open(file.join("below")).unwrap_err(), "create folder", &file.join("below"));
    assert_eq!(fs::read(&file).unwrap(), b"mine");

    let unwritable = outer.path().join("unwritable");
    fs::create_dir_all(unwritable.join(".unfinished")).unwrap();
    let error = Directory::open(&unwritable).unwrap_err();
    assert_names(&error, "write", &unwritable.join(".unfinished"));
}

#[tokio::test]
async fn a_folder_in_the_place_of_an_object_is_an_error_and_not_an_absence() {
    let (folder, store) = folder();
    let path = folder.path().join("db.json");
    fs::create_dir(&path).unwrap();
    assert!(matches!(store.get("db.json", None).await, Err(StoreError::Obstructed(_))));
    assert_did_not_happen(store.put("db.json", "{}".into(), &Condition::Absent).await, "read", &path);
    assert!(path.is_dir());
}

#[tokio::test]
async fn a_file_in_the_place_of_a_folder_is_an_error_and_not_an_absence() {
    let (folder, store) = folder();
    fs::write(folder.path().join("runs"), "mine").unwrap();
    let path = folder.path().join("runs/1");
    assert_did_not_happen(store.get("runs/1", None).await, "read", &path);
    assert_did_not_happen(store.put("runs/1", "x".into(), &Condition::Absent).await, "read", &path);
    assert_eq!(store.list("").await.unwrap(), ["runs"]);
}

#[tokio::test]
async fn a_version_that_cannot_be_written_leaves_the_old_one() {
    let (folder, store) = folder();
    let etag = store.put("db.json", "old".into(), &Condition::Absent).await.unwrap();
    let temporary = folder.path().join(".unfinished");
    fs::create_dir(&temporary).unwrap();
    let matches = Condition::Match(etag.clone());
    assert_did_not_happen(store.put("db.json", "new".into(), &matches).await, "write", &temporary);
    assert_eq!(store.get("db.json", Some(&etag)).await.unwrap(), Got::Unchanged);
    fs::remove_dir(&temporary).unwrap();
    store.put("db.json", "new".into(), &matches).await.unwrap();
}

#[tokio::test]
async fn the_leftover_of_a_killed_process_is_replaced_and_nothing_linked_to_it() {
    let (folder, store) = folder();
    let etag = store.put("db.json", "old".into(), &Condition::Absent).await.unwrap();
    fs::hard_link(folder.path().join("db.json"), folder.path().join(".unfinished")).unwrap();
    let stale = Condition::Match(ETag("stale".into()));
    assert!(matches!(store.put("db.json", "x".into(), &stale).await, Err(StoreError::Conflict(_))));
    let reader = fs::File::open(folder.path().join("db.json")).unwrap();
    store.put("db.json", "new".into(), &Condition::Match(etag)).await.unwrap();
    assert_eq!(std::io::read_to_string(reader).unwrap(), "old", "a version was changed in place");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_that_vanished_is_not_created_again() {
    let (folder, store) = folder();
    let path = folder.path().to_owned();
    drop(folder);
    assert_did_not_happen(store.put("db.json", "x".into(), &Condition::Absent).await, "lock", &path);
    assert_did_not_happen(store.list("").await, "list", &path);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_name_never_leaves_the_folder() {
    let (folder, store) = folder();
    let outside = folder.path().join("../outside");
    for name in ["../outside", "runs/../../outside", "/outside", "", "runs/", "runs//1", ".unfinished", "a\\b", "a\0"] {
        assert!(matches!(store.get(name, None).await, Err(StoreError::DidNotHappen(_))), "{name:?}");
        let put = store.put(name, "x".into(), &Condition::Absent).await;
        assert!(matches!(put, Err(StoreError::DidNotHappen(_))), "{name:?}");
    }
    assert!(!outside.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
