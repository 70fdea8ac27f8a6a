//! What becomes of a database that outgrows its one object, told as stories about every request that it takes.

mod cluster;

use bytes::Bytes;
use cluster::*;
use valthree::commit::Refusal;
use valthree::resp::Reply;
use valthree::root::{self, Root};
use valthree::row::Table;
use valthree::run::RUNS;
use valthree::settings::Thresholds;
use valthree::store::memory::{Memory, Request};

#[tokio::test(start_paused = true)]
async fn the_newest_entries_become_a_run_while_commits_go_on() {
    let store = Memory::new();
    let mut puppet = Puppet::start_with(&store, 1, FOLDS).await;
    for key in ["a", "b"] {
        let answer = puppet.server.send(1, set(key, "1")).await;
        next_put(&mut puppet, root::NAME).await.answer();
        assert_eq!(one(answer).await, Ok(Reply::OK));
    }
    let upload = next_put(&mut puppet, RUNS).await;
    // Nobody waits for it: a key changes, one goes, and one comes.
    for command in [set("a", "2"), del(&["b"]), set("c", "3")] {
        let answer = puppet.server.send(1, command).await;
        next_put(&mut puppet, root::NAME).await.answer();
        assert!(one(answer).await.is_ok());
    }
    upload.answer();
    next_put(&mut puppet, root::NAME).await.answer();
    let root = stored(&store);
    assert_eq!(root.runs.iter().map(|run| (run.from, run.to, run.rows)).collect::<Vec<_>>(), [(0, 2, 2)]);
    assert_eq!(root.header.databases[0].keys, 2);
    let said = |key: &'static str, value: Option<&'static str>| (Bytes::from(key), value.map(Bytes::from));
    let expected = [said("a", Some("2")), said("b", None), said("c", Some("3"))];
    assert_eq!(recent(&root).into_iter().collect::<Vec<_>>(), expected, "later entries hide what the run says");
    puppet.settle().await;
    assert_eq!(stored(&store).covered(), 6, "as much has come meanwhile, so that becomes a run, too");
    assert!(stored(&store).recent.iter().all(|entry| entry.is_bare()), "the fold's own entry says nothing");
    let late = Server::start(store.clone(), 2).await;
    assert_eq!(late.call(1, get("a")).await, Ok(bulk("2")));
    assert_eq!(late.call(1, get("b")).await, Ok(Reply::Null));
    assert_eq!(late.call(1, get("c")).await, Ok(bulk("3")));
    assert_eq!(late.call(1, call(&["DBSIZE"])).await, Ok(Reply::Integer(2)));
}

#[tokio::test(start_paused = true)]
async fn a_fold_whose_place_was_taken_is_thrown_away() {
    let store = Memory::new();
    let mut slow = Puppet::start_with(&store, 1, FOLDS).await;
    for key in ["a", "b"] {
        let answer = slow.server.send(1, set(key, "1")).await;
        assert_eq!(slow.answering(one(answer)).await, Ok(Reply::OK));
    }
    let upload = next_put(&mut slow, RUNS).await;
    let quick = Server::start_with(store.clone(), 2, Thresholds { recent: 1, ..FOLDS }).await;
    assert_eq!(quick.call(1, set("a", "2")).await, Ok(Reply::OK));
    tokio::time::sleep(QUIET).await;
    let (root, taken) = (stored(&store), named(&store));
    assert_eq!((taken.len(), root.covered()), (1, 3));
    upload.answer();
    slow.settle().await;
    assert_eq!(named(&store), taken);
    // Beside the named one: the fold in vain, and the large value that the quick server's fold has taken in.
    assert_eq!(runs(&store).await.len(), 3, "they lie there until they are swept");
    assert_eq!(stored_value(&store, "a").unwrap(), "2");
    let answer = slow.server.send(1, get("a")).await;
    assert_eq!(slow.answering(one(answer)).await, Ok(bulk("2")));
}

#[tokio::test(start_paused = true)]
async fn a_speculative_version_is_never_folded() {
    let store = Memory::new();
    let mut puppet = Puppet::start_with(&store, 1, FOLDS).await;
    let answer = puppet.server.send(1, set("a", "1")).await;
    assert_eq!(puppet.answering(one(answer)).await, Ok(Reply::OK));
    // This commit would make it large enough, but its fate is open, and it is lost in the end.
    let answer = puppet.server.send(1, set("b", &value(500).replace('v', ""))).await;
    let mut put = next_put(&mut puppet, root::NAME).await;
    put.fail(unclear());
    let check = puppet.get().await;
    let rival = Server::start_with(store.clone(), 2, NONE).await;
    assert_eq!(rival.call(1, del(&["a"])).await, Ok(Reply::Integer(1)));
    check.answer();
    assert_eq!(puppet.answering(one(answer)).await, Ok(Reply::OK));
    puppet.settle().await;
    assert!(runs(&store).await.is_empty(), "after the deletion one entry is all there is");
    assert_eq!(stored_value(&store, "a"), None);
}

