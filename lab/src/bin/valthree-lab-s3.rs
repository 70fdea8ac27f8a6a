//! The stand-in for S3 as a process of its own.

use std::net::SocketAddr;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Parser;
use tokio::net::TcpListener;
use valthree_lab::process::{Signals, print, start_log};
use valthree_lab::s3::{Config, Keys, Stand, bucket_name, serve};

/// A stand-in for S3, in memory: for tests and measurements of what runs on S3.
///
/// It creates, reads, writes, lists and deletes as AWS does, with AWS's ETags, and its conditions (If-Match,
/// If-None-Match) are atomic. What it does not do it refuses with 501 NotImplemented. Buckets are addressed by path:
/// tell an SDK to do that (force path style). All is lost when it stops.
///
/// SIGUSR1, and the end by SIGTERM or SIGINT, print a line of JSON on stdout that counts the requests by kind, their
/// answers by status (0: none), and the bytes of their bodies.
#[derive(Parser)]
#[command(name = "valthree-lab-s3", version, max_term_width = 100)]
struct Flags {
    /// Where to listen. Port 0 takes a free one; the log says which
    #[arg(long, env = "VALTHREE_LAB_S3_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,

    /// The access key that is let in
    #[arg(long, env = "VALTHREE_LAB_S3_ACCESS_KEY", value_name = "KEY", default_value = "valthree")]
    access_key: String,

    /// The secret that requests have to be signed with
    #[arg(
        long,
        env = "VALTHREE_LAB_S3_SECRET_KEY",
        value_name = "KEY",
        default_value = "valthree-secret",
        hide_env_values = true
    )]
    secret_key: String,

    /// The region that requests have to be signed for
    #[arg(long, env = "VALTHREE_LAB_S3_REGION", value_name = "REGION", default_value = "us-east-1")]
    region: String,

    /// Let in requests that are not signed, and only those
    #[arg(long, env = "VALTHREE_LAB_S3_ANONYMOUS", conflicts_with_all = ["access_key", "secret_key"])]
    anonymous: bool,

    /// A bucket to create at the start. May be given several times, or separated by commas
    #[arg(long = "bucket", env = "VALTHREE_LAB_S3_BUCKETS", value_name = "NAME", value_delimiter = ',', value_parser = bucket_name)]
    buckets: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    // s3s calls every 412 an error; here they are everyday life.
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
