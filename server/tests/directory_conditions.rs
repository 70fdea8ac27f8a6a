//! What the embedded store promises about conditions, versions and names, through its public interface alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::task::JoinSet;
use valthree::store::directory::Directory;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

fn folder() -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    (folder, store)
}

fn is_conflict<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict(_)))
}

async fn create(store: &Directory, name: &str, bytes: &'static str) -> ETag {
    store.put(name, bytes.into(), &Condition::Absent).await.unwrap()
}

async fn content(store: &Directory, name: &str) -> Option<Bytes> {
    match store.get(name, None).await.unwrap() {
        Got::Object { bytes, .. } => Some(bytes),
        Got::Absent => None,
        Got::Unchanged => panic!("unchanged, but no version was named"),
    }
}

#[tokio::test]
async fn an_object_can_be_read_back_and_seen_in_the_folder() {
    let (folder, store) = folder();
    assert_eq!(store.get("db.json", None).await.unwrap(), Got::Absent);
    let etag = create(&store, "db.json", "{}").await;
    let object = Got::Object { bytes: "{}".into(), etag: etag.clone() };
    assert_eq!(store.get("db.json", None).await.unwrap(), object);
    assert_eq!(store.get("db.json", Some(&etag)).await.unwrap(), Got::Unchanged);
    assert_eq!(store.get("db.json", Some(&ETag("other".into()))).await.unwrap(), object);
    assert_eq!(std::fs::read(folder.path().join("db.json")).unwrap(), b"{}");
    assert_eq!(store.locate("db.json"), folder.path().join("db.json").display().to_string());
}

#[tokio::test]
async fn a_put_happens_only_if_its_condition_holds() {
    let (_folder, store) = folder();
    let stranger = Condition::Match(ETag("stranger".into()));
    assert!(is_conflict(&store.put("db.json", "0".into(), &stranger).await));
    assert_eq!(content(&store, "db.json").await, None, "If-Match on an absent object created it");

    let first = create(&store, "db.json", "1").await;
    assert!(is_conflict(&store.put("db.json", "0".into(), &Condition::Absent).await));
    assert!(is_conflict(&store.put("db.json", "0".into(), &stranger).await));
    assert_eq!(content(&store, "db.json").await, Some("1".into()));

    let second = store.put("db.json", "2".into(), &Condition::Match(first.clone())).await.unwrap();
    assert_ne!(first, second);
    assert!(is_conflict(&store.put("db.json", "0".into(), &Condition::Match(first)).await));
    assert_eq!(content(&store, "db.json").await, Some("2".into()));
}

#[tokio::test]
async fn a_version_has_the_same_tag_for_every_process_that_opens_the_folder() {
    let (folder, store) = folder();
    let etag = create(&store, "db.json", "1").await;
    let other = Directory::open(folder.path()).unwrap();
    assert_eq!(other.get("db.json", Some(&etag)).await.unwrap(), Got::Unchanged);
    let newer = other.put("db.json", "2".into(), &Condition::Match(etag.clone())).await.unwrap();
    let object = Got::Object { bytes: "2".into(), etag: newer };
    assert_eq!(store.get("db.json", Some(&etag)).await.unwrap(), object);
}

#[tokio::test]
async fn objects_are_listed_by_prefix_without_what_the_store_keeps_for_itself() {
    let (folder, store) = folder();
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    assert_eq!(store.list("runs/").await.unwrap(), Vec::<String>::new());
    for name in ["runs/2-b", "runs/10-a", "db.json", "runs/old/1"] {
        create(&store, name, "x").await;
    }
    // What a process leaves that is killed before its rename.
    std::fs::write(folder.path().join(".unfinished"), "torn").unwrap();
    std::fs::write(folder.path().join("runs/.unfinished"), "torn").unwrap();
    assert_eq!(store.list("").await.unwrap(), ["db.json", "runs/10-a", "runs/2-b", "runs/old/1"]);
    assert_eq!(store.list("runs/").await.unwrap(), ["runs/10-a", "runs/2-b", "runs/old/1"]);
    assert_eq!(store.list("runs/1").await.unwrap(), ["runs/10-a"]);
    assert_eq!(store.list("sweep/").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_deleted_is_gone_and_can_be_deleted_again() {
    let (_folder, store) = folder();
    store.delete(&["runs/1".to_owned()]).await.unwrap();
    let etag = create(&store, "runs/1", "x").await;
    create(&store, "runs/2", "y").await;
    store.delete(&["runs/1".to_owned()]).await.unwrap();
    store.delete(&["runs/1".to_owned()]).await.unwrap();
    assert_eq!(store.get("runs/1", None).await.unwrap(), Got::Absent);
    assert_eq!(store.get("runs/1", Some(&etag)).await.unwrap(), Got::Absent);
    assert_eq!(store.list("").await.unwrap(), ["runs/2"]);
    assert_eq!(create(&store, "runs/1", "x").await, etag);
}

/// Adds one until it worked, as often as told.
async fn increment(store: Arc<Directory>, times: usize) {
    for _ in 0..times {
        loop {
            let Got::Object { bytes, etag } = store.get("counter", None).await.unwrap() else {
                panic!("the counter is gone");
            };
            let count: u64 = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
            let more = (count + 1).to_string();
            match store.put("counter", more.into(), &Condition::Match(etag)).await {
                Ok(_) => break,
                Err(StoreError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_folder_lose_no_increment() {
    const TASKS_PER_STORE: usize = 4;
    const INCREMENTS: usize = 10;
    let (folder, store) = folder();
    create(&store, "counter", "0").await;
    let stores = [Arc::new(store), Arc::new(Directory::open(folder.path()).unwrap())];
    let mut tasks = JoinSet::new();
    for store in &stores {
        for _ in 0..TASKS_PER_STORE {
            tasks.spawn(increment(Arc::clone(store), INCREMENTS));
        }
    }
    tasks.join_all().await;
    let total = (stores.len() * TASKS_PER_STORE * INCREMENTS).to_string();
    assert_eq!(content(&stores[0], "counter").await, Some(total.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contested_creation_has_one_winner() {
    let (folder, store) = folder();
    let stores = [Arc::new(store), Arc::new(Directory::open(folder.path()).unwrap())];
    let mut tasks = JoinSet::new();
    for contestant in 0..16_usize {
        let store = Arc::clone(&stores[contestant % stores.len()]);
        tasks.spawn(async move {
            let bytes = Bytes::from(contestant.to_string());
            let result = store.put("db.json", bytes.clone(), &Condition::Absent).await;
            assert!(result.is_ok() || is_conflict(&result), "{result:?}");
            result.is_ok().then_some(bytes)
        });
    }
    let winners: BTreeSet<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(content(&stores[0], "db.json").await, winners.into_iter().next());
}

#[tokio::test]
async fn dropped_puts_leave_the_store_usable() {
    let (_folder, store) = folder();
    let mut etag = create(&store, "db.json", "start").await;
    for round in 0..20 {
        let bytes = Bytes::from(format!("round {round}"));
        let condition = Condition::Match(etag.clone());
        tokio::select! {
            biased;
            result = store.put("db.json", bytes.clone(), &condition) => drop(result.unwrap()),
            () = tokio::task::yield_now() => {}
        }
        // The dropped put may land before this one or not at all, so either this one is stored or that one was.
        match store.put("db.json", bytes.clone(), &condition).await {
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let Got::Object { bytes: found, etag: now } = store.get("db.json", None).await.unwrap() else {
            panic!("the object is gone");
        };
        assert_eq!(found, bytes);
        etag = now;
    }
}
