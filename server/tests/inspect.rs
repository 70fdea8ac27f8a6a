//! What `valthree inspect` shows, and what `valthree verify` finds.

mod bucket;
mod cluster;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command as Process, Output};
use std::sync::Arc;

use bytes::Bytes;
use cluster::*;
use valthree::id::Id;
use valthree::root::{self, Entry, EntryParts, OfferAnswer, Root};
use valthree::row::{self, Group, Head, Made, Row, Shape, Stream, Table};
use valthree::run::Name;
use valthree::settings::Thresholds;
use valthree::store::Store as _;
use valthree::store::directory::Directory;

/// Three entries become a run, and nothing else happens.
const FOLDS: Thresholds =
    Thresholds { recent: 220, commits: 0, squash: 0, fanout: 100, garbage: 1_000, commit: 1 << 20, order: 4096 };

fn valthree(folder: &Path, arguments: &[&str]) -> Output {
    let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
    let (task, rest) = arguments.split_first().unwrap();
    process.arg(task).arg("--store").arg(folder).args(rest).env_remove("RUST_LOG").output().unwrap()
}

/// The output of a command that has to succeed.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = valthree(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The errors of a command that has to fail.
fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let output = valthree(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A folder with a database that has a run, and newer entries over it.
async fn database() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    let server = Server::start_with(store, 1, FOLDS).await;
    let bytes = command([&b"SET"[..], b"\xff", b"3"]);
    for command in [set("a", "1"), set("b", "2"), bytes] {
        server.call(1, command).await.unwrap();
    }
    let json = || async { tokio::fs::read(folder.path().join(root::NAME)).await.unwrap() };
    while Root::decode(&json().await, &[]).unwrap().runs.is_empty() {
        tokio::task::yield_now().await;
    }
    for command in [del(&["a"]), set("c", "4")] {
        server.call(1, command).await.unwrap();
    }
    drop(server.queue);
    server.ended.await.unwrap().unwrap();
    let root = Root::decode(&json().await, &[]).unwrap();
    (folder, root)
}

#[tokio::test]
async fn inspect_shows_the_database_and_each_of_its_objects() {
    let (folder, root) = database().await;
    let run = root.runs[0].name.to_string();
    let shown = said(folder.path(), &["inspect"]);
    let expected = r#"{"database":"0.0","key":"b","value":"2"}
{"database":"0.0","key":"c","value":"4"}
{"database":"0.0","key":"base64:/w==","value":"3"}
"#;
    assert_eq!(shown, expected);
    let shown = said(folder.path(), &["inspect", "db.json"]);
    let json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(json(shown.as_bytes()), json(&root.encode()), "the text is the stored database");
    assert!(shown.contains("\"a\": null"), "a removal is shown: {shown}");
    let shown = said(folder.path(), &["inspect", &run]);
    let (first, entries) = shown.split_once('\n').unwrap();
    assert!(
        first.starts_with(&format!("{{\"run\":2,\"database\":\"{}\",\"rows\":{},", root.header.id, root.runs[0].rows))
    );
    assert!(entries.starts_with("{\"database\":\"0.0\",\"key\":\"a\",\"value\":\"1\"}\n"), "{entries}");
    let fault = complaint(folder.path(), &["inspect", "nonsense"]);
    assert!(fault.contains("\"nonsense\" is neither db.json nor the name of a run"), "{fault}");
}

#[tokio::test]
async fn verify_counts_an_undamaged_database_or_lists_every_damage() {
    let (folder, root) = database().await;
    let (run, bytes) = (root.runs[0].name.to_string(), root.runs[0].bytes);
    let generation = root.header.generation;
    let fine = format!("generation {generation}: 3 keys, 1 runs of {bytes} bytes; no damage found\n");
    assert_eq!(said(folder.path(), &["verify"]), fine);

    let place = folder.path().join(&run);
    let good = std::fs::read(&place).unwrap();
    let mut cases: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let mut flipped = good.clone();
    flipped[100] ^= 4;
    cases.insert("is damaged: its checksum is wrong", flipped);
    cases.insert("is not the run that db.json names: it is ", good[..good.len() - 3].to_vec());
    for (why, bytes) in cases {
        std::fs::write(&place, bytes).unwrap();
        let fault = complaint(folder.path(), &["verify"]);
        assert!(fault.contains(&format!("{} {why}", place.display())), "{fault}");
        assert!(complaint(folder.path(), &["inspect"]).contains(why));
    }
    std::fs::remove_file(&place).unwrap();
    let fault = complaint(folder.path(), &["verify"]);
    assert!(fault.contains(&format!("{} is missing, but db.json names it", place.display())), "{fault}");
    std::fs::write(&place, good).unwrap();

    let mut wrong = root.clone();
    wrong.header.databases[0].keys = 4;
    std::fs::write(folder.path().join(root::NAME), wrong.encode()).unwrap();
    let fault = complaint(folder.path(), &["verify"]);
    assert!(fault.contains("db.json contradicts itself: it counts 4 keys in database 0 and holds 3"), "{fault}");
}

