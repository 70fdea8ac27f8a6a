//! The store of the benchmark: the stand-in behind the proxy, or any other S3.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::proxy::{self, Counters, Delay, Faults, Method, ProxyCounts};
use crate::s3::{Asked, Config, Fate, Keys, RequestKind, Stand, serve};

/// The credentials that the stand-in accepts.
const ACCESS_KEY: &str = "valthree-bench";
const SECRET_KEY: &str = "valthree-bench-secret";
const REGION: &str = "us-east-1";
const BUCKET: &str = "bench";

/// Which store the benchmark uses.
#[derive(Clone, Debug)]
pub enum BackendChoice {
    /// The stand-in behind a proxy that adds this much to a round trip.
    StandIn(Duration),
    /// A bucket of another S3. Credentials come from the environment.
    Bucket {
        /// Bucket and prefix, as in `s3://bucket/prefix`.
        address: String,
        /// The URL of the S3 server; `None` is AWS.
        endpoint: Option<String>,
        /// How much a proxy adds to a round trip.
        delay: Duration,
    },
}

/// Requests and bytes between servers and store.
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
    fn of(counts: &ProxyCounts) -> Traffic {
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

    /// The traffic since an earlier count.
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

/// A database in the store, in the form that processes take.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub address: String,
    pub endpoint: Option<String>,
    /// The environment of its processes.
    pub variables: Vec<(&'static str, &'static str)>,
}

impl Database {
    /// The same database, whose servers wait longer before they refuse a command. A volley counts work, not waiting.
    pub fn patient(mut self) -> Database {
        self.variables.push(("VALTHREE_DEADLINE_MS", "60000"));
        self
    }
}

/// The store, on threads of its own, and the usual route to it.
pub(super) struct Backend {
    runtime: Option<Runtime>,
    upstream: Upstream,
    /// The route that databases take unless told otherwise.
    pub route: Route,
    databases: AtomicU64,
    /// The largest `db.json` that the stand-in has received since somebody asked.
    largest_commit: Option<Arc<AtomicU64>>,
}

/// The store behind the proxy.
struct Upstream {
    address: String,
    /// The address that the proxy connects to. `None` if the store speaks TLS and takes no proxy.
    behind: Option<String>,
    /// The URL for servers that connect without a proxy.
    endpoint: Option<String>,
    credentials: Vec<(&'static str, &'static str)>,
}

/// A proxy before the store, and its counters.
#[derive(Clone)]
pub(super) struct Route {
    address: Option<SocketAddr>,
    counters: Counters,
}

impl Backend {
    /// Starts the store and the usual route. `now` is the wall time.
    pub fn start(choice: &BackendChoice, now: SystemTime) -> anyhow::Result<Backend> {
        // Store and proxy share one thread, so that the load keeps the others.
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("store").enable_all().build()?;
        let mut largest_commit = None;
        let (upstream, delay) = match choice {
            BackendChoice::StandIn(delay) => {
                let keys = Keys { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() };
                let stand = Stand::new(Config {
                    keys: Some(keys),
                    region: REGION.to_owned(),
                    buckets: vec![BUCKET.to_owned()],
                    started: now,
                });
                largest_commit = Some(watch_commits(&stand));
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
                (Upstream { address, behind: Some(behind.to_string()), endpoint: None, credentials }, *delay)
            }
            BackendChoice::Bucket { address, endpoint, delay } => {
                let behind = endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
                let behind = behind.map(|behind| behind.trim_end_matches('/').to_owned());
                let (address, endpoint) = (address.trim_end_matches('/').to_owned(), endpoint.clone());
                (Upstream { address, behind, endpoint, credentials: Vec::new() }, *delay)
            }
        };
        let nowhere = Route { address: None, counters: Counters::new() };
        let mut store =
            Backend { runtime: Some(runtime), upstream, route: nowhere, databases: AtomicU64::new(0), largest_commit };
        if store.counts() {
            store.route = store.open_route(delay, Faults::none())?;
        }
        Ok(store)
    }

    /// Whether the proxy can count, delay and lose requests. TLS prevents that.
    pub fn counts(&self) -> bool {
        self.upstream.behind.is_some()
    }

    /// The bytes of the largest commit since the last call. `None` if the store does not tell.
    pub fn take_largest_commit(&self) -> Option<u64> {
        self.largest_commit.as_ref().map(|largest| largest.swap(0, Ordering::Relaxed))
    }

    /// Opens another route to the store, with its own delay and faults.
    pub fn open_route(&self, delay: Duration, faults: Faults) -> anyhow::Result<Route> {
        let to = self.upstream.behind.clone().context("a proxy can neither count nor delay TLS")?;
        let (listener, address) = free_port()?;
        let counters = Counters::new();
        let route = Route { address: Some(address), counters: counters.clone() };
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
        Ok(route)
    }

    /// A new, empty database over the usual route.
    pub fn database(&self) -> Database {
        self.database_over(&self.route)
    }

    /// A new, empty database over another route.
    pub fn database_over(&self, route: &Route) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database {
            address: format!("{}/{}-{number}", self.upstream.address, std::process::id()),
            endpoint: route.address.map(|address| format!("http://{address}")).or(self.upstream.endpoint.clone()),
            variables: self.upstream.credentials.clone(),
        }
    }
}

/// Notes the largest commit that a stand-in receives.
fn watch_commits(stand: &Stand) -> Arc<AtomicU64> {
    let largest = Arc::new(AtomicU64::new(0));
    let noted = Arc::clone(&largest);
    stand.decide(move |asked: &Asked| {
        if asked.kind == RequestKind::Put && asked.key.ends_with("/db.json") {
            noted.fetch_max(asked.length as u64, Ordering::Relaxed);
        }
        Fate::HONEST
    });
    largest
}

impl Route {
    /// Requests and bytes so far.
    pub fn traffic(&self) -> Traffic {
        Traffic::of(&self.counters.counts())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // Tokio refuses to block on a runtime's end inside another runtime.
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
