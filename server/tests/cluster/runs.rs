//! Databases that outgrow their one object.

use std::collections::BTreeSet;

use valthree::resp::Reply;
use valthree::root;
use valthree::run::RUNS;
use valthree::settings::Thresholds;
use valthree::store::Store as _;
use valthree::store::memory::{HeldRequest, Memory, Request};

use super::{Puppet, one, recent, set, stored};

/// A fold when there is more than one entry, and neither squashes nor merges nor sweeps.
pub const FOLDS: Thresholds =
    Thresholds { recent: 150, commits: 0, squash: 0, fanout: 1 << 20, garbage: 1_000, commit: 1 << 20, order: 2 };

/// A squash when there is more than one entry and rows repeat, or else a fold.
pub const SQUASHES: Thresholds = Thresholds { squash: 1 << 20, ..FOLDS };

/// Nothing of all this.
pub const NONE: Thresholds = Thresholds { recent: 1 << 30, ..FOLDS };

/// The runs are merged and swept after almost every commit.
pub const ALL: Thresholds =
    Thresholds { recent: 1, commits: 0, squash: 0, fanout: 2, garbage: 1, commit: 1 << 20, order: 2 };

/// A text of so many bytes.
pub fn value(length: usize) -> String {
    "v".repeat(length)
}

/// The names of the runs that are there, named or not.
pub async fn runs(store: &Memory) -> BTreeSet<String> {
    store.list(RUNS).await.unwrap().into_iter().collect()
}

/// The names of the runs that the database names.
pub fn named(store: &Memory) -> BTreeSet<String> {
    stored(store).names().map(|name| name.to_string()).collect()
}

/// Whether it is the PUT of an object, by how its name begins.
pub fn puts(held: &HeldRequest, begins: &str) -> bool {
    matches!(&held.request, Request::Put { name, .. } if name.starts_with(begins))
}

/// The next PUT of such an object; whatever else is asked before is answered truly.
pub async fn next_put(puppet: &mut Puppet, begins: &str) -> HeldRequest {
    loop {
        let held = puppet.script.next().await.expect("the server runs");
        if puts(&held, begins) {
            return held;
        }
        held.answer();
    }
}

/// Makes a database of two runs with nothing in place, and names them.
pub async fn with_runs(store: &Memory) -> Vec<String> {
    let mut author = Puppet::start_with(store, 9, FOLDS).await;
    for pair in [["a", "b"], ["c", "d"]] {
        for key in pair {
            let answer = author.server.send(1, set(key, "1")).await;
            assert_eq!(author.answering(one(answer)).await, Ok(Reply::OK));
        }
        author.settle().await;
    }
    let root = stored(store);
    assert_eq!((root.runs.len(), recent(&root).len(), root.header.databases[0].keys), (2, 0, 4));
    root.runs.iter().map(|run| run.name.to_string()).collect()
}
