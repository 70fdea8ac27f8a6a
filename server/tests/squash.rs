//! Entries that become one entry, because they say much of the same, told as stories about every request.

mod cluster;

use std::sync::Arc;

use cluster::*;
use valthree::resp::Reply;
use valthree::root::{self, Entry, EntryParts, Kept, OfferAnswers, Root, Said, SaidKind};
use valthree::run::RUNS;
use valthree::settings::Thresholds;
use valthree::store::memory::Memory;

/// The generations that each entry stands for.
fn entries(store: &Memory) -> Vec<(u64, u64)> {
    stored(store).recent.iter().map(|entry| (entry.parts().from, entry.generation())).collect()
}

async fn call_all(puppet: &mut Puppet, commands: &[&[&str]]) {
    for words in commands {
        let answer = puppet.server.send(1, call(words)).await;
        let reply = puppet.answering(one(answer)).await.unwrap();
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn entries_that_say_much_of_the_same_become_one_while_commits_go_on() {
    let store = Memory::new();
    let mut puppet = Puppet::start_with(&store, 1, SQUASHES).await;
    call_all(&mut puppet, &[&["SET", "a", "1"]]).await;
    let answer = puppet.server.send(1, set("a", "2")).await;
    next_put(&mut puppet, root::NAME).await.answer();
    assert_eq!(one(answer).await, Ok(Reply::OK));
    assert!(puppet.is_quiet().await, "nothing is uploaded, and there is no commit for it alone");
    assert_eq!(entries(&store), [(1, 1), (2, 2)]);
    call_all(&mut puppet, &[&["SET", "b", "1"]]).await;
    puppet.settle().await;
    assert_eq!(entries(&store), [(1, 2), (3, 3)]);
    assert_eq!(
        (runs(&store).await.len(), puppet.server.stats.squashes.get(), puppet.server.stats.folds.get()),
        (0, 1, 0)
    );
    let late = Server::start_with(store.clone(), 2, NONE).await;
    assert_eq!(late.call(1, get("a")).await, Ok(bulk("2")));
    // Keys that were not there before do not repeat. The fold takes the entry of the squash with the others.
    for key in ["c", "d", "e", "f"] {
        call_all(&mut puppet, &[&["SET", key, "1"]]).await;
    }
    puppet.settle().await;
    let root = stored(&store);
    assert_eq!(root.runs.first().map(|run| run.from), Some(0), "{root:?}");
    assert!(root.runs.first().is_some_and(|run| run.to > 3), "{root:?}");
    assert_eq!(puppet.server.stats.squashes.get(), 1, "a squash of rows that do not repeat would free nothing");
    for server in [&late, &Server::start_with(store.clone(), 3, NONE).await] {
        assert_eq!(server.call(1, get("a")).await, Ok(bulk("2")));
        assert_eq!(server.call(1, call(&["DBSIZE"])).await, Ok(Reply::Integer(6)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_in_one_entry_of_many_hides_what_a_run_says() {
    let store = Memory::new();
    with_runs(&store).await;
    let mut puppet = Puppet::start_with(&store, 1, SQUASHES).await;
    call_all(&mut puppet, &[&["SET", "a", "2"], &["DEL", "a"], &["SET", "e", "1"]]).await;
    puppet.settle().await;
    assert_eq!((puppet.server.stats.squashes.get(), stored(&store).runs.len()), (1, 2));
    assert!(stored(&store).recent[0].is_joint());
    assert_eq!((stored_value(&store, "a"), stored_value(&store, "b")), (None, Some("1".into())));
    let late = Server::start_with(store.clone(), 2, NONE).await;
    assert_eq!(late.call(1, get("a")).await, Ok(Reply::Null));
    assert_eq!(late.call(1, call(&["DBSIZE"])).await, Ok(Reply::Integer(4)));
}

#[tokio::test(start_paused = true)]
async fn a_fold_that_ends_within_a_squash_is_thrown_away() {
    let store = Memory::new();
    let mut slow = Puppet::start_with(&store, 1, FOLDS).await;
    call_all(&mut slow, &[&["SET", "a", "1"], &["SET", "b", "1"]]).await;
    let upload = next_put(&mut slow, RUNS).await;
    let quick = Server::start_with(store.clone(), 2, SQUASHES).await;
    for n in 0..3 {
        assert_eq!(quick.call(1, set("a", &n.to_string())).await, Ok(Reply::OK));
        tokio::time::sleep(QUIET).await;
    }
    assert!(entries(&store)[0].1 > 2, "{:?}", entries(&store));
    upload.answer();
    slow.settle().await;
    assert!(named(&store).is_empty());
    assert_eq!((stored_value(&store, "a"), stored_value(&store, "b")), (Some("2".into()), Some("1".into())));
    let answer = slow.server.send(1, get("a")).await;
    assert_eq!(slow.answering(one(answer)).await, Ok(bulk("2")));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_names_a_run_is_folded_and_not_squashed() {
    let store = Memory::new();
    let thresholds = Thresholds { recent: 1_000, ..SQUASHES };
    let mut puppet = Puppet::start_with(&store, 1, thresholds).await;
    let large = value(5_000);
    call_all(&mut puppet, &[&["SET", "a", "0"], &["SET", "k", &large]]).await;
    for n in 0..20 {
        call_all(&mut puppet, &[&["SET", "a", &n.to_string()]]).await;
    }
    puppet.settle().await;
    let root = stored(&store);
    assert!(puppet.server.stats.folds.get() > 0 && !root.runs.is_empty());
    assert!(root.runs[0].to >= 3, "the first fold has taken the entry that names a run");
    assert_eq!(stored_value(&store, "k"), Some(large.into()));
    assert_eq!(stored_value(&store, "a"), Some("19".into()));
}

#[tokio::test(start_paused = true)]
async fn only_the_oldest_entry_may_stand_for_several_generations() {
    let store = Memory::new();
    let server = Server::start_with(store.clone(), 1, NONE).await;
    for n in 0..3 {
        assert_eq!(server.call(1, set("a", &n.to_string())).await, Ok(Reply::OK));
    }
    let root = stored(&store);
    let refusal = |root: &Root| Root::decode(&root.encode(), &[]).unwrap_err().to_string();
    let joint = |from: u64, to: u64| {
        let old = root.recent[to as usize - 1].parts().clone();
        Arc::new(Entry::new(EntryParts { from, ..old }))
    };
    let mut second = root.clone();
    second.recent = vec![Arc::clone(&root.recent[0]), joint(2, 3)];
    let why = "contradicts itself: an entry that is not the oldest stands for generations 2 to 3";
    assert_eq!(refusal(&second), why);
    let mut oldest = root.clone();
    oldest.recent = vec![joint(1, 2), Arc::clone(&root.recent[2])];
    let said = vec![Said { kind: SaidKind::Message, channel: "news".into(), message: "hi".into() }];
    let kept = |generation: u64| vec![Kept { generation, of: OfferAnswers::new(), said: said.clone() }];
    for generation in [1, 2] {
        oldest.kept = kept(generation);
        assert_eq!(decoded(&oldest.encode()).kept, oldest.kept, "what it has said, it does not say any more");
    }
    oldest.kept = kept(3);
    assert_eq!(refusal(&oldest), "contradicts itself: it keeps the entry of generation 3 twice");
}

/// How many commits a load has.
const COMMITS: usize = 40;

/// Sets as many keys with each commit as a thousand clients would. Returns the requests, the folds, and the squashes.
async fn load(keys: usize, thresholds: Thresholds) -> (u64, u64, u64) {
    const SETS: usize = 1_000;
    let store = Memory::new();
    let server = Server::start_with(store.clone(), 1, thresholds).await;
    for nth in 0..COMMITS {
        // Any order in which a key comes back after all the others.
        let key = |at: usize| format!("key:{}", (nth * SETS + at) * 7_919 % keys);
        let sets = (0..SETS).map(|at| set(&key(at), &value(100))).collect();
        for answer in server.pipeline(1, sets).await {
            assert_eq!(one(answer).await, Ok(Reply::OK));
        }
    }
    tokio::time::sleep(QUIET).await;
    assert_eq!(whole(&store).keys(), keys.min(COMMITS * SETS) as u64);
    let stats = &server.stats;
    let requests = stats.puts.get() + stats.gets.get() + stats.runs_deleted.get();
    (requests, stats.folds.get(), stats.squashes.get())
}

#[tokio::test(start_paused = true)]
async fn hot_keys_make_no_runs_and_many_keys_make_as_many_as_ever() {
    let (usual, never) = (Thresholds::default(), Thresholds { squash: 0, ..Thresholds::default() });
    let (hot, without) = (load(1_000, usual).await, load(1_000, never).await);
    println!("1,000 keys: requests, folds and squashes are {hot:?}, and without squashes {without:?}");
    assert!(hot.0 <= COMMITS as u64 + 1 && hot.1 == 0 && hot.2 > 5, "{hot:?}");
    assert!(without.0 > hot.0 && without.1 > 0, "{without:?}");
    let (many, without) = (load(100_000, usual).await, load(100_000, never).await);
    println!("100,000 keys: {many:?}, and {without:?}");
    assert_eq!(many, without);
    assert!(many.1 > 0 && many.2 == 0, "{many:?}");
}
