//! What the proof at the start says of honest, broken and unreliable stores.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use valthree::server::{Config, run};
use valthree::settings::Settings;
use valthree::store::directory::Directory;
use valthree::store::memory::Memory;
use valthree::store::proof::Proof;
use valthree::store::{Condition, ETag, Got, Phrase, Store, StoreError};

/// What every request takes, on a clock that stands still otherwise.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// How a store differs from an honest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Honest,
    IgnoresIfMatch,
    IgnoresIfNoneMatch,
    ChecksWithoutALock,
    CreatesOnIfMatch,
    TakesOldETags,
    NeverCreates,
    NeverReplaces,
    NeverNotModified,
    AlwaysNotModified,
    /// Takes ETags in If-Match only in the second form.
    WantsOtherIfMatch,
    /// The same for If-None-Match.
    WantsOtherIfNoneMatch,
    /// Loses every other answer on average, after having done what was asked.
    LosesAnswers,
    /// Fails every other request on average, without having done anything.
    LosesRequests,
    /// Answers every put that worked as a proxy does that sent it twice.
    SendsTwice,
    /// Applies the first replacement and loses its answer. Then many reads bring the new body with the ETag of the version
    /// before, as if nothing had been replaced.
    LosesAnAnswerAndTearsReads,
}

/// A store with a way of its own.
struct Odd {
    memory: Memory,
    way: Way,
    other_match: AtomicBool,
    other_none_match: AtomicBool,
    requests: AtomicU32,
    /// The ETag before the first replacement, while reads are torn, and how many more of them are.
    torn: Mutex<Option<(ETag, u32)>>,
}

/// More torn reads than a proof would take for refusals, if it believed them.
const TORN: u32 = 50;

impl Odd {
    fn new(way: Way) -> Arc<Odd> {
        let no = || AtomicBool::new(false);
        let (memory, requests) = (Memory::new(), AtomicU32::new(0));
        Arc::new(Odd { memory, way, other_match: no(), other_none_match: no(), requests, torn: Mutex::default() })
    }

    /// Whether this request is one of those that fail.
    async fn fails(&self) -> bool {
        sleep(ROUND_TRIP).await;
        // Without a pattern, which might fit that of the requests.
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        matches!(self.way, Way::LosesAnswers | Way::LosesRequests) && number.wrapping_mul(2_654_435_761) >> 31 == 1
    }

    async fn faulty<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let fails = self.fails().await;
        if fails && self.way == Way::LosesRequests {
            return Err(StoreError::Unclear("lost".into()));
        }
        let result = work.await;
        if fails { Err(StoreError::Unclear("lost".into())) } else { result }
    }

    /// An answer to a read, torn if it is one of those.
    fn torn(&self, got: Got) -> Got {
        let mut torn = self.torn.lock().unwrap();
        match (got, &mut *torn) {
            (Got::Object { bytes, .. }, Some((before, more @ 1..))) => {
                *more -= 1;
                Got::Object { bytes, etag: before.clone() }
            }
            (got, _) => got,
        }
    }

    fn plant(&self, name: &str, bytes: Bytes) -> Result<ETag, StoreError> {
        let etag = ETag::of(&bytes);
        self.memory.plant(name, bytes);
        Ok(etag)
    }
}

fn conflict<T>() -> Result<T, StoreError> {
    Err(StoreError::Conflict("412".into()))
}

impl Store for Odd {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        let known = known.filter(|_| self.way != Way::NeverNotModified);
        let known =
            known.filter(|_| self.way != Way::WantsOtherIfNoneMatch || self.other_none_match.load(Ordering::Relaxed));
        self.faulty(async {
            match known {
                Some(_) if self.way == Way::AlwaysNotModified => Ok(Got::Unchanged),
                _ => self.memory.get(name, known).await.map(|got| self.torn(got)),
            }
        })
        .await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        self.faulty(async {
            let current = self.memory.peek(name);
            match (self.way, condition) {
                (Way::IgnoresIfMatch, Condition::Match(_)) | (Way::IgnoresIfNoneMatch, Condition::Absent) => {
                    self.plant(name, bytes)
                }
                (Way::CreatesOnIfMatch, Condition::Match(_)) if current.is_none() => self.plant(name, bytes),
                (Way::TakesOldETags, Condition::Match(_)) if &bytes[..] == b"stale" => self.plant(name, bytes),
                (Way::NeverCreates, Condition::Absent) | (Way::NeverReplaces, Condition::Match(_)) => conflict(),
                (Way::WantsOtherIfMatch, Condition::Match(_)) if !self.other_match.load(Ordering::Relaxed) => {
                    conflict()
                }
                (Way::ChecksWithoutALock, _) => {
                    let holds = match condition {
                        Condition::Absent => current.is_none(),
                        Condition::Match(etag) => current.is_some_and(|bytes| ETag::of(&bytes) == *etag),
                    };
                    sleep(ROUND_TRIP / 10).await;
                    if holds { self.plant(name, bytes) } else { conflict() }
                }
                (Way::LosesAnAnswerAndTearsReads, Condition::Match(etag)) => {
                    let put = self.memory.put(name, bytes, condition).await?;
                    let mut torn = self.torn.lock().unwrap();
                    if torn.is_some() {
                        return Ok(put);
                    }
                    *torn = Some((etag.clone(), TORN));
                    Err(StoreError::Unclear("lost".into()))
                }
                (Way::SendsTwice, _) => self.memory.put(name, bytes, condition).await.and(conflict()),
                _ => self.memory.put(name, bytes, condition).await,
            }
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.memory.list(prefix).await
    }

    async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        self.faulty(self.memory.delete(names)).await
    }

