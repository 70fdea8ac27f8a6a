//! The binary: its messages and exit statuses when its flags, files or servers are wrong.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

fn workload(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_valthree-workload"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .output();
    output.expect("the workload can be started")
}

/// Its output on stdout and stderr. Fails if it panicked.
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
    assert!(said.contains(&format!("{address}: cannot be reached: Connection refused")), "{said}");
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
            // The client may close the connection in the middle.
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

#[test]
fn each_history_of_one_name_leaves_its_evidence_and_the_gravest_decides_on_the_status() {
    let folder = folder();
    let wrong = "{\"call\":1,\"client\":1,\"command\":[\"GET\",\"k\"]}\n{\"return\":1,\"reply\":\"v\"}\n";
    for name in ["one", "other"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("r.jsonl"), wrong).unwrap();
    }
    fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    let files = ["one/r.jsonl", "other/r.jsonl", "empty.jsonl"];
    let output = workload(folder.path(), &[["check", "--artifacts", "evidence"].as_slice(), &files].concat());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("empty.jsonl holds no operation"), "{}", said(&output));
    for name in ["r.html", "r-2.html"] {
        assert!(folder.path().join("evidence").join(name).exists(), "{name} is missing");
    }

    // The folder for the evidence is a file.
    let output = workload(folder.path(), &["check", "one/r.jsonl", "--artifacts", "empty.jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("the evidence cannot be written to empty.jsonl: "), "{}", said(&output));
}

/// A server that answers with the bytes that `answer` chooses for the words of a command, or correctly for `None`.
/// Returns its address.
fn strange_server(answer: fn(&[String]) -> Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let database = Arc::<Mutex<HashMap<Vec<u8>, Vec<u8>>>>::default();
        for stream in listener.incoming().map_while(Result::ok) {
            let database = Arc::clone(&database);
            std::thread::spawn(move || {
                let mut parser = redis::Parser::new();
                while let Ok(request) = parser.parse_value(&stream) {
                    let bytes: Vec<Vec<u8>> = redis::from_redis_value(request).unwrap();
                    let words: Vec<String> =
                        bytes.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
                    let right = || match words[0].as_str() {
                        "PING" => b"+PONG\r\n".to_vec(),
                        "HELLO" => b"%1\r\n$6\r\nserver\r\n$7\r\nstrange\r\n".to_vec(),
                        "GET" => database.lock().unwrap()[&bytes[1]].clone(),
                        "SET" => {
                            let value = [format!("${}\r\n", bytes[2].len()).as_bytes(), &bytes[2], b"\r\n"].concat();
                            database.lock().unwrap().insert(bytes[1].clone(), value);
                            b"+OK\r\n".to_vec()
                        }
                        _ => b"+OK\r\n".to_vec(),
                    };
                    let answer = answer(&words).map_or_else(right, |answer| answer.as_bytes().to_vec());
                    if (&stream).write_all(&answer).is_err() || !answer.ends_with(b"\r\n") {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn is_of_the_rounds(words: &[String]) -> bool {
    !["PING", "HELLO", "CLIENT"].contains(&words[0].as_str())
}

#[test]
fn bytes_that_are_no_reply_are_a_violation() {
    let address = strange_server(|words| is_of_the_rounds(words).then_some("?garbage\r\n"));
    let folder = folder();
    let arguments = ["run", "--addrs", &address, "--rounds", "3", "--operations", "30", "--under-faults"];
    // Of a script the workload would say something else.
    let output = workload(folder.path(), &[&arguments[..], &["--commands", "get,set,del,mset"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("was answered with a reply of a type that it never has"), "{}", said(&output));
}

#[test]
fn a_reply_that_is_cut_off_is_none() {
    let address = strange_server(|words| is_of_the_rounds(words).then_some("$5\r\nhal"));
    let folder = folder();
    let arguments =
        ["run", "--addrs", &address, "--rounds", "1", "--operations", "30", "--under-faults", "--log", "json"];
    let output = workload(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object on stdout");
    assert_eq!(summary["violation"], serde_json::Value::Null);
    assert!(summary["census"]["lost"].as_u64() > Some(0), "{summary}");
}

#[test]
fn a_server_that_does_not_say_what_is_left_has_not_recovered() {
    let address = strange_server(|words| (words[1..] == ["old"]).then_some("-TRYAGAIN later\r\n"));
    let folder = folder();
    fs::create_dir(folder.path().join("histories")).unwrap();
    let left =
        "{\"call\":1,\"client\":1,\"command\":[\"SET\",\"old\",\"v\"]}\n{\"return\":1,\"reply\":{\"status\":\"OK\"}}\n";
    fs::write(folder.path().join("histories/round-000000.jsonl"), left).unwrap();
    let arguments = ["recover", "--addrs", &address, "--histories", "histories", "--within", "5s"];
    let output = workload(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let complaint = format!("{address} did not answer all reads within 5s: nothing happened: TRYAGAIN later");
    assert!(said(&output).contains(&complaint), "{}", said(&output));
}
