//! The server as a process: how it starts, serves and stops.

mod binary;
mod bucket;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use binary::*;
use bucket::Bucket;

#[test]
fn a_server_that_cannot_start_says_why_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (file, damaged) = (folder.path().join("file"), folder.path().join("damaged"));
    File::create(&file).unwrap();
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(damaged.join("db.json"), "{").unwrap();
    let good = folder.path().join("good");
    let complaint = |listen: &str, store: &std::path::Path| {
        let ended =
            valthree().args(["--log-filter", "error", "--listen", listen, "--store"]).arg(store).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    let said = complaint(&address, &good);
    assert!(said.contains(&format!("cannot listen on {address}: ")), "{said}");
    let said = complaint("127.0.0.1:0", &file);
    assert!(said.contains(file.to_str().unwrap()), "{said}");
    let said = complaint("127.0.0.1:0", &damaged);
    assert!(said.contains(damaged.join("db.json").to_str().unwrap()), "{said}");
    assert_eq!(std::fs::read(damaged.join("db.json")).unwrap(), b"{", "nothing replaces a damaged database");
}

#[test]
fn clients_are_no_more_than_the_system_has_files_for() {
    let folder = tempfile::tempdir().unwrap();
    let limited = |limits: &str| {
        let script = format!("{limits} && exec \"$0\" --listen 127.0.0.1:0 --max-clients 200 --store \"$1\"");
        let binary = valthree();
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(binary.get_program()).arg(folder.path()).stderr(Stdio::piped());
        let server = Server::start(&mut shell);
        server.client().info("maxclients")
    };
    assert_eq!(limited("ulimit -n 100"), "36");
    assert_eq!(limited("ulimit -S -n 100"), "200");
}

/// A server with a write under way. The write cannot finish while the test locks the folder.
fn stuck(folder: &std::path::Path) -> (Server, Client, File) {
    let server = Server::on(folder);
    let (mut client, mut observer) = (server.client(), server.client());
    assert_eq!(client.call("SET k 1"), "+OK");
    let lock = File::open(folder).unwrap();
    lock.lock().unwrap();
    let puts = observer.info("puts");
    client.send("SET k 2\r\nGET k\r\n");
    while observer.info("puts") == puts {}
    (server, client, lock)
}

#[test]
fn the_first_signal_lets_what_is_under_way_finish() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut server, mut client, lock) = stuck(folder.path());
        server.signal(signal);
        server.says("stopping");
        drop(lock);
        assert_eq!(client.reply().as_deref(), Some("+OK"));
        assert_eq!(client.reply().as_deref(), Some("2"));
        assert_eq!(client.reply(), None);
        assert_eq!(server.ended().code(), Some(0));
        assert!(server.lines.last().unwrap().contains("stopped"));
        assert_eq!(Server::on(folder.path()).client().call("GET k"), "2");
    }
}

#[test]
fn the_second_signal_ends_the_server_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, client, lock) = stuck(folder.path());
    server.signal("TERM");
    server.says("stopping");
    server.signal("INT");
    assert_eq!(server.ended().code(), Some(1));
    assert!(server.lines.last().unwrap().contains("second signal"));
    drop((client, lock));
}

/// A client that keeps several writes under way until the connection ends. Returns how many were answered.
fn write_until_the_end(mut client: Client, number: usize, depth: usize, begun: &Sender<()>) -> usize {
    let (mut sent, mut answered) = (0, 0);
    loop {
        while sent < answered + depth {
            sent += 1;
            if client.try_send(&format!("SET k{number} {sent}\r\n")).is_err() {
                break;
            }
        }
        match client.try_reply() {
            Some(reply) => assert_eq!(reply, "+OK"),
            None => return answered,
        }
        answered += 1;
        if answered == 3 * depth {
            begun.send(()).unwrap();
        }
    }
}

