//! A whole server: whatever bytes one client sends, the server reads or refuses them, and keeps serving another client.
//!
//! The server keeps its database in memory. Each input gets a new one, so that an input fails alone or not at all.

use std::io;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use valthree::net::Listener;
use valthree::server::{Config, run};
use valthree::settings::Settings;
use valthree::store::memory::Memory;

/// The bytes under way in each direction of a connection.
const BUFFER: usize = 1 << 20;

/// Far longer than any answer takes. A server that hangs fails the input.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_all().build().expect("the system allows another runtime");
}

/// Connections in memory.
struct Door(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Door {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, String, String)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, "127.0.0.1:1".to_owned(), "127.0.0.1:6379".to_owned())),
            None => std::future::pending().await,
        }
    }
}

/// Sends the bytes, reads until the server closes, and then asks for a PONG on another connection.
pub fn check(data: &[u8]) {
    RUNTIME.with(|runtime| {
        let served = runtime.block_on(async { tokio::time::timeout(PATIENCE, serve(data)).await });
        served.expect("the server answers");
    });
}

async fn serve(data: &[u8]) {
    let (connect, connections) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let config = Config { seed: [7; 32], wall: SystemTime::UNIX_EPOCH.into(), settings: Settings::default() };
    let stopped = async { stopped.await.expect("the client stops the server") };
    let server = tokio::spawn(run(Door(connections), Memory::new(), config, stopped));
    let talk = async |bytes: &[u8]| {
        let (near, far) = tokio::io::duplex(BUFFER);
        connect.send(far).expect("the server accepts connections");
        let (mut replies, mut requests) = tokio::io::split(near);
        let send = async {
            // The server may close first, for instance after QUIT.
            let _ = requests.write_all(bytes).await;
            let _ = requests.shutdown().await;
        };
        let mut received = Vec::new();
        let (_, read) = tokio::join!(send, replies.read_to_end(&mut received));
        read.expect("the server closes in peace");
        received
    };
    // Until the database is loaded, the server answers LOADING.
    while !talk(b"EXISTS k\r\n").await.starts_with(b":") {}
    talk(data).await;
    let received = talk(b"PING\r\nDBSIZE\r\n").await;
    assert!(received.starts_with(b"+PONG\r\n:"), "{:?}", String::from_utf8_lossy(&received));
    stop.send(()).expect("the server runs");
    server.await.expect("no task panics").expect("the database is usable");
}
