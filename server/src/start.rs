//! Starting the server: runtime, store, socket and signals.

use std::io;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::net::{TcpListener, lookup_host};
use tokio::signal::unix::{Signal, SignalKind, signal};
use valthree::clock::Wall;
use valthree::net::listen;
use valthree::resp::Limits;
use valthree::server::Config;
use valthree::settings::{Settings, Thresholds};
use valthree::store::Store;
use valthree::store::directory::Directory;
use valthree::store::s3::S3;

use crate::flags::{Flags, ListenAddress, StoreFlags, StoreLocation};
use crate::open_files::clients_with_files;

/// Serves until a signal stops the server.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    antithesis_sdk::antithesis_init();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = flags.threads.map_or(cores, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let served = runtime.block_on(start(flags, threads));
    // Nobody waits any more for the store's answers, so the process does not wait for them either.
    runtime.shutdown_background();
    served
}

async fn start(flags: Flags, threads: usize) -> anyhow::Result<()> {
    // The handlers come first, so that a signal during the start is not lost.
    let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopped = stop(terminate, interrupt);
    tracing::info!("starting Valthree {}", env!("CARGO_PKG_VERSION"));
    match &flags.store.store {
        StoreLocation::Folder(folder) => {
            let store = Directory::open(folder)?;
            serve(&flags, store, folder.display().to_string(), threads, stopped).await
        }
        StoreLocation::Bucket(address) => {
            let StoreFlags { s3_endpoint, s3_style, .. } = &flags.store;
            let store = S3::open(address, s3_endpoint.clone(), (*s3_style).into()).await?;
            serve(&flags, store.creating_bucket(flags.create_bucket), address.to_string(), threads, stopped).await
        }
    }
}

async fn serve<S: Store>(
    flags: &Flags,
    store: S,
    location: String,
    threads: usize,
    stopped: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listener = bind(&flags.listen).await.with_context(|| format!("cannot listen on {}", flags.listen))?;
    let address = listener.local_addr()?;
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).context("the system gives no random numbers")?;
    let settings = Settings {
        bind: address.ip().to_string(),
        port: address.port(),
        store: location,
        deadline: Duration::from_millis(flags.deadline_ms),
        threads,
        max_clients: clients_with_files(flags.max_clients),
        max_memory: (flags.max_memory > 0).then_some(flags.max_memory),
        max_clients_memory: flags.max_clients_memory,
        limits: Limits { bulk_bytes: flags.max_value, request_bytes: flags.max_request, ..Limits::default() },
        debug_commands: flags.debug_commands,
        thresholds: Thresholds::default(),
    };
    tracing::info!(store = settings.store, threads, "listening on {address}");
    let config = Config { seed, wall: Wall::of_the_machine(), settings };
    // The text of the error contains those of its causes.
    valthree::server::run(listener, store, config, stopped).await.map_err(|unusable| anyhow!("{unusable}"))?;
    tracing::info!("stopped");
    Ok(())
}

/// Listens on the address, or on the first address of the name that can be had.
async fn bind(address: &ListenAddress) -> io::Result<TcpListener> {
    let (host, port) = match address {
        ListenAddress::Ip(address) => return listen(*address),
        ListenAddress::Name(host, port) => (host.as_str(), *port),
    };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Waits for the first signal. From then on, a second signal ends the process at once.
async fn stop(mut terminate: Signal, mut interrupt: Signal) {
    either(&mut terminate, &mut interrupt).await;
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("second signal: stopping at once");
        std::process::exit(1);
    });
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
