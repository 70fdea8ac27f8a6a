//! How far a run has come, for people who watch.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use crate::run::Summary;

/// A line on the terminal that is written over and over; nothing, if there is no terminal.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    wanted: bool,
}

impl Progress {
    /// Shows itself on stderr if that is a terminal and `wanted`.
    pub fn new(wanted: bool) -> Progress {
        Progress { shown: false, wanted: wanted && io::stderr().is_terminal() }
    }

    /// Says how far it is.
    pub fn show(&mut self, summary: &Summary, elapsed: Duration) {
        if self.wanted {
            eprint!("\r\x1b[2K{}", line(summary, elapsed));
            let _ = io::stderr().flush(); // nobody may be watching any more
            self.shown = true;
        }
    }

    /// Leaves the last line standing.
    pub fn end(&mut self) {
        if self.shown {
            eprintln!();
            self.shown = false;
        }
    }
}

/// What there is to say in a line.
pub fn line(summary: &Summary, elapsed: Duration) -> String {
    let census = &summary.census;
    let rate = census.operations as f64 / elapsed.as_secs_f64().max(0.001);
    format!(
        "{} rounds, {} operations, {} answered, {} refused, {} of unknown outcome, {rate:.0} operations/s, {} s",
        summary.rounds,
        census.operations,
        census.all_answered(),
        census.failed,
        census.unknown(),
        elapsed.as_secs()
    )
}