/// Writes of a connection are executed in their order, so the last one that was executed tells of all.
#[test]
fn a_signal_under_load_leaves_no_executed_command_without_its_reply() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::on(folder.path());
    let (begun, first_replies) = channel();
    let depths = [1, 1, 1, 1, 10, 10, 100, 100];
    let running: Vec<_> = depths
        .into_iter()
        .enumerate()
        .map(|(number, depth)| {
            let (client, begun) = (server.client(), begun.clone());
            thread::spawn(move || write_until_the_end(client, number, depth, &begun))
        })
        .collect();
    for _ in depths {
        first_replies.recv().unwrap();
    }
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    let mut reader = Server::on(folder.path());
    let mut client = reader.client();
    for (number, running) in running.into_iter().enumerate() {
        let answered = running.join().unwrap();
        assert_eq!(client.call(&format!("GET k{number}")), answered.to_string(), "client {number}");
    }
    reader.signal("INT");
    assert!(reader.ended().success());
}

#[test]
fn an_http_request_is_not_executed_and_the_log_warns_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::on(folder.path());
    for _ in 0..3 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let body = "SET x y\r\nFLUSHALL\r\n";
        let head = format!("Host: {}\r\nContent-Type: text/plain\r\nContent-Length: {}", server.address, body.len());
        stream.write_all(format!("POST / HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert_eq!(told, "");
    }
    assert_eq!(server.client().call("EXISTS x"), ":0");
    server.signal("TERM");
    assert!(server.ended().success());
    let warnings = server.lines.iter().filter(|line| line.contains("possible SECURITY ATTACK"));
    assert_eq!(warnings.count(), 1, "{:?}", server.lines);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another process logs by the machine's clock")]
fn rejected_connections_are_logged_together_and_all_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = valthree();
    let mut server =
        Server::start(command.args(["--listen", "127.0.0.1:0", "--max-clients", "1", "--store"]).arg(folder.path()));
    let began = Instant::now();
    let mut rejections = 50;
    // The connection that `start` made may still have the only seat.
    let only = loop {
        let mut client = server.client();
        if client.call("PING") == "+PONG" {
            break client;
        }
        rejections += 1;
    };
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert_eq!(told, "-ERR max number of clients reached\r\n");
    }
    drop(only);
    server.signal("TERM");
    assert!(server.ended().success());
    let rejected = |line: &String| {
        let (_, rest) = line.split_once("rejected=")?;
        rest.split_whitespace().next()?.parse::<usize>().ok()
    };
    let reports: Vec<usize> = server.lines.iter().filter_map(rejected).collect();
    assert_eq!(reports.iter().sum::<usize>(), rejections, "{:?}", server.lines);
    assert!(reports.len() as u64 <= began.elapsed().as_secs() + 1, "{reports:?}");
}

#[test]
fn as_many_connections_as_in_valkey_may_wait_to_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    let maximum = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let backlog = maximum.trim().parse::<usize>().unwrap().min(511);
    server.signal("STOP");
    let second = Duration::from_secs(1);
    let waiting: Vec<_> =
        (0..backlog).map_while(|_| TcpStream::connect_timeout(&server.address, second).ok()).collect();
    server.signal("CONT");
    assert_eq!(waiting.len(), backlog);
    for mut stream in waiting {
        stream.write_all(b"PING\r\n").unwrap();
        stream.read_exact(&mut [0; 7]).unwrap();
    }
}

#[test]
fn a_server_that_other_machines_can_reach_warns_that_nothing_protects_it() {
    let warning = "and this server has neither passwords nor encryption";
    for (listen, is_warned) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let folder = tempfile::tempdir().unwrap();
        // The server listens, and warns, before it says where.
        let server = Server::start(valthree().args(["--listen", listen, "--store"]).arg(folder.path()));
        let warnings: Vec<_> = server.lines.iter().filter(|line| line.contains(warning)).collect();
        assert_eq!(warnings.len(), usize::from(is_warned), "{listen}: {:?}", server.lines);
        assert!(
            warnings.iter().all(|line| line.contains("WARN") && line.contains("other machines can reach 0.0.0.0:"))
        );
    }
}

