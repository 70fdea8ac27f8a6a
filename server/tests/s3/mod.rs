//! An HTTP server that says what a test has written down for it, and a store that is its client.

#![allow(dead_code, reason = "each test file uses its part of this")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use md5::{Digest as _, Md5};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use valthree::store::s3::{S3, Timeouts};

/// Long enough for a loaded machine to get an answer through, where one is to come.
pub const PATIENT: Timeouts =
    Timeouts { connect: Duration::from_secs(20), attempt: Duration::from_secs(20), stall: Duration::from_secs(20) };

/// For tests in which no answer is to come. Each waits for as long; the request itself has to get there meanwhile.
pub const HASTY: Timeouts = Timeouts { attempt: Duration::from_secs(2), stall: Duration::from_secs(2), ..PATIENT };

/// What the server does with one request.
pub enum Reply {
    /// Sends these bytes, whole HTTP answers or parts of them, and goes on.
    Say(String),
    /// Sends these bytes and closes the connection.
    SayAndClose(String),
    /// Closes the connection without a word.
    HangUp,
    /// Sends these bytes, then nothing more, but stays.
    Stall(String),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The method and the target.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection brought it.
    pub connection: usize,
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// The server.
pub struct Parrot {
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Parrot {
    /// Starts one that replies in this order, whatever is asked.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Parrot {
        let replies = Arc::new(Mutex::new(VecDeque::from_iter(replies)));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::clone(&heard);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, connection, Arc::clone(&replies), Arc::clone(&log)));
            }
        });
        Parrot { url, heard }
    }

    /// A store that asks this server.
    pub fn store(&self, timeouts: Timeouts) -> S3 {
        store(&self.url, timeouts)
    }

    /// A store that takes this server for AWS.
    pub fn store_on_aws(&self, timeouts: Timeouts) -> S3 {
        S3::new(config(&self.url), &"s3://bucket/some/prefix".parse().unwrap(), None, timeouts)
    }

    /// Everything that was asked so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn converse(
    stream: TcpStream,
    connection: usize,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(mut request) = hear(&mut stream).await {
        request.connection = connection;
        heard.lock().unwrap().push(request);
        let reply = replies.lock().unwrap().pop_front();
        let (text, more) = match reply {
            Some(Reply::Say(text)) => (text, true),
            Some(Reply::SayAndClose(text)) => (text, false),
            Some(Reply::HangUp) => return,
            Some(Reply::Stall(text)) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return std::future::pending().await;
            }
            None => (answer(500, "the script has ended"), true),
        };
        stream.write_all(text.as_bytes()).await.unwrap();
        if !more {
            return;
        }
    }
}

async fn hear(stream: &mut BufReader<TcpStream>) -> Option<Heard> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |line: &String| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = lines[1..].iter().map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Heard { line: lines[0].clone(), headers, body, connection: 0 })
}

/// A store at an address.
pub fn store(url: &str, timeouts: Timeouts) -> S3 {
    S3::new(config(url), &"s3://bucket/some/prefix".parse().unwrap(), Some(url.to_owned()), timeouts)
}

fn config(url: &str) -> Config {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .force_path_style(true)
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// An answer with a text.
pub fn answer(status: u16, text: &str) -> String {
    headed(status, "", text)
}

/// An answer with headers, each with its line end.
pub fn headed(status: u16, headers: &str, text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 {status} Words\r\n{headers}Content-Length: {length}\r\n\r\n{text}")
}

/// An error as S3 says it.
pub fn error(status: u16, code: &str) -> String {
    answer(status, &format!("<Error><Code>{code}</Code><Message>what S3 says</Message></Error>"))
}

/// The answer to a put that worked.
pub fn stored(etag: &str) -> String {
    headed(200, &format!("ETag: {etag}\r\n"), "")
}

/// The ETag of a text, with its quotes.
pub fn tag(text: &str) -> String {
    let md5 = Md5::digest(text);
    format!("\"{}\"", md5.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The answer to a get that found a text.
pub fn found(text: &str) -> String {
    torn(&tag(text), text)
}

/// The answer to a get that found a text, with any ETag.
pub fn torn(etag: &str, text: &str) -> String {
    headed(200, &format!("ETag: {etag}\r\n"), text)
}
