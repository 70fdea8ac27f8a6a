//! What `valthree tail` prints of a live database, and what `valthree repair` mends.

mod cluster;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command as Process, Output, Stdio};

use cluster::*;
use serde_json::{Value, json};
use valthree::resp::Reply;
use valthree::root::{self, Root, Secret};
use valthree::settings::Thresholds;
use valthree::store::directory::Directory;

/// Ends the process with the test.
struct Tail {
    process: Child,
    lines: Option<BufReader<ChildStdout>>,
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Tail {
    fn start(folder: &Path, arguments: &[&str]) -> Tail {
        let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
        process.arg("tail").arg("--store").arg(folder).args(arguments).env_remove("RUST_LOG");
        let mut process = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = process.stdout.take().map(BufReader::new);
        Tail { process, lines }
    }

    /// The next line. Waits for it without blocking the servers of the test.
    async fn line(&mut self) -> Value {
        let mut lines = self.lines.take().expect("somebody reads");
        let (lines, text) = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            lines.read_line(&mut text).unwrap();
            (lines, text)
        })
        .await
        .unwrap();
        self.lines = Some(lines);
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text:?}"))
    }
}

async fn call_all(server: &Server, commands: &[&[&str]]) {
    for words in commands {
        let reply = server.call(1, call(words)).await.unwrap();
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
    }
}

