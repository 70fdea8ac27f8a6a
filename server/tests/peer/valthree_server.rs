//! Our server, in this process, on a folder or a bucket that goes with it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use valthree::inspect::{InspectError, verify};
use valthree::server::{Config, run};
use valthree::settings::Settings;
use valthree::store::Store;
use valthree::store::directory::Directory;

use crate::bucket::Bucket;

/// A server, which ends when it is dropped. It has a runtime of its own, so that blocking tests and asynchronous ones can
/// talk to it; fields are dropped in their order, the runtime before the place of its database.
pub struct ValthreeServer {
    /// Where it listens.
    pub address: SocketAddr,
    runtime: Runtime,
    place: Place,
}

enum Place {
    Folder(TempDir),
    #[expect(dead_code, reason = "what is held is only ever dropped")]
    Bucket(Bucket),
}

/// However slow the disk is.
const NO_TEST_MEETS_IT: Duration = Duration::from_secs(600);

impl ValthreeServer {
    /// Starts one on a folder and a free port, and returns when it has loaded its database.
    pub fn on_a_folder() -> ValthreeServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Directory::open(folder.path()).expect("an empty folder opens");
        ValthreeServer::start(Runtime::new().expect("a runtime"), store, Place::Folder(folder))
    }

    /// The same on S3.
    pub fn on_s3() -> ValthreeServer {
        let bucket = Bucket::on_a_stand_in();
        let runtime = Runtime::new().expect("a runtime");
        let store = runtime.block_on(bucket.store());
        ValthreeServer::start(runtime, store, Place::Bucket(bucket))
    }

    fn start(runtime: Runtime, store: impl Store, place: Place) -> ValthreeServer {
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let settings = Settings { port: address.port(), deadline: NO_TEST_MEETS_IT, ..Settings::default() };
        let config =
            Config { seed: [7; 32], wall: (SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30)).into(), settings };
        runtime.spawn(run(listener, store, config, std::future::pending()));
        runtime.block_on(ready(address));
        ValthreeServer { address, runtime, place }
    }

    /// Looks for damage in the database, as it is stored now. A bucket is not looked at: it takes long, and what commands
    /// write does not depend on the store.
    pub fn verify(&self) -> Result<(), InspectError> {
        let Place::Folder(folder) = &self.place else { return Ok(()) };
        let store = Directory::open_to_read(folder.path()).expect("the folder is there");
        match self.runtime.block_on(verify(&store)) {
            // Nobody has written anything so far.
            Ok(_) | Err(InspectError::Absent(_)) => Ok(()),
            Err(damage) => Err(damage),
        }
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
