//! Starts Debian's `redis-server`.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Between choosing a free port and using it, another process may take it; this often in a row it does not.
const ATTEMPTS: usize = 10;

/// The version whose answers the scripts state.
const VERSION: &str = "v=7.0.";

/// A running `redis-server` that keeps nothing.
pub struct RedisServer {
    pub address: SocketAddr,
    process: Child,
    _directory: TempDir,
}

impl RedisServer {
    pub fn start() -> RedisServer {
        let version = Command::new("redis-server").arg("--version").output();
        let version = version.unwrap_or_else(|error| {
            panic!("redis-server cannot be started ({error}); scripts/setup-tests installs it")
        });
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        assert!(version.contains(VERSION), "the scripts state what redis-server 7.0 answers, but this is {version}");
        (0..ATTEMPTS).find_map(|_| RedisServer::try_start()).expect("redis-server finds its port taken every time")
    }

    fn try_start() -> Option<RedisServer> {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = free.local_addr().expect("a bound listener has an address");
        drop(free);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it could be started a moment ago");
        let log = process.stdout.take().expect("it was piped");
        let server = RedisServer { address, process, _directory: directory };
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("Ready to accept connections"));
        // The log is read on, so that the server is never held up by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        ready.then_some(server)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
