//! The store that the database is made for: S3, and servers that speak its language.
//!
//! A put is one request, answered or failed once. `failure` says what failures mean. A read may be several requests,
//! because real servers sometimes give answers that cannot be true: `seal` says which, and `read` asks again. `remove`
//! deletes. `location` says where the store is. `open` finds the region and the credentials.
//!
//! Servers that all call themselves S3 differ in two more points:
//!
//! - *Quotes around the ETag of a condition.* HTTP demands them and most servers insist on them. Ceph RGW compares the
//!   value with the quotes, so that no quoted If-Match is ever true. The proof at the start ([`super::proof`]) notices
//!   this and has the store use the other form ([`Store::rephrase`]), separately for If-Match and If-None-Match.
//! - *The status of a condition that does not hold.* It is 404, 409 or 412; each is a conflict.

mod failure;
mod location;
mod open;
mod read;
mod remove;
mod seal;
mod seen;
mod timeouts;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Config;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::sync::Mutex;

use self::failure::{Dates, FailedRequest, HandedOver};
pub use self::location::{Address, Style};
use self::location::{Location, settle};
pub use self::open::OpenError;
use self::seal::{Seal, Seals};
use self::seen::Seen;
pub use self::timeouts::Timeouts;
use self::timeouts::{ATTEMPT_MORE, LARGE};
use super::{Condition, Dated, ETag, Got, Phrase, Store, StoreError};
use crate::zoo::planted;

/// A part of a bucket.
#[derive(Debug)]
pub struct S3 {
    client: Client,
    location: Location,
    timeouts: Timeouts,
    /// Whether a missing bucket is created.
    creates_bucket: bool,
    /// The server has seen the bucket. It never creates it after that: an empty bucket would make the loss final.
    has_bucket: AtomicBool,
    /// Held by the one request that creates the bucket.
    creation: Mutex<()>,
    bare_match: AtomicBool,
    bare_none_match: AtomicBool,
    seals: Seals,
    seen: Seen,
    /// How many answers were asked for again.
    rereads: AtomicU64,
    dates: Dates,
    only_reads: bool,
    /// The store deletes one object for each request only.
    removes_singly: AtomicBool,
}

impl S3 {
    /// A store that is reached as `config` says, with the HTTP client, clock and sleep of the config. Its retries,
    /// time-outs and checksums are replaced by those that this store needs. `endpoint` only tells people where it is.
    pub fn new(config: Config, address: &Address, endpoint: Option<String>, timeouts: Timeouts) -> S3 {
        let Address { bucket, prefix } = address.clone();
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        S3 {
            client: Client::from_conf(settle(&config, &timeouts)),
            location: Location { bucket, prefix, region, endpoint },
            timeouts,
            creates_bucket: true,
            has_bucket: AtomicBool::new(false),
            creation: Mutex::new(()),
            bare_match: AtomicBool::new(false),
            bare_none_match: AtomicBool::new(false),
            seals: Seals::default(),
            seen: Seen::default(),
            rereads: AtomicU64::new(0),
            dates: Dates::default(),
            only_reads: false,
            removes_singly: AtomicBool::new(false),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.location.prefix)
    }

    /// The time-outs of a large upload.
    fn upload(&self, length: usize) -> Option<aws_sdk_s3::config::Builder> {
        let pieces = u32::try_from(length / LARGE).unwrap_or(u32::MAX);
        let attempt = self.timeouts.attempt + ATTEMPT_MORE.saturating_mul(pieces);
        let limits = TimeoutConfig::builder().connect_timeout(self.timeouts.connect).operation_attempt_timeout(attempt);
        (pieces > 0).then(|| Config::builder().timeout_config(limits.build()))
    }

    /// Replaces or creates an object.
    async fn send(&self, name: &str, bytes: Bytes, condition: &Condition, seal: Seal) -> Result<ETag, StoreError> {
        let handed_over = HandedOver::new(&self.dates);
        let (upload, is_sealed) = (self.upload(bytes.len()), seal.is_sent());
        let request = self.client.put_object().bucket(&self.location.bucket).key(self.key(name));
        let request = match condition {
            Condition::Match(_) if planted!("if-match-left-out") && name == "db.json" => request,
            Condition::Absent if planted!("if-none-match-left-out") && name == "db.json" => request,
            Condition::Match(etag) => request.if_match(phrase(etag, &self.bare_match)),
            Condition::Absent => request.if_none_match("*"),
        };
        let request = request.set_content_md5(seal.content_md5).set_checksum_sha256(seal.sha256.clone());
        let request = request.content_type("application/json");
        let request = request.body(ByteStream::from(bytes)).customize();
        let mut request = request.interceptor(handed_over.clone());
        if is_sealed {
            request = request.disable_payload_signing();
        }
        if let Some(upload) = upload {
            request = request.config_override(upload);
        }
        match request.send().await {
            Ok(answer) => {
                self.note_bucket();
                self.seen.note(name);
                let etag = unquote(answer.e_tag.as_deref()).ok_or_else(|| self.unclear("without an ETag"))?;
                self.seals.note_sum(seal.sha256.as_deref(), &answer);
                match &seal.md5 {
                    Some(md5) if self.seals.fits_put(md5, &etag, &answer) => Ok(etag),
                    Some(_) => Err(self.unclear("a PUT with the ETag of another version")),
                    // Only the sum proves what the store has kept.
                    None if seal.sha256.as_deref() == answer.checksum_sha256() => Ok(etag),
                    None => Err(self.unclear("a PUT without the checksum that it brought")),
                }
            }
            Err(error) => Err(self.failed(error, &handed_over).await.of_put(condition, &self.location)),
        }
    }

