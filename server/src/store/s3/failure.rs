//! What an answer that is no success means: the one place that decides it, and that says it in words.
//!
//! | what came of a PUT | means | because |
//! |---|---|---|
//! | not handed to the HTTP client, or no connection | did not happen | nothing was sent |
//! | 412, 409; 404 to an If-Match | conflict | the condition did not hold when it was looked at |
//! | any other answer, none, or one that can't be read | unclear | see below |
//!
//! Some other answers look as definite: who is refused with a 403 has changed nothing. But what the answer speaks of is
//! the request as it arrived last, and a proxy may have sent it twice, and lost the answer to the first. Between the two
//! a session can expire, or a disk fill up. To call it unclear costs a look at the object; to be wrong about "it did not
//! happen" breaks a promise.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};

use super::Location;
use crate::store::{Condition, StoreError};

/// Notes whether a request has been handed to the HTTP client. Before that nothing can have been sent.
#[derive(Clone, Debug, Default)]
pub(super) struct HandedOver(Arc<AtomicBool>);

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
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// A request that was not answered with success.
#[derive(Debug)]
pub(super) struct Failure {
    /// Nothing was sent.
    unsent: bool,
    /// The status of an answer that was understood.
    pub(super) status: Option<u16>,
    /// What S3 calls the error, if it was S3 that answered.
    pub(super) code: Option<String>,
    /// Where the bucket is, if the answer says so.
    region: Option<String>,
    no_credentials: bool,
    text: String,
    /// What became of an attempt to mend it.
    pub(super) note: String,
}

impl Failure {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, handed_over: &HandedOver) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let handed_over = handed_over.0.load(Ordering::Relaxed);
        let mut failure = Failure {
            unsent: !handed_over || (matches!(error, SdkError::DispatchFailure(_)) && find(error, &is_no_connection)),
            status: None,
            code: None,
            region: None,
            no_credentials: find(error, &|cause| cause.is::<CredentialsError>()),
            text: String::new(),
            note: String::new(),
        };
        if let SdkError::ServiceError(answer) = error {
            let meta = answer.err().meta();
            let status = answer.raw().status().as_u16();
            failure.status = Some(status);
            failure.code = meta.code().map(str::to_owned);
            failure.region = answer.raw().headers().get("x-amz-bucket-region").map(str::to_owned);
            let words = [meta.code(), meta.message()].into_iter().flatten().filter(|word| !word.is_empty());
            failure.text = format!("{status} {}", words.collect::<Vec<_>>().join(": ")).trim_end().to_owned();
        } else if failure.unsent {
            // The layers above have only said that they could not do their work.
            failure.text = causes(error).last().map(first_line).unwrap_or_default();
        } else {
            failure.text = chain(error);
        }
        failure
    }

    /// What this means if it was the answer to a PUT.
    pub(super) fn of_put(&self, condition: &Condition, location: &Location) -> StoreError {
        match (self.status, condition) {
            (Some(409 | 412), _) | (Some(404), Condition::Match(_)) if !self.is_missing_bucket() => {
                StoreError::Conflict(self.text.clone())
            }
            _ => self.of_other(location),
        }
    }

    /// What this means if it was the answer to anything but a PUT.
    pub(super) fn of_other(&self, location: &Location) -> StoreError {
        let sentence = self.sentence(location);
        if self.unsent { StoreError::DidNotHappen(sentence) } else { StoreError::Unclear(sentence) }
    }

    /// Only S3 itself may say that an object is not there: a proxy's own 404 says nothing about the object.
    pub(super) fn is_missing_object(&self) -> bool {
        self.status == Some(404) && self.code() == "NoSuchKey"
    }

    pub(super) fn is_missing_bucket(&self) -> bool {
        self.code() == "NoSuchBucket"
    }

    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// For whoever has to mend it.
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
            (
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "InvalidToken"
                | "InvalidClientTokenId"
                | "TokenRefreshRequired",
                _,
            )
            | (_, Some(401)) => format!("{host} does not accept the credentials: check or renew them ({text})"),
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

/// Whether this is the failure to get a connection, after which nothing was sent over it.
fn is_no_connection(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect();
    }
    // Another HTTP client says it in its own way, but this one no connection can come to that has ever stood.
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

/// The error and its causes, each said once.
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
