//! What every store has to do, asked of every store that there is. A real S3 server is asked too if `VALTHREE_TEST_S3` has
//! its URL: where it and the stand-in differ, one of them fails here.

mod bucket;

use std::sync::Arc;

use bucket::Bucket;
use bytes::Bytes;
use futures_util::future::join_all;
use valthree::store::directory::Directory;
use valthree::store::memory::Memory;
use valthree::store::proof::Proof;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

/// More than fit on one page of S3's lists.
const MANY: usize = 1050;

/// Requests under way at the same time where there are many to make.
const AT_ONCE: usize = 50;

const TASKS: usize = 16;
const INCREMENTS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    conforms(Memory::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(Directory::open(folder.path()).unwrap()).await;
}

#[test]
fn s3_on_the_best_server_conforms() {
    on(&Bucket::on_the_best_server());
}

/// The stand-in has a runtime of its own, which must not be dropped within another.
fn on(bucket: &Bucket) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { conforms(bucket.store().await).await });
}

async fn conforms(store: impl Store) {
    let store = Arc::new(store);
    // First of all, since it finds out how the store wants its ETags, and has a bucket created.
    let proof = Proof::new(Arc::clone(&store), "conformance");
    proof.run().await.unwrap();
    proof.clean_up().await;
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());

    what_is_absent_is_only_created(&*store).await;
    a_version_is_replaced_once(&*store).await;
    what_was_created_is_fetched(&*store).await;
    what_is_deleted_is_absent(&*store).await;
    content_is_kept(&*store).await;
    names_are_listed(&*store).await;
    no_increment_is_lost(store).await;
}

async fn create(store: &impl Store, name: &str, content: impl Into<Bytes>) -> Result<ETag, StoreError> {
    store.put(name, content.into(), &Condition::Absent).await
}

async fn replace(store: &impl Store, name: &str, etag: &ETag, content: &'static str) -> Result<ETag, StoreError> {
    store.put(name, content.into(), &Condition::Match(etag.clone())).await
}

fn is_conflict(result: Result<ETag, StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
}

async fn what_is_absent_is_only_created(store: &impl Store) {
    assert_eq!(store.get("a", None).await.unwrap(), Got::Absent);
    assert_eq!(store.get("a", Some(&ETag::of(b"one"))).await.unwrap(), Got::Absent);
    is_conflict(replace(store, "a", &ETag::of(b"one"), "two").await);
    assert_eq!(store.get("a", None).await.unwrap(), Got::Absent);

    let etag = create(store, "a", "one").await.unwrap();
    is_conflict(create(store, "a", "two").await);
    is_conflict(create(store, "a", "one").await);
    assert_eq!(store.get("a", None).await.unwrap(), Got::Object { bytes: "one".into(), etag });
}

async fn a_version_is_replaced_once(store: &impl Store) {
    let first = create(store, "b", "one").await.unwrap();
    let second = replace(store, "b", &first, "two").await.unwrap();
    assert_ne!(first, second);
    is_conflict(replace(store, "b", &first, "three").await);
    assert_eq!(store.get("b", Some(&second)).await.unwrap(), Got::Unchanged);
    let present = Got::Object { bytes: "two".into(), etag: second.clone() };
    assert_eq!(store.get("b", None).await.unwrap(), present);
    assert_eq!(store.get("b", Some(&first)).await.unwrap(), present);
    // A tag names a content, here and in another object.
    assert_eq!(create(store, "b2", "two").await.unwrap(), second);
}

async fn what_is_deleted_is_absent(store: &impl Store) {
    let etag = create(store, "c", "one").await.unwrap();
    for _ in 0..2 {
        store.delete(&["c".to_owned()]).await.unwrap();
        assert_eq!(store.get("c", None).await.unwrap(), Got::Absent);
        assert_eq!(store.get("c", Some(&etag)).await.unwrap(), Got::Absent);
    }
    is_conflict(replace(store, "c", &etag, "two").await);
    create(store, "c", "two").await.unwrap();
    store.delete(&["never".to_owned()]).await.unwrap();
    let several = ["c", "never", "d"].map(str::to_owned);
    create(store, "d", "four").await.unwrap();
    store.delete(&several).await.unwrap();
    for name in &several {
        assert_eq!(store.get(name, None).await.unwrap(), Got::Absent);
    }
    store.delete(&[]).await.unwrap();
}

