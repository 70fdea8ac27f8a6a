//! The flags and the environment variables of the binary: what it accepts, and how it refuses the rest.

mod binary;
mod bucket;

use std::fs::File;
use std::process::Output;

use binary::*;
use bucket::Bucket;

const VARIABLES: [&str; 15] = [
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
    "VALTHREE_DEBUG_COMMANDS",
    "VALTHREE_CREATE_BUCKET",
    "VALTHREE_LOG",
    "RUST_LOG",
];

/// The first line of a refusal, which has to end the process with status 2.
fn refusal(output: Output) -> String {
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said.lines().next().unwrap().to_owned()
}

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
    let bucket = Bucket::on_a_stand_in();
    let values = [
        "0",
        &bucket.place,
        &bucket.url,
        "path",
        "7777",
        "3",
        "0",
        "3mb",
        "1kb",
        "2M",
        "1",
        "true",
        "true",
        "json",
        "debug",
    ];
    let mut command = valthree();
    bucket.credentials(&mut command).envs(VARIABLES.into_iter().zip(values));
    let mut server = Server::start(&mut command);
    let mut client = server.client();
    assert_eq!(client.info("tcp_port"), server.address.port().to_string());
    assert_eq!(client.info("store"), format!("{}/", bucket.place));
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
    while client.call("SET k v") != "+OK" {} // the store may still be loading
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
fn the_log_begins_with_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    assert!(server.lines[0].contains(&format!("Valthree {}", env!("CARGO_PKG_VERSION"))), "{:?}", server.lines);
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
    assert_eq!(lines("off,another=error"), 0);
    assert!(lines("") >= 2, "an empty filter is the default one");
}

#[test]
fn a_wrong_value_is_refused_in_a_sentence() {
    let wrong = [
        (["--deadline-ms", "0"], "'0' for '--deadline-ms <MS>': 0 is not in 1..="),
        (["--deadline-ms", "1s"], "'1s' for '--deadline-ms <MS>': invalid digit"),
        (["--max-clients", "0"], "'0' for '--max-clients <N>': 0 is not in 1..="),
        (["--max-clients", "18446744073709551615"], "for '--max-clients <N>': 18446744073709551615 is not in 1..="),
        (["--max-memory", "1.5gb"], "'1.5gb' for '--max-memory <BYTES>': write a whole number of bytes, or one with k"),
        (["--max-memory", "mb"], "'mb' for '--max-memory <BYTES>': cannot parse integer from empty string"),
        (["--max-memory", "20000000000gb"], "for '--max-memory <BYTES>': too many bytes"),
        (["--max-value", "0"], "'0' for '--max-value <BYTES>': the limit has to be at least 1 byte"),
        (["--max-request", "256mb"], "--max-request has to be less than --max-clients-memory"),
        (["--threads", "0"], "'0' for '--threads <N>': 0 is not in 1..="),
        (["--log", "xml"], "'xml' for '--log <FORM>'"),
        (["--wrong", "1"], "unexpected argument '--wrong'"),
    ];
    for (arguments, complaint) in wrong {
        let said = refusal(ends(&arguments));
        assert!(said.contains(complaint), "{arguments:?}: {said}");
    }
}

