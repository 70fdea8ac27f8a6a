//! The proxy delays bytes by exactly its delay and changes none of them. Time and network are simulated.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use valthree::net::Listener;
use valthree_lab::proxy::{Counters, Delay, Faults, Method, ProxyCounts, run};

/// The bytes that a connection holds before its writer has to wait.
const PIPE: usize = 1 << 16;

/// The network between clients, the proxy and the server behind it.
struct Net {
    clients: mpsc::Sender<DuplexStream>,
    servers: mpsc::Receiver<DuplexStream>,
    counters: Counters,
    stop: oneshot::Sender<()>,
    proxy: JoinHandle<()>,
}

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

impl Net {
    fn new(delay: Delay) -> Net {
        let (clients, accepts) = mpsc::channel(16);
        let (connects, servers) = mpsc::channel(16);
        let (stop, stopped) = oneshot::channel();
        let counters = Counters::new();
        let connect = move || {
            let connects = connects.clone();
            async move {
                let (near, far) = duplex(PIPE);
                connects.send(far).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(near)
            }
        };
        let shutdown = async {
            let _ = stopped.await; // a test that ends stops it as well
        };
        let proxy = tokio::spawn(run(Accepts(accepts), connect, delay, Faults::none(), counters.clone(), shutdown));
        Net { clients, servers, counters, stop, proxy }
    }

    /// Both ends of a new connection.
    async fn connect(&mut self) -> (DuplexStream, DuplexStream) {
        let (near, far) = duplex(PIPE);
        self.clients.send(far).await.unwrap();
        (near, self.servers.recv().await.unwrap())
    }

