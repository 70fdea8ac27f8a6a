//! Requests meet the fates that a test draws for them. Time is simulated: a wait that nobody ends ends at once.

mod client;

use std::time::Duration;

use client::{BUCKET, Client, connect, stand, stand_with};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};
use valthree_lab::s3::{Answer, Asked, Fate, RequestKind, Stand};

const OBJECT: &str = "/bucket/object";
const SECOND: Duration = Duration::from_secs(1);

fn content(stand: &Stand) -> Option<String> {
    stand.peek(BUCKET, "object").map(|object| String::from_utf8(object.bytes.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_error_says_nothing_about_what_happened() {
    let errors = [
        (Answer::INTERNAL_ERROR, (500, "InternalError")),
        (Answer::SLOW_DOWN, (503, "SlowDown")),
        (Answer::CONFLICT, (409, "ConditionalRequestConflict")),
        (Answer::Error { status: 418, code: "Teapot" }, (418, "Teapot")),
    ];
    for (answer, (status, code)) in errors {
        for performed in [true, false] {
            let stand = stand();
            let fate = if performed { Fate::performed(answer.clone()) } else { Fate::refused(answer.clone()) };
            stand.decide(move |_| fate.clone());
            let seen = Client::of(&stand).await.put(OBJECT, &[], "new").await;
            assert_eq!(seen.error(), (status, code.to_owned()));
            sleep(SECOND).await;
            assert_eq!(content(&stand), performed.then(|| "new".to_owned()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_end_before_or_after_the_write() {
    for (fate, after) in [
        (Fate::refused(Answer::Hangup), None),
        (Fate { answered: SECOND, ..Fate::performed(Answer::Hangup) }, Some("new".to_owned())),
    ] {
        let stand = stand();
        stand.decide(move |_| fate.clone());
        let mut client = Client::of(&stand).await;
        let lost = client.send("PUT", OBJECT, &[], "new").await.unwrap_err();
        assert!(lost.is_incomplete_message(), "{lost}");
        assert_eq!(content(&stand), after);
        assert!(client.send("GET", OBJECT, &[], "").await.is_err(), "the connection has ended");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_lands_although_its_client_hung_up() {
    let stand = stand();
    stand.decide(|_| Fate { performed: Some(10 * SECOND), ..Fate::HONEST });
    let mut client = Client::of(&stand).await;
    timeout(SECOND, client.put(OBJECT, &[], "late")).await.unwrap_err();
    drop(client);
    sleep(8 * SECOND).await;
    assert_eq!(content(&stand), None);
    sleep(2 * SECOND).await;
    assert_eq!(content(&stand).as_deref(), Some("late"));
}

#[tokio::test(start_paused = true)]
async fn a_write_may_land_after_its_answer_and_then_its_condition_counts_then() {
    let stand = stand();
    let late = Fate { performed: Some(10 * SECOND), answered: SECOND, answer: Answer::INTERNAL_ERROR };
    stand.decide(move |asked: &Asked| if asked.number == 1 { late.clone() } else { Fate::HONEST });
    let mut client = Client::of(&stand).await;
    let started = Instant::now();
    assert_eq!(client.put(OBJECT, &[("if-none-match", "*")], "first").await.status, 500);
    assert_eq!(started.elapsed(), SECOND);
    assert_eq!(client.put(OBJECT, &[("if-none-match", "*")], "second").await.status, 200);
    sleep(20 * SECOND).await;
    assert_eq!(content(&stand).as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn the_true_answer_waits_for_the_deed() {
    let stand = stand();
    stand.decide(|asked| Fate {
        performed: Some(if asked.kind == RequestKind::Put { 3 * SECOND } else { SECOND }),
        answered: 2 * SECOND,
        answer: Answer::Truth,
    });
    let mut client = Client::of(&stand).await;
    let started = Instant::now();
    assert_eq!(client.put(OBJECT, &[], "new").await.status, 200);
    assert_eq!(started.elapsed(), 3 * SECOND);
    assert_eq!(client.get(OBJECT, &[]).await.status, 200);
    assert_eq!(started.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn silence_lasts() {
    for fate in [Fate::performed(Answer::Silence), Fate::refused(Answer::Silence), Fate::refused(Answer::Truth)] {
        let stand = stand();
        let performed = fate.performed.is_some();
        stand.decide(move |_| fate.clone());
        let mut client = Client::of(&stand).await;
        timeout(3600 * SECOND, client.send("PUT", OBJECT, &[], "new")).await.unwrap_err();
        assert_eq!(content(&stand).is_some(), performed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_may_be_cut_off() {
    let stand = stand_with(None);
    assert!(stand.plant(BUCKET, "object", "0123456789"));
    for length in [0, 1, 9] {
        stand.decide(move |_| Fate::performed(Answer::Truncated(length)));
        let mut stream = connect(&stand);
        stream.write_all(b"GET /bucket/object HTTP/1.1\r\nhost: stand\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-length: 10"), "{head}");
        assert_eq!(body, &"0123456789"[..length]);
    }
    let mut client = Client::of(&stand).await;
    client.signer = None;
    assert!(client.send("GET", OBJECT, &[], "").await.is_err());
    let mut client = Client::of(&stand).await;
    client.signer = None;
    stand.decide(|_| Fate::performed(Answer::Truncated(10)));
    assert_eq!(client.get(OBJECT, &[]).await.body, "0123456789");
    stand.be_honest();
    assert_eq!(client.get(OBJECT, &[]).await.body, "0123456789");
    assert_eq!(stand.counts().of(RequestKind::Get).bytes_sent, 1 + 9 + 9 + 10 + 10);
}

#[tokio::test(start_paused = true)]
async fn fates_are_drawn_in_order_and_know_the_request() {
    let stand = stand();
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    stand.decide(move |asked| {
        sender.send(asked.clone()).unwrap();
        Fate::HONEST
    });
    let mut client = Client::of(&stand).await;
    client.put("/bucket/a%20b", &[("if-none-match", "*")], "12345").await;
    client.get("/bucket/a%20b?x-id=GetObject", &[]).await;
    client.get("/bucket?list-type=2", &[]).await;
    client.send("HEAD", "/bucket", &[], "").await.unwrap();
    client.send("HEAD", "/bucket/c", &[], "").await.unwrap();
    client.send("DELETE", "/bucket/c", &[], "").await.unwrap();
    client.send("POST", "/bucket?delete", &[], "").await.unwrap();
    client.put("/other", &[], "").await;
    client.send("DELETE", "/other", &[], "").await.unwrap();
    client.get("/bucket/c?acl=", &[]).await;
    let expected = [
        (RequestKind::Put, "bucket", "a%20b", true, 5),
        (RequestKind::Get, "bucket", "a%20b", false, 0),
        (RequestKind::List, "bucket", "", false, 0),
        (RequestKind::HeadBucket, "bucket", "", false, 0),
        (RequestKind::Head, "bucket", "c", false, 0),
        (RequestKind::Delete, "bucket", "c", false, 0),
        (RequestKind::DeleteMany, "bucket", "", false, 0),
        (RequestKind::CreateBucket, "other", "", false, 0),
        (RequestKind::DeleteBucket, "other", "", false, 0),
        (RequestKind::Other, "bucket", "c", false, 0),
    ];
    for (index, (kind, bucket, key, conditional, length)) in expected.into_iter().enumerate() {
        let (number, bucket, key) = (index as u64 + 1, bucket.to_owned(), key.to_owned());
        assert_eq!(seen.try_recv().unwrap(), Asked { number, kind, bucket, key, conditional, length });
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_and_its_bytes_are_counted() {
    let stand = stand();
    let mut client = Client::of(&stand).await;
    client.put(OBJECT, &[], "12345").await;
    client.put(OBJECT, &[("if-none-match", "*")], "123").await;
    client.get(OBJECT, &[]).await;
    stand.decide(|_| Fate::refused(Answer::Hangup));
    client.send("GET", OBJECT, &[], "").await.unwrap_err();
    let (puts, gets) = (stand.counts().of(RequestKind::Put), stand.counts().of(RequestKind::Get));
    assert_eq!((puts.requests, puts.bytes_received), (2, 8));
    assert_eq!(puts.answers.into_iter().collect::<Vec<_>>(), [(200, 1), (412, 1)]);
    assert_eq!((gets.requests, gets.bytes_received, gets.bytes_sent), (2, 0, 5));
    assert_eq!(gets.answers.into_iter().collect::<Vec<_>>(), [(0, 1), (200, 1)]);
}

/// All bytes that a client gets for a row of requests, some of which meet faults that a seed draws.
async fn story(seed: u64) -> Vec<u8> {
    let stand = stand_with(None);
    let mut rng = StdRng::seed_from_u64(seed);
    stand.decide(move |_| match rng.random_range(0..4) {
        0 => Fate::refused(Answer::SLOW_DOWN),
        1 => Fate { answered: SECOND, ..Fate::performed(Answer::INTERNAL_ERROR) },
        2 => Fate { performed: Some(rng.random_range(0..9) * SECOND), ..Fate::HONEST },
        _ => Fate::HONEST,
    });
    let mut stream = connect(&stand);
    for number in 0..40 {
        let put = format!("PUT /bucket/{} HTTP/1.1\r\nhost: s3\r\ncontent-length: 5\r\n\r\n{number:05}", number % 7);
        let get = format!("GET /bucket/{} HTTP/1.1\r\nhost: s3\r\n\r\n", number % 5);
        stream.write_all((put + &get).as_bytes()).await.unwrap();
    }
    stream.write_all(b"GET /bucket?list-type=2 HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_seed_tells_the_same_story_byte_for_byte() {
    let first = story(1).await;
    assert_eq!(String::from_utf8_lossy(&story(1).await), String::from_utf8_lossy(&first));
    assert_ne!(story(2).await, first);
}