/// Of objects that nobody replaces, as runs are.
async fn what_was_created_is_fetched(store: &impl Store) {
    let content = Bytes::from_static(b"a run");
    for _ in 0..3 {
        // The second and the third may be sealed in another way than the first.
        store.create("runs/x", content.clone()).await.unwrap();
        let again = store.create("runs/x", Bytes::from_static(b"another")).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        match store.fetch("runs/x").await.unwrap() {
            Got::Object { bytes, .. } => assert_eq!(bytes, content),
            other => panic!("{other:?}"),
        }
        store.delete(&["runs/x".to_owned()]).await.unwrap();
        assert_eq!(store.fetch("runs/x").await.unwrap(), Got::Absent);
    }
}

async fn content_is_kept(store: &impl Store) {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = (0..8_u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (name, content) in [("empty", Vec::new()), ("bytes", every_byte), ("large", large)] {
        let etag = create(store, name, content.clone()).await.unwrap();
        match store.get(name, None).await.unwrap() {
            Got::Object { bytes, etag: found } => assert!(bytes == content && found == etag, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(store.get(name, Some(&etag)).await.unwrap(), Got::Unchanged, "{name}");
        store.delete(&[name.to_owned()]).await.unwrap();
    }
}

async fn names_are_listed(store: &impl Store) {
    let names: Vec<_> = (0..MANY).map(|number| format!("runs/{number:04}")).collect();
    for some in names.chunks(AT_ONCE) {
        for created in join_all(some.iter().map(|name| create(store, name, name.clone()))).await {
            created.unwrap();
        }
    }
    create(store, "run", "not below runs/").await.unwrap();
    assert_eq!(store.list("runs/").await.unwrap(), names);
    assert_eq!(store.list("runs/1").await.unwrap(), names[1000..]);
    assert_eq!(store.list("nothing").await.unwrap(), Vec::<String>::new());
    let all = store.list("").await.unwrap();
    assert!(all.is_sorted() && all.contains(&"run".to_owned()) && all.contains(&"runs/0000".to_owned()));
    store.delete(&names).await.unwrap();
    assert_eq!(store.list("runs/").await.unwrap(), Vec::<String>::new());
}

/// What every commit of the database rests on. Each task adds words of its own to one object: a store that answers a race
/// with "unclear", as Ceph RGW does with a 500, is asked what became of it.
async fn no_increment_is_lost(store: Arc<impl Store>) {
    create(&*store, "words", "").await.unwrap();
    let add_all = |task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..INCREMENTS {
                add(&*store, &format!("{task}.{number}")).await;
            }
        })
    };
    let tasks: Vec<_> = (0..TASKS).map(add_all).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (words, _) = read(&*store).await;
    let mut words: Vec<_> = words.split_whitespace().collect();
    words.sort_unstable();
    let mut expected: Vec<_> =
        (0..TASKS).flat_map(|task| (0..INCREMENTS).map(move |number| format!("{task}.{number}"))).collect();
    expected.sort_unstable();
    assert_eq!(words, expected);
}

/// That the same version is replaced with the same content if it is tried again makes a late success harmless.
async fn add(store: &impl Store, word: &str) {
    loop {
        let (words, etag) = read(store).await;
        if words.split_whitespace().any(|other| other == word) {
            return;
        }
        match store.put("words", format!("{words} {word}").into(), &Condition::Match(etag)).await {
            Ok(_) => return,
            Err(StoreError::Conflict(_) | StoreError::Unclear(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

async fn read(store: &impl Store) -> (String, ETag) {
    match store.get("words", None).await.unwrap() {
        Got::Object { bytes, etag } => (String::from_utf8(bytes.to_vec()).unwrap(), etag),
        other => panic!("{other:?}"),
    }
}
