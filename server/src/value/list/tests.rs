use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::id::Id;
use crate::row::Table;
use crate::run::Salt;
use crate::state::Database;

const KEY: Bytes = Bytes::from_static(b"list");

fn database() -> Database {
    Database::unborn(Id::default(), Salt::default())
}

fn open_on(draft: &mut Draft<'_>, grid: Grid) -> List {
    match open(draft, &KEY).expect("the key is a list, or absent") {
        Some(list) => List { grid, ..list },
        None => List::on(draft, grid),
    }
}

fn commit(database: &mut Database, act: impl FnOnce(&mut Draft<'_>)) {
    let mut draft = Draft::new(database, None, 0);
    act(&mut draft);
    let finished = draft.finish(Id::default());
    database.apply(&finished);
    // As after a fold whose rows stayed in memory: a version shall not be copied with all that came before it.
    database.root.recent.clear();
}

/// The items, as commands see them, after a check of what the head says of them.
fn items(database: &Database) -> VecDeque<Bytes> {
    let draft = Draft::new(database, None, 0);
    let Some(list) = open(&draft, &KEY).expect("the key is a list, or absent") else { return VecDeque::new() };
    let (length, first, last) = list.numbers();
    let positions: Vec<i64> = list.positions(&draft).range(0..u64::MAX).filter(|position| *position <= last).collect();
    assert_eq!((positions.len() as u64, positions[0], positions[positions.len() - 1]), (length, first, last));
    let items = list.range(&draft, 0..length);
    let size: u64 = positions.iter().zip(&items).map(|(position, item)| weight(*position, item)).sum();
    assert_eq!(list.collection.head.size, size, "the head counts the sizes");
    items.into()
}

/// One change, on the list and on its model.
fn step(rng: &mut StdRng, draft: &mut Draft<'_>, list: &mut List, model: &mut VecDeque<Bytes>) {
    let value = Bytes::from(rng.random_range(0..12_u32).pow(5).to_string());
    let length = model.len();
    assert_eq!(list.len(), length as u64);
    let at = rng.random_range(0..=length);
    match rng.random_range(0..14) {
        0 | 1 => {
            list.push(draft, Side::Left, value.clone());
            model.push_front(value);
        }
        2 | 3 => {
            list.push(draft, Side::Right, value.clone());
            model.push_back(value);
        }
        4 | 5 => assert_eq!(list.pop(draft, Side::Left), model.pop_front()),
        6 | 7 => assert_eq!(list.pop(draft, Side::Right), model.pop_back()),
        8 | 9 => {
            for index in [at, at, at + 1] {
                list.insert(draft, index as u64, value.clone());
                model.insert(index, value.clone());
            }
        }
        10 => {
            assert_eq!(list.set(draft, at as u64, value.clone()), at < length);
            if let Some(item) = model.get_mut(at) {
                *item = value;
            }
        }
        11 => {
            let (side, most) = if rng.random() { (Side::Left, 2) } else { (Side::Right, 1) };
            let found = list.find(draft, &value, side, u64::MAX, most);
            list.remove(draft, &found);
            let mut indexes: Vec<usize> = (0..length).filter(|index| model[*index] == value).collect();
            if side == Side::Right {
                indexes.reverse();
            }
            indexes.truncate(most as usize);
            assert_eq!(found.iter().map(|found| found.index as usize).collect::<Vec<_>>(), indexes);
            indexes.sort_unstable();
            indexes.iter().rev().for_each(|index| drop(model.remove(*index)));
        }
        12 if rng.random_range(0..4) == 0 => {
            let end = rng.random_range(at..=length);
            list.trim(draft, at as u64..end as u64);
            model.truncate(end);
            model.drain(..at);
        }
        _ => {
            assert_eq!(list.get(draft, at as u64).as_ref(), model.get(at));
            let end = rng.random_range(at..=length);
            assert_eq!(list.range(draft, at as u64..end as u64), model.range(at..end).cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_list_is_what_a_deque_is_whatever_becomes_of_its_drafts() {
    let grids = [
        GRID,
        Grid { stride: 2, ..GRID },
        Grid { stride: 8, ..GRID },
        Grid { stride: 64, furthest: 1 << 14 },
        Grid { stride: 2, furthest: 512 },
    ];
    for seed in 0..25 {
        let mut rng = StdRng::seed_from_u64(seed);
        let grid = grids[seed as usize % grids.len()];
        let (mut database, mut model) = (database(), VecDeque::new());
        for _ in 0..40 {
            let (seed_of_batch, steps) = (rng.random(), rng.random_range(1..12));
            let batch = |draft: &mut Draft<'_>, model: &mut VecDeque<Bytes>| {
                let mut rng = StdRng::seed_from_u64(seed_of_batch);
                for _ in 0..steps {
                    let mut list = open_on(draft, grid);
                    step(&mut rng, draft, &mut list, model);
                    list.keep(draft, KEY);
                }
            };
            // A draft that is dropped leaves no trace, and its batch may be executed again.
            let mut dropped = Draft::new(&database, None, 0);
            batch(&mut dropped, &mut model.clone());
            drop(dropped);
            commit(&mut database, |draft| batch(draft, &mut model));
            assert_eq!(items(&database), model, "seed {seed}");
            if rng.random_range(0..3) == 0 {
                database.drop_orders();
                assert_eq!(items(&database), model, "seed {seed}, from the rows alone");
            }
        }
    }
}

#[test]
fn indexes_count_from_both_ends() {
    let database = database();
    let mut draft = Draft::new(&database, None, 0);
    let mut list = List::new(&mut draft);
    assert_eq!((list.index(0), list.index(-1), list.span(0, -1)), (None, None, 0..0));
    for item in ["a", "b", "c"] {
        list.push(&mut draft, Side::Right, item.into());
    }
    let indexes = [0, 2, 3, -1, -3, -4, i64::MIN, i64::MAX].map(|index| list.index(index));
    assert_eq!(indexes, [Some(0), Some(2), None, Some(2), Some(0), None, None, None]);
    let spans = [(0, -1), (1, 1), (-2, 9), (2, 1), (5, 9), (i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, -4)];
    let spans = spans.map(|(start, stop)| list.span(start, stop)).map(|span| (span.start, span.end - span.start));
    assert_eq!(spans.map(|(_, length)| length), [3, 1, 2, 0, 0, 3, 0, 0]);
    assert_eq!(spans.map(|(start, _)| start)[..3], [0, 1, 1]);
}

#[test]
fn a_queue_keeps_a_small_order_however_many_items_pass() {
    let mut database = database();
    commit(&mut database, |draft| {
        let mut list = List::new(draft);
        (0..10).for_each(|number: u32| list.push(draft, Side::Right, number.to_string().into()));
        list.keep(draft, KEY);
    });
    let Ok(Some(list)) = open(&Draft::new(&database, None, 0), &KEY) else { panic!("it was made") };
    let table = Table::Elements(list.collection.id());
    for number in (10_u32..).step_by(25).take(2000) {
        commit(&mut database, |draft| {
            for number in number..number + 25 {
                let Ok(Some(mut list)) = open(draft, &KEY) else { panic!("it never gets empty") };
                list.push(draft, Side::Right, number.to_string().into());
                assert_eq!(list.pop(draft, Side::Left), Some((number - 10).to_string().into()));
                list.keep(draft, KEY);
            }
        });
        assert!(database.order(table, By::Position).len() <= 40);
    }
}

#[test]
fn what_comes_and_goes_within_a_batch_is_not_stored() {
    let mut database = database();
    commit(&mut database, |draft| {
        let mut list = List::new(draft);
        list.push(draft, Side::Right, "stays".into());
        list.keep(draft, KEY);
    });
    let mut draft = Draft::new(&database, None, 0);
    for number in 0..100_u32 {
        let Ok(Some(mut list)) = open(&draft, &KEY) else { panic!("it never gets empty") };
        list.push(&mut draft, Side::Right, number.to_string().into());
        list.pop(&mut draft, Side::Right);
        list.keep(&mut draft, KEY);
    }
    let finished = draft.finish(Id::default());
    let entry = finished.root.recent.last().expect("the draft has an entry");
    let names: Vec<_> = entry.all_rows().map(|(_, name, _)| name.clone()).collect();
    assert_eq!(names, [KEY], "the head alone");
}

#[test]
fn a_pop_writes_the_head_alone() {
    let mut database = database();
    commit(&mut database, |draft| {
        let mut list = List::new(draft);
        (0..10).for_each(|number: u32| list.push(draft, Side::Right, number.to_string().into()));
        list.keep(draft, KEY);
    });
    let mut draft = Draft::new(&database, None, 0);
    let Ok(Some(mut list)) = open(&draft, &KEY) else { panic!("it was made") };
    list.pop(&mut draft, Side::Left);
    list.pop(&mut draft, Side::Right);
    list.trim(&mut draft, 1..5);
    list.keep(&mut draft, KEY);
    assert_eq!(draft.made(), 1);
}

/// Inserts at one spot, and returns how many rows that has changed.
fn changes(grid: Grid, inserts: u64, at: impl Fn(u64) -> u64) -> u64 {
    let database = database();
    let mut draft = Draft::new(&database, None, 0);
    let mut list = List::on(&mut draft, grid);
    (0..10).for_each(|_| list.push(&mut draft, Side::Right, Bytes::from_static(b"before")));
    let made = draft.made();
    for number in 0..inserts {
        list.insert(&mut draft, at(number), Bytes::from_static(b"item"));
    }
    assert_eq!(list.len(), 10 + inserts);
    draft.made() - made
}

#[test]
fn many_inserts_at_one_spot_change_few_rows_each() {
    let runs: [fn(u64) -> u64; 3] = [|_| 5, |number| 5 + number, |number| 9 + number];
    for at in runs {
        let changes = changes(GRID, 10_000, at);
        assert!(changes < 3 * 10_000, "{changes}");
    }
    // Inserts on both sides of the newest item are no run.
    let changes = changes(GRID, 10_000, |number| 5 + number / 2);
    assert!(changes < 40 * 10_000, "{changes}");
}
