//! The binaries do what their help says: a request passes the proxy to the stand-in, and both count it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A process that is killed if its test fails.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    /// Starts a binary and waits until its log names its address.
    fn start(binary: &str, flags: &[&str]) -> Process {
        let mut child = Command::new(binary)
            .args(flags)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("listening on ")?;
            address.split_whitespace().next().map(str::to_owned)
        });
        // A full pipe would block it.
        std::thread::spawn(move || lines.for_each(drop));
        Process { child, address: address.expect("it listens") }
    }

    /// Sends a signal.
    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Stops it, and returns its output.
    fn stop(mut self) -> String {
        self.signal("TERM");
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(self.child.wait().unwrap().success());
        printed
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_request_passes_the_proxy_and_both_count_it() {
    let flags = ["--listen", "127.0.0.1:0", "--anonymous", "--bucket", "one,two"];
    let s3 = Process::start(env!("CARGO_BIN_EXE_valthree-lab-s3"), &flags);
    let flags = ["--to", &s3.address, "--delay-ms", "3"];
    let proxy = Process::start(env!("CARGO_BIN_EXE_valthree-lab-proxy"), &flags);
    let mut stream = TcpStream::connect(&proxy.address).unwrap();
    let requests = "PUT /two/a HTTP/1.1\r\nhost: s3\r\ncontent-length: 5\r\n\r\nhello\
                    GET /two/a HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n";
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.ends_with("hello"), "{answers}");
    proxy.signal("USR1");
    let counts = proxy.stop();
    let lines: Vec<serde_json::Value> = counts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for counts in &lines {
        assert_eq!(counts["connections"], 1);
        assert_eq!(counts["requests"], serde_json::json!({"GET": 1, "PUT": 1}));
        assert_eq!(counts["bytes_there"], requests.len());
        assert_eq!(counts["bytes_back"], answers.len());
    }
    assert!(!lines.is_empty(), "the end prints the counts");
    let counts: serde_json::Value = serde_json::from_str(&s3.stop()).unwrap();
    assert_eq!(counts["put"]["bytes_received"], 5);
    assert_eq!(counts["get"]["answers"], serde_json::json!({"200": 1}));
}

/// Sends a PUT of these bytes to an object, or a GET of it, over a connection of its own.
fn ask(address: &str, put: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let method = if put.is_some() { "PUT" } else { "GET" };
    let body = put.unwrap_or_default();
    let length = body.len();
    let head = format!("{method} /one/a HTTP/1.1\r\nhost: s3\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all([&head, body].concat().as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_chosen_put_meets_its_fault_and_no_other() {
    let flags = ["--listen", "127.0.0.1:0", "--anonymous", "--bucket", "one"];
    let s3 = Process::start(env!("CARGO_BIN_EXE_valthree-lab-s3"), &flags);
    let flags = ["--to", &s3.address, "--fault-at-put", "2", "--only", "cut-answer,reset"];
    let proxy = Process::start(env!("CARGO_BIN_EXE_valthree-lab-proxy"), &flags);
    assert!(ask(&proxy.address, Some("first")).starts_with("HTTP/1.1 200 OK"));
    let lost = ask(&proxy.address, Some("second"));
    assert!(!lost.contains("\r\n\r\n"), "not even the head of the answer is whole: {lost}");
    assert!(ask(&s3.address, None).ends_with("second"), "it has landed all the same");
    assert!(ask(&proxy.address, Some("third")).starts_with("HTTP/1.1 200 OK"));
    assert!(ask(&proxy.address, None).ends_with("third"));
    let counts: serde_json::Value = serde_json::from_str(&proxy.stop()).unwrap();
    assert_eq!(counts["faults"], serde_json::json!({"cut-answer": 1}));
}

#[test]
fn an_invalid_bucket_name_is_refused() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_valthree-lab-s3")).args(["--bucket", "No_Such.Name"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("3 to 63"));
}

#[test]
fn an_unknown_planted_bug_is_refused() {
    let mut sim = Command::new(env!("CARGO_BIN_EXE_valthree-lab-sim"));
    let output = sim.env("VALTHREE_BUG", "no-such-bug").args(["--from", "1", "--seeds", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("VALTHREE_BUG is no-such-bug, "), "{said}");
}
