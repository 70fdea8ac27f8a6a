//! The accept loop: a task for each connection.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use valthree::net::Listener;

/// The pause after a failed accept. An immediate retry would keep a core busy with failures.
const PAUSE: Duration = Duration::from_millis(50);

/// Calls `serve` with the stream and the peer of every connection, until `shutdown`. Then it drops all connections at once,
/// like a machine that loses its power.
pub(crate) async fn each<L: Listener, F: Future<Output = ()> + Send + 'static>(
    mut listener: L,
    shutdown: impl Future<Output = ()>,
    serve: impl Fn(L::Stream, String) -> F,
) {
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased; // the same in every run of a simulation
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer, _)) => {
                    connections.spawn(serve(stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    connections.shutdown().await;
}
