//! What concerns the temporary files, whose names only the store itself knows.

use std::fs;

use tempfile::TempDir;

use super::Directory;
use crate::store::{Condition, ETag, Got, Store, StoreError};

fn folder() -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    (folder, store)
}

#[tokio::test]
async fn a_version_that_cannot_be_written_leaves_the_old_one() {
    let (folder, store) = folder();
    let etag = store.put("db.json", "old".into(), &Condition::Absent).await.unwrap();
    let temporary = folder.path().join(&store.temporary);
    fs::create_dir(&temporary).unwrap();
    let matches = Condition::Match(etag.clone());
    match store.put("db.json", "new".into(), &matches).await {
        Err(StoreError::DidNotHappen(why)) => assert!(why.contains("write"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.get("db.json", Some(&etag)).await.unwrap(), Got::Unchanged);
    fs::remove_dir(&temporary).unwrap();
    store.put("db.json", "new".into(), &matches).await.unwrap();
}

#[tokio::test]
async fn the_leftover_of_a_failed_put_is_replaced_and_nothing_linked_to_it() {
    let (folder, store) = folder();
    let etag = store.put("db.json", "old".into(), &Condition::Absent).await.unwrap();
    fs::hard_link(folder.path().join("db.json"), folder.path().join(&store.temporary)).unwrap();
    let stale = Condition::Match(ETag("stale".into()));
    assert!(matches!(store.put("db.json", "x".into(), &stale).await, Err(StoreError::Conflict(_))));
    let reader = fs::File::open(folder.path().join("db.json")).unwrap();
    store.put("db.json", "new".into(), &Condition::Match(etag)).await.unwrap();
    assert_eq!(std::io::read_to_string(reader).unwrap(), "old", "a version was changed in place");
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name != ".valthree").collect::<Vec<_>>(), ["db.json"]);
}

#[tokio::test]
async fn two_stores_never_write_the_same_temporary_file() {
    let (folder, store) = folder();
    assert_ne!(store.temporary, Directory::open(folder.path()).unwrap().temporary);
}
