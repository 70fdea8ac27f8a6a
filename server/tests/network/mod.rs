//! A whole server on connections in memory and a store whose requests the test may hold.
//!
//! Time is paused and passes only when everybody waits. So the tests know what a server does *at last*, without a race,
//! and a deadline takes no time.

#![allow(dead_code, reason = "each test file uses its part of this")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use valthree::commit::Unusable;
use valthree::net::Listener;
use valthree::server::{Config, run};
use valthree::settings::Settings;
use valthree::store::memory::{Memory, Request, Script};

/// What a command may take.
pub const DEADLINE: Duration = Duration::from_millis(1900);

/// What a connection holds in each direction before it is read: like that of a socket, less than a long pipeline.
pub const BUFFER: usize = 64 << 10;

/// A server that says nothing for this long has nothing to say.
const QUIET: Duration = Duration::from_secs(60);

/// Where the connections of a test come in.
pub struct Door {
    knocking: mpsc::Receiver<io::Result<DuplexStream>>,
    number: u64,
}

impl Listener for Door {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, String, String)> {
        let Some(stream) = self.knocking.recv().await else { return std::future::pending().await };
        self.number += 1;
        Ok((stream?, format!("client:{}", self.number), "server:1".into()))
    }
}

/// A server on the network.
pub struct Network {
    door: mpsc::Sender<io::Result<DuplexStream>>,
    stop: Option<oneshot::Sender<()>>,
    pub server: JoinHandle<Result<(), Unusable>>,
}

impl Network {
    /// A server whose requests to the store wait for the test. It has not loaded its database yet.
    pub fn scripted(store: &Memory, max_clients: usize) -> (Network, Script) {
        Network::limited(store, Settings { max_clients, ..Settings::default() })
    }

    /// The same with limits of its own.
    pub fn limited(store: &Memory, settings: Settings) -> (Network, Script) {
        Network::numbered(7, store, settings)
    }

    /// The same with an id of its own: servers on one store need different numbers.
    pub fn numbered(number: u8, store: &Memory, settings: Settings) -> (Network, Script) {
        let (handle, script) = store.scripted();
        let (door, knocking) = mpsc::channel(1024);
        let (stop, stopped) = oneshot::channel::<()>();
        let settings = Settings { deadline: DEADLINE, ..settings };
        let config = Config { seed: [number; 32], wall: SystemTime::UNIX_EPOCH.into(), settings };
        let shutdown = async { stopped.await.expect("a test that ends takes its server with it") };
        let server = tokio::spawn(run(Door { knocking, number: 0 }, handle, config, shutdown));
        (Network { door, stop: Some(stop), server }, script)
    }

    /// A server whose store answers everything truly, and a record of what it was asked.
    pub fn honest(store: &Memory, max_clients: usize) -> (Network, Record) {
        let (network, mut script) = Network::scripted(store, max_clients);
        let record = Record::default();
        let requests = Arc::clone(&record.0);
        tokio::spawn(async move {
            while let Some(held) = script.next().await {
                requests.lock().unwrap().push(held.request.clone());
                held.answer();
            }
        });
        (network, record)
    }

    /// A server that has loaded its database; from then on its requests wait for the test.
    pub async fn loaded(store: &Memory) -> (Network, Script) {
        let (network, mut script) = Network::scripted(store, 100);
        settle_loading(&mut script).await;
        (network, script)
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        let (near, far) = tokio::io::duplex(BUFFER);
        self.door.try_send(Ok(far)).expect("the server takes connections");
        Client(near)
    }

    /// A connection that fails before it is one.
    pub fn fail_to_connect(&self) {
        self.door.try_send(Err(io::Error::other("too many open files"))).expect("the server takes connections");
    }

    pub fn takes_connections(&self) -> bool {
        !self.door.is_closed()
    }

    /// What a signal does.
    pub fn stop(&mut self) {
        self.stop.take().expect("it is stopped once").send(()).expect("it runs");
    }

