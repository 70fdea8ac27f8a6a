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

/// Answers every request at once, until the script ends.
fn answer_all(mut puppet: Puppet) -> Server {
    tokio::spawn(async move {
        while let Some(held) = puppet.script.next().await {
            held.answer();
        }
    });
    puppet.server
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_slow_is_not_taken_for_slow_when_it_is_quick_again() {
    let store = Memory::new();
    let mut puppet = Puppet::start(&store, 1).await;
    // All that is asked in nine seconds is answered at their end, what was asked last first.
    let reads = tokio::spawn({
        let queue = puppet.server.queue.clone();
        async move {
            for client in 0..180 {
                let (answer, _) = valthree::commit::Sheet::default().promise();
                queue.submit(vec![valthree::commit::Unit::new(client, 0, get("k"), answer)]).await.unwrap();
                sleep(Duration::from_millis(50)).await;
            }
        }
    });
    let mut held = Vec::new();
    let end = Instant::now() + Duration::from_secs(9);
    while let Ok(Some(request)) = tokio::time::timeout_at(end, puppet.script.next()).await {
        held.push(request);
    }
    reads.await.unwrap();
    assert!(held.len() > 20, "{} at {:?}", held.len(), end.elapsed());
    for held in held.into_iter().rev() {
        held.answer();
        tokio::task::yield_now().await;
    }
    let server = answer_all(puppet);
    sleep(SOON).await;
    for client in 1_000..1_010 {
        let asked = Instant::now();
        assert_eq!(server.call(client, get("k")).await, Ok(Reply::Null));
        assert!(asked.elapsed() < Duration::from_millis(200), "after {:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_never_answered_does_not_keep_a_server_from_starting() {
    let store = Memory::new();
    let (handle, mut script) = store.scripted();
    let start = tokio::spawn(Server::start(handle, 1));
    let _hangs = script.next().await.expect("it looks for the database");
    let again = tokio::time::timeout(QUIET, script.next()).await.expect("it looks again");
    again.expect("it runs").answer();
    let list = script.next().await.expect("it looks for what may be left of one");
    list.answer();
    let server = answer_all(Puppet { server: start.await.expect("it starts"), script });
    assert_eq!(server.call(1, get("k")).await, Ok(Reply::Null));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_to_end_does_so_when_the_time_of_the_last_command_is_up() {
    let store = Memory::new();
    let Puppet { server, mut script } = Puppet::start(&store, 1).await;
    let write = server.send(1, set("k", "1")).await;
    let Server { queue, ended, .. } = server;
    drop(queue);
    // The store can't be reached, so between two attempts there is nothing that is under way.
    tokio::spawn(async move {
        while let Some(mut held) = script.next().await {
            held.fail(refused());
        }
    });
    assert_eq!(one(write).await, Err(Refusal::NothingHappened));
    ended.await.expect("the loop does not panic").expect("nothing is wrong with the database");
}
