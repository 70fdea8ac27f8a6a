//! The exact fate of every PUT: whatever becomes of a request or its answer, a command is applied once if its client is
//! told so, and never after its client was told that nothing happened.
//!
//! Each story is told twice: with the answer in time, and with the deadline passing in the middle of it.

mod cluster;

use cluster::*;
use valthree::commit::{Awaited, Refusal};
use valthree::resp::Reply;
use valthree::store::Condition;
use valthree::store::memory::{HeldRequest, Memory, Request};

/// Whether the deadline passes while the fate is open.
#[derive(Clone, Copy, PartialEq)]
enum Deadline {
    Kept,
    Passed,
}
use Deadline::{Kept, Passed};

/// A database with `k` = `0`, a server whose requests wait for the test, and a rival whose requests don't.
async fn world() -> (Memory, Puppet, Server) {
    let store = Memory::new();
    let rival = Server::start(store.clone(), 2).await;
    rival.call(1, set("k", "0")).await.unwrap();
    let puppet = Puppet::start(&store, 1).await;
    (store, puppet, rival)
}

fn content(held: &HeldRequest) -> (&[u8], &Condition) {
    match &held.request {
        Request::Put { bytes, condition, .. } => (bytes, condition),
        other => panic!("not a PUT: {other:?}"),
    }
}

/// A 500: it may or may not have been carried out. It was not.
fn failed(mut held: HeldRequest) -> HeldRequest {
    held.fail(unclear());
    held
}

async fn pass(deadline: Deadline) {
    if deadline == Passed {
        tokio::time::sleep(DEADLINE + std::time::Duration::from_millis(1)).await;
    }
}

/// The client of `SET k 1 GET` on `k` = `0` learns that it was done, or that nobody can say.
async fn told(deadline: Deadline, answer: Awaited) {
    match deadline {
        Kept => assert_eq!(one(answer).await, Ok(bulk("0"))),
        Passed => assert_eq!(one(answer).await, Err(Refusal::Uncertain)),
    }
}