    /// The end of a server that was stopped.
    pub async fn ended(self) {
        self.server.await.expect("a server does not panic").expect("its database was usable");
    }
}

/// Answers the first look at a database.
pub async fn settle_loading(script: &mut Script) {
    while let Ok(Some(held)) = timeout(Duration::from_millis(1), script.next()).await {
        held.answer();
    }
}

/// Returns when everybody has done whatever can be done without time passing.
pub async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// What a server asked of its store, in order.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Vec<Request>>>);

impl Record {
    pub fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }

    /// PUTs of the database; the proof of the store has its own.
    pub fn puts(&self) -> usize {
        let own = |request: &&Request| matches!(request, Request::Put { name, .. } if name == "db.json");
        self.all().iter().filter(own).count()
    }
}

/// The client's end of a connection. It is closed when it is dropped.
pub struct Client(pub DuplexStream);

impl Client {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// Sends as much as is taken without time passing, and says how much that was.
    pub async fn send_what_is_taken(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            match timeout(Duration::from_millis(1), self.0.write(&bytes[sent..])).await {
                Ok(written) => sent += written.expect("the connection is open"),
                Err(_) => break,
            }
        }
        sent
    }

    /// No more requests; replies are still wanted.
    pub async fn finish(&mut self) {
        self.0.shutdown().await.expect("the connection is open");
    }

    /// The next bytes are these.
    pub async fn expect(&mut self, reply: impl AsRef<[u8]>) {
        let wanted = reply.as_ref();
        let mut got = Vec::new();
        while got.len() < wanted.len() {
            let mut part = vec![0; (wanted.len() - got.len()).min(BUFFER)];
            let read = timeout(QUIET, self.0.read(&mut part)).await.unwrap_or(Ok(0)).expect("the connection is open");
            got.extend_from_slice(&part[..read]);
            if read == 0 {
                break;
            }
        }
        // Not `assert_eq`, which would show megabytes.
        let same = got.iter().zip(wanted).take_while(|(got, wanted)| got == wanted).count();
        let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[same..bytes.len().min(same + 200)]).into_owned();
        assert!(got == wanted, "after {same} bytes: {:?} instead of {:?}", shown(&got), shown(wanted));
    }

    /// The next line begins like this; the whole of it is returned.
    pub async fn expect_line(&mut self, beginning: &str) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let byte =
                timeout(QUIET, self.0.read_u8()).await.expect("a reply in time").expect("the connection is open");
            line.push(byte);
        }
        let line = String::from_utf8(line).expect("replies here are text");
        assert!(line.starts_with(beginning), "{line:?} instead of {beginning:?}");
        line
    }

    /// Reads lines up to one that begins like this.
    pub async fn until_line(&mut self, beginning: &str) {
        while !self.expect_line("").await.starts_with(beginning) {}
    }

    /// Nothing has come.
    pub async fn expect_silence(&mut self) {
        let mut some = [0; 100];
        let read = timeout(Duration::from_millis(1), self.0.read(&mut some)).await;
        let read =
            read.map(|read| String::from_utf8_lossy(&some[..read.expect("the connection is open")]).into_owned());
        assert_eq!(read.ok(), None);
    }

    /// Nothing more comes, and the connection ends.
    pub async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        timeout(QUIET, self.0.read_to_end(&mut rest)).await.expect("it ends in time").expect("it ends in peace");
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }

    /// Sends a command and takes its whole reply, which is a bulk string.
    pub async fn text(&mut self, command: &str) -> String {
        self.send(command).await;
        let length: usize = self.expect_line("$").await[1..].trim_end().parse().expect("a length");
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).await.expect("the connection is open");
        String::from_utf8(text).expect("replies here are text")
    }

    /// A number in INFO.
    pub async fn info(&mut self, name: &str) -> usize {
        let info = self.text("INFO\r\n").await;
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("{name} is not in {info}")).parse().expect("a number")
    }
}
