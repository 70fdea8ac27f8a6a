//! The workload binary: flags in, exit status out.

mod flags;
mod log;
mod status;
mod subcommand;

use std::process::ExitCode;

#[cfg(all(target_os = "linux", feature = "coverage"))]
use antithesis_instrumentation as _; // it acts when the program is loaded
use clap::Parser as _;

use self::flags::{Flags, Task};
use self::status::Status;

fn main() -> ExitCode {
    let flags = Flags::parse();
    log::start(&flags);
    antithesis_sdk::antithesis_init();
    match start(flags) {
        Ok(status) => status.into(),
        Err(error) => {
            tracing::error!("{error:#}");
            Status::NotDone.into()
        }
    }
}

fn start(flags: Flags) -> anyhow::Result<Status> {
    // One thread keeps any cluster busy, and the checker runs between rounds.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        match flags.task {
            Task::Run(run) => subcommand::run(run, flags.log).await,
            Task::Check(check) => Ok(subcommand::check(&check)),
            Task::Wait(wait) => subcommand::wait(wait).await,
            Task::Recover(recover) => subcommand::recover(recover).await,
        }
    });
    runtime.shutdown_background();
    status
}
