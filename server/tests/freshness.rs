//! Reads are answered from memory that was proven current after they arrived; and what joins a commit without being a
//! command.

mod cluster;

use std::sync::Arc;
use std::time::Duration;

use cluster::*;
use tokio::time::advance;
use valthree::commit::{Awaited, Outcome, Refusal};
use valthree::resp::Reply;
use valthree::root::Run;
use valthree::run::{Building, Name, Salt};
use valthree::state::{Merged, Proposal};
use valthree::store::memory::{HeldRequest, Memory};

/// A database with `k` = `0`, a server whose requests wait for the test, and a rival whose requests don't.
async fn world() -> (Memory, Puppet, Server) {
    let store = Memory::new();
    let rival = Server::start(store.clone(), 2).await;
    assert_eq!(rival.call(1, set("k", "0")).await, Ok(Reply::OK));
    let puppet = Puppet::start(&store, 1).await;
    (store, puppet, rival)
}

/// Lets every task that can do something do it; time does not pass.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// Whether the answer has come once everybody has done what they can.
async fn answered(answer: &mut Awaited) -> bool {
    settle().await;
    is_answered(answer)
}

/// Carries a request out now; its answer comes when the test says so.
fn performed(mut held: HeldRequest) -> HeldRequest {
    held.perform();
    held
}

