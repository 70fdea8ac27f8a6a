//! The simulated network at its ends: streams that note every message, and that a fault can cut.
//!
//! turmoil delays, drops and holds messages. It never sends a message again. A dropped message leaves its connection
//! silent for good, as if the peer had vanished. A held message arrives late, as if TCP had sent it again. This module
//! adds cuts: both ends find their connection reset.
//!
//! It also closes the streams of a host that goes down, in the order of their opening. tokio would drop the tasks that own
//! them in an order that depends on the number of tasks in the whole process.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};
use valthree::net::Listener;

use super::hits::{Hit, Hits};
use super::place::Place;
use super::trace::Trace;

/// The network of one run. Clones share it.
#[derive(Clone)]
pub struct Network {
    /// The trace of every message.
    pub trace: Trace,
    /// The counters of effects.
    pub hits: Hits,
    links: Arc<Mutex<Links>>,
}

struct Links {
    /// The hosts that receive the store's answers late: by how much, and by which fault.
    late: BTreeMap<Place, (Duration, usize)>,
    /// The directions under a fault: the effect, and the fault.
    troubled: BTreeMap<(Place, Place), (Hit, usize)>,
    wires: BTreeMap<(Place, Place), Vec<Weak<Wire>>>,
}

/// One end of a connection, which its stream and the network share.
struct Wire {
    /// `None` once its host is down.
    stream: Mutex<Option<TcpStream>>,
    cut: AtomicBool,
    /// The tasks that wait to read and to write.
    waiting: Mutex<[Option<Waker>; 2]>,
}

impl Network {
    /// A network without connections or faults.
    pub fn new(trace: Trace, hits: Hits) -> Network {
        let links = Links { late: BTreeMap::new(), troubled: BTreeMap::new(), wires: BTreeMap::new() };
        Network { trace, hits, links: Arc::new(Mutex::new(links)) }
    }

    /// Delays the store's answers to a host, by this fault. `None` ends the delay.
    pub fn delay_answers(&self, place: Place, late: Option<(Duration, usize)>) {
        match late {
            Some(late) => self.links().late.insert(place, late),
            None => self.links().late.remove(&place),
        };
    }

    /// The delay of the store's answers to a host, if any. Counts an effect.
    pub fn lateness(&self, place: Place) -> Option<Duration> {
        let &(late, fault) = self.links().late.get(&place)?;
        self.hits.count(Hit::AnswerLate, fault);
        Some(late)
    }

    /// Counts messages in this direction as effects of a fault. `None` ends that.
    pub fn trouble(&self, from: Place, to: Place, hit: Option<(Hit, usize)>) {
        match hit {
            Some(hit) => self.links().troubled.insert((from, to), hit),
            None => self.links().troubled.remove(&(from, to)),
        };
    }

    /// Resets every connection between two hosts, and returns their number.
    pub fn cut(&self, one: Place, other: Place) -> usize {
        let pairs: BTreeSet<(Place, Place)> = [(one, other), (other, one)].into();
        let mut cut = 0;
        for pair in pairs {
            let wires = self.links().wires.remove(&pair).unwrap_or_default();
            cut += wires.iter().filter_map(Weak::upgrade).inspect(|wire| wire.end()).count();
        }
        cut.div_ceil(2) // each connection has two ends
    }

    /// Closes every connection of a host that goes down. The host itself must call this, while it can still send the ends.
    pub fn go_down(&self, here: Place) {
        let mut links = self.links();
        let own = links.wires.iter_mut().filter(|((near, _), _)| *near == here);
        let wires: Vec<_> = own.flat_map(|(_, wires)| std::mem::take(wires)).collect();
        drop(links);
        wires.iter().filter_map(Weak::upgrade).for_each(|wire| drop(lock(&wire.stream).take()));
    }

    /// The number of a host's connections.
    pub fn connections(&self, place: Place) -> usize {
        let links = self.links();
        let own = links.wires.iter().filter(|((here, _), _)| *here == place);
        own.flat_map(|(_, wires)| wires).filter(|wire| wire.strong_count() > 0).count()
    }

