//! Values that carry the run in which they were measured. Only values of the same run can be divided.
//!
//! A shared machine may be twice as fast in one minute as in the next. Measurements of the same few seconds suffer
//! alike, so only their ratio is worth printing.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of runs so far in this process.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// A few seconds in which an experiment measures everything that it compares. Each run is unique.
#[derive(Debug)]
pub struct Run(u64);

/// A value of one run.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    value: f64,
    run: u64,
}

/// The two values come from different runs, and the machine may have changed between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("runs {0} and {1} were measured at different times, so their ratio means nothing")]
pub struct NotTogether(u64, u64);

impl Run {
    /// Begins a new run.
    pub fn begin() -> Run {
        Run(RUNS.fetch_add(1, Ordering::Relaxed))
    }

    /// Marks a value as measured in this run.
    pub fn measured(&self, value: f64) -> Measured {
        Measured { value, run: self.0 }
    }
}

impl Measured {
    /// The plain value, to print it alone.
    pub fn alone(self) -> f64 {
        self.value
    }

    /// The ratio of two values of the same run.
    pub fn over(self, other: Measured) -> Result<f64, NotTogether> {
        if self.run == other.run { Ok(self.value / other.value) } else { Err(NotTogether(self.run, other.run)) }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}

/// The median; the lower one of two middle values. `None` if there are no values.
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
