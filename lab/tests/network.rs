//! The proxy's faults: in simulated time on streams in memory, and a real reset on real sockets.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use valthree::net::Listener;
use valthree_lab::proxy::{Counters, Delay, FaultKind, Faults, Method, NetworkFault, run};

const HEAD: &str = "PUT /db HTTP/1.1\r\ncontent-length: 10\r\n\r\n";
const BODY: &str = "0123456789";
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const LONG: Duration = Duration::from_secs(3600);

struct Accepts(mpsc::Receiver<DuplexStream>);

impl Listener for Accepts {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, String, String)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, "client".to_owned(), "proxy".to_owned())),
            None => std::future::pending().await,
        }
    }
}

/// A proxy whose second PUT meets a fault, and both its ends.
struct Net {
    clients: mpsc::Sender<DuplexStream>,
    servers: mpsc::Receiver<DuplexStream>,
    counters: Counters,
    faults: Faults,
}

/// A proxy that gives this fault to the second PUT.
fn second(fault: NetworkFault) -> Faults {
    Faults::decided_by(move |asked| (asked.method == Method::Put && asked.number == 2).then_some(fault))
}

impl Net {
    fn new(faults: Faults) -> Net {
        let (clients, accepts) = mpsc::channel(16);
        let (connects, servers) = mpsc::channel(16);
        let counters = Counters::new();
        let connect = move || {
            let connects = connects.clone();
            async move {
                let (near, far) = duplex(1 << 16);
                connects.send(far).await.map_err(|_| ErrorKind::ConnectionRefused)?;
                Ok(near)
            }
        };
        let delay = Delay::of_round_trip(ms(20));
        tokio::spawn(run(Accepts(accepts), connect, delay, faults.clone(), counters.clone(), std::future::pending()));
        Net { clients, servers, counters, faults }
    }

    /// Both ends of a connection after the first PUT's answer and the second PUT.
    async fn put_twice(&mut self) -> (DuplexStream, DuplexStream) {
        let (mut client, far) = duplex(1 << 16);
        self.clients.send(far).await.unwrap();
        let mut server = self.servers.recv().await.unwrap();
        put(&mut client).await;
        answer(&mut server).await;
        assert_eq!(read(&mut client, ANSWER.len()).await, ANSWER);
        assert_eq!(self.hits(), []);
        put(&mut client).await;
        (client, server)
    }

