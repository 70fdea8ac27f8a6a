//! When to fold, and what to merge.

use std::ops::Range;

use crate::root::Run;
use crate::shared::Thresholds;

/// How many thresholds the newest entries may fill, however large commits are.
const MOST: u64 = 32;

/// How large the newest entries may become, if the last commit wrote so much.
///
/// Every commit writes them again, so they should be few; but a run costs a request, which should be spread over several
/// commits.
pub fn fold_at(thresholds: &Thresholds, written: u64) -> u64 {
    written.saturating_mul(thresholds.commits).clamp(thresholds.recent, thresholds.recent.saturating_mul(MOST))
}

/// The runs that should become one.
///
/// A run's level says how many times its size can be divided by the fan-out until it is no larger than a fold. Each run
/// counts as being of the highest level from it to the end, so that the levels descend; as many of one level as the
/// fan-out become one. So there are at most as many runs as the fan-out times the number of levels, whatever their
/// sizes, and an entry is rewritten about once at each level.
pub fn to_merge(runs: &[Run], thresholds: &Thresholds) -> Option<Range<usize>> {
    let fanout = thresholds.fanout.max(2);
    let (mut level, mut end) = (0, runs.len());
    // From the newest on: the smallest are merged first.
    for (nth, run) in runs.iter().enumerate().rev() {
        let own = level_of(run, thresholds);
        if own > level {
            if end - (nth + 1) >= fanout {
                return Some(nth + 1..end);
            }
            (level, end) = (own, nth + 1);
        }
    }
    (end >= fanout).then_some(0..end)
}

fn level_of(run: &Run, thresholds: &Thresholds) -> u32 {
    let folds = run.bytes / thresholds.recent.max(1);
    folds.max(1).ilog(thresholds.fanout.max(2) as u64)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::root::Id;
    use crate::run::Name;

    const THRESHOLDS: Thresholds = Thresholds { recent: 100, commits: 4, fanout: 4, garbage: 8, commit: 1000 };

    fn runs(sizes: &[u64]) -> Vec<Run> {
        let mut rng = StdRng::seed_from_u64(1);
        let run = |(to, bytes): (u64, &u64)| {
            let name = Name { generation: to, id: Id::random(&mut rng) };
            Run { name, from: to - 1, to, entries: 1, bytes: *bytes }
        };
        (1..).zip(sizes).map(run).collect()
    }

    #[test]
    fn as_many_of_a_size_as_the_fan_out_become_one() {
        let merged = |sizes: &[u64]| to_merge(&runs(sizes), &THRESHOLDS);
        assert_eq!(merged(&[]), None);
        assert_eq!(merged(&[100, 100, 100]), None);
        assert_eq!(merged(&[100, 50, 100, 399]), Some(0..4));
        assert_eq!(merged(&[400, 100, 100, 100]), None);
        assert_eq!(merged(&[9_000, 400, 100, 100, 100, 100]), Some(2..6));
        assert_eq!(merged(&[9_000, 400, 1_500, 400, 400, 100]), Some(1..5));
        assert_eq!(merged(&[9_000, 10, 10, 10, 1_500, 100]), Some(1..5), "the small ones hide behind a large one");
    }

    #[test]
    fn the_threshold_follows_the_commits_within_bounds() {
        assert_eq!([0, 30, 100, 10_000].map(|written| fold_at(&THRESHOLDS, written)), [100, 120, 400, 3_200]);
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
            assert!(written <= added * levels, "{written} rewritten, {added} added, {levels} levels");
        }
    }
}
