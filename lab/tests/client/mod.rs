//! A client of S3 with one connection, in memory: it signs what it sends, and tries nothing again.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use valthree_lab::s3::{Config, Keys, Stand, converse};

/// The stand-in's bucket.
pub const BUCKET: &str = "bucket";

/// When every stand-in starts, in both of its forms.
const STARTED: Duration = Duration::from_secs(1_767_225_600);
const DATE: &str = "20260101T000000Z";

/// What fits into a connection before its writer has to wait, in bytes.
const PIPE: usize = 1 << 20;

pub fn stand() -> Stand {
    stand_with(Some(Keys { access_key: "key".to_owned(), secret_key: "secret".to_owned() }))
}

pub fn stand_with(keys: Option<Keys>) -> Stand {
    Stand::new(Config {
        keys,
        region: "eu-north-1".to_owned(),
        buckets: vec![BUCKET.to_owned()],
        started: SystemTime::UNIX_EPOCH + STARTED,
    })
}

/// A connection.
pub fn connect(stand: &Stand) -> DuplexStream {
    let (near, far) = duplex(PIPE);
    tokio::spawn(converse(far, "test".to_owned(), stand.clone()));
    near
}

/// What a client signs with.
#[derive(Clone)]
pub struct Signer {
    pub access_key: &'static str,
    pub secret_key: &'static str,
    pub region: &'static str,
    pub date: &'static str,
    /// What it claims the body's hash to be, if not the truth.
    pub body_hash: Option<String>,
}

impl Default for Signer {
    fn default() -> Signer {
        let (access_key, secret_key, region) = ("key", "secret", "eu-north-1");
        Signer { access_key, secret_key, region, date: DATE, body_hash: None }
    }
}

impl Signer {
    /// Signature version 4 over the host, the time and the body.
    fn sign(&self, request: &mut Request<Full<Bytes>>, body: &[u8]) {
        let hash = self.body_hash.clone().unwrap_or_else(|| hex(&Sha256::digest(body)));
        let mut query: Vec<_> = request.uri().query().unwrap_or_default().split('&').collect();
        query.sort_unstable();
        let canonical = format!(
            "{}\n{}\n{}\nhost:stand\nx-amz-content-sha256:{hash}\nx-amz-date:{}\n\nhost;x-amz-content-sha256;x-amz-date\n{hash}",
            request.method(),
            request.uri().path(),
            query.join("&"),
            self.date,
        );
        let day = &self.date[..8];
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.date, hex(&Sha256::digest(canonical.as_bytes())));
        let mut key = hmac(format!("AWS4{}", self.secret_key).as_bytes(), day);
        for part in [self.region, "s3", "aws4_request"] {
            key = hmac(&key, part);
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={}",
            self.access_key,
            hex(&hmac(&key, &to_sign)),
        );
        let headers = request.headers_mut();
        headers.insert("x-amz-content-sha256", hash.parse().unwrap());
        headers.insert("x-amz-date", self.date.parse().unwrap());
        headers.insert("authorization", authorization.parse().unwrap());
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer that arrived whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The status and S3's name for the error.
    pub fn error(&self) -> (u16, String) {
        (self.status, self.elements("Code").pop().unwrap_or_default())
    }

    /// The texts of all XML elements of this name.
    pub fn elements(&self, name: &str) -> Vec<String> {
        let text = std::str::from_utf8(&self.body).unwrap();
        let (start, end) = (format!("<{name}>"), format!("</{name}>"));
        text.split(&start).skip(1).map(|rest| rest.split_once(&end).unwrap().0.to_owned()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    /// `None`: it does not sign.
    pub signer: Option<Signer>,
}

impl Client {
    /// A client with a connection of its own.
    pub async fn of(stand: &Stand) -> Client {
        Client::over(connect(stand)).await
    }

    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Client {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Client { sender, signer: Some(Signer::default()) }
    }

    /// Sends a request. Fails if its answer does not arrive whole.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, hyper::Error> {
        let body = body.into();
        let mut request = Request::builder().method(method).uri(path).header("host", "stand");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(body.clone())).unwrap();
        if let Some(signer) = &self.signer {
            signer.sign(&mut request, &body);
        }
        self.sender.ready().await?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").await.unwrap()
    }

    pub async fn put(&mut self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.send("PUT", path, headers, body).await.unwrap()
    }
}
