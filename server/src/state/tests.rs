use rand::{SeedableRng as _, rngs::StdRng};

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::command::Command;
use crate::id::Id;
use crate::resp::Reply;
use crate::root::{Entry, EntryParts, Header, Root, Writer};
use crate::row::{Made, Row, Table};
use crate::run::Salt;

fn id(seed: u64) -> Id {
    Id::random(&mut StdRng::seed_from_u64(seed))
}

/// Generation 7 of a database that server 1 wrote.
fn database(entries: &[(&'static str, &'static str)]) -> Database {
    let mut root = Root::unborn(id(0));
    root.header.generation = 7;
    (root.header.base, root.header.swept) = (6, 3);
    root.header.sign(id(1));
    root.header.databases[0].keys = entries.len() as u64;
    let rows = entries.iter().map(|(key, value)| (keys(&root), (*key).into(), Some(Row::Value((*value).into()))));
    root.recent = vec![Arc::new(Entry::new(EntryParts { rows: rows.collect(), ..EntryParts::new(7, id(1)) }))];
    let runs = Runs::none(root.header.base, Salt::default());
    Database::new(root, runs).expect("it does not contradict itself")
}

/// The table of database 0.
fn keys(root: &Root) -> Table {
    Table::Keys(root.header.databases[0].id)
}

/// The strings that the newest entry says database 0 has.
fn said(root: &Root) -> Vec<(Table, String, Option<String>)> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).expect("text");
    let entry = root.recent.last().expect("an entry");
    let rows = entry.all_rows().map(|(table, key, row)| (table, text(key), row.and_then(Row::value).map(text)));
    rows.collect()
}

fn command(line: &str) -> Command {
    let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    Command::parse(words).expect("it is well-formed")
}

fn set(key: &str, value: &str) -> Command {
    command(&format!("SET {key} {value}"))
}

fn del(key: &str) -> Command {
    command(&format!("DEL {key}"))
}

fn flush() -> Command {
    command("FLUSHALL")
}

/// The version that server 2 makes of it, as it is stored.
fn after(database: &Database, commands: &[Command]) -> Root {
    let mut draft = Draft::new(database, None, 0);
    for command in commands {
        command.execute(&mut draft);
    }
    Root::decode(&draft.finish(id(2)).bytes, &[]).expect("what is stored can be read")
}

#[test]
fn a_flush_keeps_the_identity_the_writers_and_what_was_swept() {
    let flushed = after(&database(&[("a", "1"), ("b", "2")]), &[flush()]);
    let writer = |own| Writer { own, ..Writer::default() };
    let writers = BTreeMap::from([(id(1), writer(7)), (id(2), writer(8))]);
    let Header { id: database, generation, swept, .. } = flushed.header;
    assert_eq!((database, generation, swept), (id(0), 8, 3));
    assert_eq!(flushed.header.writers, writers);
    assert_eq!((flushed.header.databases[0].keys, flushed.header.databases[0].since), (0, 8));
    assert_eq!(said(&flushed), []);
}

#[test]
fn what_follows_a_flush_in_the_same_batch_survives_it() {
    let batch = [set("a", "before"), set("b", "before"), flush(), set("b", "after"), set("c", "after")];
    let flushed = after(&database(&[("a", "1")]), &batch);
    let table = keys(&flushed);
    assert_eq!(table, Table::Keys(Made { generation: 8, ordinal: 0 }), "an id that nobody has had before");
    let row = |key: &str| (table, key.to_owned(), Some("after".to_owned()));
    assert_eq!(said(&flushed), [row("b"), row("c")]);
}

#[test]
fn a_flush_of_nothing_changes_nothing() {
    let empty = database(&[]);
    let mut draft = Draft::new(&empty, None, 0);
    assert_eq!(flush().execute(&mut draft), Reply::OK);
    assert_eq!(draft.made(), 0);
}

#[test]
fn a_change_that_is_undone_was_made_all_the_same() {
    let root = database(&[]);
    let mut draft = Draft::new(&root, None, 0);
    set("a", "1").execute(&mut draft);
    flush().execute(&mut draft);
    assert_eq!(draft.made(), 2);
    assert_eq!(command("DBSIZE").execute(&mut draft), Reply::Integer(0));
}

#[test]
fn a_database_beyond_its_limit_only_shrinks() {
    let full = database(&[("a", "1"), ("b", "22")]);
    let limit = full.size();
    let mut draft = Draft::new(&full, Some(limit), 0);
    assert_eq!(set("a", "11").execute(&mut draft), Reply::OK, "at its limit, and not yet beyond");
    assert_eq!(draft.size(), limit + 1);
    let made = draft.made();
    let nx = command("SET a  NX GET");
    let mset = command("MSET a ");
    for refused in [set("a", ""), nx, mset] {
        let refusal = "OOM command not allowed when used memory > 'maxmemory'.";
        assert_eq!(refused.execute(&mut draft), Reply::fault(refusal), "{refused:?}");
    }
    assert_eq!((draft.made(), draft.size()), (made, limit + 1), "nothing happened");
    assert_eq!(command("GET a").execute(&mut draft), Reply::bulk("11"));
    assert_eq!(del("b").execute(&mut draft), Reply::Integer(1));
    assert_eq!(set("c", "3").execute(&mut draft), Reply::OK);
    let mut draft = Draft::new(&full, Some(0), 0);
    assert_eq!(flush().execute(&mut draft), Reply::OK);
    assert_eq!(set("c", "3").execute(&mut draft), Reply::OK, "an empty database may always grow");
}

#[test]
fn a_sweep_raises_swept_to_its_own_generation_and_a_flush_leaves_it_there() {
    let root = database(&[("a", "1")]);
    let mut draft = Draft::new(&root, None, 0);
    draft.sweep();
    assert_eq!(draft.made(), 1);
    flush().execute(&mut draft);
    assert_eq!(draft.finish(id(2)).root.header.swept, 8);
}

#[test]
fn keys_that_end_at_once_are_removed_by_many_small_commits() {
    let mut database = database(&[]);
    let mut commit = |time: u64, commands: &[Command]| {
        let mut draft = Draft::new(&database, None, time);
        commands.iter().for_each(|command| drop(command.execute(&mut draft)));
        let finished = draft.finish(id(2));
        database.apply(&finished);
        let expired = finished.root.recent.last().map_or(0, |entry| entry.parts().expired.len());
        (expired, database.root.header.databases[0].keys, database.newest().len())
    };
    let mut first: Vec<Command> = (0..3_500).map(|nth| command(&format!("SET k{nth} v PX 10"))).collect();
    first.push(set("lasting", "1"));
    assert_eq!(commit(1_000, &first), (0, 3_501, 3_501));
    let told: Vec<_> = (0..6).map(|_| commit(2_000, &[set("lasting", "2")])).collect();
    // The first one moves the time. From then on the keys count nowhere, and are removed by a stored time.
    assert_eq!(told.iter().map(|(expired, ..)| *expired).collect::<Vec<_>>(), [0, 1_000, 1_000, 1_000, 500, 0]);
    assert!(told.iter().all(|(_, keys, rows)| (*keys, *rows) == (1, 3_501)), "a removal stays in a fold: {told:?}");
}
