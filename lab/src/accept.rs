//! A task for each connection.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use valthree::server::Listener;

/// The pause after a connection could not be accepted: trying again at once would keep a core busy with failing.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves every connection, a stream and the name of its far end, until `shutdown`; then drops all of them, as a machine
/// does that loses its power.
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
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    connections.shutdown().await;
}
