//! Values that know in which run they were measured, so that no ratio is made of two that were not measured together.
//!
//! A machine that others use is twice as fast in one minute as in the next. What is measured in the same seconds on the
//! same store suffers alike; so only ratios are worth printing, and only of such values.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The runs of this process so far.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Some seconds in which everything that is to be compared is measured, one after the other. There are no two of the
/// same.
#[derive(Debug)]
pub struct Run(u64);

/// A value, and when it was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    value: f64,
    run: u64,
}

/// Two values are of different runs: the machine may have changed between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one side was measured in run {0} and the other in run {1}: that is no ratio")]
pub struct NotTogether(u64, u64);

impl Run {
    /// Begins another one.
    pub fn begin() -> Run {
        Run(RUNS.fetch_add(1, Ordering::Relaxed))
    }

    /// This was measured in it.
    pub fn measured(&self, value: f64) -> Measured {
        Measured { value, run: self.0 }
    }
}

impl Measured {
    /// The value, for whoever prints it by itself.
    pub fn alone(self) -> f64 {
        self.value
    }

    /// How many times the other it is, if they were measured together.
    pub fn over(self, other: Measured) -> Result<f64, NotTogether> {
        if self.run == other.run { Ok(self.value / other.value) } else { Err(NotTogether(self.run, other.run)) }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}

/// The one in the middle; of an even number the lower one of the two. `None` of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_of_two_runs_is_refused() {
        let (one, other) = (Run::begin(), Run::begin());
        assert_eq!(one.measured(6.0).over(one.measured(3.0)), Ok(2.0));
        assert_eq!(one.measured(6.0).over(other.measured(3.0)), Err(NotTogether(one.0, other.0)));
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.0));
    }
}
