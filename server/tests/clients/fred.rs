//! What people do with the crate fred.

use std::net::SocketAddr;

use fred::prelude::*;
use fred::types::RespVersion;
use tokio::sync::broadcast::error::TryRecvError;

/// Connects with fred's defaults, which a URL keeps, and works; an error that fred only tells its listeners is one too.
pub async fn works(address: SocketAddr, version: RespVersion) -> Result<(), Error> {
    let mut config = Config::from_url(&format!("redis://{address}"))?;
    config.version = version;
    let client = Builder::from_config(config).build()?;
    let mut complaints = client.error_rx();
    client.init().await?;
    let _: () = client.flushall(false).await?;

    commands(&client).await?;
    pipeline(&client).await?;
    concurrent_writes(&client).await?;

    client.quit().await?;
    let complaint = complaints.try_recv();
    assert!(matches!(complaint, Err(TryRecvError::Empty | TryRecvError::Closed)), "{complaint:?}");
    Ok(())
}

async fn commands(client: &Client) -> Result<(), Error> {
    let none: Option<String> = client.get("key").await?;
    assert_eq!(none, None);
    let _: () = client.set("key", "value", None, None, false).await?;
    let old: Option<String> = client.set("key", "other", None, Some(SetOptions::NX), true).await?;
    assert_eq!(old.as_deref(), Some("value"));
    let old: Option<String> = client.set("nothing", "value", None, Some(SetOptions::XX), false).await?;
    assert_eq!(old, None);
    let value: String = client.get("key").await?;
    assert_eq!(value, "value");

    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let _: () = client.set(&every_byte[..], &every_byte[..], None, None, false).await?;
    let bytes: Value = client.get(&every_byte[..]).await?;
    assert_eq!(bytes.as_bytes(), Some(&every_byte[..]));

    let _: () = client.mset(vec![("a", 1), ("b", 2)]).await?;
    let values: (i64, Option<i64>, i64) = client.mget(vec!["a", "nothing", "b"]).await?;
    assert_eq!(values, (1, None, 2));
    let there: i64 = client.exists(vec!["a", "a", "nothing"]).await?;
    assert_eq!(there, 2);
    let deleted: i64 = client.del(vec!["a", "nothing"]).await?;
    assert_eq!(deleted, 1);
    let deleted: i64 = client.unlink(vec!["b", "nothing"]).await?;
    assert_eq!(deleted, 1);
    let size: i64 = client.dbsize().await?;
    assert_eq!(size, 2);
    let pong: String = client.ping(None).await?;
    assert_eq!(pong, "PONG");
    let info: String = client.info(None).await?;
    assert!(info.contains("redis_version:"), "{info}");
    Ok(())
}

/// An error in a pipeline is the answer to its own command alone.
async fn pipeline(client: &Client) -> Result<(), Error> {
    let pipeline = client.pipeline();
    let _: () = pipeline.set("x", 1, None, None, false).await?;
    let _: () = pipeline.get("x").await?;
    let _: () = pipeline.mset(vec![("x", 2), ("y", 3)]).await?;
    let _: () = pipeline.get("x").await?;
    let replies: (String, i64, String, i64) = pipeline.all().await?;
    assert_eq!(replies, ("OK".into(), 1, "OK".into(), 2));

    let pipeline = client.pipeline();
    let _: () = pipeline.get("x").await?;
    let _: () = pipeline.select(16).await?;
    let _: () = pipeline.get("y").await?;
    let replies = pipeline.try_all::<i64>().await;
    let [Ok(2), Err(refused), Ok(3)] = &replies[..] else { panic!("{replies:?}") };
    assert!(refused.details().contains("DB index is out of range"), "{refused}");
    Ok(())
}

/// One connection carries the commands of many tasks.
async fn concurrent_writes(client: &Client) -> Result<(), Error> {
    let writes = (0..100).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let key = format!("key {number}");
            let _: () = client.set(&key, number, None, None, false).await?;
            client.get::<i64, _>(&key).await
        })
    });
    let writes: Vec<_> = writes.collect();
    for (number, write) in (0..).zip(writes) {
        assert_eq!(write.await.expect("the task does not panic")?, number);
    }
    Ok(())
}