#[test]
fn servers_on_one_folder_are_one_database() {
    let folder = tempfile::tempdir().unwrap();
    are_one_database([(); 3].map(|()| Server::on(folder.path())));
}

#[test]
fn servers_on_one_bucket_are_one_database() {
    let bucket = Bucket::on_the_best_server();
    let start =
        || Server::start(bucket.arguments(valthree().args(["--listen", "127.0.0.1:0", "--deadline-ms", "600000"])));
    are_one_database([(); 3].map(|()| start()));
}

/// One server alone cannot tell that others hold the database of a bucket that is gone. What they do then is known.
#[test]
fn a_bucket_that_is_created_again_is_not_taken_for_the_one_that_was_lost() {
    let bucket = Bucket::on_a_stand_in();
    let start = |creates: &str, deadline: &str| {
        let mut command = valthree();
        bucket.arguments(command.args(["--listen", "127.0.0.1:0", "--deadline-ms", deadline]));
        Server::begin(command.env("VALTHREE_CREATE_BUCKET", creates))
    };
    let old = start("true", "1000");
    let mut client = old.client();
    while client.call("PING") != "+PONG" {}
    assert_eq!(client.call("SET k old"), "+OK");
    bucket.vanish();
    // A server that has seen the bucket does not create it, whatever its flag says, and neither does one without the flag.
    let unasked = start("false", "1000");
    for command in ["GET k", "SET k new"] {
        let told = client.call(command);
        assert!(!told.starts_with('+') && told.contains("(the bucket is gone)"), "{told}");
        assert!(unasked.client().call(command).starts_with("-LOADING "));
    }
    assert!(!bucket.exists());
    let mut new = start("true", "600000");
    new.says("If it has vanished from under other servers, stop this one");
    let mut other = new.client();
    while other.call("DBSIZE") != ":0" {}
    // The old server takes the empty bucket for a loss, before the first write and after it.
    let refusal = |client: &mut binary::Client, command: &str, why: &str| loop {
        let told = client.call(command);
        if told.starts_with("-ERR The database cannot be used: ") && told.contains(why) {
            return;
        }
        assert!(
            told.starts_with("-TRYAGAIN ") || told.starts_with("-ERR ") || told.starts_with("-UNCERTAIN "),
            "{told}"
        );
    };
    for command in ["SET k new", "GET k"] {
        refusal(&mut client, command, "has disappeared");
    }
    assert_eq!(other.call("SET n 1"), "+OK");
    for command in ["SET k new", "GET k"] {
        refusal(&mut client, command, "is another database now");
    }
    assert_eq!((other.call("DBSIZE"), other.call("GET k")), (":1".to_owned(), "$-1".to_owned()));
}

fn are_one_database(servers: [Server; 3]) {
    let mut clients = servers.each_ref().map(Server::client);
    for round in 0..30 {
        let [writer, reader, other] = [round % 3, (round + 1) % 3, (round + 2) % 3];
        assert_eq!(clients[writer].call(&format!("SET k{round} {round}")), "+OK");
        assert_eq!(clients[reader].call(&format!("GET k{round}")), round.to_string());
        assert_eq!(clients[other].call("DBSIZE"), format!(":{}", round + 1));
        assert_eq!(clients[other].call(&format!("SET k{round} {} GET", round + 1)), round.to_string());
        assert_eq!(clients[writer].call(&format!("GET k{round}")), (round + 1).to_string());
    }
    assert_eq!(clients[0].call("FLUSHALL"), "+OK");
    assert_eq!(clients[1].call("DBSIZE"), ":0");
    assert_eq!(clients[2].call("EXISTS k0 k1 k2"), ":0");
}
