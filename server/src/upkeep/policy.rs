//! When to fold or to squash, and what to merge.

use std::ops::Range;

use crate::root::Run;
use crate::settings::Thresholds;

/// How many thresholds `recent` may fill, however large commits are.
const MOST: u64 = 32;

/// When the newer runs together reach this share of the oldest one, as a fraction, all runs merge. So much of a database
/// may be outdated entries, in its store and in the memory of each server. A smaller share would cost less memory, and
/// more bytes for each write: about its inverse.
const OUTDATED: (u64, u64) = (2, 3);

/// The entries are squashed rather than folded if the newest rows take at most this share of what all their rows take.
///
/// A squash costs no request, where a fold costs a PUT, a DELETE, and its part in merges. But what it leaves in `recent`,
/// every later commit writes again. With this share, at least a third of the rows goes. So a commit writes at most five
/// thirds of the bytes that it would write after folds, on average: `recent` grows to its threshold from two thirds of it,
/// and not from nothing. And for each byte that commits add, squashes encode at most two. With a larger share a squash would
/// free little, and the next one would be due at once. A fold writes a row about once for itself and once for each level of
/// merges. So where a few commits fill `recent`, which is where folds are frequent, squashes write fewer bytes as well.
///
/// Only rows count, and not what is around them. So short commits that all set other keys are folded.
const SQUASHED: (u64, u64) = (2, 3);

/// Whether the newest entries should become one entry rather than a run, if all their rows take so many bytes, and the
/// newest row of each name so many.
pub fn squashes(thresholds: &Thresholds, all: u64, newest: u64) -> bool {
    newest <= thresholds.squash && newest * SQUASHED.1 <= all * SQUASHED.0
}

/// The size that `recent` may have after a commit that wrote so many bytes. Every commit writes `recent` again, so it
/// should be small. But a run costs a request, so one run should serve several commits.
pub fn fold_at(thresholds: &Thresholds, written: u64) -> u64 {
    written.saturating_mul(thresholds.commits).clamp(thresholds.recent, thresholds.recent.saturating_mul(MOST))
}

/// The runs that should merge into one.
///
/// A run's level is the number of times that its size can be divided by the fan-out until it is no larger than a fold.
/// Each run counts as having the highest level from it to the end, so that the levels descend. When a level has as many
/// runs as the fan-out, they merge. So there are at most as many runs as the fan-out times the number of levels, and an
/// entry is rewritten about once at each level.
///
/// If no level is full, all runs merge once the newer ones are large enough beside the oldest. In a database that has
/// been overwritten for a while, the oldest run is most of it.
pub fn to_merge(runs: &[Run], thresholds: &Thresholds) -> Option<Range<usize>> {
    let fanout = thresholds.fanout.max(2);
    let (mut level, mut end) = (0, runs.len());
    // From the newest on: the smallest merge first.
    for (nth, run) in runs.iter().enumerate().rev() {
        let own = level_of(run, thresholds);
        if own > level {
            if end - (nth + 1) >= fanout {
                return Some(nth + 1..end);
            }
            (level, end) = (own, nth + 1);
        }
    }
    if end >= fanout {
        return Some(0..end);
    }
    let (oldest, newer) = runs.split_first()?;
    let newer: u64 = newer.iter().map(|run| run.bytes).sum();
    // Beside a run of the lowest level every run is large, and merging is not worth it.
    (level > 0 && newer * OUTDATED.1 >= oldest.bytes * OUTDATED.0).then_some(0..runs.len())
}

