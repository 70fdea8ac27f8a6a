//! What a server holds stays bounded whatever its clients do, and those who behave do not notice.
//!
//! The process is measured as a whole, by what the system says that it occupies. Each bound is what the limits in force
//! add up to, with room for what the allocator keeps; without the limit that a test is about, it would take several
//! times as much.

mod binary;
mod network;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use binary::{Server, valthree};
use network::{Network, settle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
use valthree::resp::Limits;
use valthree::settings::Settings;
use valthree::store::memory::{Memory, Script};

const MIB: usize = 1 << 20;

/// A server with these flags besides the usual ones.
fn limited(folder: &tempfile::TempDir, flags: &[&str]) -> Server {
    let usual =
        ["--listen", "127.0.0.1:0", "--deadline-ms", "600000", "--threads", "2", "--log-filter", "valthree=info"];
    Server::start(valthree().args(usual).args(flags).arg("--store").arg(folder.path()))
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).expect("it listens")
}

/// Sends as much as the connection takes at the moment, and says how much that was.
fn send_what_is_taken(stream: &mut TcpStream, bytes: &[u8]) -> usize {
    stream.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(written) => sent += written,
            // It is full; or it is closed, which happens where it is slow enough for the patience to end.
            Err(_) => break,
        }
    }
    sent
}

/// Waits until nothing is held any more.
async fn all_is_given_back(client: &mut network::Client) {
    for _ in 0..1000 {
        if held(client).await == 0 {
            return;
        }
        settle().await;
    }
    panic!("{} bytes are held", held(client).await);
}

/// The beginning of a SET whose value is to have this length.
fn announcement(length: usize) -> String {
    format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${length}\r\n")
}

#[test]
fn a_database_beyond_its_limit_takes_no_more_and_serves_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &["--max-memory", "1kb"]);
    let (mut client, mut other) = (server.client(), server.client());
    assert_eq!(client.call(&format!("SET a {}", "x".repeat(1024))), "+OK");
    assert_eq!(client.info("used_memory_dataset"), (1 + 1024 + 96).to_string());
    assert_eq!(client.info("maxmemory"), "1024");
    let puts = client.info("puts");
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.";
    for command in ["SET b 1", "SET a 1", "SET a 1 NX GET", "MSET a 1 b 2"] {
        assert_eq!(client.call(command), oom, "{command}");
        assert_eq!(other.call(command), oom, "{command}");
    }
    assert_eq!(client.info("puts"), puts, "nothing of it was stored");
    assert_eq!(other.call("GET a"), "x".repeat(1024));
    assert_eq!(other.call("EXISTS a b"), ":1");
    // In one batch: what comes after the deletion finds room.
    client.send("SET b 1\r\nDEL a\r\nSET b 2\r\nGET b\r\n");
    assert_eq!([(); 4].map(|()| client.reply().unwrap()), [oom, ":1", "+OK", "2"]);
    assert_eq!(client.call(&format!("SET a {}", "x".repeat(1024))), "+OK");
    assert_eq!(other.call("SET c 3"), oom);
    assert_eq!(other.call("FLUSHALL"), "+OK");
    assert_eq!(client.call("SET c 3"), "+OK");
    assert_eq!(client.info("used_memory_dataset"), (1 + 1 + 96).to_string());
    // The limit is the server's: another one on the same database may have another.
    let unlimited = limited(&folder, &["--max-memory", "0"]);
    let mut unlimited = unlimited.client();
    assert_eq!(unlimited.call(&format!("SET a {}", "x".repeat(2000))), "+OK");
    assert_eq!(unlimited.call("SET d 4"), "+OK");
    assert_eq!(client.call("SET d 5"), oom);
    assert_eq!(client.call("GET d"), "4");
}

