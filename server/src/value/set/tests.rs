use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::id::Id;
use crate::row::size;
use crate::run::Salt;
use crate::state::Database;

const KEY: Bytes = Bytes::from_static(b"set");

/// The members, as commands see them, after a check of what the head says of them.
fn members(draft: &Draft<'_>) -> BTreeSet<Bytes> {
    let Some(set) = Set::open(draft, &KEY).expect("the key is a set, or absent") else { return BTreeSet::new() };
    let members: BTreeSet<Bytes> = set.members(draft).iter().map(|place| place.name()).collect();
    assert!(!set.is_empty(), "a key goes with its last member");
    assert_eq!(set.len(), members.len());
    assert_eq!(set.size(), members.iter().map(|member| size(member, &Row::Member)).sum::<u64>());
    assert!(members.iter().all(|member| set.has(draft, member)));
    members
}

#[test]
fn a_set_is_a_set() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut database = Database::unborn(Id::default(), Salt::default());
        let mut model = BTreeSet::new();
        for _ in 0..150 {
            let mut draft = Draft::new(&database, None, 0);
            let mut set = Set::open_or_new(&mut draft, &KEY).expect("the key is a set, or absent");
            for _ in 0..rng.random_range(1..4) {
                let member = Bytes::from(rng.random_range(0..8_u32).pow(4).to_string());
                if rng.random_range(0..2) == 0 {
                    assert_eq!(set.add(&mut draft, &member), model.insert(member));
                } else {
                    assert_eq!(set.remove(&mut draft, &member), model.remove(&member));
                }
            }
            set.keep(&mut draft, &KEY);
            assert_eq!(members(&draft), model);
            let finished = draft.finish(Id::default());
            database.apply(&finished);
            database.root.recent.clear();
            assert_eq!(members(&Draft::new(&database, None, 0)), model);
        }
    }
}

#[test]
fn a_stored_set_replaces_whatever_was_there() {
    let database = Database::unborn(Id::default(), Salt::default());
    let mut draft = Draft::new(&database, None, 0);
    draft.put(KEY, Row::Value(Bytes::from("a string")));
    let wanted = [Bytes::from("a"), Bytes::from("b"), Bytes::from("a")];
    assert_eq!(Set::store(&mut draft, &KEY, &wanted), 2);
    assert_eq!(members(&draft).len(), 2);
    assert_eq!(Set::store(&mut draft, &KEY, &[]), 0);
    assert_eq!(draft.find(&KEY), None);
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let database = Database::unborn(Id::default(), Salt::default());
    let mut draft = Draft::new(&database, None, 0);
    let mut set = Set::new(&mut draft);
    assert!(!set.remove(&mut draft, &Bytes::from("a")));
    set.keep(&mut draft, &KEY);
    assert_eq!(draft.made(), 0);
    let mut set = Set::new(&mut draft);
    set.add(&mut draft, &Bytes::from("a"));
    set.keep(&mut draft, &KEY);
    let made = draft.made();
    let mut set = Set::open_or_new(&mut draft, &KEY).expect("the key is a set");
    assert!(!set.add(&mut draft, &Bytes::from("a")));
    set.keep(&mut draft, &KEY);
    assert_eq!(draft.made(), made);
}
