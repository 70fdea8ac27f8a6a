//! One connection to one server, through a real client library, and what its answers mean.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, ProtocolVersion, RedisConnectionInfo, RedisError, ServerError, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::operation::{Command, Outcome, Reply};
use crate::word::Word;

/// How servers are reached: by TCP, or through a simulated network.
pub trait Connect: Clone + Send + Sync + 'static {
    /// What bytes go through.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to a server.
    fn connect(&self, server: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The real network.
#[derive(Clone, Copy, Debug)]
pub struct Tcp;

impl Connect for Tcp {
    type Stream = TcpStream;

    async fn connect(&self, server: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// The servers under test, and how long to wait for them.
#[derive(Clone, Debug)]
pub struct Cluster<C> {
    /// How they are reached.
    pub connect: C,
    /// Their addresses.
    pub servers: Vec<String>,
    /// How long to wait for a connection, and for an answer. Longer than a server's own deadline, so that what it says
    /// at that deadline is heard.
    pub patience: Duration,
}

/// Why there is no connection. Nothing of ours has been sent.
#[derive(Debug, thiserror::Error)]
#[error("{server} {why}")]
pub struct Unreachable {
    /// The server's address.
    pub server: String,
    /// What is the matter with it, in words that follow its address.
    pub why: String,
}

/// A connection to a server, used by one client.
#[derive(Debug)]
pub struct Connection {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects to a server.
    pub async fn open<C: Connect>(cluster: &Cluster<C>, server: &str, resp3: bool) -> Result<Connection, Unreachable> {
        let unreachable = |why: String| Unreachable { server: server.to_owned(), why };
        let protocol = if resp3 { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 };
        let info = RedisConnectionInfo::default().set_protocol(protocol);
        let opening = async {
            let stream = cluster.connect.connect(server).await;
            let stream = stream.map_err(|error| unreachable(format!("cannot be reached: {error}")))?;
            // The library would give up after half a second, and would never hear what a server says at its deadline.
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(cluster.patience));
            MultiplexedConnection::new_with_config(&info, stream, config)
                .await
                .map_err(|error| unreachable(format!("does not answer as Redis does: {}", one_line(&error))))
        };
        let opened = timeout(cluster.patience, opening).await;
        let opened = opened.map_err(|_| unreachable(format!("did not answer within {:?}", cluster.patience)))?;
        let (connection, driver) = opened?;
        Ok(Connection { connection, driver: tokio::spawn(driver) })
    }

    /// Sends commands all at once, and waits for what comes of each. Nothing is ever sent twice.
    pub async fn send(&mut self, commands: &[Command]) -> Vec<Outcome> {
        // Not as one pipeline of the library, which keeps neither the first replies of one whose last is missing nor
        // that one of them could not be read. What is asked side by side is sent in the order in which it was asked.
        let answers = commands.iter().map(|command| {
            let mut connection = self.connection.clone();
            async move {
                let mut request = redis::Cmd::new();
                for word in &command.clone().into_words() {
                    request.arg(bytes(word));
                }
                connection.send_packed_command(&request).await
            }
        });
        let answered = |answer| match answer {
            Ok(value) => outcome(value),
            Err(error) if is_garbage(&error) => Outcome::Reply(Reply::Strange { strange: whole(&error) }),
            Err(error) => Outcome::Unknown(one_line(&error)),
        };
        join_all(answers).await.into_iter().map(answered).collect()
    }
}

/// Whether there came bytes that are no reply. What ends before it is one has only been cut off.
fn is_garbage(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Parse && !error.to_string().contains("end of input")
}

fn whole(error: &RedisError) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(", ")
}

/// The library draws pictures of what it could not read.
fn one_line(error: &RedisError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn bytes(word: &Word) -> &[u8] {
    match word {
        Word::Whole(bytes) => bytes,
        Word::Abridged { .. } => unreachable!("only what is recorded is abridged"),
    }
}

/// What a value that the library made of a reply means.
fn outcome(value: Value) -> Outcome {
    match value {
        Value::ServerError(error) => refusal(&error),
        value => Outcome::Reply(reply(value)),
    }
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(integer) => Reply::Integer(integer),
        Value::Okay => Reply::ok(),
        Value::SimpleString(status) => Reply::Status { status },
        Value::BulkString(bytes) => Reply::Value(Word::Whole(bytes.into()).abridged()),
        Value::Array(values) => Reply::Array(values.into_iter().map(reply).collect()),
        Value::ServerError(error) => Reply::Error { error: text(&error) },
        other => Reply::Strange { strange: format!("{other:.200?}") },
    }
}

/// The errors by which a server says that nothing happened, nor will it: by their first word.
const NOTHING_HAPPENED: [&str; 6] = ["TRYAGAIN", "LOADING", "OOM", "MISCONF", "BUSY", "READONLY"];

/// An error of the server is a refusal that it may give to a correct command, or a bug: then it is a reply, which no
/// state of the database explains.
fn refusal(error: &ServerError) -> Outcome {
    let full = "max number of clients reached";
    match error.code() {
        "UNCERTAIN" => Outcome::Unknown(text(error)),
        code if NOTHING_HAPPENED.contains(&code) => Outcome::Failed(text(error)),
        "ERR" if error.details() == Some(full) => Outcome::Failed(text(error)),
        _ => Outcome::Reply(Reply::Error { error: text(error) }),
    }
}

fn text(error: &ServerError) -> String {
    [Some(error.code()), error.details()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