#[tokio::test(start_paused = true)]
async fn a_read_costs_one_check_and_an_idle_server_sends_nothing() {
    let (_, mut puppet, _) = world().await;
    let mut answer = puppet.server.send(1, get("k")).await;
    let check = puppet.get().await;
    assert!(!answered(&mut answer).await, "memory alone proves nothing");
    check.answer();
    assert_eq!(one(answer).await, Ok(bulk("0")));
    assert!(puppet.is_quiet().await);
    assert_eq!(puppet.server.stats.freshness_checks.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_sees_what_another_server_has_written() {
    let (_, mut puppet, rival) = world().await;
    assert_eq!(rival.call(1, set("k", "1")).await, Ok(Reply::OK));
    let answer = puppet.server.send(1, get("k")).await;
    puppet.get().await.answer();
    assert_eq!(one(answer).await, Ok(bulk("1")));
}

#[tokio::test(start_paused = true)]
async fn a_check_serves_all_that_arrived_before_it_was_sent_and_nothing_later() {
    let (_, mut puppet, rival) = world().await;
    let mut early = vec![puppet.server.send(1, get("k")).await];
    let first = performed(puppet.get().await); // sees `k` = `0`
    assert_eq!(rival.call(1, set("k", "1")).await, Ok(Reply::OK));
    let mut late = vec![puppet.server.send(2, get("k")).await, puppet.server.send(3, get("k")).await];
    let second = puppet.get().await;
    first.answer();
    assert!(answered(&mut early[0]).await);
    assert_eq!(one(early.remove(0)).await, Ok(bulk("0")));
    assert!(!answered(&mut late[0]).await, "the write before it was acknowledged, and the first check is older");
    second.answer();
    for answer in late {
        assert_eq!(one(answer).await, Ok(bulk("1")));
    }
    assert!(puppet.is_quiet().await, "one check for two reads");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_overtaken_by_a_newer_one_is_not_applied() {
    let (store, mut puppet, rival) = world().await;
    let early = puppet.server.send(1, get("k")).await;
    assert_eq!(rival.call(1, set("k", "1")).await, Ok(Reply::OK));
    let first = performed(puppet.get().await);
    assert_eq!(rival.call(1, set("k", "2")).await, Ok(Reply::OK));
    let late = puppet.server.send(2, get("k")).await;
    let second = performed(puppet.get().await);
    second.answer();
    assert_eq!(one(late).await, Ok(bulk("2")));
    assert_eq!(one(early).await, Ok(bulk("2")), "the later check serves it too");
    first.answer(); // brings `k` = `1`
    let again = puppet.server.send(3, get("k")).await;
    puppet.get().await.answer();
    assert_eq!(one(again).await, Ok(bulk("2")));
    let write = puppet.server.send(4, swap("k", "3")).await;
    puppet.put().await.answer();
    assert_eq!(one(write).await, Ok(bulk("2")));
    assert_eq!(stored(&store).header.generation, 4);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_brings_our_own_commit_is_its_answer() {
    let (store, mut puppet, _) = world().await;
    let write = puppet.server.send(1, swap("k", "1")).await;
    let mut put = puppet.put().await;
    assert!(put.perform());
    let read = puppet.server.send(2, get("k")).await;
    puppet.get().await.answer();
    assert_eq!(one(write).await, Ok(bulk("0")), "its PUT was not answered yet");
    assert_eq!(one(read).await, Ok(bulk("1")));
    put.answer();
    assert!(puppet.is_quiet().await);
    assert_eq!(stored(&store).header.generation, 2);
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_put_proves_nothing_for_reads_that_came_after_it_was_sent() {
    let (_, mut puppet, rival) = world().await;
    let write = puppet.server.send(1, set("a", "1")).await;
    let put = performed(puppet.put().await);
    // It has landed. Then the rival writes, and is acknowledged, before the read arrives.
    assert_eq!(rival.call(1, set("k", "1")).await, Ok(Reply::OK));
    let mut read = puppet.server.send(2, get("k")).await;
    let check = puppet.get().await;
    put.answer();
    assert_eq!(one(write).await, Ok(Reply::OK));
    assert!(!answered(&mut read).await);
    check.answer();
    assert_eq!(one(read).await, Ok(bulk("1")));
}

#[tokio::test(start_paused = true)]
async fn a_resend_proves_nothing_for_reads_that_came_after_the_first_attempt() {
    let (_, mut puppet, rival) = world().await;
    let write = puppet.server.send(1, set("a", "1")).await;
    let mut first = puppet.put().await;
    assert!(first.perform());
    assert_eq!(rival.call(1, set("k", "1")).await, Ok(Reply::OK));
    let mut read = puppet.server.send(2, get("k")).await;
    let early = puppet.get().await;
    first.fail(unclear());
    let settle = puppet.get().await;
    assert!(!answered(&mut read).await);
    settle.answer();
    assert_eq!(one(write).await, Ok(Reply::OK));
    assert_eq!(one(read).await, Ok(bulk("1")));
    early.answer();
    assert!(puppet.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_read_does_not_wait_for_a_write_of_another_client() {
    let (_, mut puppet, _) = world().await;
    let mut write = puppet.server.send(1, set("k", "1")).await;
    let put = puppet.put().await;
    let read = puppet.server.send(2, get("k")).await;
    puppet.get().await.answer();
    assert_eq!(one(read).await, Ok(bulk("0")), "the write has not landed");
    assert!(!answered(&mut write).await);
    put.answer();
    assert_eq!(one(write).await, Ok(Reply::OK));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_proven_fresh_leaves_its_batch() {
    let (_, mut puppet, _) = world().await;
    let read = puppet.server.send(1, get("k")).await;
    let check = puppet.get().await;
    let mut write = puppet.server.send(2, set("k", "1")).await;
    let put = puppet.put().await; // takes the waiting read with it
    check.answer();
    assert_eq!(one(read).await, Ok(bulk("0")));
    assert!(!answered(&mut write).await);
    put.answer();
    assert_eq!(one(write).await, Ok(Reply::OK));
}

#[tokio::test(start_paused = true)]
async fn a_pipelined_read_sees_the_writes_before_it_and_none_after_it() {
    let (_, mut puppet, _) = world().await;
    let commands = vec![get("k"), set("k", "1"), get("k"), set("k", "2"), get("k")];
    let mut answers = puppet.server.pipeline(1, commands).await;
    // One more read while the PUT is under way, proven fresh before the PUT is answered.
    let put = puppet.put().await;
    answers.push(puppet.server.send(1, get("k")).await);
    puppet.get().await.answer();
    for answer in &mut answers[1..] {
        assert!(!answered(answer).await, "nothing overtakes an earlier command of its client");
    }
    put.answer();
    let mut replies = Vec::new();
    for answer in answers {
        replies.push(one(answer).await);
    }
    let ok = Ok(Reply::OK);
    assert_eq!(replies, [Ok(bulk("0")), ok.clone(), Ok(bulk("1")), ok, Ok(bulk("2")), Ok(bulk("2"))]);
    assert!(puppet.is_quiet().await, "the proof that came early was enough");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_changes_nothing_is_answered_like_a_read() {
    let (store, mut puppet, rival) = world().await;
    let answers = puppet.server.pipeline(1, vec![del(&["x"]), set_nx("k", "9")]).await;
    let check = puppet.get().await;
    let mut later = puppet.server.send(1, del(&["y"])).await;
    check.answer();
    let mut replies = Vec::new();
    for answer in answers {
        replies.push(one(answer).await);
    }
    assert_eq!(replies, [Ok(Reply::Integer(0)), Ok(Reply::Null)]);
    assert!(!answered(&mut later).await);
    // Meanwhile there is something to delete, so the command turns out to be a write.
    assert_eq!(rival.call(1, set("y", "1")).await, Ok(Reply::OK));
    puppet.get().await.answer();
    puppet.put().await.answer();
    assert_eq!(one(later).await, Ok(Reply::Integer(1)));
    assert_eq!(stored(&store).header.generation, 3);
    assert!(puppet.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_holds_nobody_up() {
    let (_, mut puppet, _) = world().await;
    let early = puppet.server.send(1, get("k")).await;
    let hanging = puppet.get().await;
    puppet.get().await.answer(); // another, because the first is overdue
    assert_eq!(one(early).await, Ok(bulk("0")));
    let late = puppet.server.send(2, get("k")).await;
    puppet.get().await.answer();
    assert_eq!(one(late).await, Ok(bulk("0")));
    hanging.answer();
    assert!(puppet.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_cannot_be_proven_fresh_is_told_that_nothing_happened() {
    let (_, mut puppet, _) = world().await;
    let answer = puppet.server.send(1, get("k")).await;
    let mut checks = 0;
    while let Ok(held) = tokio::time::timeout(QUIET, puppet.script.next()).await {
        held.expect("the server runs").fail(unclear());
        checks += 1;
    }
    assert_eq!(one(answer).await, Err(Refusal::NothingHappened));
    assert!((5..50).contains(&checks), "{checks} checks: it keeps trying, with pauses that grow");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_does_not_exist_is_empty() {
    let store = Memory::new();
    let mut puppet = Puppet::start(&store, 1).await;
    let answer = puppet.server.send(1, get("k")).await;
    puppet.get().await.answer();
    assert_eq!(one(answer).await, Ok(Reply::Null));
    let rival = Server::start(store.clone(), 2).await;
    assert_eq!(rival.call(1, set("k", "1")).await, Ok(Reply::OK));
    let answer = puppet.server.send(1, get("k")).await;
    puppet.get().await.answer();
    assert_eq!(one(answer).await, Ok(bulk("1")));
}

#[tokio::test(start_paused = true)]
async fn checks_are_spread_over_a_round_trip() {
    let (_, mut puppet, _) = world().await;
    let round_trip = Duration::from_millis(40);
    for _ in 0..50 {
        let answer = puppet.server.send(1, get("k")).await;
        let check = puppet.get().await;
        advance(round_trip).await;
        check.answer();
        assert_eq!(one(answer).await, Ok(bulk("0")));
    }
    // From now on a read arrives every millisecond, for ten round trips, and each check takes a round trip.
    let sent = puppet.server.stats.freshness_checks.get();
    let mut answers = Vec::new();
    for client in 0..400 {
        answers.push(puppet.server.send(client, get("k")).await);
        advance(Duration::from_millis(1)).await;
        settle().await;
        while let Ok(held) = tokio::time::timeout(Duration::ZERO, puppet.script.next()).await {
            tokio::spawn(async move {
                tokio::time::sleep(round_trip).await;
                held.expect("the server runs").answer();
            });
        }
    }
    let checks = puppet.server.stats.freshness_checks.get() - sent;
    assert!((32..=44).contains(&checks), "{checks} checks in ten round trips, where four a round trip are meant");
    puppet.settle().await;
    for answer in answers {
        assert_eq!(one(answer).await, Ok(bulk("0")));
    }
}

/// Proposes to raise `swept`.
fn sweep(puppet: &Puppet) -> tokio::task::JoinHandle<Outcome> {
    let queue = puppet.server.queue.clone();
    tokio::spawn(async move { queue.propose(Proposal::Sweep).await.expect("the loop runs") })
}

#[tokio::test(start_paused = true)]
async fn a_proposal_joins_the_next_batch_and_is_repeated_with_it() {
    let (store, mut puppet, rival) = world().await;
    let write = puppet.server.send(1, set("a", "1")).await;
    let first = puppet.put().await;
    let proposal = sweep(&puppet);
    let next = puppet.server.send(2, set("b", "1")).await;
    settle().await;
    first.answer();
    assert_eq!(one(write).await, Ok(Reply::OK));
    let second = puppet.put().await;
    assert_eq!(rival.call(1, set("k", "1")).await, Ok(Reply::OK));
    second.answer(); // lost the race
    assert_eq!(puppet.answering(one(next)).await, Ok(Reply::OK));
    assert_eq!(proposal.await.unwrap(), Outcome::Landed(4));
    assert_eq!(stored(&store).header.swept, 4, "computed again on the version that it landed on");
}

#[tokio::test(start_paused = true)]
async fn a_proposal_needs_no_command_to_travel_with() {
    let (store, mut puppet, _) = world().await;
    let proposal = sweep(&puppet);
    puppet.put().await.answer();
    assert_eq!(proposal.await.unwrap(), Outcome::Landed(2));
    assert_eq!(stored(&store).header.swept, 2);
    let moot = {
        let queue = puppet.server.queue.clone();
        let name = Name::parse(&format!("runs/9-{:032x}", 7)).expect("a name");
        let run = Run { name, from: 0, to: 1, rows: 0, bytes: 0 };
        let layer = Arc::new(Building::new(Salt(1), 0, 0).done());
        let merge = Proposal::Merge(Merged { replaced: vec![run], run, layer, now: 0 });
        tokio::spawn(async move { queue.propose(merge).await.expect("the loop runs") })
    };
    assert_eq!(moot.await.unwrap(), Outcome::Moot);
    assert_eq!(puppet.settle().await, 0, "what has been swept is looked for, and nothing is written");
}
