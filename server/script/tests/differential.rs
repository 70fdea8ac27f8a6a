//! Compares the engine with a real server, byte for byte and in both protocols.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::{Bytes, BytesMut};
use support::{Connection, Libraries, Memory, RealServer, engine, limits};
use valthree_script::resp::{Protocol, Reply};

/// A script with its keys and arguments.
struct Case {
    script: Vec<u8>,
    keys: Vec<Bytes>,
    argv: Vec<Bytes>,
}

/// One script per line.
fn lines(text: &[u8]) -> Vec<Case> {
    let scripts = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"-- "));
    scripts.map(|line| Case { script: line.to_vec(), keys: vec![], argv: vec![] }).collect()
}

/// Scripts of several lines, each after a line like `==== key1 key2 , arg1 arg2`.
fn blocks(text: &[u8]) -> Vec<Case> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let words = |text: &str| text.split_whitespace().map(|word| Bytes::from(word.to_owned())).collect();
    text.split("====")
        .skip(1)
        .map(|block| {
            let (head, script) = block.split_once('\n').unwrap();
            let (keys, argv) = head.split_once(',').unwrap_or((head, ""));
            Case { script: script.as_bytes().to_vec(), keys: words(keys), argv: words(argv) }
        })
        .collect()
}

/// Texts of Redis 7.0, and those of Valkey 8, which are ours.
const NEWER_TEXTS: &[(&str, &str)] = &[
    ("Lua redis lib command arguments must be", "Command arguments must be"),
    ("at least one argument for this redis lib call", "at least one argument for this call"),
    ("redis.set_repl() requires two arguments", "server.set_repl() requires one argument"),
    ("Invalid debug level", "Invalid log level"),
    ("redis.log()", "server.log()"),
    ("redis.setresp()", "server.setresp()"),
    ("redis.acl_check_cmd()", "server.acl_check_cmd()"),
    (" redis.register_function", " server.register_function"),
];

/// Addresses differ from run to run, and some texts from version to version.
fn without_addresses(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let text = NEWER_TEXTS.iter().fold(text, |text, (redis, valkey)| text.replace(redis, valkey));
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("0x") {
        out.push_str(&rest[..at]);
        rest = rest[at + 2..].trim_start_matches(|symbol: char| symbol.is_ascii_hexdigit());
        out.push('@');
    }
    out.push_str(rest);
    out.chars().map(|symbol| symbol as u8).collect()
}

fn real(connection: &mut Connection, case: &Case) -> Vec<u8> {
    connection.ask(&[b"FLUSHALL"]);
    connection.ask(&[b"SCRIPT", b"FLUSH"]);
    let count = case.keys.len().to_string();
    let mut words: Vec<&[u8]> = vec![b"EVAL", &case.script, count.as_bytes()];
    words.extend(case.keys.iter().chain(&case.argv).map(|word| &word[..]));
    connection.ask(&words)
}

fn ours(engine: &mut valthree_script::Engine, case: &Case, protocol: Protocol) -> Vec<u8> {
    let mut host = Memory::default();
    let reply = engine.eval(&case.script, &case.keys, &case.argv, &limits(), &mut host);
    let mut out = BytesMut::new();
    reply.encode(protocol, &mut out);
    out.to_vec()
}

/// Scripts that answer differently on purpose.
const KNOWN_DIFFERENCES: &[&str] = &[
    // Newer servers have `os.clock`, the name `server` and their version, and this one shows its error handler.
    "return tostring(os.clock)",
    "return tostring(os.time)",
    "local t = {} for k in pairs(os)",
    "local t = {} for k in pairs(redis)",
    "local n = 0 for k in pairs(_G)",
    "local t = {} for k in pairs(_G)",
    // Packing has no bound of its own.
    "local t={} for i=1,7900 do t[i]=i end return #cmsgpack.pack(unpack(t))",
    // An error inside the reader of `load` is a text, also outside of `pcall`.
    "return select(2,load(function() return {} end))",
    "return select(2,load(function() error('q') end))",
    // A wrong call of a function that catches errors has no line number in tail position.
    "local f=function() return xpcall() end return f()",
    "return xpcall(function() end)",
    // The text is that of Valkey 8, and has another length.
    "return {pcall(redis.call)}",
    // There is no bytecode.
    "string.dump(function() end)",
];