/// The level of a run. A fold has about the size of the threshold, or half of it if its entries are mostly overhead.
fn level_of(run: &Run, thresholds: &Thresholds) -> u32 {
    let folds = 2 * run.bytes / thresholds.recent.max(1);
    folds.max(1).ilog(thresholds.fanout.max(2) as u64)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::id::Id;
    use crate::run::Name;

    const THRESHOLDS: Thresholds =
        Thresholds { recent: 200, commits: 4, squash: 150, fanout: 4, garbage: 8, commit: 1000, order: 4096 };

    fn runs(sizes: &[u64]) -> Vec<Run> {
        let mut rng = StdRng::seed_from_u64(1);
        let run = |(to, bytes): (u64, &u64)| {
            let name = Name { generation: to, id: Id::random(&mut rng) };
            Run { name, from: to - 1, to, rows: 1, bytes: *bytes }
        };
        (1..).zip(sizes).map(run).collect()
    }

    #[test]
    fn as_many_of_a_size_as_the_fan_out_become_one() {
        let merged = |sizes: &[u64]| to_merge(&runs(sizes), &THRESHOLDS);
        assert_eq!(merged(&[]), None);
        assert_eq!(merged(&[100, 100, 100]), None);
        assert_eq!(merged(&[100, 50, 100, 399]), Some(0..4));
        assert_eq!(merged(&[800, 100, 100, 100]), None);
        assert_eq!(merged(&[9_000, 400, 100, 100, 100, 100]), Some(2..6));
        assert_eq!(merged(&[9_000, 400, 1_500, 400, 400, 100]), Some(1..5));
        assert_eq!(merged(&[9_000, 10, 10, 10, 1_500, 100]), Some(1..5), "the small ones hide behind a large one");
    }

    #[test]
    fn the_oldest_run_takes_in_the_others_when_they_are_two_thirds_of_it() {
        let merged = |sizes: &[u64]| to_merge(&runs(sizes), &THRESHOLDS);
        assert_eq!(merged(&[1_001, 400, 267]), None);
        assert_eq!(merged(&[1_000, 400, 267]), Some(0..3));
        assert_eq!(merged(&[1_000, 125, 125, 125, 125]), Some(1..5), "as many of a size come first");
        assert_eq!(merged(&[1_000]), None);
        assert_eq!(merged(&[300, 300]), None, "it is too small to be worth it");
    }

    #[test]
    fn the_threshold_follows_the_commits_within_bounds() {
        assert_eq!([0, 60, 100, 10_000].map(|written| fold_at(&THRESHOLDS, written)), [200, 240, 400, 6_400]);
    }

    #[test]
    fn rows_that_repeat_are_squashed_unless_they_are_many() {
        let squashed = |all, newest| squashes(&THRESHOLDS, all, newest);
        assert!(squashed(150, 100) && squashed(10_000, 150) && squashed(3, 2));
        assert!(!squashed(149, 100), "less than a third would go");
        assert!(!squashed(10_000, 151), "an entry is encoded in one step");
        assert!(!squashes(&Thresholds { squash: 0, ..THRESHOLDS }, 10_000, 1));
    }

    /// How the entries of a load fare: the squashes and the folds that follow each other when each is done at once. Each commit
    /// sets so many of the keys, with rows of a hundred bytes.
    fn load(keys: u64, sets: u64) -> (u64, u64) {
        let thresholds = Thresholds::default();
        let mut rng = StdRng::seed_from_u64(keys);
        let (mut log, mut newest) = (0, std::collections::BTreeSet::new());
        let (mut folds, mut squashed) = (0, 0);
        for _ in 0..200_000 / sets {
            newest.extend((0..sets).map(|_| rng.random_range(0..keys)));
            log += sets * 100;
            if log <= fold_at(&thresholds, sets * 100) {
                continue;
            }
            if squashes(&thresholds, log, newest.len() as u64 * 100) {
                (log, squashed) = (newest.len() as u64 * 100, squashed + 1);
            } else {
                (log, folds) = (0, folds + 1);
                newest.clear();
            }
        }
        (squashed, folds)
    }

    #[test]
    fn hot_keys_are_never_folded_and_many_keys_always() {
        for (keys, sets) in [(1_024, 1_024), (512, 64), (100, 1), (1, 1)] {
            let (squashed, folds) = load(keys, sets);
            assert!(squashed > 0 && folds == 0, "{keys} keys, {sets} in each commit: {squashed} and {folds}");
        }
        for (keys, sets) in [(100_000, 1_024), (100_000, 64), (100_000, 1)] {
            let (squashed, folds) = load(keys, sets);
            assert!(squashed == 0 && folds > 0, "{keys} keys, {sets} in each commit: {squashed} and {folds}");
        }
    }

    #[test]
    fn whatever_the_sizes_there_are_few_runs_and_little_is_rewritten() {
        for seed in 0..20 {
            let mut rng = StdRng::seed_from_u64(seed);
            let (mut sizes, mut written, mut added) = (Vec::new(), 0, 0);
            let most = *[100, 1_000, 100_000].get(seed as usize % 3).unwrap();
            for _ in 0..5_000 {
                let size = rng.random_range(1..=most);
                sizes.push(size);
                added += size;
                while let Some(range) = to_merge(&runs(&sizes), &THRESHOLDS) {
                    let sum = sizes[range.clone()].iter().sum();
                    written += sum;
                    sizes.splice(range, [sum]);
                }
                let levels = (added / THRESHOLDS.recent).max(1).ilog(4) as usize + 1;
                assert!(sizes.len() <= 3 * levels + 1, "{sizes:?}");
            }
            let levels = u64::from((added / THRESHOLDS.recent).ilog(4) + 1);
            // Once at each level, and once into the oldest run, which is at most so many times as large.
            let most = added * levels + added + added * OUTDATED.1 / OUTDATED.0;
            assert!(written <= most, "{written} rewritten, {added} added, {levels} levels");
        }
    }
}
