//! Effects that are too large for `db.json`, told as stories about every request that they take.

mod cluster;

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::*;
use tokio::time::sleep;
use valthree::command::TOO_LARGE;
use valthree::commit::{Outcome, Refusal};
use valthree::resp::Reply;
use valthree::root::{self, Root};
use valthree::run::RUNS;
use valthree::settings::Thresholds;
use valthree::state::Proposal;
use valthree::store::memory::{HeldRequest, Memory, Request};

/// Effects of more bytes are stored as a run.
const LARGE: Thresholds = Thresholds { recent: 1_000, ..FOLDS };

/// A database with a large value under `k`, and a server that begins to copy it to `c`.
async fn begin_to_copy(store: &Memory) -> (Puppet, valthree::commit::Awaited) {
    let author = Server::start_with(store.clone(), 9, NONE).await;
    author.call(1, set("k", &value(5_000))).await.unwrap();
    let puppet = Puppet::start_with(store, 1, LARGE).await;
    let copy = puppet.server.send(1, call(&["COPY", "k", "c"])).await;
    (puppet, copy)
}

fn version(put: &HeldRequest) -> Root {
    let Request::Put { bytes, .. } = &put.request else { unreachable!("it is a PUT") };
    decoded(bytes)
}

/// The runs that the second commit uploaded. That of the first one is named no more once its entry is folded, and stays
/// until a sweep.
async fn uploads_of_the_copy(store: &Memory) -> BTreeSet<String> {
    runs(store).await.into_iter().filter(|name| name.starts_with("runs/2-")).collect()
}

