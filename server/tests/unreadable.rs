//! A database that a server cannot read, or that is not what it was, is never taken for an empty one: the server says
//! where it is and what is wrong with it, refuses commands, and overwrites nothing.

mod cluster;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cluster::*;
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use valthree::commit::{Refusal, Unusable};
use valthree::id::Id;
use valthree::resp::Reply;
use valthree::root::{self, Entry, EntryParts, Root};
use valthree::row::{Made, Row, Table};
use valthree::server::{self, Config};
use valthree::settings::Settings;
use valthree::store::Store;
use valthree::store::directory::Directory;
use valthree::store::memory::Memory;

const READABLE: &str = r#"{"format":1,"id":"0000000000000000000000000000051b","generation":17,"writers":{},"base":0,"swept":0,"keys":1,"runs":[],"recent":{"a":"b"}}"#;

/// Longer than any start takes, so that a server that serves after all fails the test and not the patience of whoever
/// runs it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What stands in the place of `db.json`, and what is said about it.
fn unreadable() -> [(String, &'static str); 5] {
    let instead = |old: &str, new: &str| READABLE.replace(old, new);
    [
        (String::new(), "is empty"),
        ("<html>It works!</html>".into(), "is not a JSON object"),
        (READABLE[..72].into(), "is cut short: EOF while parsing a string at line 1 column 72"),
        (instead(r#""format":1"#, r#""format":3"#), "is of format 3, and this server reads formats 1 and 2 only"),
        (instead(r#""keys":1"#, r#""keys":2"#), "contradicts itself: it counts 2 keys and holds 1"),
    ]
}

/// What whoever starts the server is told.
fn refused_at_the_start(place: &str, why: &str) -> String {
    format!("{place} {why}. Nothing was overwritten; mend it, or keep the database elsewhere")
}

/// What whoever talks to the server is told.
fn refused_while_serving(why: &str) -> Unusable {
    let kept = "Nothing was overwritten; this server looks again, and serves once it is mended";
    Unusable::new(format!("memory:db.json {why}. {kept}"))
}

async fn refusal(store: impl Store) -> String {
    Server::load(store, 1).await.err().expect("this database can't be served").to_string()
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_refused_at_the_start_and_left_alone() {
    for (bytes, why) in unreadable() {
        let store = Memory::new();
        store.plant(root::NAME, bytes.clone());
        assert_eq!(refusal(store.clone()).await, refused_at_the_start("memory:db.json", why));
        assert_eq!(store.peek(root::NAME).unwrap(), bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_missing_beside_its_runs_is_not_created_again() {
    let store = Memory::new();
    store.plant("runs/3-9f", "{}");
    let why = "is missing, but runs/3-9f is there and belongs to it";
    assert_eq!(refusal(store.clone()).await, refused_at_the_start("memory:db.json", why));
    assert_eq!(store.peek(root::NAME), None);
}

/// Prepares a folder, and says what is wrong with it.
type Wrong = (Box<dyn Fn(&Path)>, &'static str);

fn wrong_folders() -> Vec<Wrong> {
    let mut folders: Vec<Wrong> = Vec::new();
    for (bytes, why) in unreadable() {
        folders.push((Box::new(move |folder| fs::write(folder.join("db.json"), &bytes).unwrap()), why));
    }
    folders.push((Box::new(|folder| fs::create_dir(folder.join("db.json")).unwrap()), "is a folder"));
    let lost = |folder: &Path| {
        fs::create_dir(folder.join("runs")).unwrap();
        fs::write(folder.join("runs/3-9f"), "{}").unwrap();
    };
    folders.push((Box::new(lost), "is missing, but runs/3-9f is there and belongs to it"));
    folders
}

/// Every file and folder below, with the content, apart from the mark that a server leaves in its folder.
fn content(folder: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| !path.ends_with(".valthree")) {
        found.push((path.display().to_string(), fs::read(&path).ok()));
        if path.is_dir() {
            found.extend(content(&path));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_folder_whose_database_cannot_be_read_is_refused_at_the_start_and_left_alone() {
    for (prepare, why) in wrong_folders() {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let before = content(folder.path());
        let place = folder.path().join("db.json").display().to_string();
        assert_eq!(refusal(Directory::open(folder.path()).unwrap()).await, refused_at_the_start(&place, why));
        assert_eq!(content(folder.path()), before);
    }
}

#[test]
fn the_program_ends_with_one_clear_message() {
    for (prepare, why) in wrong_folders() {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let before = content(folder.path());
        let place = folder.path().join("db.json").display().to_string();
        let (status, said) = run_program(folder.path());
        assert_eq!(status, Some(1), "{said}");
        let (log, message) = said.trim_end().rsplit_once('\n').unwrap_or(("", said.trim_end()));
        let (_, message) = message.split_once(" ERROR ").expect("it is an error of the log");
        assert_eq!(message, refused_at_the_start(&place, why));
        assert!(log.lines().all(|line| line.contains(" INFO ")), "{said}");
        assert_eq!(content(folder.path()), before);
    }
}

/// Runs the server until it ends by itself; its exit status and what it wrote to stderr.
fn run_program(folder: &Path) -> (Option<i32>, String) {
    let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"))
        .args(["--listen", "127.0.0.1:0", "--store"])
        .arg(folder)
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = process.stderr.take().unwrap();
    let (ended, end) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        let _ = ended.send(()); // nobody waits any more if it took too long
        said
    });
    let in_time = end.recv_timeout(PATIENCE).is_ok();
    if !in_time {
        process.kill().unwrap();
    }
    let (status, said) = (process.wait().unwrap(), reader.join().unwrap());
    assert!(in_time, "it serves a database that it can't read: {said}");
    (status.code(), said)
}

/// Three versions of a database, all of them with the key `k`.
struct History {
    store: Memory,
    versions: Vec<Bytes>,
}

impl History {
    async fn new() -> History {
        let store = Memory::new();
        let author = Server::start(store.clone(), 9).await;
        let mut versions = Vec::new();
        for value in ["1", "2", "3"] {
            author.call(1, set("k", value)).await.unwrap();
            versions.push(store.peek(root::NAME).unwrap());
        }
        History { store, versions }
    }
}

/// What is done to a database behind the servers' backs.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    Removed,
    AnotherDatabase,
    OlderVersion,
    SameGeneration,
    Garbage,
    Emptied,
    AnotherFormat,
}

impl Tampering {
    const ALL: [Tampering; 7] = [
        Tampering::Removed,
        Tampering::AnotherDatabase,
        Tampering::OlderVersion,
        Tampering::SameGeneration,
        Tampering::Garbage,
        Tampering::Emptied,
        Tampering::AnotherFormat,
    ];

    /// Does it, and says what the servers are to say about it.
    fn apply(self, History { store, versions }: &History) -> String {
        let newest = Root::decode(&versions[2], &[]).unwrap();
        let id = newest.header.id;
        let plant = |root: &Root| {
            store.plant(root::NAME, root.encode());
        };
        match self {
            Tampering::Removed => {
                store.remove(root::NAME);
                "has disappeared".into()
            }
            Tampering::AnotherDatabase => {
                let (by, mut other) = (newest.header.by, Root::unborn(Id::random(&mut StdRng::seed_from_u64(77))));
                (other.header.generation, other.header.base) = (100, 99);
                other.header.sign(by);
                other.recent = vec![Arc::new(Entry::new(EntryParts::new(100, by)))];
                plant(&other);
                format!("is another database now: its id was {id} and is {}", other.header.id)
            }
            Tampering::OlderVersion => {
                store.plant(root::NAME, versions[1].clone());
                "has gone back from generation 3 to 2".into()
            }
            Tampering::SameGeneration => {
                let mut other = newest;
                let mut forged = EntryParts::new(3, other.header.by);
                forged.rows = vec![(Table::Keys(Made::first(0)), "k".into(), Some(Row::Value("forged".into())))];
                *other.recent.last_mut().unwrap() = Arc::new(Entry::new(forged));
                plant(&other);
                "was replaced by another version with the same generation, 3".into()
            }
            Tampering::Garbage => {
                store.plant(root::NAME, "garbage\r\n+OK");
                "is not a JSON object".into()
            }
            Tampering::Emptied => {
                store.plant(root::NAME, "");
                "is empty".into()
            }
            Tampering::AnotherFormat => {
                store.plant(root::NAME, READABLE.replace(r#""format":1"#, r#""format":3"#));
                "is of format 3, and this server reads formats 1 and 2 only".into()
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_under_way_is_uncertain_and_everything_else_is_refused_with_the_reason() {
    for tampering in Tampering::ALL {
        let history = History::new().await;
        let store = &history.store;
        let mut puppet = Puppet::start(store, 1).await;
        let batch = puppet.server.pipeline(1, vec![set("k", "4"), del(&["absent"]), get("k")]).await;
        let mut put = puppet.put().await;
        let why = tampering.apply(&history);
        let tampered = store.peek(root::NAME);
        let waiting_read = puppet.server.send(2, get("k")).await;
        let waiting_write = puppet.server.send(3, set("k", "5")).await;
        puppet.get().await.answer();

        let unusable = refused_while_serving(&why);
        let refused = Err(Refusal::Unusable(unusable.text.clone()));
        let mut batch = batch.into_iter();
        assert_eq!(one(batch.next().unwrap()).await, Err(Refusal::Uncertain), "{tampering:?}");
        for answer in batch.chain([waiting_read, waiting_write]) {
            assert_eq!(one(answer).await, refused, "{tampering:?}");
        }
        assert!(!put.perform(), "the PUT under way comes too late");
        assert_eq!(store.peek(root::NAME), tampered, "{tampering:?}");

        // The server looks again, at a growing interval, and writes nothing.
        let begun = Instant::now();
        for _ in 0..12 {
            puppet.get().await.answer();
            assert_eq!(puppet.server.call(4, get("k")).await, refused, "{tampering:?}");
        }
        assert!(begun.elapsed() > Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!(store.peek(root::NAME), tampered, "{tampering:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_serves_again_once_the_database_is_mended() {
    for tampering in Tampering::ALL {
        let history = History::new().await;
        let store = &history.store;
        let server = Server::start(store.clone(), 1).await;
        let why = tampering.apply(&history);
        let refused = Err(Refusal::Unusable(refused_while_serving(&why).text));
        assert_eq!(server.call(1, get("k")).await, refused, "{tampering:?}");
        store.plant(root::NAME, history.versions[2].clone());
        sleep(Duration::from_secs(1)).await;
        assert_eq!(server.call(1, get("k")).await, Ok(bulk("3")), "{tampering:?}");
        assert_eq!(server.call(1, set("k", "4")).await, Ok(Reply::OK), "{tampering:?}");
        assert_eq!(stored_value(store, "k").unwrap(), "4");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_under_way_keeps_its_fate_while_the_database_cannot_be_used() {
    for is_late in [false, true] {
        let history = History::new().await;
        let store = &history.store;
        let mut puppet = Puppet::start(store, 1).await;
        let write = puppet.server.send(1, set("k", "4")).await;
        let mut put = puppet.put().await;
        store.remove(root::NAME);
        let read = puppet.server.send(2, get("k")).await;
        puppet.get().await.answer();
        assert_eq!(one(write).await, Err(Refusal::Uncertain));
        assert!(matches!(one(read).await, Err(Refusal::Unusable(_))));
        store.plant(root::NAME, history.versions[2].clone());
        if is_late {
            // The PUT lands only now, on the very version that it was built on. Its client was told that it may.
            assert!(put.perform());
            put.fail(unclear());
        }
        puppet.get().await.answer();
        let other = puppet.server.send(3, set("other", "1")).await;
        assert_eq!(puppet.answering(one(other)).await, Ok(Reply::OK));
        puppet.settle().await;
        assert_eq!(stored_value(store, "k").unwrap(), "4", "the same bytes land, and no others on that condition");
        assert_eq!(stored(store).header.generation, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_others_have_written_past_is_refused() {
    let history = History::new().await;
    let store = &history.store;
    let idle = Server::start(store.clone(), 1).await;
    assert_eq!(idle.call(1, set("mine", "4")).await, Ok(Reply::OK));
    store.plant(root::NAME, history.versions[2].clone());
    let other = Server::start(store.clone(), 2).await;
    for value in ["5", "6"] {
        assert_eq!(other.call(1, set("k", value)).await, Ok(Reply::OK));
    }
    let newest = store.peek(root::NAME);
    let refusal = idle.call(1, get("mine")).await.unwrap_err();
    let Refusal::Unusable(why) = refusal else { panic!("{refusal:?}") };
    assert!(why.contains("has gone back") && why.contains("committed generation 4"), "{why}");
    assert!(idle.call(1, set("mine", "7")).await.is_err());
    assert_eq!(store.peek(root::NAME), newest);
}

#[tokio::test(start_paused = true)]
async fn no_server_that_knew_the_database_overwrites_what_stands_in_its_place() {
    for tampering in Tampering::ALL {
        let history = History::new().await;
        let store = &history.store;
        let servers = [Server::start(store.clone(), 1).await, Server::start(store.clone(), 2).await];
        let why = tampering.apply(&history);
        let tampered = store.peek(root::NAME);
        for server in servers {
            // The store refuses it, but from that alone the server can't tell what became of it.
            assert_eq!(server.call(1, set("k", "4")).await, Err(Refusal::Uncertain), "{tampering:?}");
            let refused = Err(Refusal::Unusable(refused_while_serving(&why).text));
            assert_eq!(server.call(1, get("k")).await, refused, "{tampering:?}");
            assert_eq!(store.peek(root::NAME), tampered, "{tampering:?}");
        }
    }
}

#[tokio::test]
async fn a_folder_that_takes_the_place_of_the_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(root::NAME);
    let server = Server::start(Directory::open(folder.path()).unwrap(), 1).await;
    server.call(1, set("k", "1")).await.unwrap();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let place = file.display();
    let why = refused_while_serving("is a folder").text.replace("memory:db.json", &place.to_string());
    assert_eq!(server.call(1, get("k")).await, Err(Refusal::Unusable(why.into())));
    assert!(content(&file).is_empty());
}

/// Serves over TCP, until it is aborted.
async fn serve(store: Memory) -> (String, JoinHandle<Result<(), Unusable>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Nobody is ever told that the store was too slow.
    let settings = Settings { deadline: Duration::from_secs(3600), ..Settings::default() };
    let config = Config { seed: [7; 32], wall: SystemTime::UNIX_EPOCH.into(), settings };
    (address, tokio::spawn(server::run(listener, store, config, std::future::pending())))
}

/// Sends inline commands in one connection, and reads a line for each.
async fn converse(address: &str, commands: &[&str]) -> Vec<String> {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let mut answers = Vec::new();
    for command in commands {
        stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        answers.push(line);
    }
    answers
}

async fn loaded(address: &str) {
    while converse(address, &["PING"]).await[0].starts_with("-LOADING") {}
}

#[tokio::test]
async fn a_server_stays_up_and_tells_every_client_what_is_wrong() {
    for tampering in Tampering::ALL {
        for first in ["EXISTS k", "SET k 4"] {
            let history = History::new().await;
            let (address, running) = serve(history.store.clone()).await;
            loaded(&address).await;
            assert_eq!(converse(&address, &["EXISTS k"]).await, [":1\r\n"]);
            let why = tampering.apply(&history);
            let tampered = history.store.peek(root::NAME);

            let refused = format!("-ERR The database cannot be used: {}\r\n", refused_while_serving(&why));
            let commands = [first, "EXISTS k", "SET k 5", "DEL k", "DBSIZE", "FLUSHALL", "PING"];
            let answers = converse(&address, &commands).await;
            if first == "SET k 4" {
                assert_eq!(answers[0], format!("-{}\r\n", Refusal::Uncertain), "{tampering:?}");
            } else {
                assert_eq!(answers[0], refused, "{tampering:?}");
            }
            assert_eq!(answers[1..], vec![refused.clone(); commands.len() - 1], "{tampering:?}");
            assert_eq!(converse(&address, &["SET k 6", "EXISTS k"]).await, [refused.clone(), refused]);
            assert_eq!(history.store.peek(root::NAME), tampered, "{tampering:?}");
            assert!(!running.is_finished());
            running.abort();
        }
    }
}
