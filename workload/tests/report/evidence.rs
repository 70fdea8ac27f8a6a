//! Violations to look at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use valthree_workload::check::Violation;
use valthree_workload::history::{self, History};
use valthree_workload::report::{self, Artifacts};

const STALE_READ: &str = include_str!("stale_read.jsonl");

/// What the checker might say of it.
pub const WHY: &str =
    "GET balance was answered 100, though #9 had seen 70 before it was called, and nothing sets 100 again.";

/// A history written by hand, the part of it that suffices, and what is wrong with that.
pub fn stale_read() -> (History, History, Violation) {
    let history = history::read(STALE_READ.as_bytes()).expect("a history");
    let suffice = [1, 3, 4, 5, 6, 7, 9, 10, 11, 12];
    let shrunk = History {
        operations: history.operations.iter().filter(|operation| suffice.contains(&operation.id)).cloned().collect(),
        ..history.clone()
    };
    let prefix = [1, 3, 4, 6, 7, 5, 9, 10].map(|id| place(&shrunk, id)).to_vec();
    let violation = Violation { operation: place(&shrunk, 12), why: WHY.into(), prefix };
    (history, shrunk, violation)
}

/// A long history, all of which is evidence: clients that set and read a few keys, each operation taking effect at some
/// moment between its call and its end, until one reads what has long been overwritten.
pub fn long(operations: u64) -> (History, Violation) {
    let mut chance = StdRng::seed_from_u64(17);
    let mut lines = String::from("{\"history\":1,\"about\":\"a long history, seed 17\"}\n");
    let (mut state, mut prefix, mut calls) = (BTreeMap::new(), Vec::new(), 0);
    let mut clients: Vec<(u64, Pending)> = (1..=16).map(|client| (client, Pending::Nothing)).collect();
    let mut at = 0;
    while calls < operations || clients.iter().any(|(_, pending)| !matches!(pending, Pending::Nothing)) {
        at += chance.random_range(1..400) * if chance.random_bool(0.02) { 1_000 } else { 1 };
        let nth = chance.random_range(0..clients.len());
        let (client, pending) = &mut clients[nth];
        *pending = match std::mem::replace(pending, Pending::Nothing) {
            Pending::Nothing if calls < operations => {
                calls += 1;
                let first = calls == 1; // which the last operation reads, long afterwards
                let key = format!("key-{}", if first { 1 } else { chance.random_range(1..=4) });
                let write = first || chance.random_bool(0.5);
                let command = if write { json!(["SET", key, format!("v{calls}")]) } else { json!(["GET", key]) };
                let call = json!({"call": calls, "client": client, "at": at, "server": "a:1", "command": command});
                lines += &format!("{call}\n");
                Pending::Called(calls, key, write)
            }
            Pending::Nothing => Pending::Nothing,
            Pending::Called(id, key, write) => {
                prefix.push(id);
                let value = format!("v{id}");
                let reply = if write { json!({"status": "OK"}) } else { json!(state.get(&key)) };
                if write {
                    state.insert(key, value);
                }
                Pending::Effective(id, reply)
            }
            Pending::Effective(id, _) if chance.random_bool(0.03) => {
                if chance.random_bool(0.7) {
                    lines += &format!("{}\n", json!({"return": id, "at": at, "unknown": "the connection broke"}));
                }
                *client += 100;
                Pending::Nothing
            }
            Pending::Effective(id, reply) => {
                lines += &format!("{}\n", json!({"return": id, "at": at, "reply": reply}));
                Pending::Nothing
            }
        };
    }
    let id = operations + 1;
    lines += &format!("{}\n", json!({"call": id, "client": 1000, "command": ["GET", "key-1"]}));
    lines += &format!("{}\n", json!({"return": id, "reply": "v1"}));
    let history = history::read(lines.as_bytes()).expect("a history");
    let prefix = prefix.into_iter().map(|id| place(&history, id)).collect();
    let why = "GET key-1 was answered v1, which was long overwritten.".into();
    let violation = Violation { operation: place(&history, id), why, prefix };
    (history, violation)
}

enum Pending {
    Nothing,
    Called(u64, String, bool),
    Effective(u64, serde_json::Value),
}

/// A history as lines, in which the last operation can't be explained, and the others took effect as they are named.
pub fn all_but_the_last(lines: &str, why: &str) -> (History, Violation) {
    let history = history::read(lines.as_bytes()).expect("a history");
    let operation = history.operations.len() - 1;
    let violation = Violation { operation, why: why.into(), prefix: (0..operation).collect() };
    (history, violation)
}

fn place(history: &History, id: u64) -> usize {
    history.operations.iter().position(|operation| operation.id == id).expect("an operation of that name")
}

/// Where evidence is kept that people may want to look at.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name)
}

/// Writes the evidence of the stale read, under a name of the test's own.
pub fn written_stale_read(name: &str) -> Artifacts {
    let (history, shrunk, violation) = stale_read();
    report::write_artifacts(&folder(name), "stale_read", &history, &shrunk, &violation).expect("it can be written")
}

/// Writes evidence that is a whole history.
pub fn written(name: &str, history: &History, violation: &Violation) -> Artifacts {
    report::write_artifacts(&folder(name), name, history, history, violation).expect("it can be written")
}
