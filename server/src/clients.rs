//! Who is connected to this server, for `CLIENT LIST`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::resp::Protocol;

/// The registry of connections.
#[derive(Debug, Default)]
pub struct Clients {
    /// How many there ever were, and so the newest id.
    admitted: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
}

impl Clients {
    /// Registers a connection under the next id; the first is 1.
    pub fn enter(&self, peer: String, local: String) -> Arc<Client> {
        let now = Instant::now();
        let id = 1 + self.admitted.fetch_add(1, Ordering::Relaxed);
        let client = Arc::new(Client { id, peer, local, connected: now, facts: Mutex::new(Facts::new(now)) });
        self.connected().insert(id, client.clone());
        client
    }

    /// Strikes a connection from the register.
    pub fn leave(&self, id: u64) {
        self.connected().remove(&id);
    }

    /// How many are connected.
    pub fn count(&self) -> usize {
        self.connected().len()
    }

    /// Everyone who is connected, in the order of their ids.
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.connected().values().cloned().collect()
    }

    /// One connection by its id.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.connected().get(&id).cloned()
    }

    fn connected(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        // Nothing can panic half-way through an insert or a remove that would matter here.
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, as the others can see it.
#[derive(Debug)]
pub struct Client {
    /// Never given to another connection of the same server.
    pub id: u64,
    peer: String,
    local: String,
    connected: Instant,
    facts: Mutex<Facts>,
}

/// What changes about a connection.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The name that it gave itself; empty without one.
    pub name: String,
    /// The client library; empty if it did not say.
    pub library: String,
    /// The version of that library.
    pub library_version: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// It asked not to be evicted. Nobody ever is.
    pub no_evict: bool,
    /// It asked that its reads keep no key from eviction. None ever is evicted.
    pub no_touch: bool,
    /// The newest request's command; none if there was none, or it was unknown.
    pub command: Option<&'static str>,
    /// When that request came.
    pub active: Instant,
}

impl Facts {
    fn new(now: Instant) -> Facts {
        Facts {
            name: String::new(),
            library: String::new(),
            library_version: String::new(),
            protocol: Protocol::default(),
            no_evict: false,
            no_touch: false,
            command: None,
            active: now,
        }
    }

    fn flags(&self) -> &'static str {
        match (self.no_evict, self.no_touch) {
            (false, false) => "N",
            (true, false) => "e",
            (false, true) => "T",
            (true, true) => "eT",
        }
    }
}

impl Client {
    /// What changes about it. Held for a moment only: the session and whoever lists clients share it.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        // Every field is sound by itself, whatever happened to the holder.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line of `CLIENT LIST`, without its end. It has those of Valkey's fields that are known to be true here; there are
/// no buffers or file descriptors to tell of.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.facts();
        let age = self.connected.elapsed().as_secs();
        let idle = facts.active.elapsed().as_secs();
        let protocol = match facts.protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        };
        write!(f, "id={} addr={} laddr={} name={} age={age} ", self.id, self.peer, self.local, facts.name)?;
        write!(f, "idle={idle} flags={} db=0 sub=0 psub=0 ssub=0 multi=-1 ", facts.flags())?;
        write!(f, "cmd={} user=default redir=-1 resp={protocol} ", facts.command.unwrap_or("NULL"))?;
        write!(f, "lib-name={} lib-ver={}", facts.library, facts.library_version)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_start_at_one_and_never_come_back() {
        let clients = Clients::default();
        assert_eq!(clients.enter("a:1".into(), "b:1".into()).id, 1);
        clients.leave(1);
        assert_eq!(clients.enter("a:2".into(), "b:1".into()).id, 2);
        assert_eq!(clients.count(), 1);
        assert!(clients.get(1).is_none());
        assert!(clients.get(2).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_tells_what_is_known_of_a_client() {
        let clients = Clients::default();
        let client = clients.enter("127.0.0.1:5000".into(), "127.0.0.1:6379".into());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(
            client.to_string(),
            "id=1 addr=127.0.0.1:5000 laddr=127.0.0.1:6379 name= age=7 idle=7 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 \
             cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver="
        );
    }
}