#[tokio::test(start_paused = true)]
async fn flushall_costs_one_small_put_however_much_there_is() {
    let store = Memory::new();
    with_runs(&store).await;
    let mut puppet = Puppet::start_with(&store, 1, FOLDS).await;
    let batch =
        puppet.server.pipeline(1, vec![set("a", "2"), call(&["FLUSHALL"]), set("e", "5"), get("a"), get("d")]).await;
    let before = stored(&store).header;
    let put = next_put(&mut puppet, root::NAME).await;
    let Request::Put { bytes, .. } = &put.request else { unreachable!() };
    let flushed = Root::decode(bytes, &[]).unwrap();
    assert!(flushed.runs.is_empty());
    assert_eq!(flushed.header.swept, before.swept);
    let e = (Bytes::from("e"), Some(Bytes::from("5")));
    let newest = Table::Keys(flushed.header.databases[0].id);
    let rows = flushed.recent.iter().flat_map(|entry| entry.all_rows()).filter(|(table, ..)| *table == newest);
    let rows: Vec<_> = rows.map(|(_, key, row)| (key.clone(), row.and_then(|row| row.value().cloned()))).collect();
    assert_eq!((rows, flushed.header.databases[0].keys), (vec![e], 1));
    put.answer();
    let mut replies = Vec::new();
    for answer in batch {
        replies.push(puppet.answering(one(answer)).await.unwrap());
    }
    assert_eq!(replies, [Reply::OK, Reply::OK, Reply::OK, Reply::Null, Reply::Null]);
}

#[tokio::test(start_paused = true)]
async fn a_large_value_is_uploaded_once_for_however_many_commits_and_holds_up_no_others() {
    let store = Memory::new();
    let rival = Server::start_with(store.clone(), 2, NONE).await;
    rival.call(1, set("k", "0")).await.unwrap();
    let mut puppet = Puppet::start_with(&store, 1, Thresholds { recent: 1_000, ..FOLDS }).await;
    let large = puppet.server.send(1, set("k", &value(5_000))).await;
    let mut behind = puppet.server.send(1, get("k")).await;
    let upload = next_put(&mut puppet, RUNS).await;
    // Others do not wait for it, but what the same client sent later does.
    let other = puppet.server.send(2, set("o", "1")).await;
    next_put(&mut puppet, root::NAME).await.answer();
    assert_eq!(one(other).await, Ok(Reply::OK));
    assert!(!is_answered(&mut behind));
    upload.answer();
    let put = next_put(&mut puppet, root::NAME).await;
    rival.call(1, set("r", "1")).await.unwrap();
    put.answer(); // a conflict
    let put = next_put(&mut puppet, root::NAME).await;
    let Request::Put { bytes, .. } = &put.request else { unreachable!() };
    assert!(bytes.len() < 3_000, "the value is not in it");
    put.answer();
    assert_eq!(one(large).await, Ok(Reply::OK));
    assert_eq!(one(behind).await, Ok(bulk(&value(5_000))));
    puppet.settle().await;
    assert_eq!(runs(&store).await, named(&store), "no second upload");
    assert_eq!(stored_value(&store, "k").unwrap(), value(5_000));
    assert_eq!(rival.call(1, get("k")).await, Ok(bulk(&value(5_000))));
}

#[tokio::test(start_paused = true)]
async fn the_first_write_of_a_database_is_its_creation_however_large_it_is() {
    let store = Memory::new();
    let mut puppet = Puppet::start_with(&store, 1, FOLDS).await;
    let answer = puppet.server.send(1, set("k", &value(5_000))).await;
    let put = puppet.put().await;
    assert!(puts(&put, root::NAME), "a run without a database would be taken for what is left of one");
    put.answer();
    assert_eq!(one(answer).await, Ok(Reply::OK));
}

fn named_at_the_start(run: &str, why: &str) -> String {
    format!("memory:{run} {why}. Nothing was overwritten; mend it, or keep the database elsewhere")
}

/// Does something to a run.
type Damage = Box<dyn Fn(&Memory, &str)>;