    /// Opens a connection.
    pub async fn connect(&self, from: Place, to: Place, port: u16) -> io::Result<Stream> {
        self.passed(from, to);
        let stream = TcpStream::connect((to.name(), port)).await;
        match stream {
            Ok(stream) => Ok(self.stream(stream, from, to)),
            Err(error) => {
                self.trace.note(format_args!("{from} > {to}: no connection: {}", error.kind()));
                Err(error)
            }
        }
    }

    /// Listens for connections.
    pub async fn listen(&self, here: Place, port: u16) -> io::Result<Door> {
        let listener = TcpListener::bind(("0.0.0.0", port)).await?;
        Ok(Door { listener, here, network: self.clone() })
    }

    fn stream(&self, stream: TcpStream, here: Place, there: Place) -> Stream {
        let ports = (port(stream.local_addr()), port(stream.peer_addr()));
        let wire = Wire { stream: Mutex::new(Some(stream)), cut: AtomicBool::new(false), waiting: Mutex::default() };
        let wire = Arc::new(wire);
        let mut links = self.links();
        let wires = links.wires.entry((here, there)).or_default();
        wires.retain(|wire| wire.strong_count() > 0);
        wires.push(Arc::downgrade(&wire));
        drop(links);
        self.trace.note(format_args!("{here}:{} = {there}:{} connected", ports.0, ports.1));
        Stream { wire, here, there, ports, network: self.clone() }
    }

    fn passed(&self, from: Place, to: Place) {
        if let Some(&(hit, fault)) = self.links().troubled.get(&(from, to)) {
            self.hits.count(hit, fault);
        }
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        lock(&self.links)
    }
}

/// Locks a mutex. A panic of another thread leaves the data whole, since every change is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn port(address: io::Result<SocketAddr>) -> u16 {
    address.map_or(0, |address| address.port())
}

impl Wire {
    fn end(&self) {
        self.cut.store(true, Ordering::Relaxed);
        lock(&self.waiting).iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }

    /// Acts on the stream, unless it is cut. Keeps the waker, so that a cut wakes the task.
    fn with<T>(
        &self,
        half: usize,
        cx: &mut Context<'_>,
        act: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut stream = lock(&self.stream);
        let Some(stream) = stream.as_mut().filter(|_| !self.cut.load(Ordering::Relaxed)) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        match &mut lock(&self.waiting)[half] {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        act(Pin::new(stream), cx)
    }
}

/// A stream of the simulated network.
pub struct Stream {
    wire: Arc<Wire>,
    here: Place,
    there: Place,
    ports: (u16, u16),
    network: Network,
}

impl Stream {
    fn note(&self, direction: char, bytes: &[u8]) {
        let (here, there, (near, far)) = (self.here, self.there, self.ports);
        let (length, sum) = (bytes.len(), checksum(bytes));
        self.network.trace.note(format_args!("{here}:{near} {direction} {there}:{far} {length} {sum:016x}"));
    }
}

/// FNV-1a, which is the same on every machine. It tells messages apart in the trace.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(self.wire.with(0, cx, |stream, cx| stream.poll_read(cx, into)))?;
        self.note('<', &into.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(self.wire.with(1, cx, |stream, cx| stream.poll_write(cx, bytes)))?;
        self.note('>', &bytes[..written]);
        self.network.passed(self.here, self.there);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.with(1, cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.with(1, cx, |stream, cx| stream.poll_shutdown(cx))
    }
}

/// The listener of a host.
pub struct Door {
    listener: TcpListener,
    here: Place,
    network: Network,
}

impl Listener for Door {
    type Stream = Stream;

    async fn accept(&mut self) -> io::Result<(Stream, String, String)> {
        let (stream, peer) = self.listener.accept().await?;
        let there = turmoil::reverse_lookup(peer.ip()).and_then(|name| Place::named(&name));
        let there = there.ok_or_else(|| io::Error::other("a connection from an unknown host"))?;
        let local = stream.local_addr().map_or_else(|_| String::new(), |local| local.to_string());
        Ok((self.network.stream(stream, self.here, there), peer.to_string(), local))
    }
}