    fn rephrase(&self, phrase: Phrase) {
        match phrase {
            Phrase::Match => self.other_match.fetch_xor(true, Ordering::Relaxed),
            Phrase::NoneMatch => self.other_none_match.fetch_xor(true, Ordering::Relaxed),
        };
    }

    fn locate(&self, name: &str) -> String {
        format!("odd:{name}")
    }
}

/// The verdict; whatever it is, nothing must be left behind.
async fn verdict(store: &Arc<Odd>) -> Result<(), String> {
    let proof = Proof::new(Arc::clone(store), "id");
    let verdict = proof.run().await.map_err(|broken| broken.to_string());
    proof.clean_up().await;
    assert_eq!(store.memory.list("").await.unwrap(), Vec::<String>::new());
    verdict
}

#[tokio::test(start_paused = true)]
async fn an_honest_store_is_proven_in_three_round_trips_and_a_handful_of_requests() {
    let store = Odd::new(Way::Honest);
    let proof = Proof::new(Arc::clone(&store), "id");
    let before = Instant::now();
    proof.run().await.unwrap();
    assert_eq!(before.elapsed(), 3 * ROUND_TRIP);
    assert_eq!(store.requests.load(Ordering::Relaxed), 9);
    proof.clean_up().await;
    assert_eq!(before.elapsed(), 4 * ROUND_TRIP);
    assert_eq!(store.memory.list("").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_stores_that_come_with_the_server_are_honest() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Arc::new(Directory::open(folder.path()).unwrap());
    let memory = Arc::new(Memory::new());
    let (in_folder, in_memory) = (Proof::new(Arc::clone(&directory), "a"), Proof::new(Arc::clone(&memory), "b"));
    in_folder.run().await.unwrap();
    in_memory.run().await.unwrap();
    in_folder.clean_up().await;
    in_memory.clean_up().await;
    assert_eq!(directory.list("").await.unwrap(), Vec::<String>::new());
    assert_eq!(memory.list("").await.unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_breaks_a_promise_is_refused_with_what_was_seen() {
    for (way, seen) in [
        (Way::IgnoresIfMatch, "two simultaneous replacements of one version both succeeded"),
        (Way::IgnoresIfNoneMatch, "3 simultaneous creations of one object all succeeded"),
        (Way::ChecksWithoutALock, "3 simultaneous creations of one object all succeeded"),
        (Way::CreatesOnIfMatch, "an object that did not exist was created on If-Match"),
        (Way::TakesOldETags, "a replacement with an ETag of the past succeeded"),
        (Way::NeverCreates, "it creates no object on If-None-Match: *, but says"),
        (Way::NeverReplaces, "it replaces no object on If-Match with its ETag, but says"),
        (Way::NeverNotModified, "not answered with a 304"),
        (Way::AlwaysNotModified, "a read that names a version of the past is answered with Unchanged"),
    ] {
        let said = verdict(&Odd::new(way)).await.expect_err(&format!("{way:?} is not honest"));
        assert!(said.starts_with("this store would lose writes: ") && said.contains(seen), "{way:?}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_form_in_which_a_store_takes_an_etag_is_found_out() {
    for (way, forms) in [(Way::WantsOtherIfMatch, (true, false)), (Way::WantsOtherIfNoneMatch, (false, true))] {
        let store = Odd::new(way);
        verdict(&store).await.unwrap();
        let found = (store.other_match.load(Ordering::Relaxed), store.other_none_match.load(Ordering::Relaxed));
        assert_eq!(found, forms, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unclear_answer_is_no_verdict() {
    let honest = Odd::new(Way::Honest);
    verdict(&honest).await.unwrap();
    let enough = honest.requests.load(Ordering::Relaxed);
    for way in [Way::LosesAnswers, Way::LosesRequests] {
        let store = Odd::new(way);
        verdict(&store).await.unwrap();
        assert!(store.requests.load(Ordering::Relaxed) > enough, "{way:?}: nothing was lost");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_was_a_success_is_no_verdict() {
    verdict(&Odd::new(Way::SendsTwice)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_torn_read_is_no_verdict() {
    let store = Odd::new(Way::LosesAnAnswerAndTearsReads);
    verdict(&store).await.unwrap();
    let left = store.torn.lock().unwrap().as_ref().map(|(_, left)| *left);
    assert_eq!(left, Some(0), "no read was torn");
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_start_on_a_store_that_breaks_a_promise() {
    let memory = Odd::new(Way::CreatesOnIfMatch);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let config = Config { seed: [1; 32], wall: SystemTime::UNIX_EPOCH.into(), settings: Settings::default() };
    let refused = run(listener, Shared(Arc::clone(&memory)), config, std::future::pending()).await;
    let said = refused.expect_err("the store breaks a promise").to_string();
    assert!(said.starts_with("odd:: this store would lose writes: "), "{said}");
    assert_eq!(memory.memory.list("").await.unwrap(), Vec::<String>::new());
}

/// A handle that a server can own.
struct Shared(Arc<Odd>);

impl Store for Shared {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        self.0.get(name, known).await
    }
    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        self.0.put(name, bytes, condition).await
    }
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.0.list(prefix).await
    }
    async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        self.0.delete(names).await
    }
    fn locate(&self, name: &str) -> String {
        self.0.locate(name)
    }
}
