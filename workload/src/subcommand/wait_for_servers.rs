//! `wait`: waits for the cluster, and tells the Antithesis platform when it is ready.

use antithesis_sdk::lifecycle;
use serde_json::json;
use valthree_workload::wait::pong;

use super::system::{cluster, stopped};
use crate::flags::WaitFlags;
use crate::status::Status;

/// Waits until every server answers, and then for a signal unless the flags say `--once`.
pub async fn wait(flags: WaitFlags) -> anyhow::Result<Status> {
    let cluster = cluster(&flags.servers);
    let mut stop = std::pin::pin!(stopped()?);
    for server in &cluster.servers {
        let mut said = String::new();
        let answers = pong(&cluster, server, |why| {
            let why = format!("{:#}", anyhow::Error::from(why));
            if said != why {
                tracing::info!("waiting: {why}");
                said = why;
            }
        });
        tokio::select! {
            () = answers => tracing::info!("{server} answers"),
            () = &mut stop => return Ok(Status::NotDone),
        }
    }
    lifecycle::setup_complete(&json!({ "servers": cluster.servers }));
    tracing::info!("every server answers");
    if !flags.once {
        stop.await;
    }
    Ok(Status::Fine)
}
