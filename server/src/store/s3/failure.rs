//! What a request to S3 that did not succeed means, and how to say it.
//!
//! | what came of a PUT | means | because |
//! |---|---|---|
//! | not handed to the HTTP client, or no connection | did not happen | nothing was sent |
//! | 412, 409; 404 to an If-Match | conflict | the condition did not hold when the store evaluated it |
//! | any other answer, none, or an unreadable one | unclear | see below |
//!
//! Other answers look just as definite: a server that answers 403 has changed nothing. But an answer speaks of the
//! request as it arrived last. A proxy may have sent the request twice and lost the first answer, and between the two a
//! session can expire or a disk can fill up. Calling such an answer unclear costs one look at the object; calling it
//! "did not happen" wrongly breaks a promise.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use tokio::time::Instant;

use super::Location;
use crate::store::{Condition, Dated, Reason, StoreError};

/// Notes whether the SDK has handed a request to the HTTP client. Before that nothing can have been sent. Notes also what
/// the answer tells about the time.
#[derive(Clone, Debug)]
pub(super) struct HandedOver {
    handed_over: Arc<AtomicBool>,
    sent: Arc<Mutex<Option<Instant>>>,
    dates: Dates,
}

/// What the answers have told about the time, until somebody asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Dates(Arc<Mutex<Vec<Dated>>>);

/// How many dates a store keeps for somebody who never asks.
const MOST_DATES: usize = 64;

impl Dates {
    /// Takes them.
    pub(super) fn take(&self) -> Vec<Dated> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, dated: Dated) {
        let mut dates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if dates.len() < MOST_DATES {
            dates.push(dated);
        }
    }
}

impl HandedOver {
    /// For one request, whose answer tells the time to `dates`.
    pub(super) fn new(dates: &Dates) -> HandedOver {
        HandedOver { handed_over: Arc::default(), sent: Arc::default(), dates: dates.clone() }
    }
}

impl Intercept for HandedOver {
    fn name(&self) -> &'static str {
        "HandedOver"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.handed_over.store(true, Ordering::Relaxed);
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        // Another answer may come from a proxy, with the proxy's clock.
        if !matches!(answer.status().as_u16(), 200..300 | 304 | 412) {
            return Ok(());
        }
        let date = answer.headers().get("date");
        let date = date.and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        let date = date.and_then(|date| u64::try_from(date.secs()).ok());
        let age = answer.headers().get("age").and_then(|age| age.parse().ok()).unwrap_or(0);
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((date, sent)) = date.zip(sent) {
            self.dates.note(Dated { date, age, sent, received: Instant::now() });
        }
        Ok(())
    }
}

/// A request that did not succeed.
#[derive(Debug)]
pub(super) struct FailedRequest {
    /// Nothing was sent.
    unsent: bool,
    /// The status of the answer, if the SDK understood the answer.
    pub(super) status: Option<u16>,
    /// S3's name for the error, if S3 itself answered.
    pub(super) code: Option<String>,
    /// The region of the bucket, if the answer names it.
    region: Option<String>,
    no_credentials: bool,
    text: String,
    /// What came of an attempt to mend it.
    pub(super) note: String,
    cause: BoxError,
}

