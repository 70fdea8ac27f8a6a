//! The servers that the tests talk to.

mod redis_server;

use std::net::SocketAddr;

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours, in this process.
    Valthree,
    /// Debian's `redis-server`, which tells whether the scripts are right about the protocol.
    Redis,
}

/// A server with an empty database, which ends when it is dropped.
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    _running: Running,
}

#[expect(dead_code, reason = "what is held is only ever dropped")]
enum Running {
    Redis(redis_server::RedisServer),
}

impl Peer {
    /// Starts a server on a free port of the loopback interface, and returns when it takes connections.
    pub fn start(kind: Kind) -> Peer {
        match kind {
            Kind::Valthree => valthree(),
            Kind::Redis => {
                let server = redis_server::RedisServer::start();
                Peer { address: server.address, _running: Running::Redis(server) }
            }
        }
    }
}

// THE LEAD FILLS THIS IN. A runtime of its own, so that blocking tests and async ones can both talk to it:
//
//     let directory = tempfile::tempdir().expect("a temporary directory");
//     let store = valthree::store::directory::Directory::open(directory.path()).expect("an empty directory opens");
//     let runtime = tokio::runtime::Runtime::new().expect("a runtime");
//     let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
//     let address = listener.local_addr().expect("a bound listener has an address");
//     let shutdown = std::future::pending();
//     runtime.spawn(valthree::run(listener, store, valthree::Config::default(), shutdown));
//     Peer { address, _running: Running::Valthree { runtime, directory } }
//
// with `Valthree { runtime: tokio::runtime::Runtime, directory: tempfile::TempDir }` added to `Running`; fields are
// dropped in their order, the runtime first.
fn valthree() -> Peer {
    unimplemented!("the server is not here yet")
}
