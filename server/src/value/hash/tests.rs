use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::id::Id;
use crate::row::size;
use crate::run::Salt;
use crate::state::Database;

const KEY: Bytes = Bytes::from_static(b"hash");

/// What a hash should have: values and expiries by field.
type Model = BTreeMap<Bytes, (Bytes, Option<u64>)>;

fn commit(database: &mut Database, now: u64, act: impl FnOnce(&mut Draft<'_>)) {
    let mut draft = Draft::new(database, None, now);
    act(&mut draft);
    let finished = draft.finish(Id::default());
    database.apply(&finished);
    // As after a fold whose rows stayed in memory: a version shall not be copied with all that came before it.
    database.root.recent.clear();
}

fn field(number: u32) -> Bytes {
    Bytes::from(format!("field {number}"))
}

/// Compares a hash with its model at a moment, through every function that reads.
fn compare(draft: &Draft<'_>, model: &Model) {
    let alive = |until: &Option<u64>| until.is_none_or(|until| until > draft.now());
    let model: Model =
        model.iter().filter(|(_, (_, until))| alive(until)).map(|(f, v)| (f.clone(), v.clone())).collect();
    let hash = Hash::open(draft, &KEY).expect("the key is a hash, or absent");
    assert_eq!(hash.is_none(), model.is_empty(), "a key is there as long as it has a field: {hash:?} {model:?}");
    let Some(hash) = hash else { return };
    assert_eq!(hash.len(draft), model.len());
    let pairs: BTreeMap<Bytes, Bytes> = hash.pairs(draft).into_iter().collect();
    assert_eq!(pairs, model.iter().map(|(field, (value, _))| (field.clone(), value.clone())).collect());
    let mut living: Vec<Bytes> = hash.living(draft).iter().map(|place| place.name()).collect();
    living.sort_unstable();
    assert_eq!(living, model.keys().cloned().collect::<Vec<Bytes>>());
    for (field, content) in &model {
        assert_eq!(hash.get(draft, field).as_ref(), Some(content));
    }
    let all = draft.order(crate::row::Table::Elements(hash.collection.id()), By::Hash);
    let rows = all.iter().filter_map(|place| {
        let row = draft.row(crate::row::Table::Elements(hash.collection.id()), &place.name())?;
        Some(size(&place.name(), &row))
    });
    assert_eq!(hash.size(), rows.sum::<u64>(), "the head counts the sizes of all rows, dead ones included");
}

/// One change, on the hash and on its model.
fn step(rng: &mut StdRng, draft: &mut Draft<'_>, hash: &mut Hash, model: &mut Model) {
    let now = draft.now();
    let field = field(rng.random_range(0..12));
    let is_alive = |model: &Model| model.get(&field).is_some_and(|(_, until)| until.is_none_or(|until| until > now));
    if rng.random_range(0..3) == 0 {
        let removed = hash.remove(draft, &field);
        let expected = is_alive(model).then(|| model[&field].0.clone());
        assert_eq!(removed, expected);
        model.remove(&field);
    } else {
        let value = Bytes::from("v".repeat(rng.random_range(0..5)));
        let until = (rng.random_range(0..4) > 0).then(|| now + rng.random_range(1..30));
        assert_eq!(hash.set(draft, &field, value.clone(), until), !is_alive(model));
        model.insert(field.clone(), (value, until));
    }
}

#[test]
fn a_hash_is_a_map_whose_entries_expire() {
    for seed in 0..60 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut database = Database::unborn(Id::default(), Salt::default());
        let (mut model, mut now) = (Model::new(), 1000);
        for _ in 0..150 {
            now += rng.random_range(0..10);
            commit(&mut database, now, |draft| {
                compare(draft, &model);
                for _ in 0..rng.random_range(1..3) {
                    let mut hash = Hash::open_or_new(draft, &KEY).expect("the key is a hash, or absent");
                    for _ in 0..rng.random_range(1..4) {
                        step(&mut rng, draft, &mut hash, &mut model);
                    }
                    hash.keep(draft, &KEY);
                    compare(draft, &model);
                }
            });
        }
    }
}

