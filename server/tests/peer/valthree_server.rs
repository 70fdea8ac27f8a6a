//! Our server, in this process, on a folder that goes with it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use valthree::server::{Config, run};
use valthree::shared::Settings;
use valthree::store::directory::Directory;

/// A server, which ends when it is dropped. It has a runtime of its own, so that blocking tests and asynchronous ones can
/// talk to it; fields are dropped in their order, the runtime before the folder.
pub struct ValthreeServer {
    /// Where it listens.
    pub address: SocketAddr,
    _runtime: Runtime,
    _folder: TempDir,
}

impl ValthreeServer {
    /// Starts one on a free port, and returns when it has loaded its database.
    pub fn start() -> ValthreeServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Directory::open(folder.path()).expect("an empty folder opens");
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let settings = Settings { port: address.port(), ..Settings::default() };
        let config = Config { seed: [7; 32], started: SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30), settings };
        runtime.spawn(run(listener, store, config, std::future::pending()));
        runtime.block_on(ready(address));
        ValthreeServer { address, _runtime: runtime, _folder: folder }
    }
}

/// Asks until the answer is no longer LOADING.
async fn ready(address: SocketAddr) {
    loop {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(b"PING\r\nQUIT\r\n").await.expect("it takes requests");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers");
        if answer.starts_with(b"+PONG") {
            return;
        }
        assert!(answer.starts_with(b"-LOADING"), "{answer:?}");
    }
}
