//! A small request cannot become a large amount of memory.
//!
//! Each test sends requests whose replies are many times their own size, to the real binary with small limits, and looks
//! at the largest memory that the process ever occupied. Each bound is what the limits in force add up to, with room for
//! what the allocator keeps. Without them most of these tests take gigabytes.

mod binary;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use binary::{Client, Server, valthree};

const MIB: usize = 1 << 20;

/// 150 % of the limit, and what one step of two threads adds.
const HELD: usize = 224 * MIB;

/// A server whose clients may hold 128 MiB together.
fn bounded(folder: &tempfile::TempDir) -> Server {
    bounded_to(folder, "48mb", "128mb")
}

/// A server with these limits of one request and of all clients together.
fn bounded_to(folder: &tempfile::TempDir, request: &str, clients: &str) -> Server {
    let flags = [
        "--listen",
        "127.0.0.1:0",
        "--deadline-ms",
        "600000",
        "--threads",
        "2",
        "--max-request",
        request,
        "--max-clients-memory",
        clients,
    ];
    Server::start(valthree().args(flags).arg("--store").arg(folder.path()))
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out that is not zero");
    stream
}

/// A request of these words, of which the last one comes many times.
fn request(words: &[&str], times: usize) -> Vec<u8> {
    let (last, first) = words.split_last().expect("a request has a word");
    let mut bytes = format!("*{}\r\n", first.len() + times).into_bytes();
    for word in first.iter().chain(std::iter::repeat_n(last, times)) {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

/// Sends a request and reads a reply of this length.
fn call(stream: &mut TcpStream, request: &[u8], length: usize) -> Vec<u8> {
    stream.write_all(request).expect("it is open");
    let mut reply = vec![0; length];
    stream.read_exact(&mut reply).expect("it answers");
    reply
}

/// The largest memory that the process ever occupied, in bytes.
fn peak(client: &mut Client) -> usize {
    let process = client.info("process_id");
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    let kibibytes = line.trim().strip_suffix(" kB").expect("in this unit");
    kibibytes.parse::<usize>().expect("a number") << 10
}

fn held(client: &mut Client) -> usize {
    client.info("mem_clients_normal").parse().expect("a number")
}

/// Runs an attack and returns by how much it raised the largest memory. Others are served meanwhile, and everything that
/// the attackers held is free when they have gone.
fn cost<T>(server: &Server, attack: impl FnOnce(&mut Client) -> T) -> usize {
    let mut other = server.client();
    let before = peak(&mut other);
    let attackers = attack(&mut other);
    assert_eq!(other.call("SET other 1"), "+OK");
    assert_eq!(other.call("GET other"), "1");
    drop(attackers);
    while held(&mut other) > 0 {}
    let cost = peak(&mut other) - before;
    println!("{} MiB", cost / MIB);
    cost
}

#[test]
fn a_client_that_lists_itself_a_million_times_gets_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    let cost = cost(&server, |_| {
        let mut stream = connect(&server);
        let name = "n".repeat(512);
        call(&mut stream, &request(&["CLIENT", "SETNAME", &name], 1), 5);
        let id = call(&mut stream, b"CLIENT ID\r\n", 4)[1] as char;
        let listed = request(&["CLIENT", "LIST", "ID", &id.to_string()], 1_000_000);
        let beginning = call(&mut stream, &listed, 4);
        let length = String::from_utf8_lossy(&beginning[1..]).parse::<usize>().expect("a length of three digits");
        assert!((512..1000).contains(&length), "{length}");
        stream
    });
    // The words of the request.
    assert!(cost < 400 * MIB, "{cost} bytes");
}

#[test]
fn names_are_short_however_many_clients_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    let long = "n".repeat(8 * MIB);
    let cost = cost(&server, |_| {
        let attackers = (0..20).map(|_| {
            let mut stream = connect(&server);
            for words in [&["CLIENT", "SETNAME", &long][..], &["CLIENT", "SETINFO", "LIB-NAME", &long]] {
                let reply = call(&mut stream, &request(words, 1), 40);
                assert!(reply.starts_with(b"-ERR "), "{}", String::from_utf8_lossy(&reply));
                while call(&mut stream, b"", 1) != b"\n" {}
            }
            stream
        });
        attackers.collect::<Vec<_>>()
    });
    assert!(cost < 128 * MIB, "{cost} bytes");
}