fn stored_root(folder: &Path) -> Root {
    Root::decode(&std::fs::read(folder.join(root::NAME)).unwrap(), &[]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_prints_each_commit_and_shows_large_ones_whole() {
    let folder = tempfile::tempdir().unwrap();
    let thresholds = Thresholds { recent: 1_000, ..NONE };
    let server = Server::start_with(Directory::open(folder.path()).unwrap(), 1, thresholds).await;
    call_all(&server, &[&["SET", "a", "1"], &["HSET", "h", "name", "Ann"], &["DEL", "a"]]).await;
    let by = stored_root(folder.path()).header.by.to_string();
    let now = stored_root(folder.path()).header.now;
    let mut tail = Tail::start(folder.path(), &["--from", "1"]);
    let numbers = json!({"0.0":0});
    assert_eq!(tail.line().await, json!({"generation":1,"by":by,"numbers":numbers,"keys":{"0.0":{"a":"1"}}}));
    let hash = tail.line().await;
    assert_eq!((&hash["generation"], &hash["in"]), (&json!(2), &json!({"2.0":{"name":"Ann"}})));
    let deletion = json!({"generation":3,"by":by,"now":now,"numbers":numbers,"keys":{"0.0":{"a":null}}});
    assert_eq!(tail.line().await, deletion, "the time is known of the newest commit alone");
    // From here on it follows. Two commits have their rows in runs of their own.
    let long = "v".repeat(3_000);
    call_all(&server, &[&["SET", "k", &long], &["COPY", "k", "c"], &["SET", "z", "1"]]).await;
    assert!(stored_root(folder.path()).recent.iter().any(|entry| entry.missing().is_some()));
    for (generation, key) in [(4, "k"), (5, "c")] {
        let line = tail.line().await;
        assert_eq!((&line["generation"], &line["keys"]), (&json!(generation), &json!({"0.0":{key:long}})));
    }
    let last = tail.line().await;
    assert_eq!(last["keys"], json!({"0.0":{"z":"1"}}), "{last}");
}

/// Follows the numbers of databases by the lines of a tail.
#[tokio::test(flavor = "multi_thread")]
async fn tail_shows_which_number_maps_to_which_database() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(Directory::open(folder.path()).unwrap(), 1, NONE).await;
    call_all(&server, &[&["SET", "a", "1"], &["SWAPDB", "0", "3"], &["SET", "b", "1"], &["FLUSHALL"]]).await;
    let mut tail = Tail::start(folder.path(), &["--from", "1"]);
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(tail.line().await);
    }
    let told = |line: &Value| (line["remapped"].clone(), line["numbers"].clone());
    let known: Vec<_> = lines.iter().map(told).collect();
    // The flush hides which numbers the two databases had before it.
    let swept = json!({"0":"4.0","3":"4.1"});
    let nothing = (Value::Null, Value::Null);
    assert_eq!(known, [nothing.clone(), nothing.clone(), nothing, (swept, Value::Null)], "{lines:?}");
    // From here on it follows, and sees each commit alone.
    call_all(&server, &[&["SET", "c", "1"]]).await;
    assert_eq!(told(&tail.line().await), (Value::Null, json!({"4.0":0})));
    call_all(&server, &[&["SWAPDB", "0", "3"]]).await;
    assert_eq!(told(&tail.line().await), (json!({"0":"4.1","3":"4.0"}), Value::Null));
    call_all(&server, &[&["SET", "d", "1"]]).await;
    let line = tail.line().await;
    assert_eq!(told(&line), (Value::Null, json!({"4.1":0})));
    let root = stored_root(folder.path());
    assert_eq!(line["now"], json!(root.header.now));
    call_all(&server, &[&["FLUSHDB"]]).await;
    assert_eq!(told(&tail.line().await).0, json!({"0":"8.0"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_tells_the_numbers_of_commits_that_it_could_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let folds = Thresholds { recent: 1, commits: 0, fanout: 100, ..FOLDS };
    let server = Server::start_with(Directory::open(folder.path()).unwrap(), 1, folds).await;
    call_all(&server, &[&["SET", "a", "1"], &["FLUSHALL"], &["SET", "b", "1"]]).await;
    while stored_root(folder.path()).covered() < 3 {
        tokio::task::yield_now().await;
    }
    let root = stored_root(folder.path());
    let flushed = root.header.databases[0];
    let mut tail = Tail::start(folder.path(), &["--from", "1"]);
    let gap = tail.line().await;
    assert_eq!((&gap["gap"][0], &gap["remapped"]), (&json!(1), &json!({"0":flushed.id.to_string()})), "{gap}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_says_which_commits_it_could_not_read_and_never_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let folds = Thresholds { recent: 220, commits: 0, fanout: 100, ..FOLDS };
    let server = Server::start_with(Directory::open(folder.path()).unwrap(), 1, folds).await;
    let mut written = 0;
    while stored_root_or_none(folder.path()).is_none_or(|root| root.runs.is_empty()) {
        call_all(&server, &[&["SET", &format!("k{written}"), "1"]]).await;
        written += 1;
        tokio::task::yield_now().await;
    }
    drop(server.queue);
    server.ended.await.unwrap().unwrap();
    let mut root = stored_root(folder.path());
    root.header.secret = Some(Secret::new("hidden"));
    std::fs::write(folder.path().join(root::NAME), root.encode()).unwrap();
    let mut tail = Tail::start(folder.path(), &["--from", "1"]);
    let gap = tail.line().await;
    assert_eq!(gap["gap"], json!([1, root.covered()]));
    assert_eq!(gap["why"], "these commits became part of a run before they were read");
    for entry in &root.recent {
        let line = tail.line().await;
        assert_eq!(line["generation"], json!(entry.generation()));
        assert!(!line.to_string().contains("hidden"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_says_which_commits_became_one_entry_and_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(Directory::open(folder.path()).unwrap(), 1, SQUASHES).await;
    call_all(&server, &[&["SET", "a", "1"], &["SET", "a", "2"]]).await;
    while !stored_root(folder.path()).recent[0].is_joint() {
        call_all(&server, &[&["SET", "a", "3"]]).await;
    }
    let squashed = stored_root(folder.path()).recent[0].generation();
    // The second one has seen the first commit.
    for from in [1, 2] {
        let mut tail = Tail::start(folder.path(), &["--from", &from.to_string()]);
        let gap = json!({"gap":[from, squashed],"why":"these commits became one entry before they were read"});
        assert_eq!(tail.line().await, gap);
        assert_eq!(tail.line().await["generation"], json!(squashed + 1), "later commits are told one by one");
    }
}

fn stored_root_or_none(folder: &Path) -> Option<Root> {
    Some(Root::decode(&std::fs::read(folder.join(root::NAME)).ok()?, &[]).unwrap())
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn tail_ends_quietly_on_sigint_and_when_its_reader_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(Directory::open(folder.path()).unwrap(), 1, NONE).await;
    call_all(&server, &[&["SET", "a", "1"]]).await;
    for interrupt in [true, false] {
        let mut tail = Tail::start(folder.path(), &["--from", "1"]);
        assert_eq!(tail.line().await["generation"], json!(1), "it has begun");
        if interrupt {
            let pid = tail.process.id().to_string();
            assert!(Process::new("kill").args(["-INT", &pid]).status().unwrap().success());
        } else {
            drop(tail.lines.take());
            call_all(&server, &[&["SET", "b", "1"]]).await;
        }
        let (status, said) = tokio::task::spawn_blocking(move || {
            let status = tail.process.wait().unwrap();
            let mut said = String::new();
            std::io::Read::read_to_string(&mut tail.process.stderr.take().unwrap(), &mut said).unwrap();
            (status, said)
        })
        .await
        .unwrap();
        assert!(status.success() && said.is_empty(), "{interrupt}: {status} {said}");
    }
}

fn repair(folder: &Path, arguments: &[&str]) -> Output {
    let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
    process.arg("repair").arg("--store").arg(folder).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

/// How far ahead the wrong clock is, in milliseconds: a thousand years.
const AHEAD: u64 = 1_000 * 365 * 24 * 3_600 * 1_000;

#[tokio::test]
async fn repair_takes_the_time_back_and_revives_nothing() {
    for many in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_with(Directory::open(folder.path()).unwrap(), 1, NONE).await;
        call_all(
            &server,
            &[
                &["SET", "lasting", "1"],
                &["SET", "brief", "1", "PX", "100"],
                &["HSET", "h", "lasting", "1", "brief", "2"],
                &["HPEXPIRE", "h", "100", "FIELDS", "1", "brief"],
                &["SET", "lock", "1", "PX", "100000000000000"],
            ],
        )
        .await;
        if many {
            let script = "for i = 1, 6000 do redis.call('SET', 'a key that is long enough ' .. i, 'v', 'PX', 50) end";
            call_all(&server, &[&["EVAL", script, "0"]]).await;
        }
        drop(server.queue);
        server.ended.await.unwrap().unwrap();
        // Some server's clock was far ahead for a moment. Everything that ends before has been seen expired.
        let file = folder.path().join(root::NAME);
        let mut root = stored_root(folder.path());
        let right = root.header.now;
        root.header.now += AHEAD;
        root.header.databases[0].keys = 3;
        std::fs::write(&file, root.encode()).unwrap();
        let wrong = Server::start(Directory::open(folder.path()).unwrap(), 2).await;
        assert_eq!(wrong.call(1, call(&["EXISTS", "brief"])).await, Ok(Reply::Integer(0)));
        drop(wrong.queue);
        wrong.ended.await.unwrap().unwrap();

        let output = repair(folder.path(), &["--now"]);
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let removed = if many { 6_002 } else { 2 };
        assert!(said.contains(&format!("{removed} expired rows were removed")), "{said}");
        let root = stored_root(folder.path());
        assert!(root.header.now < right + AHEAD && root.header.now > 0, "{}", root.header.now);
        assert_eq!(root.recent.last().unwrap().missing().is_some(), many, "many removals are a run");
        assert_eq!(std::fs::read(&file).unwrap(), root.encode(), "it is written as a server writes it");

        let store = Directory::open(folder.path()).unwrap();
        valthree::inspect::verify(&store).await.expect("the hash counts what is left of it");
        let server = Server::start(store, 3).await;
        let told = server.call(1, call(&["EXISTS", "brief", "lasting", "lock"])).await;
        assert_eq!(told, Ok(Reply::Integer(2)), "what was seen expired stays so");
        assert_eq!(server.call(1, call(&["HGET", "h", "brief"])).await, Ok(Reply::Null));
        assert_eq!(server.call(1, call(&["HLEN", "h"])).await, Ok(Reply::Integer(1)));
        assert_eq!(server.call(1, call(&["DBSIZE"])).await, Ok(Reply::Integer(3)));
        assert_eq!(server.call(1, call(&["SET", "new", "1"])).await, Ok(Reply::OK));
        drop(server.queue);
        server.ended.await.unwrap().unwrap();

        let before = std::fs::read(&file).unwrap();
        let output = repair(folder.path(), &["--now"]);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("nothing was changed"));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

#[test]
fn repair_needs_to_know_what_to_mend_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(repair(folder.path(), &[]).status.code(), Some(2), "--now is missing");
    let nowhere = folder.path().join("nowhere");
    let output = repair(&nowhere, &["--now"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!nowhere.exists());
    let output = repair(folder.path(), &["--now"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("db.json does not exist"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
