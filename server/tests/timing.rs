//! Time at the commit loop: which reads need a commit, and what one unit takes for the time.
//!
//! The servers' clocks begin in 1970 and go on with the paused time of the test.

mod cluster;

use std::time::Duration;

use cluster::*;
use tokio::time::{advance, timeout};
use valthree::command::Command;
use valthree::commit::{Awaited, Refusal, Sheet, Unit};
use valthree::resp::Reply;
use valthree::root;
use valthree::store::memory::{HeldRequest, Memory, Request};

/// When each test begins, after the clocks have begun.
const BEGIN: Duration = Duration::from_secs(1_000_000);

/// How long `short` lives, in milliseconds.
const LIFE: u64 = 1000;

/// The next PUT of `db.json`.
async fn next_version(puppet: &mut Puppet) -> HeldRequest {
    timeout(QUIET, next_put(puppet, root::NAME)).await.expect("the server commits")
}

/// A database where `short` ends after [`LIFE`], `long` much later and `lasting` never. A server whose requests wait for the
/// test, and another one.
async fn world() -> (Memory, Puppet, Server) {
    let store = Memory::new();
    let rival = Server::start(store.clone(), 2).await;
    let mut puppet = Puppet::start(&store, 1).await;
    advance(BEGIN).await;
    let writes =
        [&["SET", "short", "1", "PX", "1000"][..], &["SET", "long", "2", "EX", "100000"], &["SET", "lasting", "3"]];
    for words in writes {
        assert_eq!(rival.call(1, call(words)).await, Ok(Reply::OK));
    }
    let known = puppet.server.send(1, get("lasting")).await;
    assert_eq!(puppet.answering(one(known)).await, Ok(bulk("3")));
    (store, puppet, rival)
}

/// Sends a read of each key, each of another client.
async fn read(puppet: &Puppet, keys: &[&str]) -> Vec<Awaited> {
    let mut answers = Vec::new();
    for (nth, key) in keys.iter().enumerate() {
        // A client that has sent another read waits for that one first.
        let client = key.len() as u64 * 100 + nth as u64;
        answers.push(puppet.server.send(client, get(key)).await);
    }
    answers
}

fn now(store: &Memory) -> u64 {
    stored(store).header.now
}

