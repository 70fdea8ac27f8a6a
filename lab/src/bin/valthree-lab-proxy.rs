//! The delaying proxy as a process of its own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use tokio::net::{TcpListener, TcpStream};
use valthree_lab::process::{Signals, print, start_log};
use valthree_lab::proxy::{Counters, Delay, run};

/// A TCP proxy that makes a network seem longer, and counts what passes.
///
/// Every byte goes on a fixed time after it came, and unchanged; however much is under way, nothing has to wait for it.
/// So a round trip takes exactly the delay longer (to about a millisecond, in which timers count), and throughput is
/// that of the network behind.
///
/// SIGUSR1, and the end by SIGTERM or SIGINT, print a line of JSON on stdout that counts connections, bytes, and
/// requests of HTTP/1.1 by method.
#[derive(Parser)]
#[command(name = "valthree-lab-proxy", version, max_term_width = 100)]
struct Flags {
    /// Where to listen. Port 0 takes a free one; the log says which
    #[arg(long, env = "VALTHREE_LAB_PROXY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Where connections go on to
    #[arg(long, env = "VALTHREE_LAB_PROXY_TO", value_name = "HOST:PORT")]
    to: String,

    /// How much longer a round trip takes, in milliseconds: half of it each way, an odd millisecond on the way back
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_DELAY_MS",
        value_name = "MS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    delay_ms: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    start_log("info");
    let signals = Signals::catch()?;
    let listener =
        TcpListener::bind(flags.listen).await.with_context(|| format!("cannot listen on {}", flags.listen))?;
    tracing::info!(to = flags.to, delay_ms = flags.delay_ms, "listening on {}", listener.local_addr()?);
    let connect = move || {
        let to = flags.to.clone();
        async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    };
    let delay = Delay::of_round_trip(Duration::from_millis(flags.delay_ms));
    let counters = Counters::new();
    let counted = counters.clone();
    let report = move || print(&counted.counts());
    run(listener, connect, delay, counters, signals.stop(report)).await;
    Ok(())
}