    fn hits(&self) -> Vec<(FaultKind, u64)> {
        self.counters.counts().faults.into_iter().collect()
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn put(client: &mut DuplexStream) {
    client.write_all([HEAD, BODY].concat().as_bytes()).await.unwrap();
}

/// Receives a request whole, and answers it.
async fn answer(server: &mut DuplexStream) {
    assert_eq!(read(server, HEAD.len() + BODY.len()).await, [HEAD, BODY].concat());
    server.write_all(ANSWER.as_bytes()).await.unwrap();
}

async fn read(stream: &mut DuplexStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// All bytes until the end.
async fn rest(stream: &mut DuplexStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// Checks that no byte arrives, nor the end.
async fn silent(stream: &mut DuplexStream) {
    timeout(LONG, stream.read(&mut [0])).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_cut_request_never_arrives_whole_and_both_ends_see_the_end() {
    let whole = [HEAD, BODY].concat();
    for after in [0, 1, 5, BODY.len() as u64] {
        let mut net = Net::new(second(NetworkFault::CutRequest(after)));
        let (mut client, mut server) = net.put_twice().await;
        assert_eq!(rest(&mut server).await, &whole[..HEAD.len() - 1 + after as usize]);
        assert_eq!(rest(&mut client).await, "");
        assert_eq!(net.hits(), [(FaultKind::CutRequest, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_shorter_than_its_cut_passes_and_the_next_one_too() {
    let mut net = Net::new(second(NetworkFault::CutRequest(BODY.len() as u64 + 1)));
    let (mut client, mut server) = net.put_twice().await;
    answer(&mut server).await;
    assert_eq!(read(&mut client, ANSWER.len()).await, ANSWER);
    assert_eq!(net.hits(), []);
}

#[tokio::test(start_paused = true)]
async fn the_request_of_a_cut_answer_has_arrived() {
    for after in [0, 1, 30] {
        let mut net = Net::new(second(NetworkFault::CutAnswer(after)));
        let (mut client, mut server) = net.put_twice().await;
        answer(&mut server).await;
        assert_eq!(rest(&mut client).await, &ANSWER[..after as usize]);
        assert_eq!(rest(&mut server).await, "");
        assert_eq!(net.hits(), [(FaultKind::CutAnswer, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_request_never_arrives_whole() {
    let mut net = Net::new(second(NetworkFault::Reset));
    let (mut client, mut server) = net.put_twice().await;
    assert_eq!(rest(&mut server).await, &HEAD[..HEAD.len() - 1]);
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(net.hits(), [(FaultKind::Reset, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_swallowed_request_takes_all_later_bytes_with_it() {
    let mut net = Net::new(second(NetworkFault::HoleThere));
    let (mut client, mut server) = net.put_twice().await;
    assert_eq!(read(&mut server, HEAD.len() - 1).await, &HEAD[..HEAD.len() - 1]);
    put(&mut client).await;
    silent(&mut server).await;
    silent(&mut client).await;
    drop(client);
    assert_eq!(rest(&mut server).await, "", "only the end comes through");
    assert_eq!(net.hits(), [(FaultKind::HoleThere, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_swallowed_answer_leaves_both_ends_connected() {
    let mut net = Net::new(second(NetworkFault::HoleBack));
    let (mut client, mut server) = net.put_twice().await;
    answer(&mut server).await;
    silent(&mut client).await;
    put(&mut client).await;
    answer(&mut server).await;
    silent(&mut client).await;
    assert_eq!(net.hits(), [(FaultKind::HoleBack, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_held_put_arrives_after_its_client_has_closed_the_connection() {
    let mut net = Net::new(second(NetworkFault::Hold(ms(3000))));
    let (client, mut server) = net.put_twice().await;
    let sent = Instant::now();
    drop(client);
    answer(&mut server).await;
    assert_eq!(sent.elapsed(), ms(3000));
    assert_eq!(rest(&mut server).await, "");
    assert_eq!(net.hits(), [(FaultKind::Hold, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_held_put_delays_no_other_connection() {
    let mut net = Net::new(second(NetworkFault::Hold(ms(3000))));
    let (_client, mut server) = net.put_twice().await;
    let (mut other, far) = duplex(1 << 16);
    net.clients.send(far).await.unwrap();
    let sent = Instant::now();
    put(&mut other).await;
    answer(&mut net.servers.recv().await.unwrap()).await;
    assert_eq!(sent.elapsed(), ms(10));
    answer(&mut server).await;
    assert_eq!(sent.elapsed(), ms(3000));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_and_its_answer_take_the_time_of_their_bytes() {
    let mut net = Net::new(second(NetworkFault::Throttle(10)));
    let (mut client, mut server) = net.put_twice().await;
    let sent = Instant::now();
    answer(&mut server).await;
    // The proxy throttles the last byte of the head, too.
    assert_eq!(sent.elapsed(), ms(10) + ms(100) * (1 + BODY.len() as u32));
    let answered = Instant::now();
    assert_eq!(read(&mut client, ANSWER.len()).await, ANSWER);
    assert_eq!(answered.elapsed(), ms(10) + ms(100) * ANSWER.len() as u32);
    assert_eq!(net.hits(), [(FaultKind::Throttle, 1)]);
    let sent = Instant::now();
    put(&mut client).await;
    answer(&mut server).await;
    assert_eq!(sent.elapsed(), ms(10), "the next request is in no trouble");
}

#[tokio::test(start_paused = true)]
async fn no_request_meets_a_fault_while_they_are_off() {
    let mut net = Net::new(Faults::decided_by(|_| Some(NetworkFault::Reset)));
    net.faults.turn(false);
    let (mut client, mut server) = net.put_twice().await;
    answer(&mut server).await;
    assert_eq!(read(&mut client, ANSWER.len()).await, ANSWER);
    assert_eq!(net.hits(), []);
    net.faults.turn(true);
    put(&mut client).await;
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(net.hits(), [(FaultKind::Reset, 1)]);
}

#[tokio::test]
async fn a_reset_of_sockets_is_an_error_at_both_ends() {
    let (front, back) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (address, to) = (front.local_addr().unwrap(), back.local_addr().unwrap());
    let first = AtomicBool::new(true);
    let faults = Faults::decided_by(move |_| first.swap(false, Ordering::Relaxed).then_some(NetworkFault::Reset));
    let counters = Counters::new();
    let connect = move || TcpStream::connect(to);
    tokio::spawn(run(front, connect, Delay::default(), faults, counters.clone(), std::future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    let (mut server, _) = back.accept().await.unwrap();
    client.write_all(HEAD.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // The kernel decides whether the bytes before the reset arrive.
    assert_eq!(server.read_to_end(&mut bytes).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(HEAD.as_bytes().starts_with(&bytes) && bytes.len() < HEAD.len());
    assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(counters.counts().faults.into_iter().collect::<Vec<_>>(), [(FaultKind::Reset, 1)]);
}
