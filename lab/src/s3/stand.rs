//! The stand-in as its owner sees it: how to make one, to decide its faults, and to look behind the clients' backs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::time::Instant;

use super::contents::Contents;
use super::counts::Counts;
use super::fate::{Asked, Fate};
use super::keys::Keys;
use super::objects::{Buckets, Condition, Object};
use super::operations::Operations;

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
    pub(super) contents: Arc<Contents>,
    pub(super) service: S3Service,
}

impl Stand {
    /// A stand-in with empty buckets, and without faults.
    pub fn new(config: Config) -> Stand {
        let mut buckets = Buckets::default();
        for bucket in &config.buckets {
            buckets.create(bucket);
        }
        let contents = Arc::new(Contents {
            buckets: Mutex::new(buckets),
            requests: Mutex::default(),
            opaque_tags: AtomicBool::new(false),
            region: config.region,
            signed: config.keys.is_some(),
            started: config.started,
            origin: Instant::now(),
        });
        let mut builder = S3ServiceBuilder::new(Operations(Arc::clone(&contents)));
        let mut limits = S3Config::default();
        // s3s would compare with the machine's clock; `keys` compares with ours.
        limits.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits))));
        if let Some(keys) = config.keys {
            builder.set_auth(keys);
        }
        Stand { contents, service: builder.build() }
    }

    /// From now on this decides what happens to every request that arrives, in the order of their arrival.
    ///
    /// It is called under a lock, so it must not call the stand-in; a seeded generator in it makes faults that a seed
    /// replays.
    pub fn decide(&self, decide: impl FnMut(&Asked) -> Fate + Send + 'static) {
        self.contents.requests().decide = Some(Box::new(decide));
    }

    /// From now on the tags of new objects are not the MD5s of their content, as on AWS with KMS.
    pub fn make_tags_opaque(&self) {
        self.contents.opaque_tags.store(true, Ordering::Relaxed);
    }

    /// No more faults for requests that arrive from now on.
    pub fn be_honest(&self) {
        self.contents.requests().decide = None;
    }

    /// Reads an object behind the clients' backs.
    pub fn peek(&self, bucket: &str, key: &str) -> Option<Object> {
        self.contents.buckets().get(bucket, key).ok().cloned()
    }

    /// Reads a bucket behind the clients' backs; empty if it is not there.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Object> {
        self.contents.buckets().bucket(bucket).cloned().unwrap_or_default()
    }

    /// Writes an object behind the clients' backs, without a condition, and says whether its bucket is there.
    #[must_use]
    pub fn plant(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) -> bool {
        let object = self.contents.object(bytes);
        self.contents.buckets().put(bucket, key, object, &Condition::Always).is_ok()
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        self.contents.requests().counts.clone()
    }
}
