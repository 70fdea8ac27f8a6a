//! The tasks that work on a database without serving it: `inspect`, `verify`, `tail` and `repair`.

use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::TryRng as _;
use rand::rngs::{StdRng, SysRng};
use tokio::signal::unix::{SignalKind, signal};
use valthree::clock::{Clock, Wall};
use valthree::id::Id;
use valthree::inspect::{self, InspectError, Inventory};
use valthree::repair::{self, TimeRepaired};
use valthree::store::Store;
use valthree::store::directory::Directory;
use valthree::store::s3::S3;
use valthree::store::watched::WatchedStore;
use valthree::tail;

use crate::flags::{StoreFlags, StoreLocation, Subcommand};

/// Runs a subcommand. A reader that closes the pipe, such as `head`, has seen enough: that is no error.
pub fn run(subcommand: &Subcommand) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async {
        // The handler comes first, so that a signal right after the first line does not kill the process.
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            // Whoever follows a database ends it this way. The others have changed nothing, or all at once.
            _ = interrupt.recv() => Ok(Ok(())),
            done = open_and_work(subcommand) => done,
        }
    };
    match runtime.block_on(work)? {
        Err(InspectError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
        looked => looked?,
    }
    match subcommand {
        Subcommand::Repair { store, now: _ } => runtime.block_on(mend(store)),
        Subcommand::Inspect { .. } | Subcommand::Verify { .. } | Subcommand::Tail { .. } => Ok(()),
    }
}

async fn open_and_work(subcommand: &Subcommand) -> anyhow::Result<Result<(), InspectError>> {
    let StoreFlags { store: location, s3_endpoint, s3_style } = subcommand.store();
    Ok(match location {
        StoreLocation::Folder(folder) => {
            anyhow::ensure!(folder.is_dir(), "{} is not a folder", folder.display());
            look(&Directory::open_to_read(folder)?, subcommand).await
        }
        StoreLocation::Bucket(address) => {
            let store = S3::open(address, s3_endpoint.clone(), (*s3_style).into()).await?;
            look(&store.creating_nothing(), subcommand).await
        }
    })
}

/// Mends a database that is there.
async fn mend(store: &StoreFlags) -> anyhow::Result<()> {
    let StoreFlags { store: location, s3_endpoint, s3_style } = store;
    match location {
        StoreLocation::Folder(folder) => mend_in(Directory::open(folder)?).await,
        StoreLocation::Bucket(address) => {
            mend_in(S3::open(address, s3_endpoint.clone(), (*s3_style).into()).await?).await
        }
    }
}

async fn mend_in<S: Store>(store: S) -> anyhow::Result<()> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).context("the system gives no random numbers")?;
    let author = Id::random(&mut StdRng::from_seed(seed));
    let clock = Arc::new(Clock::new(Wall::of_the_machine()));
    let store = Arc::new(WatchedStore::new(store, Arc::default(), Arc::clone(&clock)));
    match repair::lower_now(&store, || clock.now(), author).await? {
        TimeRepaired::NotAhead { stored } => {
            println!("the stored time, {stored}, is not ahead of the present: nothing was changed");
        }
        TimeRepaired::Lowered { from, to, removed, generation } => {
            println!(
                "generation {generation}: the stored time was {from} and is {to}; {removed} expired rows were removed"
            );
        }
    }
    Ok(())
}

async fn look<S: Store>(store: &S, subcommand: &Subcommand) -> Result<(), InspectError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match subcommand {
        Subcommand::Inspect { object, .. } => inspect::show(store, object.as_deref(), &mut out).await?,
        Subcommand::Tail { from, .. } => tail::follow(store, *from, &mut out).await?,
        // Before anything is written, it is sure that there is a database: nothing is created here.
        Subcommand::Repair { .. } => {
            inspect::verify(store).await?;
        }
        Subcommand::Verify { .. } => {
            let Inventory { generation, keys, runs, run_bytes, unnamed } = inspect::verify(store).await?;
            writeln!(out, "generation {generation}: {keys} keys, {runs} runs of {run_bytes} bytes; no damage found")?;
            if unnamed > 0 {
                writeln!(out, "{unnamed} runs are not in db.json: a server will name them soon, or delete them")?;
            }
        }
    }
    Ok(out.flush()?)
}