#[test]
fn words_and_requests_beyond_their_limits_end_the_connection_and_the_error_names_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &["--max-value", "1mb", "--max-request", "2mb"]);
    let mut other = server.client();
    let told = |request: &[u8]| {
        let mut stream = connect(&server);
        stream.write_all(request).unwrap();
        let mut told = String::new();
        let _ = stream.read_to_string(&mut told); // what was sent in vain may make the system call the end an error
        told
    };
    let too_long = "invalid bulk length: a value, key or other word may have 1048576 bytes, see --max-value";
    assert_eq!(told(announcement(MIB + 1).as_bytes()), format!("-ERR Protocol error: {too_long}\r\n"));
    let value = vec![b'x'; MIB];
    let mset = [announcement(MIB).as_bytes(), &value, b"\r\n$1048576\r\n"].concat();
    let mset = [b"*5\r\n", &mset[4..]].concat();
    let too_big = "too big request: its words and 32 bytes for each may take 2097152 bytes, see --max-request";
    assert_eq!(told(&mset), format!("-ERR Protocol error: {too_big}\r\n"));
    let whole = [announcement(MIB).as_bytes(), &value, b"\r\nQUIT\r\n"].concat();
    assert_eq!(told(&whole), "+OK\r\n+OK\r\n");
    assert_eq!(
        told(b"CONFIG GET proto-max-bulk-len\r\nQUIT\r\n"),
        "*2\r\n$18\r\nproto-max-bulk-len\r\n$7\r\n1048576\r\n+OK\r\n"
    );
    assert_eq!(other.call("EXISTS k"), ":1");
}

/// As many files as the system allows this process, up to `wanted`.
fn files(wanted: u64) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).expect("up to the hard limit");
    usize::try_from(raised).unwrap()
}

#[test]
fn ten_thousand_connections_take_little_each_and_are_all_served() {
    let clients = 10_000.min(files(10_300) - 300);
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &["--max-clients", "10001"]);
    let before = server.resident();
    let mut streams: Vec<TcpStream> = Vec::new();
    while streams.len() < clients {
        streams.push(connect(&server));
        // Not faster than they are accepted, or the system would have us wait a second for the next.
        if streams.len().is_multiple_of(100) {
            let newest = streams.last_mut().unwrap();
            newest.write_all(b"PING\r\n").unwrap();
            newest.read_exact(&mut [0; 7]).unwrap();
        }
    }
    for round in 0..2 {
        for stream in &mut streams {
            stream.write_all(b"ECHO hello\r\n").unwrap();
        }
        for stream in &mut streams {
            let mut reply = [0; 11];
            stream.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"$5\r\nhello\r\n", "round {round}");
        }
    }
    let each = (server.resident().saturating_sub(before)) / clients as u64;
    println!("{clients} connections, {each} bytes each");
    assert!(each < 32 << 10, "{each} bytes for each of {clients} connections");
    assert_eq!(server.client().info("connected_clients"), (clients + 1).to_string());
}

#[test]
fn what_is_announced_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &["--max-value", "512mb", "--max-request", "600mb", "--max-clients-memory", "1gb"]);
    let before = server.resident();
    let mut offenders: Vec<TcpStream> = (0..200).map(|_| connect(&server)).collect();
    for offender in &mut offenders {
        offender.write_all(announcement(512 * MIB).as_bytes()).unwrap();
        offender.write_all(b"x").unwrap();
    }
    let mut other = server.client();
    while other.info("mem_clients_normal").parse::<usize>().unwrap() < offenders.len() {}
    assert_eq!(other.call("SET k v"), "+OK");
    let grown = server.resident().saturating_sub(before);
    println!("{grown} bytes for {} announcements", offenders.len());
    assert!(grown < 50 << 20, "{grown} bytes");
}

/// A server whose clients may hold 16 MiB together.
const TIGHT: [&str; 6] = ["--max-value", "8mb", "--max-request", "12mb", "--max-clients-memory", "16mb"];

#[test]
fn clients_that_stop_in_the_middle_of_large_values_hold_no_more_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &TIGHT);
    let before = server.resident();
    let most = [announcement(8 * MIB).as_bytes(), &vec![b'x'; 7 * MIB]].concat();
    let mut offenders: Vec<(TcpStream, usize)> = (0..60).map(|_| (connect(&server), 0)).collect();
    let mut other = server.client();
    let held = |other: &mut binary::Client| other.info("mem_clients_normal").parse::<usize>().unwrap();
    while held(&mut other) < 16 * MIB {
        for (stream, sent) in &mut offenders {
            *sent += send_what_is_taken(stream, &most[*sent..]);
        }
    }
    // Now they could send more than 400 MiB, if somebody read it.
    for round in 0..20 {
        for (stream, sent) in &mut offenders {
            *sent += send_what_is_taken(stream, &most[*sent..]);
        }
        assert_eq!(other.call(&format!("SET k {round}")), "+OK");
        assert_eq!(other.call("GET k"), round.to_string());
        assert!(held(&mut other) < 24 * MIB, "it is the limit, and what was read at one go");
    }
    let grown = server.resident().saturating_sub(before);
    println!("{grown} bytes");
    assert!(grown < 64 << 20, "{grown} bytes");
}

