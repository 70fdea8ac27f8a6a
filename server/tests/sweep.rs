//! Runs that are deleted while somebody is about to name them, told as stories about every request. Schedules at random
//! hardly ever come across these.

mod cluster;

use cluster::*;
use tokio::task::{spawn, yield_now};
use valthree::commit::Outcome;
use valthree::resp::Reply;
use valthree::root::{self, Root};
use valthree::run::RUNS;
use valthree::settings::Thresholds;
use valthree::state::Proposal;
use valthree::store::memory::{Memory, Request};

/// A value of more than this is uploaded by itself.
const LARGE: Thresholds = Thresholds { recent: 1_000, ..FOLDS };

/// Waits for what servers do in the background. No time passes, so no request is given up.
async fn until(happened: impl AsyncFn() -> bool) {
    for _ in 0..10_000 {
        if happened().await {
            return;
        }
        yield_now().await;
    }
    panic!("it does not happen");
}

/// Commits a sweep, and waits until it has deleted everything that nobody names.
async fn sweep(server: &Server, store: &Memory) -> u64 {
    let Ok(Outcome::Landed(swept)) = server.queue.propose(Proposal::Sweep).await else { panic!("it is alone") };
    until(async || runs(store).await == named(store)).await;
    swept
}

#[tokio::test(start_paused = true)]
async fn what_was_merged_is_swept_and_what_is_named_stays() {
    let store = Memory::new();
    let server = Server::start_with(store.clone(), 1, ALL).await;
    for n in 0..40 {
        let key = format!("k{}", n % 7);
        assert_eq!(server.call(1, set(&key, &n.to_string())).await, Ok(Reply::OK));
        tokio::time::sleep(QUIET).await;
        assert!(named(&store).is_subset(&runs(&store).await), "a named run is never deleted");
        assert!(runs(&store).await.len() < 8, "what nobody needs does not pile up");
        assert_eq!(stored_value(&store, &key).unwrap(), n.to_string());
    }
    assert!(server.stats.merges.get() > 5 && server.stats.runs_deleted.get() > 20);
    assert_eq!(server.call(1, call(&["DBSIZE"])).await, Ok(Reply::Integer(7)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_slept_adds_no_run_that_may_have_been_swept() {
    let store = Memory::new();
    let mut sleeper = Puppet::start_with(&store, 1, FOLDS).await;
    for key in ["a", "b"] {
        let answer = sleeper.server.send(1, set(key, "1")).await;
        assert_eq!(sleeper.answering(one(answer)).await, Ok(Reply::OK));
    }
    let mut upload = next_put(&mut sleeper, RUNS).await;
    assert!(upload.perform(), "it is stored, but its server does not hear of it yet");
    let lost: Vec<String> = runs(&store).await.into_iter().collect();
    // A sweep by somebody who adds no run of its own: the place in front of which the sleeper has stopped stays free.
    let sweeper = Server::start_with(store.clone(), 2, NONE).await;
    let swept = sweeper.queue.propose(Proposal::Sweep).await.unwrap();
    tokio::time::sleep(QUIET).await;
    assert!(matches!(swept, Outcome::Landed(3)), "{swept:?}");
    assert!(runs(&store).await.is_empty(), "nobody names it, so it is gone");
    upload.answer();
    sleeper.settle().await;
    assert!(!named(&store).contains(&lost[0]), "it may not be named any more");
    let answer = sleeper.server.send(1, set("a", "2")).await;
    assert_eq!(sleeper.answering(one(answer)).await, Ok(Reply::OK));
    sleeper.settle().await;
    assert!(named(&store).is_empty());
    assert_eq!(stored_value(&store, "b").unwrap(), "1");
    // An attempt that had been given up has come after all. The next sweep finds what it left.
    assert_eq!(runs(&store).await.into_iter().collect::<Vec<_>>(), lost);
    sweeper.queue.propose(Proposal::Sweep).await.unwrap();
    tokio::time::sleep(QUIET).await;
    assert!(runs(&store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_serves_again_gets_another_name_if_it_may_have_been_swept() {
    let store = Memory::new();
    let rival = Server::start_with(store.clone(), 2, NONE).await;
    rival.call(1, set("k", "0")).await.unwrap();
    let mut puppet = Puppet::start_with(&store, 1, LARGE).await;
    let large = puppet.server.send(1, set("k", &value(5_000))).await;
    next_put(&mut puppet, RUNS).await.answer();
    let put = next_put(&mut puppet, root::NAME).await;
    let first = runs(&store).await;
    assert_eq!(first.len(), 1);
    sweep(&rival, &store).await;
    assert!(runs(&store).await.is_empty(), "nobody names it yet");
    put.answer(); // a conflict
    let again = next_put(&mut puppet, RUNS).await;
    assert!(puts(&again, RUNS));
    again.answer();
    next_put(&mut puppet, root::NAME).await.answer();
    assert_eq!(one(large).await, Ok(Reply::OK));
    puppet.settle().await;
    let (there, named) = (runs(&store).await, named(&store));
    assert_eq!((&there, there.len()), (&named, 1));
    assert!(named.is_disjoint(&first));
    assert_eq!(stored_value(&store, "k").unwrap(), value(5_000));
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_command_changes_nothing_in_the_end_is_never_named() {
    let store = Memory::new();
    let rival = Server::start_with(store.clone(), 2, NONE).await;
    rival.call(1, set("o", "0")).await.unwrap();
    let mut puppet = Puppet::start_with(&store, 1, LARGE).await;
    let large = puppet.server.send(1, set_nx("k", &value(5_000))).await;
    next_put(&mut puppet, RUNS).await.answer();
    let put = next_put(&mut puppet, root::NAME).await;
    assert!(puts(&put, root::NAME));
    rival.call(1, set("k", "1")).await.unwrap();
    put.answer(); // a conflict
    assert_eq!(puppet.answering(one(large)).await, Ok(Reply::Null));
    puppet.settle().await;
    assert!(named(&store).is_empty());
    assert_eq!(stored_value(&store, "k").unwrap(), "1");
    assert_eq!(runs(&store).await.len(), 1);
    sweep(&rival, &store).await;
    assert!(runs(&store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_version_takes_back_what_an_earlier_one_says_to_be_swept() {
    let store = Memory::new();
    let quick = Server::start_with(store.clone(), 2, NONE).await;
    quick.call(1, set("a", "1")).await.unwrap();
    let mut slow = Puppet::start_with(&store, 1, NONE).await;
    let queue = slow.server.queue.clone();
    let sweeping = spawn(async move { queue.propose(Proposal::Sweep).await.unwrap() });
    let put = next_put(&mut slow, root::NAME).await;
    let Request::Put { bytes, .. } = &put.request else { unreachable!() };
    assert_eq!(Root::decode(bytes, &[]).unwrap().header.swept, 2);
    assert_eq!(sweep(&quick, &store).await, 2);
    quick.call(1, set("a", "2")).await.unwrap();
    assert_eq!(sweep(&quick, &store).await, 4);
    put.answer(); // a conflict
    // Until its own sweep has landed it asks for nothing but the database, and so deletes nothing.
    let put = loop {
        let held = slow.script.next().await.unwrap();
        match &held.request {
            Request::Get { name, .. } if name == root::NAME => held.answer(),
            Request::Put { name, .. } if name == root::NAME => break held,
            other => panic!("{other:?} before the sweep has landed"),
        }
    };
    put.answer();
    slow.settle().await;
    assert_eq!(sweeping.await.unwrap(), Outcome::Landed(5));
    assert_eq!(stored(&store).header.swept, 5, "its own generation, and not what it was to be at first");
    for command in [call(&["FLUSHALL"]), set("a", "3")] {
        quick.call(1, command).await.unwrap();
        assert_eq!(stored(&store).header.swept, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_takes_its_time_deletes_nothing_that_was_named_meanwhile() {
    let store = Memory::new();
    with_runs(&store).await;
    let garbage = format!("{}1-{:032x}", RUNS, 7);
    store.plant(&garbage, "what an upload has left that nobody named");
    let mut sweeper = Puppet::start_with(&store, 1, NONE).await;
    let queue = sweeper.server.queue.clone();
    let sweeping = spawn(async move { queue.propose(Proposal::Sweep).await.unwrap() });
    next_put(&mut sweeper, root::NAME).await.answer();
    let list = sweeper.script.next().await.unwrap();
    assert_eq!(list.request, Request::List { prefix: RUNS.to_owned() });
    let author = Server::start_with(store.clone(), 2, Thresholds { recent: 1, ..FOLDS }).await;
    let old = named(&store);
    for n in 0..3 {
        let before = named(&store);
        author.call(1, set("e", &n.to_string())).await.unwrap();
        until(async || named(&store) != before).await;
    }
    assert_eq!(named(&store).difference(&old).count(), 3, "runs were named since");
    list.answer();
    sweeper.settle().await;
    assert!(matches!(sweeping.await.unwrap(), Outcome::Landed(_)));
    assert!(named(&store).is_subset(&runs(&store).await), "and all of them are there");
    assert!(!runs(&store).await.contains(&garbage));
    assert_eq!(stored_value(&store, "e").unwrap(), "2");
}
