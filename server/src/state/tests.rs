use rand::{SeedableRng as _, rngs::StdRng};

use std::collections::BTreeMap;

use super::*;
use crate::command::{Command, Existence};
use crate::resp::Reply;
use crate::root::{Header, Id, Root};
use crate::run::Salt;

fn id(seed: u64) -> Id {
    Id::random(&mut StdRng::seed_from_u64(seed))
}

/// Generation 7 of a database that server 1 wrote.
fn database(entries: &[(&'static str, &'static str)]) -> Database {
    let mut root = Root::unborn(id(0));
    root.header.generation = 7;
    (root.header.base, root.header.swept) = (2, 3);
    root.header.sign(id(1));
    root.recent = entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    root.keys = entries.len() as u64;
    let runs = Runs::none(root.header.base, Salt::default());
    Database::new(root, runs).expect("it does not contradict itself")
}

fn set(key: &'static str, value: &'static str) -> Command {
    Command::Set { key: key.into(), value: value.into(), condition: None, get: false }
}

fn del(key: &'static str) -> Command {
    Command::Delete { keys: vec![key.into()] }
}

/// The version that server 2 makes of it, as it is stored.
fn after(database: &Database, commands: &[Command]) -> Root {
    let mut draft = Draft::new(database, None);
    for command in commands {
        draft.execute(command);
    }
    Root::decode(&draft.finish(id(2)).bytes).expect("what is stored can be read")
}

#[test]
fn a_flush_keeps_the_identity_the_writers_and_what_was_swept() {
    let flushed = after(&database(&[("a", "1"), ("b", "2")]), &[Command::Flush]);
    let writers = BTreeMap::from([(id(1), 7), (id(2), 8)]);
    assert_eq!(flushed.header, Header { id: id(0), generation: 8, writers, base: 7, swept: 3 });
    assert!(flushed.recent.is_empty());
}

#[test]
fn what_follows_a_flush_in_the_same_batch_survives_it() {
    let batch = [set("a", "before"), set("b", "before"), Command::Flush, set("b", "after"), set("c", "after")];
    let flushed = after(&database(&[("a", "1")]), &batch);
    assert_eq!(flushed.recent, database(&[("b", "after"), ("c", "after")]).root.recent);
    assert_eq!(flushed.header.base, 7, "generation 8 lies after it");
}

#[test]
fn a_flush_of_nothing_changes_nothing() {
    let (empty, full) = (database(&[]), database(&[("a", "1")]));
    let mut draft = Draft::new(&empty, None);
    assert_eq!(draft.execute(&Command::Flush), Reply::OK);
    assert_eq!(draft.made(), 0);
    assert_eq!(after(&empty, &[set("a", "1"), del("a"), Command::Flush]).header.base, 2);
    assert_eq!(after(&full, &[del("a"), Command::Flush]).header.base, 2, "the batch has emptied it already");
}

#[test]
fn a_change_that_is_undone_was_made_all_the_same() {
    let root = database(&[]);
    let mut draft = Draft::new(&root, None);
    draft.execute(&set("a", "1"));
    draft.execute(&Command::Flush);
    assert_eq!(draft.made(), 2);
    assert_eq!(draft.execute(&Command::Size), Reply::Integer(0));
}

#[test]
fn a_database_beyond_its_limit_only_shrinks() {
    let full = database(&[("a", "1"), ("b", "22")]);
    let limit = full.size();
    let mut draft = Draft::new(&full, Some(limit));
    assert_eq!(draft.execute(&set("a", "11")), Reply::OK, "at its limit, and not yet beyond");
    assert_eq!(draft.size(), limit + 1);
    let made = draft.made();
    let nx = Command::Set { key: "a".into(), value: "".into(), condition: Some(Existence::Absent), get: true };
    let mset = Command::MultiSet { pairs: vec![("a".into(), "".into())] };
    for refused in [set("a", ""), nx, mset] {
        let refusal = "OOM command not allowed when used memory > 'maxmemory'.";
        assert_eq!(draft.execute(&refused), Reply::error(refusal), "{refused:?}");
    }
    assert_eq!((draft.made(), draft.size()), (made, limit + 1), "nothing happened");
    assert_eq!(draft.execute(&Command::Get { key: "a".into() }), Reply::bulk("11"));
    assert_eq!(draft.execute(&del("b")), Reply::Integer(1));
    assert_eq!(draft.execute(&set("c", "3")), Reply::OK);
    let mut draft = Draft::new(&full, Some(0));
    assert_eq!(draft.execute(&Command::Flush), Reply::OK);
    assert_eq!(draft.execute(&set("c", "3")), Reply::OK, "an empty database may always grow");
}

#[test]
fn a_sweep_raises_swept_to_its_own_generation_and_a_flush_leaves_it_there() {
    let root = database(&[("a", "1")]);
    let mut draft = Draft::new(&root, None);
    draft.sweep();
    assert_eq!(draft.made(), 1);
    draft.execute(&Command::Flush);
    assert_eq!(draft.finish(id(2)).header.swept, 8);
}
