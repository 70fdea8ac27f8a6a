//! The store that the database is made for: S3, and what speaks its language.
//!
//! Every call is one request, answered or failed once; `failure.rs` says what the failures mean. `location.rs` finds out
//! where the store is and who we are there.
//!
//! What differs between stores that all call themselves S3, and is dealt with here:
//!
//! - Whether an ETag in a condition stands between quotes. HTTP says so and most insist on it; Ceph RGW compares what it
//!   got, quotes and all, so there no quoted If-Match is ever true. The proof at the start ([`super::proof`]) notices
//!   and has us try the other form ([`Store::rephrase`]), separately for If-Match and If-None-Match.
//! - Whether a missing object or a wrong ETag is a 404, a 409 or a 412: each is a conflict.

mod failure;
mod location;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Config;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use bytes::{Bytes, BytesMut};
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::failure::{Failure, HandedOver};
pub use self::location::{Address, OpenError, Style};
use self::location::{Location, settle};
use super::{Condition, ETag, Got, Phrase, Store, StoreError};
use crate::zoo::planted;

/// For a connection to stand, TLS included. Across the world this takes a few hundred milliseconds.
const CONNECT: Duration = Duration::from_secs(2);

/// For the answer to a request to begin.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How much longer for each started [`LARGE`] bytes that are to be uploaded: a quarter of a megabyte per second is slow
/// even for a line at home.
const ATTEMPT_MORE: Duration = Duration::from_secs(4);

/// One mebibyte.
const LARGE: usize = 1 << 20;

/// For the next bytes of an answer to come.
const STALL: Duration = Duration::from_secs(5);

/// What is set aside for an answer before it has come, at most: its length is only a claim until then.
const SET_ASIDE: usize = 64 * LARGE;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For an answer to begin.
    pub attempt: Duration,
    /// For it to go on.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { connect: CONNECT, attempt: ATTEMPT, stall: STALL }
    }
}

/// A part of a bucket.
#[derive(Debug)]
pub struct S3 {
    client: Client,
    location: Location,
    timeouts: Timeouts,
    /// The bucket has been seen. If it goes away later, it is not for us to put an empty one in its place.
    seen: AtomicBool,
    /// Held by the one request that creates the bucket.
    creation: Mutex<()>,
    bare_match: AtomicBool,
    bare_none_match: AtomicBool,
}

impl S3 {
    /// A store that is reached as `config` says, with whatever HTTP client, clock and sleep it brings. Its retries,
    /// time-outs and checksums are replaced by those that this store needs. `endpoint` only tells people where it is.
    pub fn new(config: Config, address: &Address, endpoint: Option<String>, timeouts: Timeouts) -> S3 {
        let Address { bucket, prefix } = address.clone();
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        S3 {
            client: Client::from_conf(settle(&config, &timeouts)),
            location: Location { bucket, prefix, region, endpoint },
            timeouts,
            seen: AtomicBool::new(false),
            creation: Mutex::new(()),
            bare_match: AtomicBool::new(false),
            bare_none_match: AtomicBool::new(false),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.location.prefix)
    }

    /// Reads an answer to its end. What is shorter than announced must not pass for the object.
    async fn body(&self, mut body: ByteStream, announced: Option<i64>) -> Result<Bytes, StoreError> {
        let broken =
            |why: String| StoreError::Unclear(format!("an answer of {} broke off: {why}", self.location.host()));
        // Without a length, an answer that is cut short by the end of its connection would look whole.
        let announced = announced.and_then(|length| usize::try_from(length).ok());
        let announced = announced.ok_or_else(|| broken("it does not say how long it is".into()))?;
        let mut bytes = BytesMut::with_capacity(announced.min(SET_ASIDE));
        loop {
            let next = timeout(self.timeouts.stall, body.next()).await;
            match next.map_err(|_| broken(format!("nothing came for {:?}", self.timeouts.stall)))? {
                Some(Ok(part)) => bytes.extend_from_slice(&part),
                Some(Err(error)) => return Err(broken(error.to_string())),
                None if bytes.len() == announced => return Ok(bytes.freeze()),
                None => return Err(broken(format!("{} of {announced} bytes", bytes.len()))),
            }
        }
    }

    /// The time-outs of an upload: more for a large one.
    fn upload(&self, length: usize) -> Option<aws_sdk_s3::config::Builder> {
        let pieces = u32::try_from(length / LARGE).unwrap_or(u32::MAX);
        let attempt = self.timeouts.attempt + ATTEMPT_MORE.saturating_mul(pieces);
        let limits = TimeoutConfig::builder().connect_timeout(self.timeouts.connect).operation_attempt_timeout(attempt);
        (pieces > 0).then(|| Config::builder().timeout_config(limits.build()))
    }

