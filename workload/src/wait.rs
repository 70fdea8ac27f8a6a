//! Waits until the servers of a cluster answer.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::connection::{Cluster, Connect, Connection, Unreachable};
use crate::operation::{Command, Outcome, Reply};

/// The pause before a server is asked again.
const BETWEEN_PINGS: Duration = Duration::from_millis(500);

/// Why a server is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The client cannot reach it.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// It answered something else than PONG.
    #[error("{server} answered PING with {outcome}")]
    NoPong {
        /// The server.
        server: String,
        /// Its answer.
        outcome: Outcome,
    },
    /// It did not answer in time.
    #[error("{server} did not answer PING within {within:?}")]
    Silent {
        /// The server.
        server: String,
        /// How long the client waited.
        within: Duration,
    },
}

/// Pings a server until it answers PONG. Calls `waits` with the reason each time it does not.
pub async fn pong<C: Connect>(cluster: &Cluster<C>, server: &str, mut waits: impl FnMut(NotReady)) {
    while let Err(why) = ping(cluster, server).await {
        waits(why);
        sleep(BETWEEN_PINGS).await;
    }
}

/// Pings a server until it answers PONG, but not longer than `within`. Returns the last reason otherwise.
pub async fn pong_within<C: Connect>(cluster: &Cluster<C>, server: &str, within: Duration) -> Result<(), NotReady> {
    let mut last = NotReady::Silent { server: server.to_owned(), within };
    timeout(within, pong(cluster, server, |why| last = why)).await.map_err(|_| last)
}

/// Opens a connection to a server, for a server that need not know PING.
pub async fn connected_within<C: Connect>(
    cluster: &Cluster<C>,
    server: &str,
    within: Duration,
) -> Result<(), NotReady> {
    let mut last = NotReady::Silent { server: server.to_owned(), within };
    let connecting = async {
        while let Err(why) = Connection::open(cluster, server, false).await {
            last = why.into();
            sleep(BETWEEN_PINGS).await;
        }
    };
    timeout(within, connecting).await.map_err(|_| last)
}

async fn ping<C: Connect>(cluster: &Cluster<C>, server: &str) -> Result<(), NotReady> {
    let mut connection = Connection::open(cluster, server, false).await?;
    match connection.send(&[Command::PING]).await.pop() {
        Some(Outcome::Reply(Reply::Status { status })) if status == "PONG" => Ok(()),
        Some(outcome) => Err(NotReady::NoPong { server: server.to_owned(), outcome }),
        None => Err(NotReady::Silent { server: server.to_owned(), within: cluster.patience }),
    }
}