/// What is done to a run, and what is said about it.
fn damages() -> Vec<(Damage, &'static str)> {
    let change = |change: fn(&mut Vec<u8>)| -> Damage {
        Box::new(move |store, run| {
            let mut bytes = store.peek(run).unwrap().to_vec();
            change(&mut bytes);
            store.plant(run, bytes);
        })
    };
    vec![
        (Box::new(|store: &Memory, run: &str| store.remove(run)), "is missing, although db.json names it"),
        (change(|bytes| bytes.truncate(bytes.len() - 1)), "is not the run that db.json names: it is "),
        (change(|bytes| *bytes.last_mut().unwrap() ^= 1), "is damaged: its checksum is wrong"),
        (change(|bytes| bytes[120] ^= 1), "is damaged: its checksum is wrong"),
        (change(|bytes| bytes[0] = b'<'), "is not a run: its first line says something else"),
        (change(|bytes| bytes[7] = b'3'), "is a run of format 3, and this server reads formats 1 and 2 only"),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_not_what_it_was_is_named_and_nothing_is_served_from_the_rest() {
    for (damage, why) in damages() {
        let store = Memory::new();
        let runs = with_runs(&store).await;
        // This one knows the first run only, and will have to read the second.
        let behind = {
            let old = Memory::new();
            with_runs(&old).await;
            let server = Server::start_with(store.clone(), 2, NONE).await;
            assert_eq!(server.call(1, get("a")).await, Ok(bulk("1")));
            server
        };
        let author = Server::start_with(store.clone(), 3, Thresholds { recent: 1, ..FOLDS }).await;
        author.call(1, set("e", "5")).await.unwrap();
        tokio::time::sleep(QUIET).await;
        let newest = stored(&store).runs.last().unwrap().name.to_string();
        assert!(!runs.contains(&newest));
        damage(&store, &newest);
        let (db, objects) = (store.peek(root::NAME), self::runs(&store).await);

        let said = Server::load(store.clone(), 4).await.err().expect("it can't be served").to_string();
        assert!(said.starts_with(&format!("memory:{newest} {why}")), "{said}");
        assert!(said.ends_with(&named_at_the_start("", "").replace("memory: ", "")), "{said}");
        let refusal = behind.call(1, get("a")).await.unwrap_err();
        let Refusal::Unusable(said) = refusal else { panic!("{refusal:?}") };
        assert!(said.starts_with(&format!("memory:{newest} {why}")), "{said}");
        assert!(
            said.ends_with("Nothing was overwritten; this server looks again, and serves once it is mended"),
            "{said}"
        );
        assert_eq!((store.peek(root::NAME), self::runs(&store).await), (db, objects), "nothing was touched");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_gone_because_the_database_moved_on_is_no_damage() {
    let store = Memory::new();
    with_runs(&store).await;
    let old = store.peek(root::NAME).unwrap();
    let mut reader = {
        let (handle, script) = store.scripted();
        let start = tokio::spawn(Server::start_with(handle, 2, NONE));
        (start, script)
    };
    // It reads the version that names the runs, and then they are merged, and deleted, before it reads them.
    let look = reader.1.next().await.unwrap();
    look.answer();
    let first = reader.1.next().await.unwrap();
    let merger = Server::start_with(store.clone(), 3, ALL).await;
    merger.call(1, set("a", "2")).await.unwrap();
    tokio::time::sleep(QUIET).await;
    merger.call(1, set("a", "3")).await.unwrap();
    tokio::time::sleep(QUIET).await;
    let gone: Vec<String> = Root::decode(&old, &[]).unwrap().runs.iter().map(|run| run.name.to_string()).collect();
    assert!(gone.iter().all(|run| store.peek(run).is_none()), "they have been deleted");
    first.answer();
    let answer = tokio::spawn(async move {
        while let Some(held) = reader.1.next().await {
            held.answer();
        }
    });
    let server = reader.0.await.unwrap();
    assert_eq!(server.call(1, get("a")).await, Ok(bulk("3")));
    assert_eq!(server.call(1, get("d")).await, Ok(bulk("1")));
    drop(server.queue);
    server.ended.await.unwrap().unwrap();
    answer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_answer_is_anything_but_success_is_looked_at_before_it_is_named() {
    for landed in [true, false] {
        let store = Memory::new();
        let mut puppet = Puppet::start_with(&store, 1, FOLDS).await;
        for key in ["a", "b"] {
            let answer = puppet.server.send(1, set(key, "1")).await;
            assert_eq!(puppet.answering(one(answer)).await, Ok(Reply::OK));
        }
        let mut upload = next_put(&mut puppet, RUNS).await;
        if landed {
            assert!(upload.perform());
        }
        upload.fail(conflict());
        puppet.settle().await;
        assert_eq!((named(&store), named(&store).len()), (runs(&store).await, 1));
        let _: Bytes = stored_value(&store, "a").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_be_stored_costs_nothing_but_a_larger_commit() {
    let store = Memory::new();
    let mut puppet = Puppet::start_with(&store, 1, FOLDS).await;
    let mut kept = Vec::new();
    for n in 0..20 {
        let mut answer = puppet.server.send(1, set(&format!("k{n}"), "1")).await;
        while !is_answered(&mut answer) {
            let held = puppet.script.next().await.expect("the server runs");
            if puts(&held, RUNS) {
                kept.push(held)
            } else {
                held.answer()
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(one(answer).await, Ok(Reply::OK));
    }
    assert_eq!(kept.len(), 1, "one fold at a time");
    let root = stored(&store);
    assert_eq!((root.recent.len(), root.runs.len()), (20, 0));
}
