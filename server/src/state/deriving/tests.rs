//! Orders that are built while the database changes.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::command::Command;
use crate::id::Id;
use crate::state::{Database, Draft, Installed};

/// What clients change, in one commit.
fn commit(database: &mut Database, rng: &mut StdRng, changes: usize) {
    let mut draft = Draft::new(database, None, 1000);
    for _ in 0..changes {
        let (member, number) = (rng.random_range(0..6000), rng.random_range(-50..50));
        let line = match rng.random_range(0..9) {
            0..3 => format!("ZADD z {number} m{member}"),
            3 => format!("ZREM z m{member}"),
            4 => format!("HSET h m{member} v"),
            5 => format!("HPEXPIREAT h {} FIELDS 1 m{member}", 1_000_000 + member),
            6 => format!("RPUSH l {member} {member}"),
            7 => "LPOP l".to_owned(),
            _ => format!("LSET l 0 {member}"),
        };
        let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        Command::parse(words).expect(&line).execute(&mut draft);
    }
    let finished = draft.finish(Id::default());
    database.apply(&finished);
}

fn table(database: &Database, key: &str) -> Table {
    let keys = Table::Keys(database.root.header.databases[0].id);
    let row = database.row(keys, key.as_bytes()).expect("the key is there");
    Table::Elements(row.collections().next().expect("it has elements"))
}

/// The order as a plain sort makes it.
fn sorted(database: &Database, (table, by): OrderKey) -> Order {
    let span = database.tallies().span(table.id());
    let span = span.map(|(first, last)| (rank_of_position(first), rank_of_position(last)));
    let counts = |place: &Place| span.is_none_or(|(first, last)| (first..=last).contains(&place.rank));
    let rows = database.rows(table);
    let places = rows.iter().filter_map(|(name, row)| by.place(name, row)).filter(counts);
    Order::from_unsorted(places.collect())
}

#[test]
fn an_order_follows_what_changes_while_it_is_built() {
    let (mut behind, mut slices) = (0, 0);
    for seed in 0..4 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut database = Database::unborn(Id::default(), Salt(1));
        for _ in 0..4 {
            commit(&mut database, &mut rng, 1500);
        }
        let keys = [("z", By::Score), ("z", By::Hash), ("h", By::End), ("h", By::Hash), ("l", By::Position)];
        for (ticket, (key, by)) in keys.into_iter().enumerate() {
            let key = (table(&database, key), by);
            database.drop_orders();
            let mut work = Box::new(database.derive(key, ticket as u64));
            loop {
                slices += 1;
                if rng.random_bool(0.4) {
                    let changes = rng.random_range(1..if seed % 2 == 0 { 2500 } else { 40 });
                    commit(&mut database, &mut rng, changes);
                }
                let Some(derived) = work.step() else { continue };
                database.drop_orders();
                match database.install(derived) {
                    Installed::Now => break,
                    Installed::InVain => panic!("nobody has deleted it"),
                    Installed::Behind(more) => work = more,
                }
                behind += 1;
            }
            assert!(database.has_order(key), "{key:?}");
            assert_eq!(database.order(key.0, key.1), sorted(&database, key), "seed {seed}: {key:?}");
        }
    }
    assert!(behind > 2 && slices > 50, "{behind} {slices}");
}

#[test]
fn the_work_for_a_version_that_does_not_count_any_more_is_in_vain() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut database = Database::unborn(Id::default(), Salt(1));
    commit(&mut database, &mut rng, 100);
    let key = (table(&database, "z"), By::Score);
    let first = database.derive(key, 1).finish();
    let second = database.derive(key, 2);
    assert!(!database.awaits(key, 1) && database.awaits(key, 2));
    assert!(matches!(database.install(first), Installed::InVain));
    database = Database::new(database.root.clone(), database.runs.clone()).expect("it is whole");
    assert!(!database.awaits(key, 2));
    assert!(matches!(database.install(second.finish()), Installed::InVain));
}

/// Work on the order of a sorted set that takes several slices.
fn begun(database: &mut Database) -> (OrderKey, Deriving) {
    let mut draft = Draft::new(database, None, 1000);
    let scored = (0..4 * READ).flat_map(|nth| [nth.to_string(), format!("m{nth}")]);
    let words = ["ZADD".to_owned(), "z".to_owned()].into_iter().chain(scored).map(Bytes::from).collect();
    Command::parse(words).expect("it is well-formed").execute(&mut draft);
    let finished = draft.finish(Id::default());
    database.apply(&finished);
    let key = (table(database, "z"), By::Score);
    let mut work = database.derive(key, 1);
    assert!(work.step().is_none(), "there is more to read");
    (key, work)
}

#[test]
fn work_that_nobody_waits_for_ends_with_the_next_slice() {
    let mut database = Database::unborn(Id::default(), Salt(1));
    let (key, mut first) = begun(&mut database);
    let mut second = database.derive(key, 2);
    assert!(first.step().is_some(), "the same order was begun again");
    assert!(second.step().is_none());
    let mut draft = Draft::new(&database, None, 1000);
    assert!(draft.delete(&Bytes::from("z")));
    let finished = draft.finish(Id::default());
    database.apply(&finished);
    let derived = second.step().expect("the collection is gone");
    assert!(matches!(database.install(derived), Installed::InVain));
}
