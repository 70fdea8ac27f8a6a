//! The registry of connections, which `CLIENT LIST` shows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::resp::Protocol;
use crate::stats::Counter;

/// The registry of connections.
#[derive(Debug, Default)]
pub struct Clients {
    /// The number of connections so far, which is the newest id.
    admitted: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
    pause: watch::Sender<Option<Pause>>,
    /// How many connections have a request that waits.
    waiting: AtomicI64,
}

/// A time in which requests have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it ends.
    pub until: Instant,
    /// Whether all requests have to wait, or only those that may write.
    pub all: bool,
}

impl Clients {
    /// Has requests wait until then. A pause that is longer, or stricter, stays so.
    pub fn pause(&self, until: Instant, all: bool) {
        self.pause.send_modify(|pause| {
            let old = pause.filter(|old| old.until > Instant::now());
            let until = old.map_or(until, |old| old.until.max(until));
            *pause = Some(Pause { until, all: all || old.is_some_and(|old| old.all) });
        });
    }

    /// Ends the pause.
    pub fn resume(&self) {
        self.pause.send_replace(None);
    }

    /// The pause, if there is one.
    pub fn present_pause(&self) -> Option<Pause> {
        self.pause.borrow().filter(|pause| pause.until > Instant::now())
    }

    /// Counts connections that have begun or ceased to wait.
    pub fn count_waiting(&self, difference: i64) {
        self.waiting.fetch_add(difference, Ordering::Relaxed);
    }

    /// How many connections have a request that waits.
    pub fn waiting(&self) -> i64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The pause, for connections that have to follow it.
    pub fn watch_pause(&self) -> watch::Receiver<Option<Pause>> {
        self.pause.subscribe()
    }

    /// Registers a connection under the next id; the first is 1.
    pub fn enter(&self, peer: String, local: String) -> Arc<Client> {
        let now = Instant::now();
        let id = 1 + self.admitted.fetch_add(1, Ordering::Relaxed);
        let (facts, killed) = (Mutex::new(Facts::new(now)), watch::Sender::new(false));
        let traffic = Traffic::default();
        let client = Arc::new(Client { id, peer, local, connected: now, facts, traffic, killed });
        self.connected().insert(id, client.clone());
        client
    }

    /// Removes a connection.
    pub fn leave(&self, id: u64) {
        self.connected().remove(&id);
    }

    /// The number of connections.
    pub fn count(&self) -> usize {
        self.connected().len()
    }

    /// All connections in the order of their ids.
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.connected().values().cloned().collect()
    }

    /// The connection with this id.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.connected().get(&id).cloned()
    }

    fn connected(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        // Neither an insertion nor a removal can panic halfway, so the map is sound even after a panic.
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, as other clients see it.
#[derive(Debug)]
pub struct Client {
    /// The id. No other connection of this server ever gets it.
    pub id: u64,
    peer: String,
    local: String,
    connected: Instant,
    facts: Mutex<Facts>,
    /// The bytes and requests that have passed.
    pub traffic: Traffic,
    /// Whether another client has ended it.
    killed: watch::Sender<bool>,
}

/// What has passed a connection, and what it holds.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Traffic {
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub requests: Counter,
    pub held_requests: Counter,
    pub held_replies: Counter,
}

/// The facts about a connection that change.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The name, which is empty until the client sets one.
    pub name: Bytes,
    /// The client library, which is empty until the client names it.
    pub library: Bytes,
    /// The version of the library.
    pub library_version: Bytes,
    /// The number of the database that it has selected.
    pub database: usize,
    /// The protocol of the replies.
    pub protocol: Protocol,
    /// Whether the client asked not to be evicted. The server evicts no client.
    pub no_evict: bool,
    /// Whether its reads should not protect keys from eviction. The server evicts no key.
    pub no_touch: bool,
    /// Whether the client said that it knows redirections. The server sends none.
    pub redirects: bool,
    /// How many commands are queued, if the client has begun a transaction.
    pub queued: Option<usize>,
    /// How many keys it watches.
    pub watched: usize,
    /// The memory of the queued commands and the watched keys.
    pub transaction_bytes: usize,
    /// The command of the newest request, unless it is unknown.
    pub command: Option<&'static str>,
    /// The time of the newest request.
    pub active: Instant,
}

