//! A server starts while its store is still being put to the proof: so the first answer comes after three round trips, and
//! not before it is known that the store can be believed.

mod network;

use std::time::Duration;

use network::{Network, settle, settle_loading};
use tokio::time::{Instant, timeout};
use valthree::settings::{Settings, Thresholds};
use valthree::store::memory::{HeldRequest, Memory, Request, Script};
use valthree::store::proof;

/// The object that a request is about.
fn object(held: &HeldRequest) -> &str {
    match &held.request {
        Request::Get { name, .. } | Request::Put { name, .. } | Request::Delete { name } => name,
        Request::List { prefix } => prefix,
    }
}

fn is_of_the_trial(held: &HeldRequest) -> bool {
    object(held).starts_with(proof::PREFIX)
}

/// All that was asked before any of it is answered: a round trip.
async fn round(script: &mut Script) -> Vec<HeldRequest> {
    let mut round = Vec::new();
    settle().await;
    while let Ok(held) = timeout(Duration::ZERO, script.next()).await {
        round.push(held.expect("the server runs"));
    }
    round
}

/// A server that has loaded its database, and what its store has been asked for the trial, which nobody has answered.
async fn on_trial(store: &Memory) -> (Network, Script, Vec<HeldRequest>) {
    let (network, mut script) = Network::scripted(store, 100);
    let (mut trial, load): (Vec<HeldRequest>, Vec<HeldRequest>) =
        round(&mut script).await.into_iter().partition(is_of_the_trial);
    load.into_iter().for_each(HeldRequest::answer);
    for held in round(&mut script).await {
        if is_of_the_trial(&held) { trial.push(held) } else { held.answer() }
    }
    settle().await;
    (network, script, trial)
}

async fn filled(settings: Settings) -> Memory {
    let store = Memory::new();
    let (mut network, mut script) = Network::limited(&store, settings);
    let answers = tokio::spawn(async move {
        while let Some(held) = script.next().await {
            held.answer();
        }
    });
    settle().await;
    let mut client = network.connect();
    for number in 0..20 {
        client.send(format!("SET k{number} {}\r\n", "v".repeat(100))).await;
        client.expect("+OK\r\n").await;
    }
    settle().await;
    drop(client);
    network.stop();
    network.ended().await;
    answers.await.unwrap();
    store
}

#[tokio::test(start_paused = true)]
async fn the_first_read_is_answered_after_three_round_trips() {
    let folds = Settings { thresholds: Thresholds { recent: 500, ..Thresholds::default() }, ..Settings::default() };
    for (settings, loading) in [(Settings::default(), 1), (folds, 2)] {
        let store = filled(settings).await;
        let (network, mut script) = Network::scripted(&store, 100);
        let mut client = network.connect();
        for number in 1..=3 {
            if number <= loading + 1 {
                client.send("GET k7\r\n").await;
            }
            if number <= loading {
                client.expect_line("-LOADING ").await;
            }
            round(&mut script).await.into_iter().for_each(HeldRequest::answer);
            settle().await;
        }
        client.expect(format!("$100\r\n{}\r\n", "v".repeat(100))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn during_the_trial_of_its_store_a_server_writes_nothing_and_answers_no_one() {
    let store = filled(Settings::default()).await;
    let before = store.peek("db.json");
    let (network, mut script, trial) = on_trial(&store).await;
    let [mut reader, mut small, mut large] = [network.connect(), network.connect(), network.connect()];
    reader.send("GET k7\r\n").await;
    small.send("SET k8 new\r\n").await;
    let value = "v".repeat(200 << 10);
    large.send(format!("*3\r\n$3\r\nSET\r\n$2\r\nk9\r\n${}\r\n{value}\r\n", value.len())).await;
    for held in round(&mut script).await {
        assert!(matches!(&held.request, Request::Get { name, .. } if name == "db.json"), "{:?}", held.request);
        held.answer();
    }
    assert!(round(&mut script).await.is_empty());
    for client in [&mut reader, &mut small, &mut large] {
        client.expect_silence().await;
    }
    assert_eq!(store.peek("db.json"), before);
    trial.into_iter().for_each(HeldRequest::answer);
    settle_loading(&mut script).await;
    reader.expect(format!("$100\r\n{}\r\n", "v".repeat(100))).await;
    small.expect("+OK\r\n").await;
    large.expect("+OK\r\n").await;
    assert_ne!(store.peek("db.json"), before);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_store_that_fails_its_trial_is_told_so_and_nothing_was_written() {
    let store = filled(Settings::default()).await;
    let before = store.peek("db.json");
    let (network, mut script, trial) = on_trial(&store).await;
    let [mut reader, mut writer] = [network.connect(), network.connect()];
    reader.send("GET k7\r\n").await;
    writer.send("SET k8 new\r\n").await;
    round(&mut script).await.into_iter().for_each(HeldRequest::answer);
    // All of them create the same object.
    for held in trial {
        store.remove(object(&held));
        held.answer();
    }
    for client in [&mut reader, &mut writer] {
        client.expect_line("-ERR The database cannot be used: memory:: this store would lose writes: ").await;
    }
    settle_loading(&mut script).await;
    let why = network.server.await.unwrap().unwrap_err().text;
    assert!(why.contains("simultaneous creations of one object all succeeded"), "{why}");
    assert_eq!(store.peek("db.json"), before);
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_store_never_ends_its_trial_tells_its_clients_in_time_and_can_be_stopped() {
    let store = filled(Settings::default()).await;
    let (mut network, _script, _trial) = on_trial(&store).await;
    let mut client = network.connect();
    client.send("SET k8 new\r\n").await;
    client.expect_line("-TRYAGAIN ").await;
    drop(client);
    let began = Instant::now();
    network.stop();
    network.ended().await;
    assert!(began.elapsed() <= Duration::from_secs(10), "after {:?}", began.elapsed());
}