#[tokio::test(start_paused = true)]
async fn large_effects_are_stored_before_their_commit_names_them() {
    let store = Memory::new();
    let (mut puppet, mut copy) = begin_to_copy(&store).await;
    let upload = next_put(&mut puppet, RUNS).await;
    let mut write = puppet.server.send(2, set("o", "1")).await;
    let read = puppet.server.send(3, get("k")).await;
    assert_eq!(puppet.answering(one(read)).await, Ok(bulk(&value(5_000))), "reads go on");
    let quiet = tokio::time::timeout(Duration::from_millis(500), puppet.script.next()).await.is_err();
    assert!(quiet && !is_answered(&mut copy) && !is_answered(&mut write), "nothing is committed");
    upload.answer();
    let put = next_put(&mut puppet, root::NAME).await;
    let root = version(&put);
    let upload = root.recent.last().and_then(|entry| entry.missing()).expect("the entry names the run");
    assert_eq!((upload.rows, root.header.databases[0].keys), (1, 2));
    assert!(root.recent.last().is_some_and(|entry| entry.encoded().len() < 300), "the value is not in it");
    put.answer();
    assert_eq!(one(copy).await, Ok(Reply::Integer(1)));
    next_put(&mut puppet, root::NAME).await.answer();
    assert_eq!(one(write).await, Ok(Reply::OK));
    puppet.settle().await;
    assert_eq!(uploads_of_the_copy(&store).await, named(&store), "there was one upload");
    let reader = Server::start(store.clone(), 2).await;
    assert_eq!(reader.call(1, get("c")).await, Ok(bulk(&value(5_000))));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_follows_reads_the_run_before_it_serves_the_version() {
    let store = Memory::new();
    let (mut puppet, copy) = begin_to_copy(&store).await;
    let mut reader = Puppet::start_with(&store, 2, LARGE).await;
    assert_eq!(puppet.answering(one(copy)).await, Ok(Reply::Integer(1)));
    let mut answer = reader.server.send(1, get("c")).await;
    reader.get().await.answer();
    let run = reader.get().await;
    assert!(matches!(&run.request, Request::Get { name, .. } if name.starts_with(RUNS)), "{:?}", run.request);
    assert!(!is_answered(&mut answer));
    run.answer();
    assert_eq!(reader.answering(one(answer)).await, Ok(bulk(&value(5_000))));
}

#[tokio::test(start_paused = true)]
async fn a_lost_commit_uploads_its_effects_anew() {
    for while_uploading in [true, false] {
        let store = Memory::new();
        let (mut puppet, copy) = begin_to_copy(&store).await;
        let rival = Server::start_with(store.clone(), 2, NONE).await;
        let upload = next_put(&mut puppet, RUNS).await;
        if while_uploading {
            rival.call(1, set("k", "small")).await.unwrap();
            // A read brings the newer version before the upload has ended.
            let read = puppet.server.send(2, get("k")).await;
            assert_eq!(puppet.answering(one(read)).await, Ok(bulk("small")));
            upload.answer();
        } else {
            upload.answer();
            let put = next_put(&mut puppet, root::NAME).await;
            rival.call(1, set("k", &value(6_000))).await.unwrap();
            put.answer(); // a conflict
        }
        let first = runs(&store).await;
        assert_eq!(puppet.answering(one(copy)).await, Ok(Reply::Integer(1)));
        puppet.settle().await;
        let copied = if while_uploading { "small".to_owned() } else { value(6_000) };
        assert_eq!(stored_value(&store, "c").unwrap(), copied, "what the newer version says");
        assert!(named(&store).is_disjoint(&first), "the first upload is for a version that never was");
        let Ok(Outcome::Landed(_)) = rival.queue.propose(Proposal::Sweep).await else { panic!("it is alone") };
        sleep(QUIET).await;
        assert_eq!(runs(&store).await, named(&store), "and is swept");
        assert_eq!(rival.call(1, get("c")).await, Ok(bulk(&copied)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_like_any_other() {
    for landed in [true, false] {
        let store = Memory::new();
        let (mut puppet, copy) = begin_to_copy(&store).await;
        next_put(&mut puppet, RUNS).await.answer();
        let mut put = next_put(&mut puppet, root::NAME).await;
        if landed {
            assert!(put.perform());
        }
        put.fail(unclear());
        assert_eq!(puppet.answering(one(copy)).await, Ok(Reply::Integer(1)));
        puppet.settle().await;
        assert_eq!(stored_value(&store, "c").unwrap(), value(5_000));
        assert_eq!(uploads_of_the_copy(&store).await, named(&store), "the same bytes name the same run");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_is_tried_under_another_name() {
    let store = Memory::new();
    let (mut puppet, mut copy) = begin_to_copy(&store).await;
    let (mut names, mut requests) = (BTreeSet::new(), 0);
    while names.len() < 2 {
        let mut put = next_put(&mut puppet, RUNS).await;
        let Request::Put { name, .. } = &put.request else { unreachable!("it is a PUT") };
        names.insert(name.clone());
        requests += 1;
        put.fail(refused());
        assert!(requests < 100 && !is_answered(&mut copy));
    }
    let reply = puppet.answering(one(copy)).await;
    // The attempts may have taken longer than the deadline. Then nothing has happened, and nothing will.
    puppet.settle().await;
    match reply {
        Ok(reply) => assert_eq!((reply, stored_value(&store, "c").unwrap()), (Reply::Integer(1), value(5_000).into())),
        Err(refusal) => assert_eq!((refusal, stored_value(&store, "c")), (Refusal::NothingHappened, None)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_between_upload_and_commit_leaves_nothing_but_a_run_to_sweep() {
    let store = Memory::new();
    let (mut puppet, copy) = begin_to_copy(&store).await;
    next_put(&mut puppet, RUNS).await.answer();
    let put = next_put(&mut puppet, root::NAME).await;
    puppet.server.ended.abort();
    drop((put, puppet, copy));
    assert_eq!((runs(&store).await.len(), named(&store).len()), (1, 0));
    let next = Server::start(store.clone(), 2).await;
    assert_eq!(next.call(1, call(&["EXISTS", "c"])).await, Ok(Reply::Integer(0)));
    let Ok(Outcome::Landed(_)) = next.queue.propose(Proposal::Sweep).await else { panic!("it is alone") };
    sleep(QUIET).await;
    assert!(runs(&store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_during_the_upload_means_that_nothing_happens() {
    let store = Memory::new();
    let (mut puppet, copy) = begin_to_copy(&store).await;
    let upload = next_put(&mut puppet, RUNS).await;
    assert_eq!(puppet.answering(one(copy)).await, Err(Refusal::NothingHappened));
    upload.answer();
    puppet.settle().await;
    assert_eq!(stored_value(&store, "c"), None);
    assert!(named(&store).is_empty(), "the run is of no use");
}

#[tokio::test(start_paused = true)]
async fn a_fold_takes_the_rows_of_the_run_along() {
    let store = Memory::new();
    let (mut puppet, copy) = begin_to_copy(&store).await;
    assert_eq!(puppet.answering(one(copy)).await, Ok(Reply::Integer(1)));
    for n in 0..30 {
        let answer = puppet.server.send(1, set(&format!("key {n}"), &value(100))).await;
        assert_eq!(puppet.answering(one(answer)).await, Ok(Reply::OK));
        puppet.settle().await;
    }
    let root = stored(&store);
    assert!(!root.runs.is_empty() && root.recent.iter().all(|entry| entry.missing().is_none()), "it was folded");
    assert_eq!(stored_value(&store, "c").unwrap(), value(5_000));
}

#[tokio::test(start_paused = true)]
async fn more_than_64_mib_at_once_are_refused_and_the_rest_of_the_batch_is_not() {
    let store = Memory::new();
    let server = Server::start(store.clone(), 1).await;
    let long = "v".repeat(15 << 20);
    assert_eq!(server.call(1, set("k", &long)).await, Ok(Reply::OK));
    let script = "for i = 1, 5 do redis.call('copy', 'k', 'c' .. i) end";
    let answers = server
        .pipeline(
            1,
            vec![
                set("a", "1"),
                call(&["EVAL", script, "0"]),
                call(&["INCR", "a"]),
                call(&["SORT", "l", "BY", "nosort", "GET", "*", "GET", "*", "STORE", "s"]),
            ],
        )
        .await;
    let mut replies = Vec::new();
    for answer in answers {
        replies.push(one(answer).await.unwrap());
    }
    assert_eq!(replies, [Reply::OK, TOO_LARGE, Reply::Integer(2), Reply::Integer(0)]);
    assert_eq!(server.call(1, call(&["RPUSH", "l", "k", "k", "k"])).await, Ok(Reply::Integer(3)));
    let sort = call(&["SORT", "l", "BY", "nosort", "GET", "*", "GET", "*", "STORE", "s"]);
    let answers = server.pipeline(1, vec![set("b", "1"), sort, call(&["INCR", "b"])]).await;
    let mut replies = Vec::new();
    for answer in answers {
        replies.push(one(answer).await.unwrap());
    }
    assert_eq!((&replies[0], &replies[2]), (&Reply::OK, &Reply::Integer(2)), "90 MiB by one command");
    assert!(is_too_large(&replies[1]), "{:?}", replies[1]);
    assert_eq!(server.call(1, call(&["EXISTS", "c1", "s"])).await, Ok(Reply::Integer(0)));
    // A unit that nothing else changes with: it is answered like a read.
    let sort = call(&["SORT", "l", "BY", "nosort", "GET", "*", "GET", "*", "STORE", "s"]);
    let refused = server.call(1, sort).await.unwrap();
    assert!(is_too_large(&refused), "{refused:?}");
    assert_eq!(server.call(1, call(&["DBSIZE"])).await, Ok(Reply::Integer(4)));
}

/// SORT refuses so much by itself, before it is executed to its end.
fn is_too_large(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(text) if String::from_utf8_lossy(text).contains("more than 64 MiB"))
}
