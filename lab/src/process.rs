//! The log and the signals of the lab's binaries.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Starts the log on stderr, since stdout carries only counts. `RUST_LOG` overrides the filter.
pub fn start_log(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    log.with_target(false).with_ansi(io::stderr().is_terminal()).init();
}

/// Prints counts as a line of JSON on stdout. A closed stdout is no error.
pub fn print(counts: &impl Serialize) {
    let line = serde_json::to_string(counts).expect("counts are numbers with names");
    let _ = writeln!(io::stdout(), "{line}");
}

/// The signals of a process. It catches them as long as this exists.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    report: Signal,
}

impl Signals {
    /// Catches SIGTERM, SIGINT and SIGUSR1.
    pub fn catch() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            report: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for SIGTERM or SIGINT. Calls `report` at every SIGUSR1, and once at the end.
    pub async fn stop(mut self, report: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.report.recv() => report(),
            }
        }
        report();
    }
}
