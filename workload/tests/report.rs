//! The evidence of a violation, as files, in a terminal and in a browser.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};

use valthree_workload::check::Violation;
use valthree_workload::history::{self, History};
use valthree_workload::report;

const STALE_READ: &str = include_str!("report/stale_read.jsonl");
const WHY: &str = "GET balance was answered 100, though #9 had seen 70 before it was called, and nothing sets 100 again.";

/// A history written by hand, the part of it that suffices, and what is wrong with that.
fn stale_read() -> (History, History, Violation) {
    let history = history::read(STALE_READ.as_bytes()).expect("a history");
    let suffice = [1, 3, 4, 5, 6, 7, 9, 10, 11, 12];
    let shrunk = part(&history, |id| suffice.contains(&id));
    let prefix = [1, 3, 4, 6, 7, 5, 9, 10].map(|id| place(&shrunk, id)).to_vec();
    let violation = Violation { operation: place(&shrunk, 12), why: WHY.into(), prefix };
    (history, shrunk, violation)
}

fn part(history: &History, keep: impl Fn(u64) -> bool) -> History {
    let operations = history.operations.iter().filter(|operation| keep(operation.id)).cloned().collect();
    History { about: history.about.clone(), operations }
}

fn place(history: &History, id: u64) -> usize {
    history.operations.iter().position(|operation| operation.id == id).expect("an operation of that name")
}

/// Where pages are kept that people may want to look at.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name)
}

#[test]
fn look() {
    let (history, shrunk, violation) = stale_read();
    println!("{}", report::text(&shrunk, &violation));
    let artifacts = report::write_artifacts(&folder("stale_read"), "stale_read", &history, &shrunk, &violation).unwrap();
    let mut browser = browser::Browser::start();
    browser.open(&artifacts.page);
    for theme in ["light", "dark"] {
        browser.theme(theme);
        fs::write(folder("stale_read").join(format!("{theme}.png")), browser.picture()).unwrap();
    }
    fs::write(folder("stale_read").join("print.pdf"), browser.pdf()).unwrap();
    println!("{:?}", browser.faults);
}
