//! Valthree as a server of the test: with thresholds so small that everything that happens to a large database happens all
//! the time.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use valthree::clock::Wall;
use valthree::net::listen;
use valthree::server::{Config, run};
use valthree::settings::{Settings, Thresholds};
use valthree::store::directory::Directory;

/// A few commits make a run or are squashed, a few runs merge, and every few merges are followed by a sweep.
const TINY: Thresholds =
    Thresholds { recent: 8 << 10, commits: 2, squash: 4 << 10, fanout: 3, garbage: 6, commit: 32 << 10, order: 8 };

/// No command of the test fails because the machine is busy.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Serves a folder until the process is killed.
pub fn serve(folder: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed)?;
        let settings = Settings {
            port: address.port(),
            store: folder.display().to_string(),
            deadline: DEADLINE,
            thresholds: TINY,
            ..Settings::default()
        };
        let config = Config { seed, wall: Wall::of_the_machine(), settings };
        run(listen(address)?, Directory::open(folder)?, config, std::future::pending()).await?;
        Ok(())
    })
}
