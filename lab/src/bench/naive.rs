//! The yardstick: the algorithm as it is usually published. Each command takes a lock, reads the whole database from the
//! store, and, if it writes, replaces the whole database.
//!
//! The algorithm is strictly serializable as long as no answer of the store is lost. It is not slowed down: a GET takes
//! one round trip and a SET takes two. The benchmark measures both and prints them beside its ratios.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use valthree::command::Command;
use valthree::resp::{Limits, Parser, Protocol, Reply};
use valthree::store::s3::S3;
use valthree::store::{Condition, Got, Store as _};

/// The object that holds the whole database.
const NAME: &str = "naive.json";

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, store: S3) -> io::Result<()> {
    let store = Arc::new(Mutex::new(store));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &store).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

async fn converse(mut stream: TcpStream, store: &Mutex<S3>) -> io::Result<()> {
    let (mut parser, mut bytes) = (Parser::new(Limits::default()), BytesMut::new());
    loop {
        let mut replies = BytesMut::new();
        loop {
            let reply = match parser.next(&mut bytes) {
                Ok(None) => break,
                Ok(Some(request)) => match Command::parse(request) {
                    Ok(command) => execute(&*store.lock().await, command).await,
                    Err(error) => error,
                },
                Err(error) => return Err(io::Error::other(error)),
            };
            reply.encode(Protocol::default(), &mut replies);
            stream.write_all_buf(&mut replies).await?;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
}

async fn execute(store: &S3, command: Command) -> Reply {
    perform(store, command).await.unwrap_or_else(|error| Reply::error(format!("ERR {error}")))
}

async fn perform(store: &S3, command: Command) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
    let (bytes, condition) = match store.get(NAME, None).await? {
        Got::Object { bytes, etag } => (bytes, Condition::Match(etag)),
        _ => (Bytes::from_static(b"{}"), Condition::Absent),
    };
    let mut database: BTreeMap<&str, &str> = serde_json::from_slice(&bytes)?;
    match (command.spec().name, command.words()) {
        ("get", [_, key]) => {
            let value = database.get(std::str::from_utf8(key)?);
            return Ok(value.map_or(Reply::Null, |value| Reply::Bulk(value.as_bytes().to_vec().into())));
        }
        ("set", [_, _, _]) | ("mset", _) => {}
        _ => return Ok(Reply::error("ERR the naive server knows only GET, SET and MSET")),
    }
    for (key, value) in command.values() {
        database.insert(std::str::from_utf8(key)?, std::str::from_utf8(value)?);
    }
    store.put(NAME, serde_json::to_vec(&database)?.into(), &condition).await?;
    Ok(Reply::OK)
}