#[test]
fn a_store_that_looks_like_a_url_is_refused_and_creates_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let stores = ["s3:/bucket", "S3://bucket", "s3:bucket", "gs://bucket", "http://127.0.0.1:9000/bucket", "file:///x"];
    for store in stores {
        for task in [&[][..], &["inspect"], &["verify"]] {
            let output = valthree().current_dir(&folder).args(task).args(["--store", store]).output().unwrap();
            let said = refusal(output);
            assert!(
                said.contains(&format!("'{store}' for '--store <STORE>': write a bucket as s3://BUCKET")),
                "{said}"
            );
        }
    }
    assert!(refusal(ends(&["--store", "s3:///prefix"])).contains("is not of the form s3://bucket or s3://bucket/"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn an_endpoint_needs_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:9000";
    for task in [&[][..], &["inspect"], &["verify"]] {
        let mut flag = valthree();
        flag.args(task).args(["--s3-endpoint", url, "--store", "./data"]).current_dir(&folder);
        let mut variable = valthree();
        variable.env("VALTHREE_S3_ENDPOINT", url).args(task).args(["--store", "./data"]).current_dir(&folder);
        for mut command in [flag, variable] {
            let said = refusal(command.output().unwrap());
            assert!(said.contains("--s3-endpoint (VALTHREE_S3_ENDPOINT) needs a bucket"), "{said}");
            assert!(said.contains("the store is the folder ./data"), "{said}");
        }
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    let said = refusal(ends(&["--store", "s3://bucket", "--s3-endpoint", "127.0.0.1:9000"]));
    assert!(said.contains("write a URL that begins with http:// or https://"), "{said}");
}

#[test]
fn a_filter_that_would_silence_the_server_is_refused() {
    let wrong = [
        ("nonsense", "\"nonsense\" is not a level; the levels are off, error, warn"),
        ("info,debgu", "\"debgu\" is not a level"),
        ("valthree=loud", "error parsing level filter"),
        ("hyper=debug", "it says nothing about valthree; begin it with a level, such as info,hyper=debug"),
    ];
    for (filter, complaint) in wrong {
        let said = refusal(ends(&["--log-filter", filter]));
        assert!(said.contains(&format!("'{filter}' for '--log-filter <FILTER>': {complaint}")), "{said}");
    }
}

#[test]
fn a_server_listens_on_a_host_name_a_port_or_an_ipv6_address() {
    let folder = tempfile::tempdir().unwrap();
    for listen in ["localhost:0", "0", ":0", "[::1]:0"] {
        let mut command = valthree();
        let server = Server::start(command.args(["--listen", listen, "--store"]).arg(folder.path()));
        assert!(server.address.ip().is_loopback(), "{listen}: {}", server.address);
        assert_eq!(listen.starts_with('['), server.address.is_ipv6() && listen != "localhost:0");
    }
}

#[test]
fn a_wrong_address_is_refused_with_the_form_that_is_wanted() {
    for listen in ["localhost", "::1:6380", "localhost:", "local host:6380", "127.0.0.1:redis", "+1", ""] {
        let said = refusal(ends(&["--listen", listen]));
        assert!(said.contains("write HOST:PORT, such as 127.0.0.1:6379") || listen.is_empty(), "{listen}: {said}");
    }
    let said = refusal(ends(&["--listen", "127.0.0.1:70000"]));
    assert!(said.contains("'127.0.0.1:70000' for '--listen <ADDRESS>': the port is larger than 65535"), "{said}");
}

#[test]
fn an_unknown_host_ends_the_start_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let ended = valthree()
        .args(["--listen", "no-such-host.invalid:0", "--log-filter", "error", "--store"])
        .arg(folder.path())
        .output();
    let ended = ended.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("cannot listen on no-such-host.invalid:0: "), "{said}");
}

#[test]
fn a_wrong_environment_variable_is_named() {
    let wrong = [
        ("RUST_LOG", "a=b=c"),
        ("VALTHREE_LISTEN", "localhost"),
        ("VALTHREE_STORE", "gs://bucket"),
        ("VALTHREE_S3_STYLE", "paht"),
        ("VALTHREE_DEADLINE_MS", "0"),
        ("VALTHREE_MAX_MEMORY", "lots"),
    ];
    for (variable, value) in wrong {
        let said = refusal(valthree().env(variable, value).output().unwrap());
        assert!(said.contains(&format!("'{value}' for 'the environment variable {variable}'")), "{said}");
    }
    let both = valthree().env("VALTHREE_DEADLINE_MS", "7").args(["--deadline-ms", "0"]).output().unwrap();
    let said = refusal(both);
    assert!(said.contains("'0' for '--deadline-ms <MS>'"), "a flag is named where a flag is wrong: {said}");
}