#[test]
fn replies_that_nobody_takes_hold_no_more_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &TIGHT);
    let mut other = server.client();
    let value = vec![b'x'; MIB];
    let mut writer = connect(&server);
    writer.write_all(&[announcement(MIB).as_bytes(), &value, b"\r\n"].concat()).unwrap();
    let mut reply = [0; 5];
    writer.read_exact(&mut reply).unwrap();
    let before = server.resident();
    // A gigabyte for each of them.
    let request = format!("MGET {}\r\n", "k ".repeat(1000));
    let mut offenders: Vec<TcpStream> = (0..60).map(|_| connect(&server)).collect();
    for offender in &mut offenders {
        offender.write_all(request.as_bytes()).unwrap();
    }
    let held = |other: &mut binary::Client| other.info("mem_clients_normal").parse::<usize>().unwrap();
    while held(&mut other) < 16 * MIB {}
    for round in 0..20 {
        assert_eq!(other.call(&format!("SET other {round}")), "+OK");
        assert_eq!(other.call("GET other"), round.to_string());
        assert!(held(&mut other) < 24 * MIB, "it is the limit, and what was written down at one go");
    }
    let grown = server.resident().saturating_sub(before);
    println!("{grown} bytes");
    assert!(grown < 64 << 20, "{grown} bytes");
}

/// A server whose clients may hold 32 MiB together.
const BOUNDED: [&str; 6] = ["--max-value", "8mb", "--max-request", "12mb", "--max-clients-memory", "32mb"];

/// The most that a server with these flags may need while all of its clients are as greedy as they can.
///
/// The limits add up to 112 MiB: 150 % of 32 MiB, and the 64 MiB of replies that the server encodes ahead. Copies and the
/// allocator's arenas add to that, and how much depends on the schedule. A server without limits needs 8 GB for the first
/// reply of one client.
const BOUND: u64 = 400 << 20;

/// Opens this many connections that send the request over and over, as long as it is taken, and take no reply. Others are
/// served meanwhile. Returns by how much the peak of the server's memory grew.
fn growth_under(server: &Server, offenders: usize, request: &[u8]) -> u64 {
    let mut other = server.client();
    growth_while(server, offenders, request, |round| {
        assert_eq!(other.call("ECHO hello"), "hello", "round {round}");
    })
}

/// The same, with something else to do after each round.
fn growth_while(server: &Server, offenders: usize, request: &[u8], mut after: impl FnMut(usize)) -> u64 {
    let before = server.peak();
    let most = request.repeat((4 * MIB).div_ceil(request.len()));
    let mut offenders: Vec<(TcpStream, usize)> = (0..offenders).map(|_| (connect(server), 0)).collect();
    for round in 0..30 {
        for (stream, sent) in &mut offenders {
            *sent += send_what_is_taken(stream, &most[*sent..]);
        }
        after(round);
    }
    let grown = server.peak() - before;
    println!("{grown} bytes");
    grown
}

/// A server with these limits and an 8 MB value under the key k.
fn with_a_large_value(folder: &tempfile::TempDir, flags: &[&str]) -> Server {
    let server = limited(folder, flags);
    let mut writer = connect(&server);
    writer.write_all(&[announcement(8 * MIB).as_bytes(), &vec![b'x'; 8 * MIB], b"\r\n"].concat()).unwrap();
    writer.read_exact(&mut [0; 5]).unwrap();
    server
}

#[test]
fn pipelines_of_an_mget_of_one_large_value_take_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_a_large_value(&folder, &BOUNDED);
    let grown = growth_under(&server, 40, format!("MGET {}\r\n", "k ".repeat(1000)).as_bytes());
    assert!(grown < BOUND, "{grown} bytes");
}

