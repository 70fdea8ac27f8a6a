//! A database that servers of format 1 wrote, from the first look at it to the merge of its last old run.
//!
//! The folder `fixtures/format-1` has two runs. The upper one removes keys of the lower one, and `db.json` removes keys of
//! both and brings one back. The upper run and all spellings are those of a server that knew format 1 only.

mod cluster;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use cluster::*;
use serde_json::{Value, json};
use valthree::inspect::{self, Inventory};
use valthree::resp::Reply;
use valthree::root::{self, Root};
use valthree::row::{Made, Row, Table};
use valthree::run::RUNS;
use valthree::settings::Thresholds;
use valthree::store::directory::Directory;
use valthree::tail;

/// The keys that some layer has removed, in the bytes of clients.
const REMOVED: [&[u8]; 5] = [b"only below", b"user:001", b"user:003", b"user:010", b"binary\xff\x00"];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

/// A copy of the database.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(RUNS)).unwrap();
    std::fs::copy(fixture().join(root::NAME), folder.path().join(root::NAME)).unwrap();
    for run in std::fs::read_dir(fixture().join(RUNS)).unwrap().map(Result::unwrap) {
        std::fs::copy(run.path(), folder.path().join(RUNS).join(run.file_name())).unwrap();
    }
    folder
}

/// What the database says.
fn content() -> BTreeMap<Bytes, Bytes> {
    let long = Bytes::from_iter((0..300_000).map(|at| (at % 251) as u8));
    let mut content: BTreeMap<Bytes, Bytes> =
        [("", "the empty key"), ("empty", ""), ("gone", "back"), ("greeting", "hi"), ("new", "1")]
            .map(|(key, value)| (key.into(), value.into()))
            .into();
    content.insert("long".into(), long.clone());
    content.insert(vec![0xfe; 200].into(), vec![1; 127].into());
    content.insert(vec![0xff; 128].into(), vec![2; 128].into());
    let users = (0..100).filter(|number| number % 7 != 3 && *number != 1);
    content.extend(users.map(|number| (format!("user:{number:03}").into(), long.slice(..number * 2))));
    content
}

fn stored_root(folder: &Path) -> Root {
    decoded(&std::fs::read(folder.join(root::NAME)).unwrap())
}

/// Looks at the database without serving it: nothing is damaged, and it says what it should. A server that has ended owes
/// nobody an answer, but a commit of its upkeep may still be on its way, and be stored meanwhile.
async fn looks(folder: &Path, content: &BTreeMap<Bytes, Bytes>) {
    let store = Directory::open_to_read(folder).unwrap();
    let generation = || stored_root(folder).header.generation;
    let before = generation();
    let Inventory { keys, generation: verified, .. } = inspect::verify(&store).await.unwrap();
    assert_eq!(keys, content.len() as u64);
    assert!((before..=generation()).contains(&verified), "{before} {verified}");
    let mut shown = Vec::new();
    inspect::show(&store, None, &mut shown).await.unwrap();
    let table = Table::Keys(Made::first(0));
    let lines = content.iter().flat_map(|(key, value)| root::line(table, key, Some(&Row::Value(value.clone()))));
    assert!(shown == lines.collect::<Vec<u8>>(), "{}", String::from_utf8_lossy(&shown));
}

/// Asks a server.
async fn serves(server: &Server, content: &BTreeMap<Bytes, Bytes>) {
    assert_eq!(server.call(1, call(&["DBSIZE"])).await, Ok(Reply::Integer(content.len() as i64)));
    for (key, value) in content {
        let got = server.call(1, command([Bytes::from("GET"), key.clone()])).await;
        assert!(got == Ok(Reply::Bulk(value.clone())), "{key:?}: {got:?}");
    }
    for key in REMOVED {
        assert_eq!(server.call(1, command([b"GET", key])).await, Ok(Reply::Null), "{}", key.escape_ascii());
    }
}

/// The reader of a tail that goes after one look.
#[derive(Default)]
struct OneLook(Vec<u8>);