#[test]
fn a_command_that_is_described_a_million_times_takes_no_more_than_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    for subcommand in ["INFO", "DOCS"] {
        let cost = cost(&server, |_| {
            let mut stream = connect(&server);
            let beginning = call(&mut stream, &request(&["COMMAND", subcommand, "client"], 1_000_000), MIB);
            assert!(beginning.starts_with(if subcommand == "INFO" { b"*1000000\r\n" } else { b"*2000000\r\n" }));
            stream
        });
        // 38 MB of words, a reference to the description for each of them, and what is ready to be taken.
        assert!(cost < 400 * MIB, "{subcommand}: {cost} bytes");
    }
}

#[test]
fn a_description_that_is_asked_for_often_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    let mut stream = connect(&server);
    let once = |stream: &mut TcpStream| {
        stream.write_all(&request(&["COMMAND", "INFO", "client"], 1)).expect("it is open");
        stream.write_all(b"ECHO end\r\n").expect("it is open");
        let mut reply = Vec::new();
        while !reply.ends_with(b"$3\r\nend\r\n") {
            reply.extend(call(stream, b"", 1));
        }
        reply[b"*1\r\n".len()..reply.len() - b"$3\r\nend\r\n".len()].to_vec()
    };
    let once = once(&mut stream);
    let times = 2000;
    let many = request(&["COMMAND", "INFO", "client"], times);
    let reply = call(&mut stream, &many, b"*2000\r\n".len() + times * once.len());
    assert!(reply.starts_with(b"*2000\r\n"));
    assert!(reply[b"*2000\r\n".len()..].chunks(once.len()).all(|chunk| chunk == once));
    assert_eq!(call(&mut stream, b"PING\r\n", 7), b"+PONG\r\n");
}

/// Sends bytes for as long as the server takes them.
fn send_what_is_taken(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a time-out that is not zero");
    // It fails when the server has stopped reading, which is what a bounded server does.
    let _ = stream.write_all(bytes);
}

#[test]
fn pipelines_of_descriptions_that_nobody_takes_hold_no_more_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    let pipeline = request(&["COMMAND", "DOCS", "client"], 1000).repeat(50);
    let cost = cost(&server, |other| {
        let mut attackers: Vec<TcpStream> = (0..20).map(|_| connect(&server)).collect();
        attackers.iter_mut().for_each(|stream| send_what_is_taken(stream, &pipeline));
        assert!(held(other) < HELD);
        attackers
    });
    assert!(cost < 400 * MIB, "{cost} bytes");
}

#[test]
fn messages_that_come_back_and_are_not_taken_count() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    let echo = request(&["ECHO", &"m".repeat(8 * MIB)], 1);
    let cost = cost(&server, |other| {
        let mut attackers: Vec<TcpStream> = (0..60).map(|_| connect(&server)).collect();
        attackers.iter_mut().for_each(|stream| send_what_is_taken(stream, &echo));
        assert!(held(other) < HELD);
        attackers
    });
    // Unbounded, the messages and their copies would take 960 MiB.
    assert!(cost < 640 * MIB, "{cost} bytes");
}

#[test]
fn pipelines_that_read_one_large_value_many_times_hold_no_more_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    let value = "v".repeat(MIB);
    call(&mut connect(&server), &request(&["SET", "k", &value], 1), 5);
    let pipeline = request(&["MGET", "k"], 10_000).repeat(20);
    let cost = cost(&server, |other| {
        let mut attackers: Vec<TcpStream> = (0..20).map(|_| connect(&server)).collect();
        attackers.iter_mut().for_each(|stream| send_what_is_taken(stream, &pipeline));
        assert!(held(other) < HELD);
        attackers
    });
    assert!(cost < 400 * MIB, "{cost} bytes");
}

#[test]
fn a_transaction_that_changes_its_protocol_refers_to_a_large_value_as_any_other_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded(&folder);
    let value = "v".repeat(8 * MIB);
    call(&mut connect(&server), &request(&["SET", "k", &value], 1), 5);
    let cost = cost(&server, |other| {
        let attackers = [&["HELLO", "3"][..], &["CLIENT", "REPLY", "ON"], &["PING"]].map(|own| {
            let mut stream = connect(&server);
            call(&mut stream, b"MULTI\r\n", 5);
            call(&mut stream, &request(own, 1), 9);
            call(&mut stream, &request(&["MGET", "k"], 2000), 9);
            assert_eq!(call(&mut stream, b"EXEC\r\n", 4), b"*2\r\n");
            stream
        });
        assert!(held(other) < HELD);
        attackers
    });
    // Encoded whole, each of the replies would take 16 GB.
    assert!(cost < 400 * MIB, "{cost} bytes");
}

