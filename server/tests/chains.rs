//! Three servers on a store whose answers are not always true, and killed now and then: clients set the same keys on all
//! of them, and each reply names the value before. No write is lost, and no client hears of a broken database.
//!
//! The store is the lab's stand-in, which tears its answers as versitygw 1.8.0 does and the other way round; or the real
//! server that the environment names, for as many seconds as `VALTHREE_TEST_SECONDS` says.

#![expect(clippy::disallowed_methods, reason = "it runs processes, whose time is that of the machine")]

mod binary;
mod bucket;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use binary::{Server, valthree};
use bucket::Bucket;

const SERVERS: usize = 3;

/// Each server has one client for each key.
const KEYS: usize = 2;

/// How long it takes by default, in seconds, and how often a server is killed.
const SECONDS: u64 = 6;
const KILL_EVERY: Duration = Duration::from_secs(2);

/// What a command may take, in milliseconds. A server that loses one race after the other has that long to win one.
const DEADLINE: &str = "15000";

/// Longer than the deadline, so that a client waits for every reply of a server that lives.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two attempts of a client that was refused.
const PAUSE: Duration = Duration::from_millis(10);

/// What clients saw.
#[derive(Default)]
struct Seen {
    /// For each key: the value that a reply named, and the value that took its place.
    links: BTreeMap<(usize, String), Vec<String>>,
    answered: u64,
    refused: BTreeMap<String, u64>,
}

#[test]
fn a_store_that_tears_its_answers_loses_no_write_and_stops_no_server() {
    let seconds = std::env::var("VALTHREE_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let bucket = Bucket::on_a_real_server().unwrap_or_else(Bucket::on_a_lying_stand_in);
    let arguments = ["--listen", "127.0.0.1:0", "--threads", "1", "--deadline-ms", DEADLINE];
    let start = || Server::start(bucket.arguments(valthree().args(arguments)));
    let mut servers: Vec<Server> = (0..SERVERS).map(|_| start()).collect();
    let addresses = Mutex::new(servers.iter().map(|server| server.address).collect::<Vec<_>>());
    let (seen, end) = (Mutex::new(Seen::default()), Instant::now() + Duration::from_secs(seconds));
    let mut rereads = 0;
    thread::scope(|scope| {
        for client in 0..SERVERS * KEYS {
            let (addresses, seen) = (&addresses, &seen);
            scope.spawn(move || chain(client, addresses, end, seen));
        }
        for victim in (0..SERVERS).cycle() {
            thread::sleep(KILL_EVERY.min(end.saturating_duration_since(Instant::now())));
            rereads += servers[victim].client().info("store_rereads").parse::<u64>().unwrap();
            if Instant::now() >= end {
                break;
            }
            servers[victim] = start(); // which kills the old one
            addresses.lock().unwrap()[victim] = servers[victim].address;
        }
    });
    let Seen { links, answered, refused } = seen.into_inner().unwrap();
    println!("{answered} answered, refused: {refused:?}, {rereads} answers read again");
    for ((key, before), after) in &links {
        assert_eq!(after.len(), 1, "{before:?} of key {key} was replaced by all of {after:?}");
    }
    assert!(answered > 10 + seconds, "too few to show anything");
}

/// Sets one key on one server, or on its successors, until the end.
fn chain(client: usize, addresses: &Mutex<Vec<SocketAddr>>, end: Instant, seen: &Mutex<Seen>) {
    let (server, key) = (client % SERVERS, client / SERVERS);
    let mut connection: Option<BufReader<TcpStream>> = None;
    for number in 0.. {
        if Instant::now() >= end {
            return;
        }
        let value = format!("{client}.{number}");
        let address = addresses.lock().unwrap()[server];
        let Some(reply) = connection.take().or_else(|| connect(address)).and_then(|mut stream| {
            let reply = set(&mut stream, key, &value)?;
            connection = Some(stream);
            Some(reply)
        }) else {
            thread::sleep(PAUSE); // the server was killed, and starts again
            continue;
        };
        let mut seen = seen.lock().unwrap();
        match reply {
            Ok(before) => {
                seen.answered += 1;
                seen.links.entry((key, before)).or_default().push(value);
            }
            Err(error) => {
                let word = error.split(' ').next().unwrap_or_default().to_owned();
                assert!(["LOADING", "TRYAGAIN", "UNCERTAIN"].contains(&word.as_str()), "{error}");
                *seen.refused.entry(word).or_default() += 1;
                drop(seen);
                thread::sleep(PAUSE);
            }
        }
    }
}

fn connect(address: SocketAddr) -> Option<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Some(BufReader::new(stream))
}

/// The value before, which is empty for none, or the error; `None` if the connection ended.
fn set(stream: &mut BufReader<TcpStream>, key: usize, value: &str) -> Option<Result<String, String>> {
    stream.get_mut().write_all(format!("SET chain:{key} {value} GET\r\n").as_bytes()).ok()?;
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
    if let Some(error) = line.strip_prefix('-') {
        return Some(Err(error.trim_end().to_owned()));
    }
    if line == "$-1\r\n" || line == "_\r\n" {
        return Some(Ok(String::new()));
    }
    let mut before = String::new();
    stream.read_line(&mut before).ok().filter(|length| *length > 0)?;
    Some(Ok(before.trim_end().to_owned()))
}