/// After the story: nothing more is written, `k` has its `value` in `generation`, and the server serves on.
async fn ends(store: &Memory, mut puppet: Puppet, value: &str, generation: u64) {
    assert_eq!(puppet.settle().await, 0, "nothing is left to be sent");
    assert_eq!(stored_value(store, "k").unwrap(), value);
    assert_eq!(stored(store).header.generation, generation);
    let Puppet { server, mut script } = puppet;
    let answer_all = tokio::spawn(async move {
        while let Some(held) = script.next().await {
            held.answer();
        }
    });
    assert_eq!(server.call(90, set("later", "1")).await, Ok(Reply::OK));
    assert_eq!(server.call(91, get("later")).await, Ok(bulk("1")));
    assert_eq!(server.call(92, get("k")).await, Ok(bulk(value)));
    assert_eq!(stored(store).header.generation, generation + 1);
    drop(server.queue);
    server.ended.await.unwrap().unwrap();
    answer_all.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_after_landing_is_found_in_the_database() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, _) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let mut put = puppet.put().await;
        assert!(put.perform());
        put.fail(unclear());
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        told(deadline, answer).await;
        assert_eq!(puppet.settle().await, 0);
        assert_eq!(puppet.server.stats.unclear_landed.get(), 1);
        ends(&store, puppet, "1", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_before_landing_leads_to_the_same_bytes_again() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, _) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let mut first = puppet.put().await;
        first.fail(unclear());
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        let second = puppet.put_after_gets().await;
        assert_eq!(content(&first), content(&second), "the same bytes on the same condition");
        second.answer();
        told(deadline, answer).await;
        ends(&store, puppet, "1", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_lands_after_the_second_was_sent_counts_once() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, _) = world().await;
        let mut answer = puppet.server.send(1, swap("k", "1")).await;
        let mut first = puppet.put().await;
        first.fail(unclear());
        puppet.get().await.answer();
        let mut second = puppet.put().await;
        pass(deadline).await;
        assert!(first.perform(), "the first attempt lands");
        assert!(!second.perform(), "so the second can't");
        second.answer();
        tokio::task::yield_now().await;
        assert_eq!(is_answered(&mut answer), deadline == Passed, "a conflict proves nothing");
        assert_eq!(puppet.settle().await, 0);
        told(deadline, answer).await;
        ends(&store, puppet, "1", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_that_hangs_is_looked_up_and_its_late_answer_still_counts() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, _) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let put = puppet.put().await;
        let _settle = puppet.get().await; // never answered either
        pass(deadline).await;
        put.answer();
        told(deadline, answer).await;
        ends(&store, puppet, "1", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_is_our_own_success_is_recognized() {
    // A proxy has sent the PUT twice: the first landed, and the answer is that of the second.
    for deadline in [Kept, Passed] {
        let (store, mut puppet, _) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let mut put = puppet.put().await;
        assert!(put.perform());
        put.fail(conflict());
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        told(deadline, answer).await;
        ends(&store, puppet, "1", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_without_a_rival_leads_to_the_same_bytes_again() {
    // S3 answers 409 when it could not decide, for instance because two requests met.
    for deadline in [Kept, Passed] {
        let (store, mut puppet, _) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let mut first = puppet.put().await;
        first.fail(conflict());
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        let second = puppet.put_after_gets().await;
        assert_eq!(content(&first), content(&second));
        second.answer();
        told(deadline, answer).await;
        ends(&store, puppet, "1", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_cost_time_and_nothing_else() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, _) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let first = failed(puppet.put().await);
        for _ in 0..2 {
            puppet.get().await.answer();
            let again = failed(puppet.put().await);
            assert_eq!(content(&first), content(&again));
        }
        pass(deadline).await;
        assert_eq!(puppet.settle().await, 1);
        told(deadline, answer).await;
        ends(&store, puppet, "1", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rival_that_wins_is_built_upon() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, rival) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let put = puppet.put().await;
        assert_eq!(rival.call(1, set("k", "2")).await, Ok(Reply::OK));
        put.answer();
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        match deadline {
            Kept => {
                assert_eq!(
                    puppet.answering(one(answer)).await,
                    Ok(bulk("2")),
                    "executed again, on the rival's version"
                );
                ends(&store, puppet, "1", 3).await;
            }
            Passed => {
                told(deadline, answer).await;
                ends(&store, puppet, "2", 2).await; // never executed again
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rival_between_the_loss_and_the_look_hides_nothing() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, rival) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let mut put = puppet.put().await;
        assert!(put.perform());
        put.fail(unclear());
        assert_eq!(rival.call(1, swap("k", "2")).await, Ok(bulk("1")));
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        told(deadline, answer).await;
        ends(&store, puppet, "2", 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rival_after_a_put_that_got_lost_proves_that_it_never_lands() {
    for deadline in [Kept, Passed] {
        let (store, mut puppet, rival) = world().await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let mut put = puppet.put().await;
        put.fail(unclear());
        assert_eq!(rival.call(1, swap("k", "2")).await, Ok(bulk("0")));
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        let (replies, value, generation) = match deadline {
            Kept => (puppet.answering(one(answer)).await, "1", 3),
            Passed => (one(answer).await, "2", 2),
        };
        assert_eq!(replies, if deadline == Kept { Ok(bulk("2")) } else { Err(Refusal::Uncertain) });
        assert_eq!(puppet.settle().await, 0);
        assert!(!put.perform(), "the old condition can't come true again");
        assert_eq!(puppet.server.stats.unclear_lost.get(), 1);
        ends(&store, puppet, value, generation).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_creations_one_is_built_upon() {
    for deadline in [Kept, Passed] {
        let store = Memory::new();
        let mut puppet = Puppet::start(&store, 1).await;
        let rival = Server::start(store.clone(), 2).await;
        let answer = puppet.server.send(1, swap("k", "1")).await;
        let mut put = puppet.put().await;
        assert_eq!(rival.call(1, set("k", "0")).await, Ok(Reply::OK));
        let database = stored(&store).header.id;
        put.fail(unclear());
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        match deadline {
            Kept => {
                assert_eq!(puppet.answering(one(answer)).await, Ok(bulk("0")));
                ends(&store, puppet, "1", 2).await;
            }
            Passed => {
                told(deadline, answer).await;
                ends(&store, puppet, "0", 1).await;
            }
        }
        assert_eq!(stored(&store).header.id, database, "the winner's id stays");
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_answer_was_lost_is_known_by_its_id() {
    for deadline in [Kept, Passed] {
        let store = Memory::new();
        let mut puppet = Puppet::start(&store, 1).await;
        let rival = Server::start(store.clone(), 2).await;
        let answer = puppet.server.send(1, set("k", "1")).await;
        let mut put = puppet.put().await;
        assert!(put.perform());
        put.fail(unclear());
        assert_eq!(rival.call(1, swap("k", "2")).await, Ok(bulk("1")));
        let settle = puppet.get().await;
        pass(deadline).await;
        settle.answer();
        let told = one(answer).await;
        assert_eq!(told, if deadline == Kept { Ok(Reply::OK) } else { Err(Refusal::Uncertain) });
        ends(&store, puppet, "2", 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_is_told_so_and_never_executed() {
    let (store, mut puppet, _) = world().await;
    let answer = puppet.server.send(1, swap("k", "1")).await;
    let mut attempts = 0;
    while let Ok(held) = tokio::time::timeout(QUIET, puppet.script.next()).await {
        held.expect("the server runs").fail(refused());
        attempts += 1;
    }
    assert!(attempts > 1, "it tries until the deadline");
    assert_eq!(one(answer).await, Err(Refusal::NothingHappened));
    ends(&store, puppet, "0", 1).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_was_sent_counts_only_if_every_attempt_says_so() {
    let (store, mut puppet, _) = world().await;
    let answer = puppet.server.send(1, swap("k", "1")).await;
    let mut first = puppet.put().await;
    first.fail(unclear());
    puppet.get().await.answer();
    puppet.put().await.fail(refused());
    pass(Passed).await;
    assert_eq!(one(answer).await, Err(Refusal::Uncertain), "the first attempt may be under way still");
    assert!(first.perform(), "and indeed it lands");
    ends(&store, puppet, "1", 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_pushed_out_of_the_table_says_that_it_cannot_know() {
    let (store, mut puppet, rival) = world().await;
    let write = puppet.server.send(1, swap("k", "1")).await;
    let read = puppet.server.pipeline(2, vec![get("k"), set_nx("k", "3")]).await;
    let mut put = puppet.put().await;
    assert!(put.perform());
    put.fail(unclear());
    let settle = puppet.get().await;
    for seed in 100..100 + valthree::root::WRITERS as u64 {
        let other = Server::start(store.clone(), seed).await;
        assert_eq!(other.call(1, set("k", "2")).await, Ok(Reply::OK));
    }
    drop(rival);
    settle.answer();
    assert_eq!(one(write).await, Err(Refusal::Uncertain));
    let replies = puppet.answering(async {
        let mut replies = Vec::new();
        for answer in read {
            replies.push(one(answer).await);
        }
        replies
    });
    assert_eq!(replies.await, [Ok(bulk("2")), Ok(Reply::Null)], "what changed nothing is executed again");
    assert_eq!(puppet.server.stats.unclear_unknown.get(), 1);
    ends(&store, puppet, "2", 66).await;
}
