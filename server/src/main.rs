//! The server binary: it reads the flags, starts the log, and then serves a database or looks at one.

mod flags;
mod look;
mod open_files;
mod start;

use std::io::IsTerminal as _;
use std::process::ExitCode;

#[cfg(all(target_os = "linux", feature = "coverage"))]
use antithesis_instrumentation as _; // reports coverage from the moment the program is loaded
use tracing_subscriber::EnvFilter;

use crate::flags::{Arguments, LogFlags, LogForm};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let Arguments { flags, subcommand } = Arguments::read();
    start_log(&flags.log);
    let ended = match subcommand {
        None => start::run(flags),
        Some(subcommand) => look::run(&subcommand),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line in the form of the log, so that log collectors keep the whole error together.
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start_log(flags: &LogFlags) {
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&flags.log_filter)).with_writer(std::io::stderr);
    match flags.log {
        LogForm::Text => log.with_target(false).with_ansi(std::io::stderr().is_terminal()).init(),
        LogForm::Json => log.json().init(),
    }
}