    /// Sorts a failure, and creates the bucket if the failure is that there is none yet.
    async fn failed<E>(&self, error: SdkError<E, HttpResponse>, handed_over: &HandedOver) -> FailedRequest
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut failure = FailedRequest::of(error, handed_over);
        if failure.is_missing_bucket() && !self.has_bucket.load(Ordering::Relaxed) {
            failure.note = self.create_bucket().await;
        }
        failure
    }

    /// Creates the bucket on a store other than AWS, and says how that went. The next request shows whether it exists.
    ///
    /// Nobody can tell a bucket that was never there from one that has vanished while other servers hold its database. An
    /// empty bucket in its place would make the loss final. So the server creates one only if somebody has asked for that,
    /// warns of what it did, and never does it again after it has seen the bucket.
    async fn create_bucket(&self) -> String {
        let Location { bucket, endpoint, .. } = &self.location;
        if endpoint.is_none() {
            return format!(": correct --store, or create it, for instance with aws s3 mb s3://{bucket}");
        }
        if !self.creates_bucket {
            return ": correct --store, or create it, for instance with --create-bucket true".into();
        }
        let Ok(_creating) = self.creation.try_lock() else { return ", but it is being created".into() };
        let handed_over = HandedOver::new(&self.dates);
        let request = self.client.create_bucket().bucket(bucket);
        match request.customize().interceptor(handed_over.clone()).send().await {
            Ok(_) => {
                tracing::warn!(
                    "there was no bucket {bucket}: created it. If it has vanished from under other servers, stop this one"
                );
                "; it has just been created".into()
            }
            Err(error) => {
                let failure = FailedRequest::of(error, &handed_over);
                format!(", and it can't be created: {}", failure.sentence(&self.location))
            }
        }
    }

    /// The same store, which creates a missing bucket or does not.
    pub fn creating_bucket(self, creates_bucket: bool) -> S3 {
        S3 { creates_bucket, ..self }
    }

    /// The same store for somebody who only reads. It creates no bucket. It believes answers that it cannot check, since
    /// it builds nothing on them.
    pub fn creating_nothing(self) -> S3 {
        self.note_bucket();
        S3 { only_reads: true, ..self }
    }

    fn note_bucket(&self) {
        self.has_bucket.store(true, Ordering::Relaxed);
    }

    fn unclear(&self, what: &str) -> StoreError {
        StoreError::Unclear(format!("{} answered {what}", self.location.host()).into())
    }
}

/// The ETag without its quotes. An empty one is none: it would match anything or nothing.
fn unquote(etag: Option<&str>) -> Option<ETag> {
    let etag = etag?;
    let bare = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag);
    (!bare.is_empty()).then(|| ETag(bare.to_owned()))
}

fn phrase(ETag(etag): &ETag, bare: &AtomicBool) -> String {
    // A weak ETag keeps the quotes that it came with.
    if bare.load(Ordering::Relaxed) || etag.contains('"') { etag.clone() } else { format!("\"{etag}\"") }
}

impl Store for S3 {
    fn tells_time(&self) -> bool {
        true
    }

    fn dated(&self) -> Vec<Dated> {
        self.dates.take()
    }

    async fn get(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        self.read(name, known).await
    }

    async fn fetch(&self, name: &str) -> Result<Got, StoreError> {
        self.read_unproven(name).await
    }

    async fn put(&self, name: &str, bytes: Bytes, condition: &Condition) -> Result<ETag, StoreError> {
        let seal = Seal::of(&bytes, self.seals.tags());
        self.send(name, bytes, condition, seal).await
    }

    async fn create(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let seal = self.seals.seal_of_created(&bytes);
        self.send(name, bytes, &Condition::Absent, seal).await.map(drop)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let handed_over = HandedOver::new(&self.dates);
            let request = self.client.list_objects_v2().bucket(&self.location.bucket).prefix(self.key(prefix));
            let request = request.set_continuation_token(token).customize().interceptor(handed_over.clone());
            let page = match request.send().await {
                Ok(page) => page,
                Err(error) => return Err(self.failed(error, &handed_over).await.of_other(&self.location)),
            };
            self.note_bucket();
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

    async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        self.remove(names).await
    }

    fn rereads(&self) -> u64 {
        self.rereads.load(Ordering::Relaxed)
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
