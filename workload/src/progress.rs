//! The line on the terminal that says how far a run is.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use crate::summary::Summary;

/// A line that is overwritten again and again. Without a terminal nothing is written.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    wanted: bool,
}

impl Progress {
    /// Writes to stderr if that is a terminal and the caller wants it.
    pub fn new(wanted: bool) -> Progress {
        Progress { shown: false, wanted: wanted && io::stderr().is_terminal() }
    }

    /// Overwrites the line.
    pub fn show(&mut self, summary: &Summary, elapsed: Duration) {
        if self.wanted {
            eprint!("\r\x1b[2K{}", line(summary, elapsed));
            let _ = io::stderr().flush(); // the terminal may be gone, and the run goes on without it
            self.shown = true;
        }
    }

    /// Leaves the last line on the terminal.
    pub fn end(&mut self) {
        if self.shown {
            eprintln!();
            self.shown = false;
        }
    }
}

/// The progress of a run in at most 79 characters, so that the line fits an 80-column terminal and can be overwritten.
pub fn line(summary: &Summary, elapsed: Duration) -> String {
    let census = &summary.census;
    let rate = census.operations as f64 / elapsed.as_secs_f64().max(0.001);
    format!(
        "{} s, {} rounds, {} ops ({}/s), {} refused, {} unknown",
        elapsed.as_secs(),
        short(summary.rounds),
        short(census.operations),
        short(rate as u64),
        short(census.failed),
        short(census.unknown()),
    )
}

/// A number in at most six characters, up to a hundred thousand billions.
fn short(number: u64) -> String {
    match number {
        0..100_000 => number.to_string(),
        100_000..100_000_000 => format!("{}k", number / 1_000),
        100_000_000..100_000_000_000 => format!("{}M", number / 1_000_000),
        _ => format!("{}G", number / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::Census;

    #[test]
    fn the_line_fits_a_terminal_of_80_columns_after_a_year_of_a_million_operations_a_second() {
        let operations = 31_536_000_000_000;
        let census =
            Census { operations, failed: operations, lost: operations, uncertain: operations, ..Census::default() };
        let summary = Summary { rounds: operations / 1_000, census, ..Summary::default() };
        let line = line(&summary, Duration::from_secs(31_536_000));
        assert!(line.chars().count() < 80, "{line}");
    }
}
