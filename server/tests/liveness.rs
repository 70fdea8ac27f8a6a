//! Nobody waits for longer than something is missing, and what once took long is not expected to do so for ever.

mod cluster;

use std::time::Duration;

use cluster::*;
use tokio::time::{Instant, sleep};
use valthree::commit::Refusal;
use valthree::resp::Reply;
use valthree::store::memory::Memory;

const SOON: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_proven_read_is_answered_as_soon_as_the_write_before_it_is_given_up() {
    // The write hangs, the read behind it is proven fresh, and from then on the store is silent.
    let store = Memory::new();
    let mut puppet = Puppet::start(&store, 1).await;
    let began = Instant::now();
    let write = puppet.server.send(1, set("k", "1")).await;
    let _hangs = puppet.put().await;
    sleep(SOON).await;
    let read = puppet.server.send(1, get("k")).await;
    puppet.get().await.answer();
    let _server = silence(puppet);
    assert_eq!(one(write).await, Err(Refusal::Uncertain));
    assert_eq!(one(read).await, Ok(Reply::Null));
    assert!(began.elapsed() < DEADLINE + SOON, "after {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_read_behind_a_write_that_waited_in_vain_is_answered_with_it() {
    let store = Memory::new();
    let mut puppet = Puppet::start(&store, 1).await;
    let began = Instant::now();
    let other = puppet.server.send(2, set("k", "0")).await;
    let _hangs = puppet.put().await;
    let write = puppet.server.send(1, set("k", "1")).await;
    sleep(SOON).await;
    let read = puppet.server.send(1, get("k")).await;
    puppet.get().await.answer();
    let _server = silence(puppet);
    assert_eq!(one(other).await, Err(Refusal::Uncertain));
    assert_eq!(one(write).await, Err(Refusal::NothingHappened));
    assert_eq!(one(read).await, Ok(Reply::Null));
    assert!(began.elapsed() < DEADLINE + SOON, "after {:?}", began.elapsed());
}

/// From now on, no request is answered.
fn silence(mut puppet: Puppet) -> Server {
    tokio::spawn(async move {
        let mut unanswered = Vec::new();
        while let Some(held) = puppet.script.next().await {
            unanswered.push(held);
        }
    });
    puppet.server
}
