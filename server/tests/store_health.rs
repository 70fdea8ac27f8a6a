//! What a server says of a store that fails: once that it fails, once that it is back, and to clients in a few words.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{advance, sleep};
use tracing::subscriber::DefaultGuard;
use valthree::clock::Clock;
use valthree::store::memory::{Memory, Script};
use valthree::store::watched::WatchedStore;
use valthree::store::{Condition, Health, Reason, Store, StoreError};

/// The log of a test, without times.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Log, DefaultGuard) {
        let log = Log::default();
        let lines = log.clone();
        let subscriber = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
        let subscriber = subscriber.with_max_level(tracing::Level::INFO).with_writer(move || lines.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn watched() -> (Arc<WatchedStore<Memory>>, Script, Arc<Health>) {
    let (memory, script) = Memory::new().scripted();
    let health = Arc::<Health>::default();
    (
        Arc::new(WatchedStore::new(
            memory,
            Arc::clone(&health),
            Arc::new(Clock::new(std::time::SystemTime::UNIX_EPOCH)),
        )),
        script,
        health,
    )
}

fn full() -> StoreError {
    let error = io::Error::from(io::ErrorKind::StorageFull);
    StoreError::DidNotHappen(Reason::of_system("cannot write db.json: no space".into(), error))
}

/// Has a write fail, or succeed.
async fn write(store: &Arc<WatchedStore<Memory>>, script: &mut Script, name: &str, error: Option<StoreError>) {
    let (store, name) = (Arc::clone(store), name.to_owned());
    let put = tokio::spawn(async move { store.put(&name, Bytes::new(), &Condition::Absent).await });
    let mut held = script.next().await.unwrap();
    match error {
        Some(error) => held.fail(error),
        None => held.answer(),
    }
    let _ = put.await.unwrap();
}

async fn read(store: &Arc<WatchedStore<Memory>>, script: &mut Script, error: Option<StoreError>) {
    let reader = Arc::clone(store);
    let get = tokio::spawn(async move { reader.get("db.json", None).await });
    let mut held = script.next().await.unwrap();
    match error {
        Some(error) => held.fail(error),
        None => held.answer(),
    }
    let _ = get.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_said_once_and_its_end_is_said_once() {
    let (log, _guard) = Log::start();
    let (store, mut script, health) = watched();
    assert_eq!(health.cause(), None);
    for _ in 0..40 {
        read(&store, &mut script, Some(StoreError::Unclear("503 SlowDown".into()))).await;
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!(log.lines(), ["WARN cannot read from the store for 1.0 s: 503 SlowDown"]);
    assert_eq!(health.cause().as_deref(), Some("the store fails"));
    assert_eq!(health.report().failing_for, Some(Duration::from_secs(4)));
    read(&store, &mut script, None).await;
    assert_eq!(log.lines()[1..], ["INFO the store is back after 4.0 s"]);
    assert_eq!((health.cause(), health.report().failing_for, health.report().errors), (None, None, 40));
    advance(Duration::from_secs(7)).await;
    assert_eq!(health.report().last_error, Some(("503 SlowDown".into(), Duration::from_millis(7100))));
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_is_not_worth_a_line() {
    let (log, _guard) = Log::start();
    let (store, mut script, _) = watched();
    for _ in 0..20 {
        read(&store, &mut script, Some(StoreError::Unclear("503 SlowDown".into()))).await;
        advance(Duration::from_millis(500)).await;
        read(&store, &mut script, None).await;
    }
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn reads_that_succeed_do_not_hide_a_full_disk() {
    let (log, _guard) = Log::start();
    let (store, mut script, health) = watched();
    for _ in 0..20 {
        write(&store, &mut script, "db.json", Some(full())).await;
        read(&store, &mut script, None).await;
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!(log.lines(), ["WARN cannot write to the store for 1.0 s: cannot write db.json: no space"]);
    assert_eq!(health.cause().as_deref(), Some("the disk is full"));
    write(&store, &mut script, "db.json", None).await;
    assert_eq!((log.lines().len(), health.cause()), (2, None));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_said_after_two_seconds_and_told_to_clients_before() {
    let (log, _guard) = Log::start();
    let (store, mut script, health) = watched();
    read(&store, &mut script, None).await;
    let reader = Arc::clone(&store);
    let get = tokio::spawn(async move { reader.get("db.json", None).await });
    let held = script.next().await.unwrap();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(health.cause(), None);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(health.cause().as_deref(), Some("the store does not answer"));
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(log.lines(), Vec::<String>::new());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(log.lines(), ["WARN cannot read from the store for 2.0 s: no answer about db.json for 2 s"]);
    held.answer();
    get.await.unwrap().unwrap();
    assert_eq!((log.lines().len(), health.cause()), (2, None));
}

#[tokio::test(start_paused = true)]
async fn a_cause_that_changes_during_an_outage_is_said_and_at_most_once_a_second() {
    let (log, _guard) = Log::start();
    let (store, mut script, _) = watched();
    let gone = || StoreError::Unclear(Reason::new("404 NoSuchBucket").with_gist("the bucket is gone"));
    let fails = || StoreError::Unclear("503 SlowDown".into());
    // Two seconds of one cause, two of another, and two of both in turn.
    for round in 0..60 {
        let is_gone = if round < 40 { round >= 20 } else { round % 2 == 0 };
        read(&store, &mut script, Some(if is_gone { gone() } else { fails() })).await;
        advance(Duration::from_millis(100)).await;
    }
    let lines: Vec<String> = log.lines();
    let warns = |seconds: &str, why: &str| format!("WARN cannot read from the store for {seconds} s: {why}");
    assert_eq!(lines[..2], [warns("1.0", "503 SlowDown"), warns("2.0", "404 NoSuchBucket")]);
    assert_eq!(lines[2..], [warns("4.1", "503 SlowDown"), warns("5.2", "404 NoSuchBucket")]);
    read(&store, &mut script, None).await;
    assert_eq!(log.lines()[4..], ["INFO the store is back after 6.0 s"]);
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_that_fail_for_different_causes_are_said_once_each() {
    let (log, _guard) = Log::start();
    let (store, mut script, _) = watched();
    for _ in 0..40 {
        read(&store, &mut script, Some(StoreError::Unclear("503 SlowDown".into()))).await;
        write(&store, &mut script, "db.json", Some(full())).await;
        advance(Duration::from_millis(100)).await;
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("read from the store") && lines[0].ends_with("503 SlowDown"), "{lines:?}");
    assert!(lines[1].contains("write to the store") && lines[1].ends_with("no space"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_a_retry_if_the_one_before_it_failed() {
    let (store, mut script, health) = watched();
    for (error, retries) in [(Some(full()), 0), (Some(full()), 1), (None, 2), (None, 2)] {
        write(&store, &mut script, "db.json", error).await;
        read(&store, &mut script, None).await;
        assert_eq!(health.report().retries, retries);
    }
    // Another object, or another kind of request, is no retry.
    write(&store, &mut script, "runs/1-a", Some(full())).await;
    write(&store, &mut script, "runs/2-a", None).await;
    read(&store, &mut script, None).await;
    assert_eq!(health.report().retries, 2);
}

#[tokio::test(start_paused = true)]
async fn the_conflicts_that_the_proof_provokes_are_not_those_of_the_database() {
    let (store, mut script, health) = watched();
    for name in ["proof-1-0", "db.json"] {
        write(&store, &mut script, name, None).await;
        write(&store, &mut script, name, None).await;
    }
    assert_eq!((health.report().requests, health.report().conflicts), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_no_failure() {
    let (store, mut script, health) = watched();
    write(&store, &mut script, "db.json", None).await;
    write(&store, &mut script, "db.json", None).await;
    let report = health.report();
    assert_eq!((report.requests, report.errors, report.conflicts, report.last_error), (2, 0, 1, None));
}