#[test]
fn pipelines_of_an_mget_of_one_large_value_are_executed_as_the_client_takes_the_replies() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_a_large_value(&folder, &BOUNDED);
    let mut other = server.client();
    let before = server.peak();
    let mut client = connect(&server);
    client.write_all(format!("MGET {}\r\n", "k ".repeat(20)).repeat(3).as_bytes()).unwrap();
    let mut part = vec![0; MIB];
    for _ in 0..3 {
        client.read_exact(&mut part[..5]).unwrap();
        assert_eq!(&part[..5], b"*20\r\n");
        for _ in 0..20 {
            client.read_exact(&mut part[..10]).unwrap();
            assert_eq!(&part[..10], b"$8388608\r\n");
            (0..8).for_each(|_| client.read_exact(&mut part).unwrap());
            client.read_exact(&mut part[..2]).unwrap();
        }
    }
    assert_eq!(other.call("PING"), "+PONG");
    let grown = server.peak() - before;
    println!("{grown} bytes");
    // The server encodes up to 64 MiB ahead, and its buffer is copied when it grows.
    assert!(grown < BOUND, "{grown} bytes");
}

#[test]
fn pipelines_of_small_requests_for_large_replies_take_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &BOUNDED);
    for request in ["COMMAND DOCS\r\n", "COMMAND\r\n", "INFO\r\n", "SET k v\r\nCOMMAND DOCS\r\n"] {
        let grown = growth_under(&server, 40, request.as_bytes());
        assert!(grown < BOUND, "{request:?}: {grown} bytes");
    }
}

#[test]
fn requests_of_many_small_words_take_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &BOUNDED);
    // Less than the limit of a request, and without its last word.
    let words = 300_000;
    let request = [format!("*{}\r\n", words + 1).as_bytes(), &b"$1\r\nx\r\n".repeat(words)].concat();
    let grown = growth_under(&server, 40, &request);
    assert!(grown < BOUND, "{grown} bytes");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another process reads by the machine's clock")]
fn small_requests_that_wait_for_the_store_take_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(&folder, &BOUNDED);
    assert_eq!(server.client().call("SET k v"), "+OK");
    let lock = std::fs::File::open(folder.path()).unwrap();
    lock.lock().unwrap();
    let mut writer = server.client();
    writer.send("SET k w\r\n");
    for request in ["SET k v\r\n", "GET k\r\n", "MGET k k k k k k k k k k k k k k k k k k k k k k k k\r\n"] {
        // The deadline is far away, so these clients hold all memory, and no other client is served.
        let grown = growth_while(&server, 40, request.as_bytes(), |_| thread::sleep(Duration::from_millis(20)));
        assert!(grown < BOUND, "{request:?}: {grown} bytes");
    }
    drop(lock);
    assert_eq!(writer.reply().as_deref(), Some("+OK"));
}

/// A server in this process whose clients may hold 1 MiB together, and whose time passes only when everybody waits.
async fn tight(store: &Memory) -> (Network, Script) {
    let limits = Limits { bulk_bytes: MIB, request_bytes: MIB, ..Limits::default() };
    let settings = Settings { max_clients_memory: MIB, limits, ..Settings::default() };
    let (network, mut script) = Network::limited(store, settings);
    network::settle_loading(&mut script).await;
    (network, script)
}

async fn held(client: &mut network::Client) -> usize {
    let info = client.text("INFO memory\r\n").await;
    let line = info.lines().find_map(|line| line.strip_prefix("mem_clients_normal:")).expect("it is told");
    line.parse().expect("a number")
}

