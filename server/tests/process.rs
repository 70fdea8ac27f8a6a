//! The binary: what it takes, what it says, and how it ends.

mod binary;
mod bucket;

use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use binary::*;
use bucket::Bucket;

const VARIABLES: [&str; 13] = [
    "VALTHREE_LISTEN",
    "VALTHREE_STORE",
    "VALTHREE_S3_ENDPOINT",
    "VALTHREE_S3_STYLE",
    "VALTHREE_DEADLINE_MS",
    "VALTHREE_MAX_CLIENTS",
    "VALTHREE_MAX_MEMORY",
    "VALTHREE_MAX_CLIENTS_MEMORY",
    "VALTHREE_MAX_VALUE",
    "VALTHREE_MAX_REQUEST",
    "VALTHREE_THREADS",
    "VALTHREE_LOG",
    "RUST_LOG",
];

#[test]
fn the_help_fits_a_terminal_and_names_every_flag_variable_and_exit_status() {
    let help = ends(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let flags = text.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
    let flags = flags.filter(|flag| flag.contains(" <")).count();
    assert_eq!(flags, VARIABLES.len(), "each flag has its variable: {text}");
    for variable in VARIABLES {
        assert!(text.contains(&format!("[env: {variable}=")), "{variable} is not in {text}");
    }
    assert!(text.contains("Exit status:\n  0  "), "{text}");
}

#[test]
fn the_version_is_the_packages() {
    let version = ends(&["--version"]);
    assert!(version.status.success());
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("valthree {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_setting_can_come_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (listen, store, endpoint) = ("127.0.0.1:0", folder.path().to_str().unwrap(), "http://127.0.0.1:1");
    let values = [listen, store, endpoint, "path", "7777", "3", "0", "3mb", "1kb", "2M", "1", "json", "debug"];
    let mut server = Server::start(valthree().envs(VARIABLES.into_iter().zip(values)));
    let mut client = server.client();
    assert_eq!(client.info("tcp_port"), server.address.port().to_string());
    assert_eq!(client.info("store"), folder.path().to_str().unwrap());
    assert_eq!(client.info("deadline_milliseconds"), "7777");
    assert_eq!(client.info("maxclients"), "3");
    assert_eq!(client.info("maxmemory"), "0");
    for (parameter, value) in [
        ("maxmemory", "0"),
        ("maxmemory-clients", "3145728"),
        ("proto-max-bulk-len", "1024"),
        ("client-query-buffer-limit", "2000000"),
    ] {
        client.send(&format!("CONFIG GET {parameter}\r\n"));
        let told = [(); 3].map(|()| client.reply().expect("the connection is open"));
        assert_eq!(told, ["*2", parameter, value]);
    }
    assert_eq!(client.info("threads"), "1");
    assert_eq!(client.call("SET k v"), "+OK");
    let others = [server.client(), server.client()];
    drop(others);
    server.signal("TERM");
    assert!(server.ended().success());
    for line in &server.lines {
        let line: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        assert!(line.is_object());
    }
}

#[test]
fn the_log_holds_what_the_filter_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    File::create(&file).unwrap();
    let lines = |filter: &str| {
        let failing =
            valthree().env("RUST_LOG", filter).args(["--listen", "127.0.0.1:0", "--store"]).arg(&file).output();
        String::from_utf8(failing.unwrap().stderr).unwrap().lines().count()
    };
    assert_eq!(lines("error"), 1);
    assert_eq!(lines("off"), 0);
    assert_eq!(lines("valthree=error"), 1);
    assert_eq!(lines("another=error"), 0);
}

#[test]
fn what_makes_no_sense_is_said_in_a_sentence() {
    let wrong = [
        (["--listen", "localhost"], "'localhost' for '--listen <ADDRESS>': invalid socket address"),
        (["--listen", "127.0.0.1:70000"], "'127.0.0.1:70000' for '--listen <ADDRESS>': invalid socket address"),
        (["--deadline-ms", "0"], "'0' for '--deadline-ms <MS>': 0 is not in 1..="),
        (["--deadline-ms", "1s"], "'1s' for '--deadline-ms <MS>': invalid digit"),
        (["--max-clients", "0"], "'0' for '--max-clients <N>': 0 is not in 1..="),
        (["--max-clients", "18446744073709551615"], "for '--max-clients <N>': 18446744073709551615 is not in 1..="),
        (["--max-memory", "1.5gb"], "'1.5gb' for '--max-memory <BYTES>': a number of bytes may end with k, kb, m"),
        (["--max-memory", "mb"], "'mb' for '--max-memory <BYTES>': cannot parse integer from empty string"),
        (["--max-memory", "20000000000gb"], "for '--max-memory <BYTES>': too many bytes"),
        (["--max-value", "0"], "'0' for '--max-value <BYTES>': it would allow nothing"),
        (["--threads", "0"], "'0' for '--threads <N>': 0 is not in 1..="),
        (["--log", "xml"], "'xml' for '--log <FORM>'"),
        (["--log-filter", "valthree=loud"], "'valthree=loud' for '--log-filter <FILTER>': error parsing level filter"),
        (["--wrong", "1"], "unexpected argument '--wrong'"),
    ];
    for (arguments, complaint) in wrong {
        let ended = ends(&arguments);
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.lines().next().unwrap().contains(complaint), "{arguments:?}: {said}");
    }
    let ended = valthree().env("RUST_LOG", "a=b=c").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("invalid value 'a=b=c'"));
}

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
    assert_eq!(std::fs::read(damaged.join("db.json")).unwrap(), b"{", "what is damaged is left alone");
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

/// A server one of whose writes is under way and can't finish as long as the folder is locked.
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

#[test]
fn a_signal_under_load_loses_no_reply_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::on(folder.path());
    let clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
    let (progress, first_replies) = std::sync::mpsc::channel();
    let running: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| {
            let progress = progress.clone();
            thread::spawn(move || {
                let mut written = 0;
                // One after another: the write that the signal comes upon is answered, or was never taken.
                loop {
                    let next = written + 1;
                    if client.try_send(&format!("SET k{number} {next}\r\n")).is_err() {
                        return (number, written);
                    }
                    match client.try_reply() {
                        Some(reply) => assert_eq!(reply, "+OK"),
                        None => return (number, written),
                    }
                    written = next;
                    if written == 3 {
                        progress.send(()).unwrap();
                    }
                }
            })
        })
        .collect();
    for _ in 0..8 {
        first_replies.recv().unwrap();
    }
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    let mut reader = Server::on(folder.path());
    let mut client = reader.client();
    for client_thread in running {
        let (number, written) = client_thread.join().unwrap();
        assert_eq!(client.call(&format!("GET k{number}")), written.to_string(), "client {number}");
    }
    reader.signal("INT");
    assert!(reader.ended().success());
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