/// Writes this many keys, whose names have eight bytes.
fn fill(stream: &mut TcpStream, keys: usize) {
    for thousand in 0..keys / 1000 {
        let pairs: Vec<String> =
            (0..1000).flat_map(|key| [format!("{:08}", 1000 * thousand + key), "v".into()]).collect();
        let words: Vec<&str> = ["MSET"].into_iter().chain(pairs.iter().map(String::as_str)).collect();
        call(stream, &request(&words, 1), 5);
    }
}

#[test]
fn pipelines_of_long_replies_wait_until_the_replies_before_them_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded_to(&folder, "1mb", "16mb");
    let mut stream = connect(&server);
    fill(&mut stream, 5000);
    let reply = b"*5000\r\n".len() + 5000 * b"$8\r\n00000000\r\n".len();
    let keys = request(&["KEYS", "0*"], 1);
    // Behind a write, the same commands are executed in a batch.
    for begin in [request(&["PING"], 1), request(&["SET", "written", "1"], 1)] {
        let cost = cost(&server, |other| {
            let pipeline = [begin, keys.repeat(100)].concat();
            let mut attackers: Vec<TcpStream> = (0..10).map(|_| connect(&server)).collect();
            attackers.iter_mut().for_each(|stream| send_what_is_taken(stream, &pipeline));
            assert!(held(other) < 28 * MIB);
            attackers
        });
        // Unbounded, the replies would take 200 MB.
        assert!(cost < 100 * MIB, "{cost} bytes");
        stream.write_all(&keys.repeat(50)).expect("it is open");
        for _ in 0..50 {
            let taken = call(&mut stream, b"", reply);
            assert!(taken.starts_with(b"*5000\r\n$8\r\n") && taken.ends_with(b"\r\n"), "a whole reply");
        }
    }
}

#[test]
fn replies_that_scripts_have_made_count_until_their_clients_take_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded_to(&folder, "48mb", "64mb");
    let length = 15_000_000;
    let cost = cost(&server, |other| {
        let mut attackers: Vec<TcpStream> = (0..40).map(|_| connect(&server)).collect();
        let eval = request(&["EVAL", "return string.rep('x',15000000)", "0"], 1);
        attackers.iter_mut().for_each(|stream| stream.write_all(&eval).expect("it is open"));
        while held(other) < 64 * MIB {}
        assert!(held(other) < 112 * MIB, "150 % of the limit, and one reply");
        // Each client takes its reply, unless the server needs the memory before its turn comes and has closed it.
        let mut whole = 0;
        for stream in &mut attackers {
            let (mut taken, mut piece) = (0, vec![0; MIB]);
            while taken < length {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(bytes) => taken += bytes,
                }
            }
            whole += usize::from(taken >= length);
        }
        assert!(whole > 0);
    });
    // Unbounded, the replies would take 600 MB.
    assert!(cost < 350 * MIB, "{cost} bytes");
}

#[test]
fn a_transaction_whose_replies_exceed_the_memory_of_all_clients_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = bounded_to(&folder, "1mb", "16mb");
    let mut stream = connect(&server);
    fill(&mut stream, 5000);
    let cost = cost(&server, |_| {
        call(&mut stream, b"MULTI\r\n", 5);
        call(&mut stream, b"SET written 1\r\n", 9);
        (0..200).for_each(|_| drop(call(&mut stream, b"KEYS *\r\n", 9)));
        let refused = b"-EXECABORT Transaction discarded because its replies take more memory than 16777216 bytes";
        assert_eq!(call(&mut stream, b"EXEC\r\n", refused.len()), refused);
        while call(&mut stream, b"", 1) != b"\n" {}
        assert_eq!(call(&mut stream, b"EXISTS written\r\n", 4), b":0\r\n");
    });
    assert!(cost < 100 * MIB, "{cost} bytes");
}