async fn answer_everything(mut script: Script) {
    while let Some(held) = script.next().await {
        held.answer();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_holds_much_and_does_nothing_is_closed_when_others_need_it() {
    let (network, script) = tight(&Memory::new()).await;
    tokio::spawn(answer_everything(script));
    let (mut idle, mut other) = (network.connect(), network.connect());
    let half = vec![b'x'; MIB / 2];
    idle.send(announcement(MIB * 3 / 4)).await;
    idle.send(&half).await;
    settle().await;
    tokio::time::sleep(valthree::budget::PATIENCE * 10).await;
    assert_eq!(held(&mut other).await / MIB, 0, "as long as there is room for all, it may stay");
    other.send("SET small 1\r\n").await;
    other.expect("+OK\r\n").await;
    let mut large = network.connect();
    let value = vec![b'y'; MIB * 3 / 4];
    large.send(announcement(value.len())).await;
    large.send(&value).await;
    large.send("\r\n").await;
    large.expect("+OK\r\n").await;
    idle.expect("-ERR max memory of clients reached\r\n").await;
    idle.expect_end().await;
    other.send("GET small\r\nEXISTS k\r\n").await;
    other.expect("$1\r\n1\r\n:1\r\n").await;
    all_is_given_back(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn requests_of_clients_that_are_gone_count_until_they_are_answered() {
    let (network, script) = tight(&Memory::new()).await;
    // Nothing is stored for now: what is sent waits.
    let value = vec![b'x'; 200 << 10];
    let request = [announcement(value.len()).as_bytes(), &value, b"\r\n"].concat();
    let mut taken = 0;
    for _ in 0..20 {
        let mut client = network.connect();
        taken += client.send_what_is_taken(&request).await;
        settle().await;
    }
    let mut other = network.connect();
    let holds = held(&mut other).await;
    assert!(holds >= MIB, "{holds} bytes of those who are gone");
    assert!(taken > 20 * network::BUFFER && taken < 20 * request.len() * 3 / 4, "most of them were not read: {taken}");
    assert!(holds < MIB + request.len() + 20 * valthree::budget::ALLOWANCE, "{holds} bytes");
    other.send("SET other 1\r\n").await;
    settle().await;
    tokio::spawn(answer_everything(script));
    other.expect("+OK\r\n").await;
    all_is_given_back(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn when_even_small_requests_are_too_many_they_wait_for_the_others() {
    let (network, script) = tight(&Memory::new()).await;
    let small = [announcement(8 << 10).as_bytes(), &[b'x'; 8 << 10], b"\r\n"].concat();
    for _ in 0..300 {
        let mut client = network.connect();
        client.send(&small).await;
        settle().await;
    }
    let mut other = network.connect();
    other.send("PING\r\n").await;
    settle().await;
    let mut nothing = [0];
    let waits = tokio::time::timeout(std::time::Duration::from_millis(1), other.0.read(&mut nothing)).await;
    assert!(waits.is_err(), "it is not read");
    tokio::spawn(answer_everything(script));
    other.expect("+PONG\r\n").await;
    all_is_given_back(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_far_beyond_the_limit_arrives_whole_if_its_client_takes_it() {
    let (network, script) = tight(&Memory::new()).await;
    tokio::spawn(answer_everything(script));
    let (mut client, mut other) = (network.connect(), network.connect());
    let value = vec![b'x'; MIB / 2];
    let bulk = [format!("${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
    client.send(announcement(value.len())).await;
    client.send(&bulk[bulk.len() - value.len() - 2..]).await;
    client.expect("+OK\r\n").await;
    client.send(format!("MGET {}\r\nPING\r\n", "k ".repeat(100))).await;
    settle().await;
    let holds = held(&mut other).await;
    assert!((MIB..3 * MIB).contains(&holds), "{holds} bytes");
    client.expect("*100\r\n").await;
    for _ in 0..100 {
        client.expect(&bulk).await;
    }
    client.expect("+PONG\r\n").await;
    all_is_given_back(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_replies_is_closed_when_others_need_what_they_hold() {
    let (network, script) = tight(&Memory::new()).await;
    tokio::spawn(answer_everything(script));
    let (mut idle, mut other) = (network.connect(), network.connect());
    let value = vec![b'x'; MIB / 2];
    idle.send([announcement(value.len()).as_bytes(), &value, b"\r\n"].concat()).await;
    idle.expect("+OK\r\n").await;
    idle.send(format!("MGET {}\r\n", "k ".repeat(20))).await;
    settle().await;
    assert!(held(&mut other).await >= MIB);
    other.send([announcement(value.len()).as_bytes(), &value, b"\r\n"].concat()).await;
    other.expect("+OK\r\n").await;
    let mut rest = Vec::new();
    let minute = std::time::Duration::from_secs(60);
    let ended = tokio::time::timeout(minute, idle.0.read_to_end(&mut rest)).await;
    ended.expect("it ends in time").expect("it ends in peace");
    assert!(rest.len() < MIB, "what was on its way: {} bytes", rest.len());
    all_is_given_back(&mut other).await;
}
