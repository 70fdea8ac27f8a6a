//! Waiting for a cluster.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::connection::{Cluster, Connect, Connection};
use crate::operation::{Command, Outcome, Reply};

/// How long to wait before a server is asked again.
const BETWEEN_PINGS: Duration = Duration::from_millis(500);

/// Pings a server until it answers PONG, and calls `waits` with the reason when it does not.
pub async fn pong<C: Connect>(cluster: &Cluster<C>, server: &str, mut waits: impl FnMut(&str)) {
    while let Err(why) = ping(cluster, server).await {
        waits(&why);
        sleep(BETWEEN_PINGS).await;
    }
}

/// The same, but not for longer than this. The last reason otherwise.
pub async fn pong_within<C: Connect>(cluster: &Cluster<C>, server: &str, within: Duration) -> Result<(), String> {
    let mut last = format!("{server} did not answer within {within:?}");
    timeout(within, pong(cluster, server, |why| why.clone_into(&mut last))).await.map_err(|_| last)
}

async fn ping<C: Connect>(cluster: &Cluster<C>, server: &str) -> Result<(), String> {
    let mut connection = Connection::open(cluster, server, false).await.map_err(|error| error.to_string())?;
    match connection.send(&[Command::Ping]).await.as_slice() {
        [Outcome::Reply(Reply::Status { status })] if status == "PONG" => Ok(()),
        [outcome] => Err(format!("{server} answered PING with {outcome}")),
        _ => Err(format!("{server} did not answer PING")),
    }
}
