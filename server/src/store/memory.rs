//! A store in memory, for tests: as honest as S3, and as unreliable as a test wants it.
//!
//! All clones and all [`Memory::scripted`] handles share one set of objects, as several servers share a bucket. A scripted
//! handle gives every request to the test first. The test decides when the store performs it, when the store answers it,
//! and with what. The protocol of the commits is about the difference between these.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::{Condition, ETag, Got, Store, StoreError};

/// How many requests a scripted handle keeps for the test. A server has far fewer in flight.
const HELD: usize = 1024;

/// The store. See the module.
#[derive(Clone, Default)]
pub struct Memory {
    objects: Objects,
    script: Option<mpsc::Sender<HeldRequest>>,
}

#[derive(Clone, Default)]
struct Objects(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Memory {
    /// An empty store that answers at once.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Another handle on the same objects, and the script that decides what happens to its requests.
    pub fn scripted(&self) -> (Memory, Script) {
        let (sender, receiver) = mpsc::channel(HELD);
        (Memory { objects: self.objects.clone(), script: Some(sender) }, Script(receiver))
    }

    /// Reads an object behind the server's back.
    pub fn peek(&self, name: &str) -> Option<Bytes> {
        self.objects.lock().get(name).cloned()
    }

    /// Replaces an object behind the server's back, whatever its version.
    pub fn plant(&self, name: &str, bytes: impl Into<Bytes>) {
        self.objects.lock().insert(name.to_owned(), bytes.into());
    }

    /// Removes an object behind the server's back.
    pub fn remove(&self, name: &str) {
        self.objects.lock().remove(name);
    }

    async fn request(&self, request: Request) -> Result<Response, StoreError> {
        let Some(script) = &self.script else { return self.objects.perform(&request) };
        let (sender, receiver) = oneshot::channel();
        let held = HeldRequest { request, objects: self.objects.clone(), outcome: None, answer: Some(sender) };
        if script.send(held).await.is_err() {
            return Err(StoreError::DidNotHappen("the script has ended".into()));
        }
        receiver.await.unwrap_or_else(|_| Err(StoreError::Unclear("the script dropped the request".into())))
    }
}

impl Store for Memory {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        match self.request(Request::Get { name: name.to_owned(), known: known.cloned() }).await? {
            Response::Got(got) => Ok(got),
            other => unreachable!("a get was answered with {other:?}"),
        }
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        let request = Request::Put { name: name.to_owned(), bytes, condition: condition.clone() };
        match self.request(request).await? {
            Response::Put(etag) => Ok(etag),
            other => unreachable!("a put was answered with {other:?}"),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        match self.request(Request::List { prefix: prefix.to_owned() }).await? {
            Response::Listed(names) => Ok(names),
            other => unreachable!("a list was answered with {other:?}"),
        }
    }

    async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        for name in names {
            match self.request(Request::Delete { name: name.clone() }).await? {
                Response::Deleted => {}
                other => unreachable!("a delete was answered with {other:?}"),
            }
        }
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        format!("memory:{name}")
    }
}

/// What a server asked of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// [`Store::get`]
    Get {
        /// The object.
        name: String,
        /// The version that the server has.
        known: Option<ETag>,
    },
    /// [`Store::put`]
    Put {
        /// The object.
        name: String,
        /// Its new content.
        bytes: Bytes,
        /// On what condition.
        condition: Condition,
    },
    /// [`Store::list`]
    List {
        /// How the names begin.
        prefix: String,
    },
    /// [`Store::delete`]
    Delete {
        /// The object.
        name: String,
    },
}

/// What came of a request.
#[derive(Clone, Debug)]
enum Response {
    Got(Got),
    Put(ETag),
    Listed(Vec<String>),
    Deleted,
}

impl Objects {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        // Every operation is a single step on the map, so a panic leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn perform(&self, request: &Request) -> Result<Response, StoreError> {
        let mut objects = self.lock();
        match request {
            Request::Get { name, known } => Ok(Response::Got(match objects.get(name) {
                None => Got::Absent,
                Some(bytes) => match ETag::of(bytes) {
                    etag if Some(&etag) == known.as_ref() => Got::Unchanged,
                    etag => Got::Object { bytes: bytes.clone(), etag },
                },
            })),
            Request::Put { name, bytes, condition } => {
                let current = objects.get(name).map(|bytes| ETag::of(bytes));
                let holds = match condition {
                    Condition::Absent => current.is_none(),
                    Condition::Match(etag) => current.as_ref() == Some(etag),
                };
                if !holds {
                    return Err(StoreError::Conflict(format!("{condition:?} while the object is {current:?}").into()));
                }
                objects.insert(name.clone(), bytes.clone());
                Ok(Response::Put(ETag::of(bytes)))
            }
            Request::List { prefix } => {
                Ok(Response::Listed(objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect()))
            }
            Request::Delete { name } => {
                objects.remove(name);
                Ok(Response::Deleted)
            }
        }
    }
}

/// The requests of one handle, in the order in which they were sent.
pub struct Script(mpsc::Receiver<HeldRequest>);

impl Script {
    /// The next request, or `None` once every copy of the handle is gone.
    pub async fn next(&mut self) -> Option<HeldRequest> {
        self.0.recv().await
    }
}

/// A request on its way. The test performs it and answers it separately, and may leave out either. The answer of a dropped
/// request is lost.
pub struct HeldRequest {
    /// What was asked.
    pub request: Request,
    objects: Objects,
    outcome: Option<Result<Response, StoreError>>,
    answer: Option<oneshot::Sender<Result<Response, StoreError>>>,
}

impl HeldRequest {
    /// Performs it now, and says whether the store did what the server asked. Does not answer it yet.
    pub fn perform(&mut self) -> bool {
        let outcome = self.objects.perform(&self.request);
        let done = outcome.is_ok();
        self.outcome = Some(outcome);
        done
    }

    /// Answers it with the truth. Performs it first if nobody has.
    pub fn answer(mut self) {
        if self.outcome.is_none() {
            self.perform();
        }
        let outcome = self.outcome.take().expect("it was just performed");
        self.reply(outcome);
    }

    /// Answers it with this error instead of the truth. The test may still perform it afterwards.
    pub fn fail(&mut self, error: StoreError) {
        self.reply(Err(error));
    }

    fn reply(&mut self, outcome: Result<Response, StoreError>) {
        if let Some(answer) = self.answer.take() {
            // If the server has stopped waiting, nobody learns the outcome, as on a network.
            let _ = answer.send(outcome);
        }
    }
}