/// Has a transaction executed.
async fn transact(puppet: &mut Puppet, commands: Vec<Command>) -> Vec<Reply> {
    let (promise, awaited) = Sheet::default().promise();
    puppet.server.queue.submit(vec![Unit::transaction(1, 0, commands, Vec::new(), promise)]).await.unwrap();
    match puppet.answering(one(awaited)).await {
        Ok(Reply::Array(replies)) => replies,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_commit_moves_the_time_for_all_reads_that_wait() {
    let (store, mut puppet, rival) = world().await;
    let (before, generation) = (now(&store), stored(&store).header.generation);
    advance(Duration::from_millis(LIFE)).await;
    let mut late = read(&puppet, &["short"; 5]).await;
    let mut others = read(&puppet, &["long", "lasting"]).await;
    puppet.get().await.answer();
    let put = next_version(&mut puppet).await;
    assert!(late.iter_mut().all(|answer| !is_answered(answer)), "the end is not stored yet");
    assert!(others.iter_mut().all(is_answered), "nobody else waits for that commit");
    put.answer();
    for answer in late {
        assert_eq!(one(answer).await, Ok(Reply::Null));
    }
    assert!(now(&store) >= before + LIFE, "the time is stored");
    assert_eq!((puppet.settle().await, stored(&store).header.generation), (0, generation + 1));
    for answer in read(&puppet, &["short"; 20]).await {
        assert_eq!(puppet.answering(one(answer)).await, Ok(Reply::Null));
    }
    assert_eq!(rival.call(1, get("short")).await, Ok(Reply::Null));
    assert_eq!(puppet.settle().await, 0);
    assert_eq!(stored(&store).header.generation, generation + 1, "the end is known to everybody by now");
}

#[tokio::test(start_paused = true)]
async fn reads_that_see_no_end_crossed_need_no_commit() {
    let (store, mut puppet, _rival) = world().await;
    let before = store.peek(root::NAME);
    for _ in 0..20 {
        advance(Duration::from_secs(60)).await;
        let expected = [bulk("2"), bulk("3"), Reply::Null];
        for (answer, expected) in read(&puppet, &["long", "lasting", "absent"]).await.into_iter().zip(expected) {
            assert_eq!(puppet.answering(one(answer)).await, Ok(expected));
        }
    }
    assert_eq!(puppet.settle().await, 0);
    assert_eq!(store.peek(root::NAME), before);
}

/// Answers checks truly, and treats every PUT in a way of its own, until the read is answered.
async fn read_in_an_outage(mut on_put: impl FnMut(&mut HeldRequest)) -> (Memory, Result<Reply, Refusal>) {
    let (store, mut puppet, _rival) = world().await;
    advance(Duration::from_millis(LIFE)).await;
    let answer = one(read(&puppet, &["short"]).await.remove(0));
    tokio::pin!(answer);
    let mut kept = Vec::new();
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return (store, answer),
            held = puppet.script.next() => {
                let mut held = held.expect("the server runs");
                match held.request {
                    Request::Put { .. } => {
                        on_put(&mut held);
                        kept.push(held);
                    }
                    _ => held.answer(),
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_needs_a_commit_is_told_to_try_again_if_none_can_be_made() {
    let (_, refused) = read_in_an_outage(|put| put.fail(refused())).await;
    assert_eq!(refused, Err(Refusal::NothingHappened), "no PUT is sent");
    let (_, unanswered) = read_in_an_outage(|_| {}).await;
    assert_eq!(unanswered, Err(Refusal::NothingHappened), "no PUT is answered: a read is never uncertain");
    let (store, landed) = read_in_an_outage(|put| {
        put.perform();
        put.fail(unclear());
    })
    .await;
    assert_eq!(landed, Ok(Reply::Null), "a later version shows that it landed");
    assert!(now(&store) >= BEGIN.as_millis() as u64 + LIFE);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_sees_one_time() {
    let (store, mut puppet, _rival) = world().await;
    advance(Duration::from_millis(LIFE / 2)).await;
    let words: [&[&str]; 6] = [
        &["SET", "a", "1", "PX", "5000"],
        &["TIME"],
        &["SET", "b", "1", "PX", "5000"],
        &["TIME"],
        &["PEXPIRETIME", "a"],
        &["PEXPIRETIME", "b"],
    ];
    let replies = transact(&mut puppet, words.map(call).into()).await;
    let now = now(&store);
    assert_eq!(replies[4..], [now + 5000, now + 5000].map(|end| Reply::Integer(end as i64)), "{replies:?}");
    let time = [now / 1000, now % 1000 * 1000].map(|part| bulk(&part.to_string()));
    assert_eq!([&replies[1], &replies[3]], [&Reply::Array(time.into()); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_only_reads_is_told_the_present() {
    let (store, mut puppet, _rival) = world().await;
    let before = now(&store);
    advance(Duration::from_secs(77)).await;
    let replies = transact(&mut puppet, vec![call(&["TIME"]), get("lasting"), call(&["TIME"])]).await;
    let Reply::Array(time) = &replies[0] else { panic!("{replies:?}") };
    assert_eq!(time[0], bulk(&(before / 1000 + 77).to_string()));
    assert_eq!(replies[0], replies[2]);
    assert_eq!(now(&store), before, "nothing was stored");
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_is_executed_again_counts_its_expiry_from_then() {
    let (store, mut puppet, rival) = world().await;
    let writes = [&["SET", "k", "v", "EX", "10"][..], &["EXPIRE", "lasting", "10"]];
    let mut answers = Vec::new();
    for (client, words) in writes.into_iter().enumerate() {
        answers.push(puppet.server.send(client as u64, call(words)).await);
    }
    let before = now(&store) as i64;
    let first = puppet.put_after_gets().await;
    assert_eq!(rival.call(1, set("o", "1")).await, Ok(Reply::OK));
    advance(Duration::from_millis(300)).await;
    first.answer();
    for answer in answers {
        assert!(puppet.answering(one(answer)).await.is_ok());
    }
    let settled = now(&store) as i64;
    for key in ["k", "lasting"] {
        let end = puppet.server.send(9, call(&["PEXPIRETIME", key])).await;
        let Ok(Reply::Integer(end)) = puppet.answering(one(end)).await else { panic!("{key} has an end") };
        assert!((before + 10_300..=settled + 10_000).contains(&end), "{key} ends at {end}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_read_count_as_found_or_missed_and_ended_ones_once() {
    let server = Server::start(Memory::new(), 1).await;
    advance(BEGIN).await;
    let mut counted = Vec::new();
    for words in [
        &["SET", "short", "1", "PX", "1000"][..],
        &["GET", "short"],
        &["EXISTS", "short", "other", "short"],
        &["APPEND", "short", "2"], // looks at the key in order to change it
        &["RANDOMKEY"],            // wants no certain key
        &["EVAL", "return redis.call('GET', 'short') .. redis.call('STRLEN', 'other')", "0"],
    ] {
        server.call(1, call(words)).await.unwrap();
        counted.push((server.stats.keyspace_hits.get(), server.stats.keyspace_misses.get()));
    }
    assert_eq!(counted, [(0, 0), (1, 0), (3, 1), (3, 1), (3, 1), (4, 2)]);
    assert_eq!(server.stats.expired_keys.get(), 0);
    advance(Duration::from_millis(LIFE)).await;
    for _ in 0..2 {
        assert_eq!(server.call(1, call(&["GET", "short"])).await, Ok(Reply::Null));
    }
    assert_eq!(server.stats.keyspace_misses.get(), 4);
    assert_eq!(server.stats.expired_keys.get(), 1);
}
