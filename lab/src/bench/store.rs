//! The store that everything is measured on: the stand-in behind the proxy, or another one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::proxy::{self, Counters, Counts, Delay, Faults, Method};
use crate::s3::{Config, Keys, Stand, serve};

/// The key that the stand-in lets in.
const ACCESS_KEY: &str = "valthree-bench";
const SECRET_KEY: &str = "valthree-bench-secret";
const REGION: &str = "us-east-1";
const BUCKET: &str = "bench";

/// Which store.
#[derive(Clone, Debug)]
pub enum Choice {
    /// The stand-in, a round trip of this length away.
    StandIn(Duration),
    /// A bucket and a prefix, and where they are. Credentials come from the environment.
    Bucket {
        /// As in `s3://bucket/prefix`.
        address: String,
        /// If it is not AWS.
        endpoint: Option<String>,
        /// How much further away it is to seem.
        delay: Duration,
    },
}

/// What passed between servers and store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub puts: u64,
    pub gets: u64,
    pub others: u64,
    pub bytes_there: u64,
    pub bytes_back: u64,
    pub faults: u64,
}

impl Traffic {
    fn of(counts: &Counts) -> Traffic {
        let of = |method| counts.requests.get(&method).copied().unwrap_or_default();
        let (puts, gets) = (of(Method::Put), of(Method::Get));
        Traffic {
            puts,
            gets,
            others: counts.requests.values().sum::<u64>() - puts - gets,
            bytes_there: counts.bytes_there,
            bytes_back: counts.bytes_back,
            faults: counts.faults.values().sum(),
        }
    }

    pub fn requests(&self) -> u64 {
        self.puts + self.gets + self.others
    }

    /// What came after this.
    pub fn since(&self, before: &Traffic) -> Traffic {
        Traffic {
            puts: self.puts - before.puts,
            gets: self.gets - before.gets,
            others: self.others - before.others,
            bytes_there: self.bytes_there - before.bytes_there,
            bytes_back: self.bytes_back - before.bytes_back,
            faults: self.faults - before.faults,
        }
    }
}

/// A database in it, as the processes that use it are told.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub address: String,
    pub endpoint: Option<String>,
    pub credentials: Vec<(&'static str, &'static str)>,
}

/// The store, with threads of its own, and what was counted on the way to it.
pub(super) struct Store {
    runtime: Option<Runtime>,
    place: Place,
    /// The way that is usually taken.
    pub way: Way,
    databases: AtomicU64,
}

/// Where databases are.
struct Place {
    address: String,
    /// What the proxy connects to. `None`: the store can only be spoken to directly, in TLS.
    behind: Option<String>,
    /// The endpoint, if it is spoken to directly.
    endpoint: Option<String>,
    credentials: Vec<(&'static str, &'static str)>,
}

/// A proxy on the way to the store.
#[derive(Clone)]
pub(super) struct Way {
    address: Option<SocketAddr>,
    counters: Counters,
}

impl Store {
    /// Starts it.
    pub fn start(choice: &Choice, now: SystemTime) -> anyhow::Result<Store> {
        // One thread for the store and one for the proxy at most, and none that the load needs.
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("store").enable_all().build()?;
        let (place, delay) = match choice {
            Choice::StandIn(delay) => {
                let keys = Keys { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() };
                let stand = Stand::new(Config {
                    keys: Some(keys),
                    region: REGION.to_owned(),
                    buckets: vec![BUCKET.to_owned()],
                    started: now,
                });
                let (listener, behind) = free_port()?;
                runtime.spawn(async move {
                    let listener = TcpListener::from_std(listener).expect("it was bound a moment ago");
                    serve(listener, stand, std::future::pending()).await;
                });
                let credentials = vec![
                    ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
                    ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
                    ("AWS_REGION", REGION),
                ];
                let address = format!("s3://{BUCKET}/bench");
                (Place { address, behind: Some(behind.to_string()), endpoint: None, credentials }, *delay)
            }
            Choice::Bucket { address, endpoint, delay } => {
                let behind = endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
                let behind = behind.map(|behind| behind.trim_end_matches('/').to_owned());
                let (address, endpoint) = (address.trim_end_matches('/').to_owned(), endpoint.clone());
                (Place { address, behind, endpoint, credentials: Vec::new() }, *delay)
            }
        };
        let nowhere = Way { address: None, counters: Counters::new() };
        let mut store = Store { runtime: Some(runtime), place, way: nowhere, databases: AtomicU64::new(0) };
        if store.counts() {
            store.way = store.open_way(delay, Faults::none())?;
        }
        Ok(store)
    }

    /// Whether what passes can be counted, delayed and lost. It can't be in TLS.
    pub fn counts(&self) -> bool {
        self.place.behind.is_some()
    }

    /// Another way to the store.
    pub fn open_way(&self, delay: Duration, faults: Faults) -> anyhow::Result<Way> {
        let to = self.place.behind.clone().context("what is in TLS can't be counted or delayed")?;
        let (listener, address) = free_port()?;
        let counters = Counters::new();
        let way = Way { address: Some(address), counters: counters.clone() };
        let connect = move || {
            let to = to.clone();
            async move {
                let stream = TcpStream::connect(to).await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            }
        };
        let runtime = self.runtime.as_ref().context("the store has ended")?;
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("it was bound a moment ago");
            let delay = Delay::of_round_trip(delay);
            proxy::run(listener, connect, delay, faults, counters, std::future::pending()).await;
        });
        Ok(way)
    }

    /// A new, empty database, on the usual way.
    pub fn database(&self) -> Database {
        self.database_by(&self.way)
    }

    /// The same on another way.
    pub fn database_by(&self, way: &Way) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database {
            address: format!("{}/{}-{number}", self.place.address, std::process::id()),
            endpoint: way.address.map(|address| format!("http://{address}")).or(self.place.endpoint.clone()),
            credentials: self.place.credentials.clone(),
        }
    }
}

impl Way {
    /// What has passed on it so far.
    pub fn traffic(&self) -> Traffic {
        Traffic::of(&self.counters.counts())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Its tasks wait for nothing that is of interest any more.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn free_port() -> anyhow::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
