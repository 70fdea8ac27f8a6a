//! Clients as people use them: each connects with its defaults, sees what it expects, and complains about nothing.

mod bucket;
mod clients {
    pub mod fred;
    pub mod interactive;
    pub mod process;
}
mod peer;

use std::time::Duration;

use ::fred::types::RespVersion;
use redis::{AsyncCommands, ExistenceCheck, SetOptions};

use clients::process::Run;
use clients::{interactive, process};
use peer::{Kind, Peer};

/// Every claim is tested against redis-server too, which tells a wrong test from a wrong server.
macro_rules! claims {
    ($($claim:ident)*) => {
        mod valthree {
            $(#[test] fn $claim() { super::$claim(&super::Peer::start(super::Kind::Valthree)); })*
        }
        mod valthree_on_s3 {
            $(#[test] fn $claim() { super::$claim(&super::Peer::start(super::Kind::ValthreeOnS3)); })*
        }
        mod redis_server {
            $(#[test] fn $claim() { super::$claim(&super::Peer::start(super::Kind::Redis)); })*
        }
    };
}

claims! {
    the_rust_client_is_served
    fred_is_served
    redis_py_is_served
    valkey_glide_is_served
    redis_cli_is_served
    an_interactive_redis_cli_is_served
    redis_cli_can_load_a_pipe
    redis_benchmark_is_served
}

/// The options of redis-cli for the two versions of the protocol.
const PROTOCOLS: [&str; 2] = ["-2", "-3"];

fn the_rust_client_is_served(peer: &Peer) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for protocol in ["resp2", "resp3"] {
        let url = format!("redis://{}/?protocol={protocol}", peer.address);
        runtime.block_on(rust_client(&url)).unwrap_or_else(|error| panic!("{protocol}: {error}"));
    }
}

async fn rust_client(url: &str) -> redis::RedisResult<()> {
    let client = redis::Client::open(url)?;
    // Its own half a second may be too short for a busy disk.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
    let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await?;
    let connection = &mut connection;
    let _: () = redis::cmd("FLUSHALL").query_async(connection).await?;

    let none: Option<String> = connection.get("key").await?;
    assert_eq!(none, None);
    let _: () = connection.set("key", "value").await?;
    let value: String = connection.get("key").await?;
    assert_eq!(value, "value");
    let only_if_absent = SetOptions::default().conditional_set(ExistenceCheck::NX).get(true);
    let old: Option<String> = connection.set_options("key", "other", only_if_absent).await?;
    assert_eq!(old.as_deref(), Some("value"));

    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let _: () = connection.set(&every_byte, &every_byte).await?;
    let bytes: Vec<u8> = connection.get(&every_byte).await?;
    assert_eq!(bytes, every_byte);

    let _: () = connection.mset(&[("a", 1), ("b", 2)]).await?;
    let values: (i64, Option<i64>, i64) = connection.mget(("a", "nothing", "b")).await?;
    assert_eq!(values, (1, None, 2));
    let there: i64 = connection.exists(("a", "a", "nothing")).await?;
    assert_eq!(there, 2);
    let deleted: i64 = connection.del(("a", "b", "nothing")).await?;
    assert_eq!(deleted, 2);

    let mut pipe = redis::pipe();
    pipe.set("x", 1).ignore().get("x").set("x", 2).ignore().get("x").cmd("DBSIZE");
    let replies: (i64, i64, i64) = pipe.query_async(connection).await?;
    assert_eq!(replies, (1, 2, 3));

    let refused = redis::cmd("SET").arg("key").query_async::<()>(connection).await.expect_err("a value is missing");
    assert!(refused.to_string().contains("wrong number of arguments"), "{refused}");
    let pong: String = redis::cmd("PING").query_async(connection).await?;
    assert_eq!(pong, "PONG");
    concurrent_writes(connection).await
}

/// One connection carries the commands of many tasks.
async fn concurrent_writes(connection: &redis::aio::MultiplexedConnection) -> redis::RedisResult<()> {
    let writes = (0..100).map(|number| {
        let mut connection = connection.clone();
        tokio::spawn(async move {
            let key = format!("key {number}");
            connection.set::<_, _, ()>(&key, number).await?;
            connection.get::<_, i64>(&key).await
        })
    });
    let writes: Vec<_> = writes.collect();
    for (number, write) in (0..).zip(writes) {
        assert_eq!(write.await.expect("the task does not panic")?, number);
    }
    Ok(())
}

fn fred_is_served(peer: &Peer) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        let served = clients::fred::works(peer.address, version.clone());
        runtime.block_on(served).unwrap_or_else(|error| panic!("{version:?}: {error}"));
    }
}