impl Write for OneLook {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

async fn tailed(folder: &Path) -> Vec<Value> {
    let mut look = OneLook::default();
    let ended = tail::follow(&Directory::open_to_read(folder).unwrap(), Some(1), &mut look).await;
    assert!(matches!(ended, Err(inspect::InspectError::Output(_))), "{ended:?}");
    String::from_utf8(look.0).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_database_of_format_1_is_taken_over_with_all_that_it_removed() {
    let (folder, mut content) = (folder(), content());
    let folder = folder.path();
    let open = || Directory::open(folder).unwrap();
    let before = std::fs::read(folder.join(root::NAME)).unwrap();
    let old: Vec<_> = stored_root(folder).runs.iter().map(|run| run.name).collect();

    // Looking at it and reading from it changes nothing.
    looks(folder, &content).await;
    let gap = json!({"gap":[1,20],"why":"these commits became part of a run before they were read"});
    let taken = json!({"gap":[21,25],"why":"these commits became one entry before they were read"});
    assert_eq!(tailed(folder).await, [gap.clone(), taken.clone()], "no time is known");
    let first = Server::start_with(open(), 1, NONE).await;
    let second = Server::start_with(open(), 2, NONE).await;
    serves(&first, &content).await;
    serves(&second, &content).await;
    assert_eq!(std::fs::read(folder.join(root::NAME)).unwrap(), before);

    // The first commit makes it a database of format 2, and another server follows it.
    assert_eq!(first.call(1, set("first", "of format 2")).await, Ok(Reply::OK));
    content.insert("first".into(), "of format 2".into());
    let text = std::fs::read_to_string(folder.join(root::NAME)).unwrap();
    assert!(text.starts_with(r#"{"format":2,"id":"51b0a3c4d5e6f708192a3b4c5d6e7f80","generation":26,"#), "{text}");
    let root = stored_root(folder);
    let entries: Vec<_> = root.recent.iter().map(|entry| (entry.parts().from, entry.generation())).collect();
    assert_eq!((entries, root.runs.len(), root.header.now > 0), (vec![(21, 25), (26, 26)], 2, true));
    looks(folder, &content).await;
    serves(&second, &content).await;
    serves(&Server::start_with(open(), 3, NONE).await, &content).await;
    let lines = tailed(folder).await;
    assert_eq!(lines[..2], [gap, taken]);
    assert_eq!(lines[2]["now"], json!(root.header.now));

    // A fold takes the entry that stands for several generations. Its removals hide what the old runs have.
    let folding = Server::start_with(open(), 4, Thresholds { recent: 1, ..NONE }).await;
    assert_eq!(folding.call(1, set("second", "2")).await, Ok(Reply::OK));
    content.insert("second".into(), "2".into());
    while stored_root(folder).covered() < 27 {
        tokio::task::yield_now().await;
    }
    let root = stored_root(folder);
    assert_eq!(root.runs.iter().map(|run| run.name).take(2).collect::<Vec<_>>(), old);
    let mut folded = Vec::new();
    let name = root.runs[2].name.to_string();
    inspect::show(&Directory::open_to_read(folder).unwrap(), Some(&name), &mut folded).await.unwrap();
    let folded = String::from_utf8(folded).unwrap();
    assert!(folded.contains(r#"{"database":"0.0","key":"only below","value":null}"#), "{folded}");
    looks(folder, &content).await;
    serves(&second, &content).await;
    drop(folding.queue);
    folding.ended.await.unwrap().unwrap();

    // A merge leaves no run of format 1. What was removed stays so, though nothing below has to be hidden any more.
    let merging = Server::start_with(open(), 5, ALL).await;
    assert_eq!(merging.call(1, set("third", "3")).await, Ok(Reply::OK));
    content.insert("third".into(), "3".into());
    while stored_root(folder).runs.iter().any(|run| old.contains(&run.name)) {
        tokio::task::yield_now().await;
    }
    drop(merging.queue);
    merging.ended.await.unwrap().unwrap();
    looks(folder, &content).await;
    serves(&first, &content).await;
    serves(&second, &content).await;
    serves(&Server::start_with(open(), 6, NONE).await, &content).await;
}
