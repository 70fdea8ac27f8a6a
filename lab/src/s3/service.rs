//! What happens between the wire and the operations: a request arrives whole, meets its fate, and is answered.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, DATE, ETAG, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use valthree::net::Listener;

use super::fate::{Answer, Asked, Fate, RequestKind, Tear};
use super::keys;
use super::stand::Stand;
use crate::accept;

/// The largest body that is taken, in bytes. AWS takes 5 GB; a database of Valthree is far below this.
const MAX_BODY: usize = 1 << 30;

/// The header with the checksum that the stand-in keeps.
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was to end without an answer")]
pub(super) struct Hangup;

type Outcome = Result<Response<Bytes>, Hangup>;

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

impl Stand {
    /// Takes a request, and answers it if it is to be answered.
    pub(super) async fn handle(self, request: Request<Incoming>) -> Result<Response<Payload>, Hangup> {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(S3ErrorCode::EntityTooLarge),
            Err(_) => return Err(Hangup), // what did not arrive whole does not happen
        };
        let arrived = Instant::now();
        let (asked, fate) = self.draw(&parts, body.as_ref().map_or(0, Bytes::len));
        let truth = fate.performed.map(|after| {
            // A task of its own: a client that hangs up takes nothing back.
            let due = arrived + after;
            tokio::spawn(self.clone().perform(parts, body, arrived, due))
        });
        wait(arrived, arrived + fate.answered).await;
        let answer = match (&fate.answer, truth) {
            (Answer::Hangup, _) => Err(Hangup),
            (Answer::Error { status, code }, _) => fault(*status, code).await,
            (Answer::Silence, _) | (_, None) => {
                self.contents.requests().counts.answered(asked.kind, 0, 0);
                std::future::pending().await
            }
            // A task ends before its time only if s3s panics or the runtime ends.
            (Answer::Truth | Answer::Truncated(_), Some(truth)) => truth.await.unwrap_or(Err(Hangup)),
            (Answer::Torn(tear), Some(truth)) => truth
                .await
                .unwrap_or(Err(Hangup))
                .map(|whole| if asked.kind == RequestKind::Get { self.tear(&asked, whole, *tear) } else { whole }),
        };
        self.send(&asked, answer, &fate.answer)
    }

    /// Counts a request and lets its fate be decided.
    fn draw(&self, parts: &Parts, length: usize) -> (Asked, Fate) {
        let mut requests = self.contents.requests();
        requests.number += 1;
        let (kind, bucket, key) = classify(parts);
        let conditional = parts.headers.contains_key(IF_MATCH) || parts.headers.contains_key(IF_NONE_MATCH);
        let asked = Asked { number: requests.number, kind, bucket, key, conditional, length };
        requests.counts.asked(kind, length);
        let fate = requests.decide.as_mut().map_or(Fate::HONEST, |decide| decide(&asked));
        (asked, fate)
    }

    /// Carries a request out when it is due.
    async fn perform(self, parts: Parts, body: Result<Bytes, S3ErrorCode>, arrived: Instant, due: Instant) -> Outcome {
        wait(arrived, due).await;
        let body = match body {
            Ok(body) => body,
            Err(code) => return error(S3Error::new(code)).await,
        };
        if self.contents.signed
            && let Err((code, message)) = keys::plausible(&parts.headers, &self.contents.region, self.contents.now())
        {
            return error(S3Error::with_message(code, message)).await;
        }
        let response = self.service.call(Request::from_parts(parts, s3s::Body::from(body))).await;
        whole(response.map_err(|_| Hangup)?).await
    }

    /// Puts a part of the version before into the answer to a GET, if the answer is a whole object that has replaced one.
    fn tear(&self, asked: &Asked, whole: Response<Bytes>, tear: Tear) -> Response<Bytes> {
        let buckets = self.contents.buckets();
        let etag = whole.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().trim_matches('"');
        let old = buckets.replaced_by(&asked.bucket, &asked.key, etag).filter(|_| whole.status() == StatusCode::OK);
        let Some(old) = old else { return whole };
        let (mut parts, body) = whole.into_parts();
        let body = match tear {
            Tear::NewBody => {
                let header = |text: &str| HeaderValue::from_str(text).expect("tags and sums are header values");
                parts.headers.insert(ETAG, header(&format!("\"{}\"", old.etag)));
                if parts.headers.remove(CHECKSUM).is_some()
                    && let Some(sum) = &old.sha256
                {
                    parts.headers.insert(CHECKSUM, header(sum));
                }
                body
            }
            Tear::OldBody => old.bytes.clone(),
        };
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Response::from_parts(parts, body)
    }

    /// Dates, numbers and counts an answer, and cuts it off if that is its fate.
    fn send(&self, asked: &Asked, answer: Outcome, fate: &Answer) -> Result<Response<Payload>, Hangup> {
        let mut response = match answer {
            Ok(response) => response,
            Err(hangup) => {
                self.contents.requests().counts.answered(asked.kind, 0, 0);
                return Err(hangup);
            }
        };
        let headers = response.headers_mut();
        headers.insert(DATE, http_date(Timestamp::from(self.contents.now())));
        headers.insert(HeaderName::from_static("x-amz-request-id"), HeaderValue::from(asked.number));
        let payload = match fate {
            Answer::Truncated(length) if *length < response.body().len() => {
                let whole = response.body().len();
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(whole));
                Payload { bytes: response.body().slice(..*length), cut: true, flushed: false }
            }
            _ => Payload { bytes: response.body().clone(), cut: false, flushed: false },
        };
        let status = response.status().as_u16();
        self.contents.requests().counts.answered(asked.kind, status, payload.bytes.len());
        Ok(response.map(|_| payload))
    }
}

