//! The binary: what it says and how it exits when something is wrong with what it was given.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn workload(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_valthree-workload"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .output();
    output.expect("the workload can be started")
}

/// Both of what it prints; a panic is never among it.
fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(text).expect("it prints text");
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn an_address_without_a_port_is_refused_by_name() {
    let output = workload(folder().path(), &["run", "--addrs", "127.0.0.1:6379,elsewhere"]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("'elsewhere'") && said.contains("host:port"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let folder = folder();
    let output = workload(folder.path(), &["run", "--addrs", &address, "--rounds", "1", "--patience", "200ms"]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains(&format!("{address} cannot be reached: Connection refused")), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    let arguments = ["run", "--addrs", "no-such-host.invalid:6379", "--rounds", "1", "--patience", "200ms"];
    let output = workload(folder().path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("no-such-host.invalid:6379"), "{said}");
}

#[test]
fn a_server_that_is_not_redis_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Who hangs up in the middle is welcome to.
            let _ = stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let output = workload(folder().path(), &["run", "--addrs", &address, "--rounds", "1", "--patience", "300ms"]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains(&address), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_broken_line_of_a_history_is_named() {
    let folder = folder();
    let lines = "{\"call\":1,\"client\":1,\"command\":[\"GET\",\"k\"]}\n{\"return\":1,\"reply\":nil}\n";
    fs::write(folder.path().join("broken.jsonl"), lines).unwrap();
    let output = workload(folder.path(), &["check", "broken.jsonl"]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("broken.jsonl: line 2: no JSON"), "{said}");
}

#[test]
fn a_history_that_is_not_there_is_named() {
    let output = workload(folder().path(), &["check", "nowhere.jsonl"]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("nowhere.jsonl: No such file"), "{said}");
}

#[test]
fn a_history_is_judged_by_the_exit_status_and_leaves_its_evidence() {
    let folder = folder();
    let history = |name: &str, reply: &str| {
        let lines = [
            r#"{"call":1,"client":1,"command":["SET","k","v"]}"#,
            r#"{"return":1,"reply":{"status":"OK"}}"#,
            r#"{"call":2,"client":2,"command":["GET","k"]}"#,
            &format!(r#"{{"return":2,"reply":{reply}}}"#),
        ];
        fs::write(folder.path().join(name), lines.join("\n") + "\n").unwrap();
    };
    history("right.jsonl", "\"v\"");
    history("wrong.jsonl", "null");
    let output = workload(folder.path(), &["check", "right.jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("right.jsonl: serializable, 2 operations"));

    let output = workload(folder.path(), &["check", "right.jsonl", "wrong.jsonl", "--artifacts", "evidence"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    for name in ["wrong.jsonl", "wrong.shrunk.jsonl", "wrong.html"] {
        assert!(folder.path().join("evidence").join(name).exists(), "{name} is missing");
    }
}
