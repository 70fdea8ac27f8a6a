//! One connection to one server, through a real client library.
//!
//! The library is the redis crate, which applications use too. The workload never lets it retry anything.

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::answers::{self, LibraryError};
use crate::operation::{Command, Outcome};
use crate::word::Word;

/// How clients reach servers: by TCP, or through a simulated network.
pub trait Connect: Clone + Send + Sync + 'static {
    /// The stream of bytes to a server.
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

/// The servers under test.
#[derive(Clone, Debug)]
pub struct Cluster<C> {
    /// How clients reach them.
    pub connect: C,
    /// Their addresses.
    pub servers: Vec<String>,
    /// How long a client waits for a connection, and for an answer. It is longer than a server's own deadline, so that the
    /// client hears the server's answer at that deadline.
    pub patience: Duration,
}

/// A server that the client could not reach. The client has sent it no command.
#[derive(Debug, thiserror::Error)]
#[error("{server}")]
pub struct Unreachable {
    /// The server's address.
    pub server: String,
    /// The reason.
    pub source: NoConnection,
}

/// Why there is no connection to a server.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    /// The network refused.
    #[error("cannot be reached")]
    Network(#[source] io::Error),
    /// The server's answer to the opening of the connection is not that of a Redis server.
    #[error("does not answer as Redis does")]
    Protocol(#[source] LibraryError),
    /// Nothing came within this time.
    #[error("did not answer within {0:?}")]
    Silent(Duration),
}

/// An error with all its causes, in one line.
pub(crate) fn whole_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let texts: Vec<String> = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect();
    texts.join(": ")
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
    /// Connects to a server. If the server refuses HELLO, which RESP3 needs, connects again with RESP2.
    pub async fn open<C: Connect>(cluster: &Cluster<C>, server: &str, resp3: bool) -> Result<Connection, Unreachable> {
        let opening = async {
            if resp3 {
                match Connection::open_with(cluster, server, ProtocolVersion::RESP3).await {
                    Err(NoConnection::Protocol(error)) if error.refuses_hello() => {
                        tracing::debug!("{server} refuses HELLO, so the client speaks RESP2");
                    }
                    opened => return opened,
                }
            }
            Connection::open_with(cluster, server, ProtocolVersion::RESP2).await
        };
        let opened = timeout(cluster.patience, opening).await;
        let opened = opened.unwrap_or(Err(NoConnection::Silent(cluster.patience)));
        opened.map_err(|source| Unreachable { server: server.to_owned(), source })
    }

    async fn open_with<C: Connect>(
        cluster: &Cluster<C>,
        server: &str,
        protocol: ProtocolVersion,
    ) -> Result<Connection, NoConnection> {
        let stream = cluster.connect.connect(server).await.map_err(NoConnection::Network)?;
        let info = RedisConnectionInfo::default().set_protocol(protocol);
        // By default the library gives up after half a second, before a server answers at its deadline.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(cluster.patience));
        let opened = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (connection, driver) = opened.map_err(|error| NoConnection::Protocol(error.into()))?;
        Ok(Connection { connection, driver: tokio::spawn(driver) })
    }

    /// Sends one request, which need not be a command of the workload.
    pub(crate) async fn ask(&mut self, words: Vec<Word>) -> Outcome {
        let mut request = redis::Cmd::new();
        words.iter().for_each(|word| _ = request.arg(bytes(word)));
        answers::outcome(self.connection.send_packed_command(&request).await)
    }

    /// Sends commands all at once, each exactly once, and waits for the outcome of each.
    pub async fn send(&mut self, commands: &[Command]) -> Vec<Outcome> {
        // These are separate requests, not one pipeline of the library. When a pipeline breaks, the library drops the
        // replies that came. The library sends requests in the order in which they are polled.
        let requests: Vec<Vec<Vec<Word>>> = commands.iter().map(Command::requests).collect();
        let sent = requests.iter().flatten().map(|words| {
            let mut connection = self.connection.clone();
            async move {
                let mut request = redis::Cmd::new();
                for word in words {
                    request.arg(bytes(word));
                }
                connection.send_packed_command(&request).await
            }
        });
        let mut answers = join_all(sent).await.into_iter().map(answers::outcome);
        let of_command = |(command, requests): (&Command, &Vec<Vec<Word>>)| {
            command.received(answers.by_ref().take(requests.len()).collect())
        };
        commands.iter().zip(&requests).map(of_command).collect()
    }
}

fn bytes(word: &Word) -> &[u8] {
    match word {
        Word::Whole(bytes) => bytes,
        Word::Abridged { .. } => unreachable!("only recorded words are abridged"),
    }
}