    fn counts(&self) -> ProxyCounts {
        self.counters.counts()
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_round_trip_takes_exactly_the_delay_longer() {
    for (delay, there) in [(0, 0), (1, 0), (2, 1), (5, 2), (100, 50), (1001, 500)] {
        let mut net = Net::new(Delay::of_round_trip(ms(delay)));
        let (mut client, mut server) = net.connect().await;
        for _ in 0..3 {
            let start = Instant::now();
            client.write_all(b"ping").await.unwrap();
            let mut bytes = [0; 4];
            server.read_exact(&mut bytes).await.unwrap();
            assert_eq!((start.elapsed(), &bytes), (ms(there), b"ping"));
            sleep(ms(7)).await; // the server thinks
            server.write_all(b"pong").await.unwrap();
            client.read_exact(&mut bytes).await.unwrap();
            assert_eq!((start.elapsed(), &bytes), (ms(7 + delay), b"pong"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_does_not_limit_throughput() {
    let mut net = Net::new(Delay { there: ms(1000), back: ms(0) });
    let (mut client, mut server) = net.connect().await;
    let start = Instant::now();
    let writing = tokio::spawn(async move {
        // Far more than a connection holds. If bytes under way blocked the others, this would take many delays.
        client.write_all(&vec![7; 100 * PIPE]).await.unwrap();
        assert_eq!(start.elapsed(), ms(0));
        sleep(ms(300)).await;
        client.write_all(b"later").await.unwrap();
        client
    });
    let mut bytes = vec![0; 100 * PIPE];
    server.read_exact(&mut bytes).await.unwrap();
    assert_eq!(start.elapsed(), ms(1000));
    let mut later = [0; 5];
    server.read_exact(&mut later).await.unwrap();
    assert_eq!((start.elapsed(), &later), (ms(1300), b"later"));
    writing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_is_delayed_like_its_bytes_and_only_in_its_direction() {
    let mut net = Net::new(Delay { there: ms(100), back: ms(20) });
    let (mut client, mut server) = net.connect().await;
    let start = Instant::now();
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut words = String::new();
    server.read_to_string(&mut words).await.unwrap();
    assert_eq!((start.elapsed(), words.as_str()), (ms(100), "last words"));
    server.write_all(b"heard").await.unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!((start.elapsed(), answer.as_str()), (ms(120), "heard"));
    sleep(ms(1)).await;
    assert_eq!((net.counts().connections, net.counts().open), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_client_that_died_still_arrive() {
    let mut net = Net::new(Delay::of_round_trip(ms(100)));
    let (mut client, mut server) = net.connect().await;
    client.write_all(b"PUT").await.unwrap();
    drop(client);
    let mut words = String::new();
    server.read_to_string(&mut words).await.unwrap();
    assert_eq!(words, "PUT");
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_method_and_bytes_by_direction() {
    let mut net = Net::new(Delay::of_round_trip(ms(10)));
    let (mut client, mut server) = net.connect().await;
    let lure = "GET /no HTTP/1.1\r\n\r\n";
    let requests = format!(
        "GET /a HTTP/1.1\r\nhost: x\r\n\r\n\
         PUT /b HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{lure}\
         PUT /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{lure}\r\n0\r\n\r\n\
         HEAD /d HTTP/1.1\r\n\r\n",
        length = lure.len()
    );
    client.write_all(requests.as_bytes()).await.unwrap();
    server.read_exact(&mut vec![0; requests.len()]).await.unwrap();
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    client.read_exact(&mut [0; 19]).await.unwrap();
    let (mut other, mut its_server) = net.connect().await;
    other.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
    its_server.read_exact(&mut [0; 14]).await.unwrap();
    let expected = ProxyCounts {
        connections: 2,
        open: 2,
        refused: 0,
        foreign: 1,
        requests: [(Method::Get, 1), (Method::Put, 2), (Method::Head, 1)].into(),
        bytes_there: requests.len() as u64 + 14,
        bytes_back: 19,
        faults: [].into(),
    };
    assert_eq!(net.counts(), expected);
    assert_eq!(
        serde_json::to_string(&net.counts()).unwrap(),
        format!(
            r#"{{"connections":2,"open":2,"refused":0,"foreign":1,"requests":{{"GET":1,"HEAD":1,"PUT":2}},"bytes_there":{},"bytes_back":19,"faults":{{}}}}"#,
            expected.bytes_there
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_a_connection_is_counted() {
    let mut net = Net::new(Delay::default());
    net.servers.close();
    let (mut client, far) = duplex(PIPE);
    net.clients.send(far).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!((net.counts().connections, net.counts().open, net.counts().refused), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn stopping_drops_every_connection() {
    let mut net = Net::new(Delay::of_round_trip(ms(100)));
    let (mut client, mut server) = net.connect().await;
    client.write_all(b"on the way").await.unwrap();
    net.stop.send(()).unwrap();
    net.proxy.await.unwrap();
    assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(net.counters.counts().open, 0);
}

/// Writes pieces with pauses between them.
fn writes() -> impl Strategy<Value = Vec<(Vec<u8>, u64)>> {
    proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..3000), 0u64..40), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_come_out_as_they_went_in_both_ways(
        there in writes(), back in writes(), delay_ms in 0u64..60, pipe in 1usize..5000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (client, client_end) = duplex(pipe);
            let (server_end, server) = duplex(pipe);
            let (clients, accepts) = mpsc::channel(1);
            clients.send(client_end).await.unwrap();
            let server_end = Arc::new(Mutex::new(Some(server_end)));
            let connect = move || {
                let stream = server_end.lock().unwrap().take();
                async move { stream.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
            };
            let delay = Delay::of_round_trip(ms(delay_ms));
            let counters = Counters::new();
            let proxy = run(Accepts(accepts), connect, delay, Faults::none(), counters.clone(), std::future::pending());
            tokio::spawn(proxy);
            let (from_server, to_server) = tokio::io::split(client);
            let (from_client, to_client) = tokio::io::split(server);
            let (_, _, received, answered) = tokio::join!(
                write(to_server, there.clone()),
                write(to_client, back.clone()),
                read(from_client),
                read(from_server),
            );
            let sent = |writes: &[(Vec<u8>, u64)]| writes.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
            assert_eq!(received, sent(&there));
            assert_eq!(answered, sent(&back));
            let counts = counters.counts();
            assert_eq!((counts.bytes_there, counts.bytes_back), (received.len() as u64, answered.len() as u64));
        });
    }
}

async fn write(mut to: impl tokio::io::AsyncWrite + Unpin, writes: Vec<(Vec<u8>, u64)>) {
    for (bytes, pause) in writes {
        to.write_all(&bytes).await.unwrap();
        sleep(ms(pause)).await;
    }
    to.shutdown().await.unwrap();
}

async fn read(mut from: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await.unwrap();
    bytes
}