#[test]
fn a_key_ends_with_the_last_of_its_fields() {
    let mut database = Database::unborn(Id::default(), Salt::default());
    commit(&mut database, 1000, |draft| {
        let mut hash = Hash::open_or_new(draft, &KEY).expect("the key is absent");
        for (number, until) in [(1, 2000), (2, 5000), (3, 3000)] {
            hash.set(draft, &field(number), Bytes::new(), Some(until));
        }
        hash.keep(draft, &KEY);
    });
    let end = |database: &Database| Draft::new(database, None, 0).find(&KEY).and_then(|row| row.end());
    assert_eq!(end(&database), Some(5000));
    commit(&mut database, 1000, |draft| {
        let mut hash = Hash::open_or_new(draft, &KEY).expect("the key is a hash");
        hash.remove(draft, &field(2));
        hash.keep(draft, &KEY);
    });
    assert_eq!(end(&database), Some(3000), "the field that would have ended last is gone");
    assert!(Draft::new(&database, None, 2999).find(&KEY).is_some());
    assert!(Draft::new(&database, None, 3000).find(&KEY).is_none());
}

#[test]
fn a_hash_after_its_end_is_a_new_one_without_the_old_expiry() {
    let mut database = Database::unborn(Id::default(), Salt::default());
    commit(&mut database, 1000, |draft| {
        let mut hash = Hash::open_or_new(draft, &KEY).expect("the key is absent");
        hash.set(draft, &field(1), Bytes::new(), Some(2000));
        hash.collection.head.until = Some(9000);
        hash.keep(draft, &KEY);
    });
    commit(&mut database, 2000, |draft| {
        let mut hash = Hash::open_or_new(draft, &KEY).expect("the key is absent");
        assert_eq!(hash.collection.head.until, None);
        hash.set(draft, &field(2), Bytes::new(), None);
        hash.keep(draft, &KEY);
    });
    let draft = Draft::new(&database, None, 20_000);
    let hash = Hash::open(&draft, &KEY).expect("the key is a hash").expect("it has a field");
    assert_eq!(hash.pairs(&draft), [(field(2), Bytes::new())]);
}

#[test]
fn the_rows_of_ended_fields_go_a_few_at_a_time() {
    let mut database = Database::unborn(Id::default(), Salt::default());
    let set = |draft: &mut Draft<'_>, fields: std::ops::Range<u32>, until| {
        let mut hash = Hash::open_or_new(draft, &KEY).expect("the key is a hash, or absent");
        for number in fields {
            hash.set(draft, &field(number), Bytes::new(), until);
        }
        hash.keep(draft, &KEY);
    };
    let rows = |database: &Database| {
        let draft = Draft::new(database, None, 0);
        Hash::open(&draft, &KEY).expect("the key is a hash").expect("it has fields").scattered(&draft).len()
    };
    commit(&mut database, 1000, |draft| set(draft, 0..40, Some(2000)));
    commit(&mut database, 1500, |draft| set(draft, 100..101, None));
    assert_eq!(rows(&database), 41, "all are alive");
    commit(&mut database, 2000, |draft| set(draft, 101..102, None));
    assert_eq!(rows(&database), 42 - REMOVED);
    for number in 102..104 {
        commit(&mut database, 2000, |draft| set(draft, number..number + 1, None));
    }
    assert_eq!(rows(&database), 4);
}

#[test]
fn the_length_of_a_hash_notes_that_it_depends_on_the_time() {
    let mut database = Database::unborn(Id::default(), Salt::default());
    commit(&mut database, 1000, |draft| {
        let mut hash = Hash::open_or_new(draft, &KEY).expect("the key is absent");
        hash.set(draft, &field(1), Bytes::new(), Some(2000));
        hash.set(draft, &field(2), Bytes::new(), None);
        hash.keep(draft, &KEY);
    });
    for (estimate, length, made) in [(1999, 2, 0), (2000, 1, 1)] {
        let mut draft = Draft::new(&database, None, estimate);
        let hash = Hash::open(&draft, &KEY).expect("the key is a hash").expect("it has a field");
        assert_eq!(hash.len(&draft), length);
        draft.move_time();
        assert_eq!(draft.made(), made);
    }
}