    /// Looks at a failure that may mean that there is no bucket yet, and says how it went.
    async fn failed<E>(&self, error: &SdkError<E, HttpResponse>, handed_over: &HandedOver) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut failure = Failure::of(error, handed_over);
        if failure.is_missing_bucket() && !self.seen.load(Ordering::Relaxed) {
            failure.note = self.create_bucket().await;
        }
        failure
    }

    /// Creates the bucket, and says how that went. Whether it is there shows when the caller asks again.
    async fn create_bucket(&self) -> String {
        let Ok(_creating) = self.creation.try_lock() else { return ", but it is being created".into() };
        let Location { bucket, region, endpoint, .. } = &self.location;
        let mut request = self.client.create_bucket().bucket(bucket);
        // What is not AWS has one region, whose name we need not know; AWS has one that must not be named.
        if endpoint.is_none() && region != "us-east-1" {
            let region = BucketLocationConstraint::from(region.as_str());
            let constraint = CreateBucketConfiguration::builder().location_constraint(region);
            request = request.create_bucket_configuration(constraint.build());
        }
        let handed_over = HandedOver::default();
        match request.customize().interceptor(handed_over.clone()).send().await {
            Ok(_) => {
                tracing::info!(bucket, "there was no such bucket: it has been created");
                "; it has just been created".into()
            }
            Err(error) => {
                let failure = Failure::of(&error, &handed_over);
                format!(", and it can't be created: {}", failure.sentence(&self.location))
            }
        }
    }

    /// The same store, for somebody who only looks: a bucket that is not there is none.
    pub fn creating_nothing(self) -> S3 {
        self.note_seen();
        self
    }

    fn note_seen(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    fn unclear(&self, what: &str) -> StoreError {
        StoreError::Unclear(format!("{} answered {what}", self.location.host()))
    }
}

/// Without the quotes, and without a doubt: an empty one would match anything or nothing.
fn unquote(etag: Option<&str>) -> Option<ETag> {
    let etag = etag?;
    let bare = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag);
    (!bare.is_empty()).then(|| ETag(bare.to_owned()))
}

fn phrase(ETag(etag): &ETag, bare: &AtomicBool) -> String {
    // A weak one keeps the quotes that it came with.
    if bare.load(Ordering::Relaxed) || etag.contains('"') { etag.clone() } else { format!("\"{etag}\"") }
}

impl Store for S3 {
    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        let handed_over = HandedOver::default();
        let request = self
            .client
            .get_object()
            .bucket(&self.location.bucket)
            .key(self.key(name))
            .set_if_none_match(known.map(|etag| phrase(etag, &self.bare_none_match)));
        match request.customize().interceptor(handed_over.clone()).send().await {
            Ok(answer) => {
                self.note_seen();
                let etag = unquote(answer.e_tag.as_deref()).ok_or_else(|| self.unclear("without an ETag"))?;
                let bytes = self.body(answer.body, answer.content_length).await?;
                Ok(Got::Object { bytes, etag })
            }
            Err(error) => {
                let failure = self.failed(&error, &handed_over).await;
                if failure.is_missing_object() {
                    self.note_seen();
                    return Ok(Got::Absent);
                }
                match failure.status {
                    Some(304) if known.is_some() => Ok(Got::Unchanged),
                    _ => Err(failure.of_other(&self.location)),
                }
            }
        }
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        let handed_over = HandedOver::default();
        let upload = self.upload(bytes.len());
        let request = self.client.put_object().bucket(&self.location.bucket).key(self.key(name));
        let request = match condition {
            Condition::Match(_) if planted!("if-match-left-out") && name == "db.json" => request,
            Condition::Absent if planted!("if-none-match-left-out") && name == "db.json" => request,
            Condition::Match(etag) => request.if_match(phrase(etag, &self.bare_match)),
            Condition::Absent => request.if_none_match("*"),
        };
        let request = request.content_type("application/json").body(ByteStream::from(bytes)).customize();
        let mut request = request.interceptor(handed_over.clone());
        if let Some(upload) = upload {
            request = request.config_override(upload);
        }
        match request.send().await {
            Ok(answer) => {
                self.note_seen();
                unquote(answer.e_tag.as_deref()).ok_or_else(|| self.unclear("without an ETag"))
            }
            Err(error) => Err(self.failed(&error, &handed_over).await.of_put(condition, &self.location)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let handed_over = HandedOver::default();
            let request = self.client.list_objects_v2().bucket(&self.location.bucket).prefix(self.key(prefix));
            let request = request.set_continuation_token(token).customize().interceptor(handed_over.clone());
            let page = match request.send().await {
                Ok(page) => page,
                Err(error) => return Err(self.failed(&error, &handed_over).await.of_other(&self.location)),
            };
            self.note_seen();
            let own = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&self.location.prefix));
            names.extend(own.map(str::to_owned));
            token = match (page.is_truncated, page.next_continuation_token) {
                (Some(true), Some(next)) => Some(next),
                (Some(true), None) => return Err(self.unclear("with a part of a list, but not how to go on")),
                _ => break,
            };
        }
        names.sort();
        Ok(names)
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let handed_over = HandedOver::default();
        let request = self.client.delete_object().bucket(&self.location.bucket).key(self.key(name));
        match request.customize().interceptor(handed_over.clone()).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failure = self.failed(&error, &handed_over).await;
                if failure.is_missing_object() { Ok(()) } else { Err(failure.of_other(&self.location)) }
            }
        }
    }

    fn rephrase(&self, phrase: Phrase) {
        let (bare, header) = match phrase {
            Phrase::Match => (&self.bare_match, "If-Match"),
            Phrase::NoneMatch => (&self.bare_none_match, "If-None-Match"),
        };
        let now = !bare.fetch_xor(true, Ordering::Relaxed);
        tracing::info!(header, quotes = !now, "the store does not take an ETag in this form: trying the other one");
    }

    fn locate(&self, name: &str) -> String {
        let Location { bucket, prefix, endpoint, .. } = &self.location;
        let at = endpoint.as_ref().map_or(String::new(), |endpoint| format!(" at {endpoint}"));
        format!("s3://{bucket}/{prefix}{name}{at}")
    }
}
