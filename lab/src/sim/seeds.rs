//! Many runs on several threads.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::outcome::RunOutcome;
use super::single::run;

/// Runs `count` seeds from `first` on. Calls `look` with their outcomes, in the order of the seeds, until it breaks.
pub fn each(first: u64, count: u64, threads: usize, mut look: impl FnMut(RunOutcome) -> ControlFlow<()>) {
    let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sender, outcomes) = mpsc::sync_channel(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, enough) = (sender.clone(), &next, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= count || sender.send((place, run(first.wrapping_add(place), false))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut early, mut turn) = (BTreeMap::new(), 0);
        for (place, outcome) in &outcomes {
            early.insert(place, outcome);
            while let Some(outcome) = early.remove(&turn) {
                turn += 1;
                if look(outcome).is_break() {
                    enough.store(true, Ordering::Relaxed);
                    drop(outcomes); // the other threads then fail to send, and end
                    return;
                }
            }
        }
    });
}

/// The number of cores.
pub fn all_cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