fn compare(name: &str, cases: &[Case]) {
    let Some(server) = RealServer::start() else {
        eprintln!("no real server on this machine");
        return;
    };
    let mut engine = engine();
    let (mut compared, mut different) = (0, Vec::new());
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut connection = server.connect();
        if protocol == Protocol::Resp3 {
            connection.ask(&[b"HELLO", b"3"]);
        }
        for case in cases {
            let expected = without_addresses(&real(&mut connection, case));
            let actual = without_addresses(&ours(&mut engine, case, protocol));
            compared += 1;
            if KNOWN_DIFFERENCES.iter().any(|part| case.script.starts_with(part.as_bytes())) {
                assert_ne!(expected, actual, "no longer different: {}", case.script.escape_ascii());
                continue;
            }
            if expected != actual {
                let show = |bytes: &[u8]| bytes.escape_ascii().to_string().chars().take(400).collect::<String>();
                let script: String = show(&case.script);
                different.push(format!("{script}\n  real {}\n  ours {}", show(&expected), show(&actual)));
            }
        }
    }
    eprintln!("{name}: {compared} replies compared");
    assert!(different.is_empty(), "{} of {compared} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
fn the_standard_library_answers_like_a_real_server() {
    compare("standard library", &lines(include_bytes!("corpus/standard.txt")));
}

#[test]
fn the_server_table_and_conversions_answer_like_a_real_server() {
    compare("server table", &lines(include_bytes!("corpus/server.txt")));
}

#[test]
fn the_four_libraries_answer_like_a_real_server() {
    compare("libraries", &lines(include_bytes!("corpus/libraries.txt")));
}

#[test]
fn scripts_of_applications_answer_like_a_real_server() {
    compare("applications", &blocks(include_bytes!("corpus/applications.lua")));
}

/// Commands of a session that defines and calls functions, or runs scripts with a first line of flags.
#[test]
fn functions_and_flags_answer_like_a_real_server() {
    let Some(server) = RealServer::start() else { return };
    let mut connection = server.connect();
    let (mut engine, mut libraries) = (engine(), Libraries::default());
    let mut compared = 0;
    let mut different = Vec::new();
    for line in include_str!("corpus/sessions.txt").lines().filter(|line| !line.is_empty()) {
        let line = line.replace("\\n", "\n");
        let words: Vec<Bytes> = line.split(" | ").map(|word| Bytes::from(word.to_owned())).collect();
        let sent: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
        let expected = connection.ask(&sent);
        let mut host = Memory::default();
        let reply = match &words[0][..] {
            b"EVAL" => engine.eval(&words[1], &[], &[], &limits(), &mut host),
            b"SCRIPT" => match engine.check(&words[2], &mut limits()) {
                Ok(sha) => Reply::bulk(sha.to_string()),
                Err(error) => error,
            },
            b"FCALL" => {
                let keys = std::str::from_utf8(&words[2]).unwrap().parse::<usize>().unwrap();
                libraries.call(&mut engine, &words[1], words[3..].split_at(keys), &limits())
            }
            _ if words[1] == "DELETE" => match libraries.delete(&words[2]) {
                true => Reply::OK,
                false => Reply::error("ERR Library not found"),
            },
            _ => match libraries.load(&mut engine, &words[words.len() - 1], words.len() == 4) {
                Ok(name) => Reply::Bulk(name),
                Err(error) => error,
            },
        };
        let mut actual = BytesMut::new();
        reply.encode(Protocol::Resp2, &mut actual);
        compared += 1;
        let expected = without_addresses(&expected);
        if expected != actual {
            let (real, ours) = (expected.escape_ascii().to_string(), actual.escape_ascii().to_string());
            different.push(format!("{line}\n  real {real}\n  ours {ours}"));
        }
    }
    eprintln!("sessions: {compared} replies compared");
    assert!(different.is_empty(), "{} of {compared} differ:\n{}", different.len(), different.join("\n"));
}