/// Waits for a time that is not before `now`. A timer takes a moment even if there is nothing to wait for.
async fn wait(now: Instant, due: Instant) {
    if due > now {
        sleep_until(due).await;
    }
}

fn classify(parts: &Parts) -> (RequestKind, String, String) {
    let path = parts.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    // SDKs name the operation in `x-id`; every other parameter names a part of an object or bucket, but to a list.
    let parameters = parts.uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    let (mut plain, mut list, mut delete) = (true, false, false);
    for parameter in parameters {
        list |= parameter == "list-type=2";
        delete |= matches!(parameter, "delete" | "delete=");
        plain &= parameter.starts_with("x-id=");
    }
    let kind = match (parts.method.clone(), bucket.is_empty(), key.is_empty()) {
        (Method::GET, false, true) if list => RequestKind::List,
        (Method::POST, false, true) if delete => RequestKind::DeleteMany,
        _ if !plain => RequestKind::Other,
        (Method::PUT, false, true) => RequestKind::CreateBucket,
        (Method::HEAD, false, true) => RequestKind::HeadBucket,
        (Method::DELETE, false, true) => RequestKind::DeleteBucket,
        (Method::GET, false, false) => RequestKind::Get,
        (Method::HEAD, false, false) => RequestKind::Head,
        (Method::PUT, false, false) if !parts.headers.contains_key("x-amz-copy-source") => RequestKind::Put,
        (Method::DELETE, false, false) => RequestKind::Delete,
        _ => RequestKind::Other,
    };
    (kind, bucket.to_owned(), key.to_owned())
}

async fn fault(status: u16, code: &str) -> Outcome {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut fault = S3Error::new(code);
    fault.set_status_code(StatusCode::from_u16(status).map_err(|_| Hangup)?);
    error(fault).await
}

async fn error(error: S3Error) -> Outcome {
    whole(error.to_http_response().map_err(|_| Hangup)?).await
}

/// All answers are in memory; this only takes them out of their stream.
async fn whole(response: Response<s3s::Body>) -> Outcome {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| Hangup)?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

fn http_date(now: Timestamp) -> HeaderValue {
    let mut text = Vec::new();
    now.format(TimestampFormat::HttpDate, &mut text).expect("the time has a year of four digits");
    HeaderValue::from_bytes(&text).expect("a date is a header value")
}

/// The body of an answer: whole, or cut off after its bytes.
pub(super) struct Payload {
    bytes: Bytes,
    cut: bool,
    flushed: bool,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Hangup;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Hangup>>> {
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        if !self.cut {
            return Poll::Ready(None);
        }
        // hyper forgets what it has not written when a body fails; being kept waiting, it writes.
        if !self.flushed {
            self.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Hangup)))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        match self.cut {
            true => SizeHint::default(), // the header says what it would have been
            false => SizeHint::with_exact(self.bytes.len() as u64),
        }
    }
}