impl FailedRequest {
    pub(super) fn of<E>(error: SdkError<E, HttpResponse>, handed_over: &HandedOver) -> FailedRequest
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let handed_over = handed_over.handed_over.load(Ordering::Relaxed);
        let unsent = !handed_over || (matches!(error, SdkError::DispatchFailure(_)) && find(&error, &is_no_connection));
        let (mut status, mut code, mut region) = (None, None, None);
        let text = if let SdkError::ServiceError(answer) = &error {
            let meta = answer.err().meta();
            let number = answer.raw().status().as_u16();
            status = Some(number);
            code = meta.code().map(str::to_owned);
            region = answer.raw().headers().get("x-amz-bucket-region").map(str::to_owned);
            let words = [meta.code(), meta.message()].into_iter().flatten().filter(|word| !word.is_empty());
            format!("{number} {}", words.collect::<Vec<_>>().join(": ")).trim_end().to_owned()
        } else if unsent {
            // The upper layers only say that they could not do their work.
            causes(&error).last().map(first_line).unwrap_or_default()
        } else {
            chain(&error)
        };
        let no_credentials = find(&error, &|cause| cause.is::<CredentialsError>());
        FailedRequest { unsent, status, code, region, no_credentials, text, note: String::new(), cause: error.into() }
    }

    /// What this means as the answer to a PUT.
    pub(super) fn of_put(self, condition: &Condition, location: &Location) -> StoreError {
        match (self.status, condition) {
            (Some(409 | 412), _) | (Some(404), Condition::Match(_)) if !self.is_missing_bucket() => {
                StoreError::Conflict(Reason::new(self.text).with_cause(self.cause))
            }
            _ => self.of_other(location),
        }
    }

    /// What this means as the answer to any other request.
    pub(super) fn of_other(self, location: &Location) -> StoreError {
        let reason = Reason::new(self.sentence(location)).with_gist(self.gist()).with_cause(self.cause);
        if self.unsent { StoreError::DidNotHappen(reason) } else { StoreError::Unclear(reason) }
    }

    /// Whether S3 itself says that there is no such object. The 404 of a proxy says nothing about the object.
    pub(super) fn is_missing_object(&self) -> bool {
        self.status == Some(404) && self.code() == "NoSuchKey"
    }

    pub(super) fn is_missing_bucket(&self) -> bool {
        self.code() == "NoSuchBucket"
    }

    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// A few words for clients, who must not learn hosts and names.
    fn gist(&self) -> &'static str {
        if self.no_credentials {
            return "the server has no credentials for the store";
        }
        if self.unsent {
            return "the store cannot be reached";
        }
        match (self.code(), self.status) {
            ("NoSuchBucket", _) => "the bucket is gone",
            ("XMinioStorageFull" | "QuotaExceeded", _) | (_, Some(507)) => "the disk is full",
            ("SlowDown", _) | (_, Some(429)) => "the store is overloaded",
            ("RequestTimeTooSkewed", _) => "the clocks of the server and the store differ",
            (code, _) if is_about_credentials(code) || self.status == Some(401) => {
                "the store refuses the server's credentials"
            }
            (_, Some(403)) => "the store denies the server access",
            (_, Some(500..)) => "the store answers with errors of its own",
            (_, Some(_)) => "the store refuses requests",
            (_, None) => "the store does not answer",
        }
    }

    /// A sentence for the operator, who has to mend it.
    pub(super) fn sentence(&self, location: &Location) -> String {
        let Location { bucket, region, .. } = location;
        let (host, text, note) = (location.host(), &self.text, &self.note);
        if self.no_credentials {
            return format!(
                "there are no credentials for {host}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile \
                 in AWS_PROFILE, or run where a role provides some ({text})"
            );
        }
        if self.unsent {
            return format!("cannot reach {host}: {text}");
        }
        match (self.code(), self.status) {
            ("NoSuchBucket", _) => format!("there is no bucket {bucket} at {host} ({text}){note}"),
            ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _)
            | (_, Some(301 | 307)) => {
                let elsewhere = self.region.as_deref().unwrap_or("another one");
                format!("the bucket {bucket} is not in the region {region} but in {elsewhere}: set AWS_REGION ({text})")
            }
            ("RequestTimeTooSkewed", _) => format!("the clock of this machine differs from that of {host} ({text})"),
            (code, _) if is_about_credentials(code) || self.status == Some(401) => {
                format!("{host} does not accept the credentials: check or renew them ({text})")
            }
            (_, Some(403)) => format!(
                "{host} accepts the credentials, but they lack a permission on the bucket {bucket}: \
                 s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket are needed ({text})"
            ),
            (_, Some(501)) => format!("{host} does not know how to do this ({text})"),
            (_, Some(_)) => format!("{host} answered {text}"),
            (_, None) => format!("no usable answer from {host}: {text}"),
        }
    }
}

fn is_about_credentials(code: &str) -> bool {
    matches!(
        code,
        "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "TokenRefreshRequired"
    )
}

/// Whether there never was a connection, so that nothing can have been sent over it.
fn is_no_connection(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect();
    }
    // Another HTTP client has another error, but no connection that ever stood ends with this one.
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn find(error: &(dyn Error + 'static), wanted: &dyn Fn(&(dyn Error + 'static)) -> bool) -> bool {
    causes(error).any(wanted)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn first_line(error: &(dyn Error + 'static)) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The error and its causes, each of them once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause = first_line(cause);
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}