fn redis_py_is_served(peer: &Peer) {
    python_client(peer, "redis", "redis_py.py");
}

fn valkey_glide_is_served(peer: &Peer) {
    python_client(peer, "glide_sync", "valkey_glide.py");
}

/// Runs a script of `clients/` in both versions of the protocol; Python shows every warning as an error.
fn python_client(peer: &Peer, package: &str, script: &str) {
    let python = std::env::var("VALTHREE_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let import = format!("import {package}");
    let import = process::run(Run { program: &python, arguments: &["-c", &import], input: b"" });
    let hint = "scripts/setup-tests makes one; name it in VALTHREE_TEST_PYTHON";
    assert!(import.succeeded, "{python} has no package {package} ({hint}): {}", import.errors);
    let script = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/{}"), script);
    let port = peer.address.port().to_string();
    for protocol in ["2", "3"] {
        let arguments = ["-W", "error", &script, &port, protocol];
        let run = process::run(Run { program: &python, arguments: &arguments, input: b"" });
        assert_eq!(run.quiet_output(), "ok\n");
    }
}

fn redis_cli_is_served(peer: &Peer) {
    let port = peer.address.port().to_string();
    for protocol in PROTOCOLS {
        let cli = |words: &[&str], input: &[u8]| {
            let arguments = [&["-p", &port, protocol], words].concat();
            process::run(Run { program: "redis-cli", arguments: &arguments, input }).quiet_output()
        };
        assert_eq!(cli(&["FLUSHALL"], b""), "OK\n");
        assert_eq!(cli(&["SET", "key", "two words"], b""), "OK\n");
        assert_eq!(cli(&["GET", "key"], b""), "two words\n");
        assert_eq!(cli(&["--no-raw", "GET", "nothing"], b""), "(nil)\n");
        assert_eq!(cli(&["-x", "SET", "piped"], b"from\nstdin"), "OK\n");
        assert_eq!(cli(&["--no-raw", "MGET", "piped", "key"], b""), "1) \"from\\nstdin\"\n2) \"two words\"\n");
        assert_eq!(cli(&[], b"DEL key piped\nDBSIZE\nPING hello\n"), "2\n0\nhello\n");
    }
}

fn an_interactive_redis_cli_is_served(peer: &Peer) {
    for protocol in PROTOCOLS {
        let typed = [
            ("flushall", "OK"),
            ("set key \"a value\"", "OK"),
            ("get key", "\r\n\"a value\""),
            ("GET nothing", "(nil)"),
            ("del key", "(integer) 1"),
            ("whatever", "(error) ERR unknown command 'whatever'"),
            // What redis-cli asks for to know its hints, and what a person asks it to show.
            ("help get", "summary:"),
            ("dbsize", "(integer) 0"),
        ];
        let seen = interactive::redis_cli(peer.address.port(), protocol, &typed);
        let complaints = ["warning", "failed", "could not", "invalid", "noproto"];
        let lower = seen.to_lowercase();
        for complaint in complaints {
            assert!(!lower.contains(complaint), "{complaint}: {seen}");
        }
        assert_eq!(lower.matches("err ").count(), 1, "only the command that nobody knows is an error: {seen}");
    }
}

fn redis_cli_can_load_a_pipe(peer: &Peer) {
    const KEYS: usize = 1000;
    let port = peer.address.port().to_string();
    let set = |number| format!("*3\r\n$3\r\nSET\r\n$8\r\n{number:08}\r\n$5\r\nvalue\r\n");
    let input: String = (0..KEYS).map(set).collect();
    let run = process::run(Run { program: "redis-cli", arguments: &["-p", &port, "--pipe"], input: input.as_bytes() });
    let output = run.quiet_output();
    assert!(output.contains("errors: 0, replies: 1000"), "{output}");
    let size = process::run(Run { program: "redis-cli", arguments: &["-p", &port, "DBSIZE"], input: b"" });
    assert_eq!(size.quiet_output(), "1000\n");
}

fn redis_benchmark_is_served(peer: &Peer) {
    let port = peer.address.port().to_string();
    for protocol in [&[][..], &["-3"]] {
        let arguments = ["-p", &port, "-t", "set,get", "-q", "-n", "1000", "-c", "20", "-P", "4"];
        let arguments = [&arguments, protocol].concat();
        let output = process::run(Run { program: "redis-benchmark", arguments: &arguments, input: b"" }).quiet_output();
        assert!(!output.to_lowercase().contains("warning"), "{output}");
        assert_eq!(output.matches("requests per second").count(), 2, "{output}");
    }
}
