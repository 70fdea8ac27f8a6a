use std::collections::BTreeSet;

use super::*;
use crate::id::Id;
use crate::row::Made;
use crate::run::Salt;
use crate::state::Database;
use crate::value::payload::{WholeConsumer, WholeEntry, WholeGroup, WholePending, WholeStream};

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn stream() -> WholeStream {
    let group = WholeGroup {
        name: text("group"),
        last_id: (1, 1),
        entries_read: Some(1),
        pending: vec![WholePending { id: (1, 1), consumer: text("c"), delivery_time: 5, delivery_count: 2 }],
        consumers: vec![
            WholeConsumer { name: text("c"), seen_time: 6, active_time: Some(5) },
            WholeConsumer { name: text("d"), seen_time: 7, active_time: None },
        ],
    };
    let entries = [(1, 1), (2, 0)].map(|id| WholeEntry { id, fields: vec![(text("f"), text("v"))] });
    WholeStream {
        entries: entries.into(),
        last_id: (3, 0),
        max_deleted_id: (3, 0),
        entries_added: 3,
        groups: vec![group],
    }
}

fn wholes() -> Vec<Whole> {
    vec![
        Whole::String(text("value")),
        Whole::List(vec![text("b"), text("a"), text("b")]),
        Whole::Set(vec![text("a"), text("b")]),
        Whole::Zset(vec![(text("b"), f64::NEG_INFINITY), (text("a"), 1.5)]),
        Whole::Hash(vec![(text("a"), text("1"), None), (text("b"), text("2"), Some(5_000))]),
        Whole::Stream(stream()),
    ]
}

/// Members and fields in the order of their names: others have none that means anything.
fn sorted(whole: Option<Whole>) -> Option<Whole> {
    whole.map(|whole| match whole {
        Whole::Set(mut members) => {
            members.sort();
            Whole::Set(members)
        }
        Whole::Hash(mut fields) => {
            fields.sort();
            Whole::Hash(fields)
        }
        other => other,
    })
}

/// All collections that a row names, directly or through the groups of a stream.
fn named(draft: &Draft<'_>, row: &Row) -> BTreeSet<Made> {
    let direct: BTreeSet<Made> = row.collections().collect();
    let below = direct.iter().flat_map(|id| elements(draft, *id, By::Hash));
    let below: BTreeSet<Made> = below.flat_map(|(_, row)| row.collections().collect::<Vec<_>>()).collect();
    direct.union(&below).copied().collect()
}

#[test]
fn what_was_put_is_gathered_and_copied_under_other_ids() {
    let database = Database::unborn(Id::default(), Salt::default());
    for whole in wholes() {
        let mut draft = Draft::new(&database, None, 1_000);
        put(&mut draft, &text("key"), whole.clone(), Some(9_000));
        assert_eq!(sorted(gather(&draft, b"key")), Some(whole.clone()));
        let row = draft.find(b"key").expect("it was put");
        assert_eq!(lifetime::until(&row), Some(9_000));
        let copied = copy(&mut draft, row.clone());
        draft.put(text("copy"), copied.clone());
        assert_eq!(sorted(gather(&draft, b"copy")), Some(whole));
        assert!(named(&draft, &row).is_disjoint(&named(&draft, &copied)));
        let size = |row: &Row| row.head().map(|head| head.size);
        assert_eq!((size(&row), lifetime::until(&row)), (size(&copied), lifetime::until(&copied)));
    }
}

#[test]
fn fields_that_have_expired_are_not_put() {
    let database = Database::unborn(Id::default(), Salt::default());
    let mut draft = Draft::new(&database, None, 1_000);
    let dead = (text("a"), text("1"), Some(1_000));
    put(&mut draft, &text("key"), Whole::Hash(vec![dead.clone()]), None);
    assert_eq!(gather(&draft, b"key"), None);
    let alive = (text("b"), text("2"), Some(1_001));
    put(&mut draft, &text("key"), Whole::Hash(vec![dead, alive.clone()]), None);
    assert_eq!(gather(&draft, b"key"), Some(Whole::Hash(vec![alive])));
}