/// The number of keys in [`every_kind`].
const KEYS: u64 = 7;

/// A database with collections of every kind, and with rows that do not count: those of a key that has ended, of a popped
/// item, and of collections that no key names any more. A field that has ended counts.
fn every_kind() -> Root {
    let id = |ordinal| Made { generation: 1, ordinal };
    let text = |text: &'static str| Bytes::from(text);
    let value = |value| Row::Value(text(value));
    let fields = |fields: &[&'static str]| Row::Fields(fields.iter().map(|field| text(field)).collect());
    let group = Row::from(Group { last: (1, 1), read: Some(1), pending: id(6), consumers: id(7) });
    let elements: Vec<(u32, &'static str, Row)> = vec![
        (1, "age", Row::Expiring(text("41"), 5_000)),
        (1, "mood", Row::Expiring(text("glad"), 500)),
        (1, "name", value("Ann")),
        (2, "x", Row::Member),
        (2, "y", Row::Member),
        (3, "a", value("1")),
        (3, "b", value("-inf")),
        (4, "-65536", value("popped")),
        (4, "0", value("one")),
        (4, "131072", value("three")),
        (4, "65536", value("two")),
        (5, "1-1", fields(&["f", "v"])),
        (5, "2-0", fields(&["f", "v", "g", "w"])),
        (5, "3-0", fields(&["f", "v"])),
        (6, "1-1", fields(&["reader", "900", "1"])),
        (7, "reader", fields(&["900", ""])),
        (8, "g", group),
        (9, "old", value("left behind")),
    ];
    let size = |tables: &[u32]| {
        let counted = elements.iter().filter(|(table, name, _)| tables.contains(table) && *name != "-65536");
        counted.map(|(_, name, row)| row::size(name.as_bytes(), row)).sum::<u64>()
    };
    let head =
        |tables: &[u32], shape| Row::from(Head { collection: id(tables[0]), until: None, size: size(tables), shape });
    let log = Stream { length: 3, first: (1, 1), last: (3, 0), deleted: (0, 0), added: 3, groups: Some(id(8)) };
    let ended = Head { collection: id(20), until: Some(1_000), size: 7, shape: Shape::Set { length: 7 } };
    let mut rows = vec![
        (Table::Keys(Made::first(0)), text("ended"), Some(ended.into())),
        (Table::Keys(Made::first(0)), text("hash"), Some(head(&[1], Shape::Hash { fields: 1, last: 5_000 }))),
        (
            Table::Keys(Made::first(0)),
            text("list"),
            Some(head(&[4], Shape::List { length: 3, first: 0, last: 131_072 })),
        ),
        (Table::Keys(Made::first(0)), text("log"), Some(head(&[5, 6, 7, 8], Shape::Stream(Box::new(log))))),
        (Table::Keys(Made::first(0)), text("scores"), Some(head(&[3], Shape::Zset { length: 2 }))),
        (Table::Keys(Made::first(0)), text("set"), Some(head(&[2], Shape::Set { length: 2 }))),
        (Table::Keys(Made::first(0)), text("text"), Some(value("1"))),
        (Table::Keys(Made::first(3)), text("brief"), Some(Row::Expiring(text("1"), 1_001))),
    ];
    rows.extend(elements.iter().map(|(table, name, row)| (Table::Elements(id(*table)), text(name), Some(row.clone()))));
    let author = Id::parse(&"a".repeat(32)).unwrap();
    let mut root = Root::unborn(author);
    root.header.generation = 1;
    root.header.now = 1_000;
    root.header.sign(author);
    root.header.databases[0].keys = KEYS - 1;
    root.header.databases[3].keys = 1;
    root.recent = vec![Arc::new(Entry::new(EntryParts { rows, ..EntryParts::new(1, author) }))];
    root
}

#[tokio::test]
async fn verify_counts_what_heads_say_of_their_elements() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(root::NAME);
    let good = String::from_utf8(every_kind().encode().to_vec()).unwrap();
    std::fs::write(&file, &good).unwrap();
    let fine = format!("generation 1: {KEYS} keys, 0 runs of 0 bytes; no damage found\n");
    assert_eq!(said(folder.path(), &["verify"]), fine);
    let cases: [(&str, &str, &[&str]); 25] = [
        (
            r#""fields":1"#,
            r#""fields":7"#,
            &["\"hash\" of database 0 says that it has 7 fields without an expiry, and it has 1"],
        ),
        (
            r#""last":5000"#,
            r#""last":4000"#,
            &["\"hash\" of database 0 says that its fields have ended by 4000, and the last one ends at 5000"],
        ),
        (r#""name":"Ann""#, r#""name":null"#, &["without an expiry, and it has 0", "says that its elements take"]),
        (r#""name":"Ann""#, r#""name":1"#, &["\"hash\" of database 0 has a row \"name\" that is no field"]),
        (
            r#""mood":{"value":"glad""#,
            r#""mood":{"value":"sad""#,
            &["says that its elements take 308 bytes, and they take 307"],
        ),
        (
            r#""1.2","length":2"#,
            r#""1.2","length":9"#,
            &["\"set\" of database 0 says that it has 9 members, and it has 2"],
        ),
        (
            r#""x":1,"y":1"#,
            r#""x":"1","y":"1""#,
            &["\"set\" of database 0 has a row \"x\" that is no member, like 1 others"],
        ),
        (
            r#""set":"1.2""#,
            r#""set":"1.3""#,
            &[
                "\"scores\" of database 0 names collection 1.3, and key \"set\" of database 0 names it, too",
                "has a row \"a\" that is no member",
            ],
        ),
        (r#""set":"1.2""#, r#""set":"0.9""#, &["\"set\" of database 0 says that it has 2 members, and it has 0"]),
        (
            r#""set":"1.2","length":2"#,
            r#""set":"0.9","length":0"#,
            &["\"set\" of database 0 has no members, so it should not be there"],
        ),
        (r#""a":"1""#, r#""a":"abc""#, &["\"scores\" of database 0 has a row \"a\" that is no member"]),
        (r#""a":"1""#, r#""a":"nan""#, &["\"scores\" of database 0 has a row \"a\" that is no member"]),
        (r#""65536":"two""#, r#""65536":null"#, &["\"list\" of database 0 says that it has 3 items, and it has 2"]),
        (
            r#""0":"one""#,
            r#""0":null"#,
            &[
                "says that it has 3 items, and it has 2",
                "\"list\" of database 0 begins at position 0, where no item is",
            ],
        ),
        (r#","65536":"two""#, r#","zzz":"two""#, &["\"list\" of database 0 has a row \"zzz\" that is no item"]),
        (r#""first":0"#, r#""first":-7"#, &["begins at position -7, where no item is"]),
        (r#""first":0"#, r#""first":-65536"#, &["says that it has 3 items, and it has 4"]),
        (r#""last":131072"#, r#""last":131073"#, &["\"list\" of database 0 ends at position 131073, where no item is"]),
        (
            r#""length":3,"first":"1-1""#,
            r#""length":4,"first":"2-0""#,
            &[
                "\"log\" of database 0 says that it has 4 entries, and it has 3",
                "says that its first entry is 2-0, and it is 1-1",
            ],
        ),
        (r#""last":"3-0""#, r#""last":"2-9""#, &["says that no entry is beyond 2-9, and it has 3-0"]),
        (
            r#""2-0":["f","v","g","w"]"#,
            r#""2-0":["f","v","g"]"#,
            &["\"log\" of database 0 has a row \"2-0\" that is no entry"],
        ),
        (
            r#""1-1":["reader","#,
            r#""1-1":["nobody","#,
            &["has entries pending in group \"g\" for \"nobody\", who is no consumer of it"],
        ),
        (r#""900","1"]"#, r#""900","one"]"#, &["\"log\" of database 0 has a row \"1-1\" that is no pending entry"]),
        (r#""pending":"1.6""#, r#""pending":"1.7""#, &["and key \"log\" of database 0 names it, too"]),
        (r#""groups":"1.8""#, r#""groups":"1.3""#, &["has a row \"a\" that is no group, like 1 others"]),
    ];
    for (from, to, damages) in cases {
        assert_eq!(good.matches(from).count(), 1, "{from}: {good}");
        std::fs::write(&file, good.replace(from, to)).unwrap();
        let fault = complaint(folder.path(), &["verify"]);
        for damage in damages {
            assert!(fault.contains(damage), "{to}: {fault}");
        }
    }
}

#[tokio::test]
async fn verify_misses_the_long_replies_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let author = Id::parse(&"a".repeat(32)).unwrap();
    let name = Name { generation: 1, id: author };
    let mut root = every_kind();
    let answers = [(author, [(3, vec![OfferAnswer::Object(name)])].into())].into();
    let entry = EntryParts { of: answers, ..root.recent[0].parts().clone() };
    root.recent[0] = Arc::new(Entry::new(entry));
    std::fs::write(folder.path().join(root::NAME), root.encode()).unwrap();
    let place = folder.path().join(name.to_string());
    let fault = complaint(folder.path(), &["verify"]);
    assert!(fault.contains(&format!("{} is missing, but db.json names it", place.display())), "{fault}");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, "$70000 and so on").unwrap();
    said(folder.path(), &["verify"]);
}

#[tokio::test]
async fn looking_at_a_folder_changes_nothing_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    for task in ["inspect", "verify"] {
        assert!(complaint(&nowhere, &[task]).contains("is not a folder"));
        assert!(complaint(folder.path(), &[task]).contains("db.json does not exist"));
    }
    assert!(!nowhere.exists());
    let store = Directory::open(folder.path()).unwrap();
    assert!(store.list("").await.unwrap().is_empty());
}

#[test]
fn looking_at_a_bucket_that_is_not_there_does_not_create_it() {
    let bucket = bucket::Bucket::on_a_stand_in();
    for task in ["inspect", "verify", "inspect"] {
        let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
        let output = bucket.arguments(process.arg(task).env_remove("RUST_LOG")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("there is no bucket valthree-test at http://") && !said.contains("created"), "{said}");
    }
}

#[tokio::test]
async fn a_reader_that_closes_the_pipe_is_no_error() {
    let (folder, _) = database().await;
    for task in ["inspect", "verify"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
        process.arg(task).arg("--store").arg(folder.path()).env_remove("RUST_LOG").stdout(writer);
        let output = process.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{task}: {output:?}");
    }
}

#[tokio::test]
async fn a_full_device_is_an_error() {
    let (folder, _) = database().await;
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut process = Process::new(env!("CARGO_BIN_EXE_valthree"));
    process.arg("inspect").arg("--store").arg(folder.path()).env_remove("RUST_LOG").stdout(full);
    let output = process.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write the output: No space left on device"), "{said}");
}

#[tokio::test]
async fn a_generation_near_the_largest_number_is_damage() {
    let (folder, root) = database().await;
    let file = folder.path().join(root::NAME);
    let stored = String::from_utf8(root.encode().to_vec()).unwrap();
    let generation = format!("\"generation\":{}", root.header.generation);
    let forged = stored.replacen(&generation, &format!("\"generation\":{}", u64::MAX), 1);
    assert_ne!(forged, stored);
    std::fs::write(&file, &forged).unwrap();
    let started = Process::new(env!("CARGO_BIN_EXE_valthree"))
        .args(["--listen", "127.0.0.1:0", "--log-filter", "error", "--store"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(started.status.code(), Some(1));
    for said in [String::from_utf8(started.stderr).unwrap(), complaint(folder.path(), &["verify"])] {
        let damage = format!("{} contradicts itself: generation {} is beyond the last one", file.display(), u64::MAX);
        assert!(said.contains(&damage), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), forged, "nothing replaces a damaged database");
}
