//! A stand-in for S3, in memory: what it does, it does as AWS does; what it does not do, it refuses with a 501.
//!
//! It does CreateBucket, HeadBucket, DeleteBucket, PutObject (If-Match, `If-None-Match: *`, checksums), GetObject
//! (If-Match, If-None-Match, Range), HeadObject, DeleteObject and ListObjectsV2, addressed by path. The protocol, the
//! signatures and the XML are the crate s3s's; the conditions are of this module (`objects`), and atomic.
//!
//! The life of a request: it arrives whole (`service`); a [`Fate`] is drawn for it; then it is carried out in a task
//! of its own, which no hang-up of its client stops; and independently of that it is answered. Without faults every
//! fate is [`Fate::HONEST`].
//!
//! What it is not: durable, or a place for presigned URLs (s3s judges their expiry by the machine's clock).

mod counts;
mod fate;
mod keys;
mod objects;
mod operations;
mod service;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use valthree::net::Listener;

pub use counts::{Count, Counts};
pub use fate::{Answer, Asked, Fate, Kind, Tear};
pub use keys::Keys;
pub use objects::{Object, etag};

use fate::Decide;
use objects::{Buckets, Condition};

use crate::accept;

/// Takes a name that AWS would give to a bucket; no request could name another.
pub fn bucket_name(name: &str) -> Result<String, String> {
    if s3s::path::check_bucket_name(name) {
        return Ok(name.to_owned());
    }
    Err("buckets are named with 3 to 63 of a-z, 0-9, - and .".to_owned())
}

/// What a stand-in is given.
#[derive(Clone)]
pub struct Config {
    /// The only key that is let in. `None`: requests must not be signed.
    pub keys: Option<Keys>,
    /// The region that signatures have to be for.
    pub region: String,
    /// Buckets that are there from the start. See [`bucket_name`].
    pub buckets: Vec<String>,
    /// The wall time at the start; from there it goes by tokio's clock.
    pub started: SystemTime,
}

/// A stand-in. Clones are the same one.
#[derive(Clone)]
pub struct Stand {
    shared: Arc<Shared>,
    service: S3Service,
}

struct Shared {
    buckets: Mutex<Buckets>,
    requests: Mutex<Requests>,
    opaque_tags: AtomicBool,
    region: String,
    signed: bool,
    started: SystemTime,
    origin: Instant,
}

#[derive(Default)]
struct Requests {
    number: u64,
    decide: Option<Decide>,
    counts: Counts,
}

impl Shared {
    // What the locks guard changes in single steps: a panic elsewhere leaves it whole.

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new object of these bytes.
    fn object(&self, bytes: impl Into<Bytes>) -> Object {
        let object = Object::new(bytes, self.now());
        if self.opaque_tags.load(Ordering::Relaxed) { object.with_opaque_tag() } else { object }
    }

    fn now(&self) -> SystemTime {
        self.started + self.origin.elapsed()
    }
}

impl Stand {
    /// A stand-in with empty buckets, and without faults.
    pub fn new(config: Config) -> Stand {
        let mut buckets = Buckets::default();
        for bucket in &config.buckets {
            buckets.create(bucket);
        }
        let shared = Arc::new(Shared {
            buckets: Mutex::new(buckets),
            requests: Mutex::default(),
            opaque_tags: AtomicBool::new(false),
            region: config.region,
            signed: config.keys.is_some(),
            started: config.started,
            origin: Instant::now(),
        });
        let mut builder = S3ServiceBuilder::new(operations::Operations(Arc::clone(&shared)));
        let mut limits = S3Config::default();
        // s3s would compare with the machine's clock; `keys` compares with ours.
        limits.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits))));
        if let Some(keys) = config.keys {
            builder.set_auth(keys);
        }
        Stand { shared, service: builder.build() }
    }

    /// From now on this decides what happens to every request that arrives, in the order of their arrival.
    ///
    /// It is called under a lock, so it must not call the stand-in; a seeded generator in it makes faults that a seed
    /// replays.
    pub fn decide(&self, decide: impl FnMut(&Asked) -> Fate + Send + 'static) {
        self.shared.requests().decide = Some(Box::new(decide));
    }

    /// From now on the tags of new objects are not the MD5s of their content, as on AWS with KMS.
    pub fn make_tags_opaque(&self) {
        self.shared.opaque_tags.store(true, Ordering::Relaxed);
    }

    /// No more faults for requests that arrive from now on.
    pub fn be_honest(&self) {
        self.shared.requests().decide = None;
    }

    /// Reads an object behind the clients' backs.
    pub fn peek(&self, bucket: &str, key: &str) -> Option<Object> {
        self.shared.buckets().get(bucket, key).ok().cloned()
    }

    /// Reads a bucket behind the clients' backs; empty if it is not there.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Object> {
        self.shared.buckets().bucket(bucket).cloned().unwrap_or_default()
    }

    /// Writes an object behind the clients' backs, without a condition, and says whether its bucket is there.
    #[must_use]
    pub fn plant(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) -> bool {
        let object = self.shared.object(bytes);
        self.shared.buckets().put(bucket, key, object, &Condition::Always).is_ok()
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        self.shared.requests().counts.clone()
    }
}

/// Serves until `shutdown`, and then drops every connection. What has arrived by then may still be carried out.
pub async fn serve<L: Listener>(listener: L, stand: Stand, shutdown: impl Future<Output = ()>) {
    accept::each(listener, shutdown, |stream, peer| converse(stream, peer, stand.clone())).await;
}

/// Serves one connection, for as long as its client keeps it.
pub async fn converse<IO: AsyncRead + AsyncWrite + Send + 'static>(stream: IO, peer: String, stand: Stand) {
    let service = service_fn(move |request| stand.clone().handle(request));
    // hyper's own Date would be the machine's.
    let served = http1::Builder::new()
        .auto_date_header(false)
        .half_close(false)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(peer, %error, "connection ended");
    }
}
