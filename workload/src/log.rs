//! The log on stderr.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;

use crate::flags::{Flags, LogForm, Task};

/// Starts the log.
pub fn start(flags: &Flags) {
    // `run` shows its progress on a terminal, so lines of the level `info` would only be in the way there.
    let watched = matches!((&flags.task, flags.log), (Task::Run(_), LogForm::Text)) && io::stderr().is_terminal();
    let filter = flags.log_filter.clone().unwrap_or_else(|| if watched { "warn".into() } else { "info".into() });
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr);
    match flags.log {
        // The text has the messages alone, so that the line of a round fits a terminal of 80 columns.
        LogForm::Text => log
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .with_timer(SinceStart(Instant::now()))
            .fmt_fields(debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{value:?}"),
                _ => Ok(()),
            }))
            .init(),
        LogForm::Json => log.json().init(),
    }
}

/// Writes the time since the start of the process, in seconds.
struct SinceStart(Instant);

impl FormatTime for SinceStart {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let elapsed: Duration = self.0.elapsed();
        write!(writer, "{:7.1}s", elapsed.as_secs_f64())
    }
}
