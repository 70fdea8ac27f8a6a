//! The stand-in for S3 as a command.

use std::net::SocketAddr;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Parser;
use tokio::net::TcpListener;
use valthree_lab::process::{Signals, print, start_log};
use valthree_lab::s3::{Config, Keys, Stand, bucket_name, serve};

/// A stand-in for S3, in memory, for tests and measurements.
///
/// It creates, reads, writes, lists and deletes objects as AWS does, with AWS's ETags. Its conditions (If-Match,
/// If-None-Match) are atomic. It refuses every other request with 501 NotImplemented. Requests name the bucket in the path,
/// so an SDK needs "force path style". The objects are lost when it stops.
///
/// SIGUSR1 prints a line of JSON on stdout with the counts of requests by kind, of answers by status (0: none), and of bytes
/// of their bodies. So does the end, by SIGTERM or SIGINT.
#[derive(Parser)]
#[command(name = "valthree-lab-s3", version, max_term_width = 100)]
struct Flags {
    /// The address to listen on. Port 0 takes a free one, and the log names it
    #[arg(long, env = "VALTHREE_LAB_S3_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,

    /// The access key to accept
    #[arg(long, env = "VALTHREE_LAB_S3_ACCESS_KEY", value_name = "KEY", default_value = "valthree")]
    access_key: String,

    /// The secret key for the signatures of requests
    #[arg(
        long,
        env = "VALTHREE_LAB_S3_SECRET_KEY",
        value_name = "KEY",
        default_value = "valthree-secret",
        hide_env_values = true
    )]
    secret_key: String,

    /// The region in the signatures of requests
    #[arg(long, env = "VALTHREE_LAB_S3_REGION", value_name = "REGION", default_value = "us-east-1")]
    region: String,

    /// Accept only requests without a signature
    #[arg(long, env = "VALTHREE_LAB_S3_ANONYMOUS", conflicts_with_all = ["access_key", "secret_key"])]
    anonymous: bool,

    /// A bucket to create at the start. May be given several times, or with commas
    #[arg(long = "bucket", env = "VALTHREE_LAB_S3_BUCKETS", value_name = "NAME", value_delimiter = ',', value_parser = bucket_name)]
    buckets: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    // s3s logs every 412 as an error, but here they are normal.
    start_log("info,s3s=off");
    let signals = Signals::catch()?;
    let listener =
        TcpListener::bind(flags.listen).await.with_context(|| format!("cannot listen on {}", flags.listen))?;
    let keys = Keys { access_key: flags.access_key, secret_key: flags.secret_key };
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let started = SystemTime::now();
    let stand = Stand::new(Config {
        keys: (!flags.anonymous).then_some(keys),
        region: flags.region,
        buckets: flags.buckets,
        started,
    });
    tracing::info!("listening on {}", listener.local_addr()?);
    let counted = stand.clone();
    let report = move || print(&counted.counts());
    serve(listener, stand, signals.stop(report)).await;
    Ok(())
}
