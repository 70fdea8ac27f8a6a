//! The servers that the tests talk to.

mod redis_server;
mod valthree_server;

use std::net::SocketAddr;

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours, in this process, on a folder.
    Valthree,
    /// The same, on S3.
    ValthreeOnS3,
    /// Debian's `redis-server`, which tells whether the scripts are right about the protocol.
    Redis,
}

/// A server with an empty database, which ends when it is dropped.
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    running: Running,
}

enum Running {
    Valthree(valthree_server::ValthreeServer),
    #[expect(dead_code, reason = "what is held is only ever dropped")]
    Redis(redis_server::RedisServer),
}

impl Peer {
    /// Starts a server on a free port of the loopback interface, and returns when it takes connections.
    pub fn start(kind: Kind) -> Peer {
        match kind {
            Kind::Valthree => {
                let server = valthree_server::ValthreeServer::on_a_folder();
                Peer { address: server.address, running: Running::Valthree(server) }
            }
            Kind::ValthreeOnS3 => {
                let server = valthree_server::ValthreeServer::on_s3();
                Peer { address: server.address, running: Running::Valthree(server) }
            }
            Kind::Redis => {
                let server = redis_server::RedisServer::start();
                Peer { address: server.address, running: Running::Redis(server) }
            }
        }
    }
    /// The damage of its database, as far as we can look into it.
    #[allow(dead_code, reason = "only some tests look for damage")]
    pub fn damage(&self) -> Option<String> {
        match &self.running {
            Running::Valthree(server) => server.verify().err().map(|damage| damage.to_string()),
            Running::Redis(_) => None,
        }
    }
}
