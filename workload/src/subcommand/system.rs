//! The parts of the system that subcommands need: the network, random numbers and signals.

use anyhow::Context as _;
use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::signal::unix::{SignalKind, signal};
use valthree_workload::connection::{Cluster, Tcp};

use crate::flags::Servers;
use crate::status::Status;

/// The servers of the flags, reached by TCP.
pub(super) fn cluster(servers: &Servers) -> Cluster<Tcp> {
    Cluster { connect: Tcp, servers: servers.addrs.clone(), patience: servers.patience }
}

/// A prefix for the keys of this process that no other process has. The seed does not decide it, because the database of
/// an earlier run with the same seed may still be there.
pub(super) fn fresh_prefix() -> anyhow::Result<String> {
    let number = SysRng.try_next_u64().context("the system gives no random numbers")?;
    Ok(format!("{:010x}", number >> 24))
}

/// Waits for the first SIGTERM or SIGINT. The second one ends the process at once.
pub(super) fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
            std::process::exit(i32::from(Status::NotDone.code()));
        });
    })
}