impl Facts {
    fn new(now: Instant) -> Facts {
        Facts {
            name: Bytes::new(),
            library: Bytes::new(),
            library_version: Bytes::new(),
            database: 0,
            protocol: Protocol::default(),
            no_evict: false,
            no_touch: false,
            redirects: false,
            queued: None,
            watched: 0,
            transaction_bytes: 0,
            command: None,
            active: now,
        }
    }

    fn flags(&self) -> String {
        let flags = [(self.queued.is_some(), 'x'), (self.no_evict, 'e'), (self.no_touch, 'T')];
        let set: String = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect();
        if set.is_empty() { "N".to_owned() } else { set }
    }
}

impl Client {
    /// The address of the client.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The address of the server that it has connected to.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The seconds since it has connected.
    pub fn age(&self) -> u64 {
        self.connected.elapsed().as_secs()
    }

    /// Has the connection end.
    pub fn kill(&self) {
        self.killed.send_replace(true);
    }

    /// Tells the connection that it has to end.
    pub fn watch_kill(&self) -> watch::Receiver<bool> {
        self.killed.subscribe()
    }

    /// The facts that change. Hold the lock only for a moment: the session and every `CLIENT LIST` share it.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        // Each field is sound by itself, even after a panic.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line of `CLIENT LIST` without its end. It has the fields of Valkey. Those that mean nothing here are zero: the server
/// keeps no words of a request that is executed, and no buffer of fixed size for replies.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.facts();
        let age = self.age();
        let idle = facts.active.elapsed().as_secs();
        let protocol = match facts.protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        };
        let name = shown(&facts.name);
        write!(f, "id={} addr={} laddr={} fd=-1 name={name} age={age} ", self.id, self.peer, self.local)?;
        let queued = facts.queued.and_then(|queued| i64::try_from(queued).ok()).unwrap_or(-1);
        write!(
            f,
            "idle={idle} flags={} capa={} db={} sub=0 psub=0 ssub=0 multi={queued} ",
            facts.flags(),
            if facts.redirects { "r" } else { "" },
            facts.database
        )?;
        let Traffic { bytes_in, bytes_out, requests, held_requests, held_replies } = &self.traffic;
        let (unread, untaken, transaction) = (held_requests.get(), held_replies.get(), facts.transaction_bytes as u64);
        let held = unread + untaken + transaction;
        write!(f, "watch={} qbuf={unread} qbuf-free=0 argv-mem=0 multi-mem={transaction} ", facts.watched)?;
        write!(f, "rbs=0 rbp=0 obl=0 oll=0 omem={untaken} tot-mem={held} events=r ")?;
        write!(f, "cmd={} user=default redir=-1 resp={protocol} ", facts.command.unwrap_or("NULL"))?;
        write!(f, "lib-name={} lib-ver={} ", shown(&facts.library), shown(&facts.library_version))?;
        write!(f, "tot-net-in={} tot-net-out={} tot-cmds={}", bytes_in.get(), bytes_out.get(), requests.get())
    }
}

/// What a line shows of a text: the part before the first NUL. Only that part is sure to be printable.
fn shown(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text.split(|byte| *byte == 0).next().unwrap_or_default())
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
            "id=1 addr=127.0.0.1:5000 laddr=127.0.0.1:6379 fd=-1 name= age=7 idle=7 flags=N capa= db=0 sub=0 psub=0 ssub=0 \
             multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r \
             cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver= tot-net-in=0 tot-net-out=0 tot-cmds=0"
        );
    }
}
