//! The stand-in answers what AWS answers, to a client that knows the protocol and nothing of the stand-in.

mod client;

use std::sync::Arc;

use client::{BUCKET, Client, Signer, stand};
use tokio::sync::Barrier;
use valthree_lab::s3::{Answer, Fate, Tear, etag};

const OBJECT: &str = "/bucket/object";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_simultaneous_creates_one_wins() {
    let stand = stand();
    for round in 0..20 {
        let path = format!("/bucket/{round}");
        let start = Arc::new(Barrier::new(16));
        let tasks: Vec<_> = (0..16)
            .map(|writer| {
                let (stand, start, path) = (stand.clone(), Arc::clone(&start), path.clone());
                tokio::spawn(async move {
                    let mut client = Client::of(&stand).await;
                    start.wait().await;
                    let answer = client.put(&path, &[("if-none-match", "*")], format!("writer {writer}")).await;
                    (writer, answer.status)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (writer, 200) => winners.push(writer),
                (_, status) => assert_eq!(status, 412),
            }
        }
        assert_eq!(winners.len(), 1);
        let object = stand.peek(BUCKET, &round.to_string()).unwrap();
        assert_eq!(object.bytes, format!("writer {}", winners[0]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_with_if_match_lose_no_increment() {
    let stand = stand();
    assert!(stand.plant(BUCKET, "object", "0"));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let stand = stand.clone();
            tokio::spawn(async move {
                let mut client = Client::of(&stand).await;
                let mut written = 0;
                while written < 20 {
                    let got = client.get(OBJECT, &[]).await;
                    let count: u64 = std::str::from_utf8(&got.body).unwrap().parse().unwrap();
                    let condition = [("if-match", got.header("etag"))];
                    match client.put(OBJECT, &condition, (count + 1).to_string()).await.status {
                        200 => written += 1,
                        status => assert_eq!(status, 412),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(stand.peek(BUCKET, "object").unwrap().bytes, "320");
}

#[tokio::test]
async fn a_put_does_what_its_condition_allows() {
    let (old, new) = (format!("\"{}\"", etag(b"old")), format!("\"{}\"", etag(b"new")));
    let bare = etag(b"old");
    let on_old = [
        (None, 200, ""),
        (Some(("if-match", old.as_str())), 200, ""),
        (Some(("if-match", bare.as_str())), 200, ""),
        (Some(("if-match", "*")), 200, ""),
        (Some(("if-match", new.as_str())), 412, "PreconditionFailed"),
        (Some(("if-none-match", "*")), 412, "PreconditionFailed"),
        (Some(("if-none-match", new.as_str())), 501, "NotImplemented"),
    ];
    let on_nothing = [
        (None, 200, ""),
        (Some(("if-match", old.as_str())), 404, "NoSuchKey"),
        (Some(("if-match", "*")), 404, "NoSuchKey"),
        (Some(("if-none-match", "*")), 200, ""),
    ];
    let cases = on_old.map(|case| (true, case)).into_iter().chain(on_nothing.map(|case| (false, case)));
    for (present, (condition, status, code)) in cases {
        let stand = stand();
        if present {
            assert!(stand.plant(BUCKET, "object", "old"));
        }
        let answer = Client::of(&stand).await.put(OBJECT, condition.as_slice(), "new").await;
        assert_eq!(answer.error(), (status, code.to_owned()), "{condition:?} on an object: {present}");
        let now = stand.peek(BUCKET, "object").map(|object| object.bytes);
        if status == 200 {
            assert_eq!(answer.header("etag"), new);
            assert_eq!(now.unwrap(), "new");
        } else {
            assert_eq!(now, present.then(|| "old".into()), "{condition:?} on an object: {present}");
        }
    }
}

#[tokio::test]
async fn a_get_answers_what_its_condition_asks() {
    let stand = stand();
    assert!(stand.plant(BUCKET, "object", "content"));
    let (same, other) = (format!("\"{}\"", etag(b"content")), "\"0123456789abcdef0123456789abcdef\"");
    let cases = [
        ("if-none-match", same.as_str(), 304),
        ("if-none-match", "*", 304),
        ("if-none-match", other, 200),
        ("if-match", same.as_str(), 200),
        ("if-match", other, 412),
    ];
    let mut client = Client::of(&stand).await;
    for (name, value, status) in cases {
        let answer = client.get(OBJECT, &[(name, value)]).await;
        assert_eq!(answer.status, status, "{name}: {value}");
        match status {
            200 => assert_eq!((answer.header("etag"), &answer.body[..]), (same.as_str(), &b"content"[..])),
            304 => assert_eq!((answer.header("etag"), answer.body.len()), (same.as_str(), 0)),
            _ => assert_eq!(answer.error(), (412, "PreconditionFailed".to_owned())),
        }
        let head = client.send("HEAD", OBJECT, &[(name, value)], "").await.unwrap();
        assert_eq!((head.status, head.body.len()), (status, 0), "HEAD with {name}: {value}");
    }
}

#[tokio::test]
async fn a_get_reads_all_or_a_range() {
    let stand = stand();
    let mut client = Client::of(&stand).await;
    assert_eq!(client.put(OBJECT, &[("content-type", "text/plain")], "0123456789").await.status, 200);
    let all = client.get(OBJECT, &[]).await;
    assert_eq!((all.status, &all.body[..], all.header("content-type")), (200, &b"0123456789"[..], "text/plain"));
    assert_eq!(all.header("last-modified"), "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(all.header("date"), "Thu, 01 Jan 2026 00:00:00 GMT");
    let part = client.get(OBJECT, &[("range", "bytes=2-4")]).await;
    assert_eq!((part.status, &part.body[..], part.header("content-range")), (206, &b"234"[..], "bytes 2-4/10"));
    let end = client.get(OBJECT, &[("range", "bytes=-3")]).await;
    assert_eq!((end.status, &end.body[..]), (206, &b"789"[..]));
    let beyond = client.get(OBJECT, &[("range", "bytes=10-")]).await;
    assert_eq!(beyond.error(), (416, "InvalidRange".to_owned()));
    let head = client.send("HEAD", OBJECT, &[], "").await.unwrap();
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
}

#[tokio::test]
async fn the_same_bytes_again_have_the_same_etag() {
    let stand = stand();
    let mut client = Client::of(&stand).await;
    let first = client.put(OBJECT, &[], "A").await;
    assert_eq!(first.header("etag"), "\"7fc56270e7a70fa81a5935b72eacbe29\"");
    assert_eq!(client.put(OBJECT, &[], "B").await.status, 200);
    assert_eq!(client.put(OBJECT, &[], "A").await.status, 200);
    assert_eq!(client.put(OBJECT, &[("if-match", first.header("etag"))], "C").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let stand = stand();
    let mut client = Client::of(&stand).await;
    assert_eq!(client.get(OBJECT, &[]).await.error(), (404, "NoSuchKey".to_owned()));
    assert_eq!(client.send("HEAD", OBJECT, &[], "").await.unwrap().status, 404);
    assert_eq!(client.send("DELETE", OBJECT, &[], "").await.unwrap().status, 204);
    let no_bucket = (404, "NoSuchBucket".to_owned());
    assert_eq!(client.get("/nowhere/object", &[]).await.error(), no_bucket);
    assert_eq!(client.put("/nowhere/object", &[], "x").await.error(), no_bucket);
    assert_eq!(client.put("/nowhere/object", &[("if-match", "*")], "x").await.error(), no_bucket);
    assert_eq!(client.get("/nowhere?list-type=2", &[]).await.error(), no_bucket);
    assert_eq!(client.send("DELETE", "/nowhere/object", &[], "").await.unwrap().error(), no_bucket);
    assert_eq!(client.send("DELETE", "/nowhere", &[], "").await.unwrap().error(), no_bucket);
    assert_eq!(client.send("HEAD", "/nowhere", &[], "").await.unwrap().status, 404);
}

#[tokio::test]
async fn buckets_come_and_go() {
    let stand = stand();
    let mut client = Client::of(&stand).await;
    assert_eq!(client.put("/another", &[], "").await.status, 200);
    assert_eq!(client.put("/another", &[], "").await.error(), (409, "BucketAlreadyOwnedByYou".to_owned()));
    let head = client.send("HEAD", "/another", &[], "").await.unwrap();
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, "eu-north-1"));
    assert_eq!(client.put("/another/object", &[], "x").await.status, 200);
    let full = client.send("DELETE", "/another", &[], "").await.unwrap();
    assert_eq!(full.error(), (409, "BucketNotEmpty".to_owned()));
    assert_eq!(client.send("DELETE", "/another/object", &[], "").await.unwrap().status, 204);
    assert_eq!(client.send("DELETE", "/another", &[], "").await.unwrap().status, 204);
    assert_eq!(client.send("HEAD", "/another", &[], "").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_list_goes_on_where_its_page_ended() {
    let stand = stand();
    for number in 0..2500 {
        assert!(stand.plant(BUCKET, &format!("many/{number:04}"), number.to_string()));
    }
    assert!(stand.plant(BUCKET, "many", ""));
    assert!(stand.plant(BUCKET, "some/1", ""));
    let mut client = Client::of(&stand).await;
    let (mut names, mut pages, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/bucket?{token}list-type=2&max-keys=5000&prefix=many%2F"), &[]).await;
        assert_eq!(page.status, 200);
        let keys = page.elements("Key");
        assert_eq!(page.elements("KeyCount"), [keys.len().to_string()]);
        assert_eq!(page.elements("MaxKeys"), ["1000"]);
        pages.push(keys.len());
        names.extend(keys);
        match page.elements("NextContinuationToken").pop() {
            Some(next) => {
                assert_eq!(page.elements("IsTruncated"), ["true"]);
                token = format!("continuation-token={}&", next.replace('=', "%3D"));
            }
            None => {
                assert_eq!(page.elements("IsTruncated"), ["false"]);
                break;
            }
        }
    }
    assert_eq!(pages, [1000, 1000, 500]);
    let expected: Vec<_> = (0..2500).map(|number| format!("many/{number:04}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_list_tells_of_tags_sizes_and_folders() {
    let stand = stand();
    for (name, bytes) in [("a b", "123"), ("folder/1", ""), ("folder/2", "")] {
        assert!(stand.plant(BUCKET, name, bytes));
    }
    let mut client = Client::of(&stand).await;
    let page = client.get("/bucket?delimiter=%2F&encoding-type=url&list-type=2", &[]).await;
    assert_eq!(page.elements("Key"), ["a%20b"]);
    assert_eq!(page.elements("Size"), ["3"]);
    assert_eq!(page.elements("ETag"), [format!("\"{}\"", etag(b"123"))]);
    assert_eq!(page.elements("CommonPrefixes"), ["<Prefix>folder/</Prefix>"]);
    let plain = client.get("/bucket?list-type=2&start-after=a", &[]).await;
    assert_eq!(plain.elements("Key"), ["a b", "folder/1", "folder/2"]);
    let wrong = client.get("/bucket?continuation-token=%21&list-type=2", &[]).await;
    assert_eq!(wrong.error(), (400, "InvalidArgument".to_owned()));
}

#[tokio::test]
async fn a_request_has_to_be_signed_by_the_key_for_the_region_and_now() {
    let stand = stand();
    assert!(stand.plant(BUCKET, "object", "content"));
    let right = Signer::default();
    let cases = [
        (Some(right.clone()), 200, ""),
        (None, 403, "AccessDenied"),
        (Some(Signer { access_key: "other", ..right.clone() }), 403, "InvalidAccessKeyId"),
        (Some(Signer { secret_key: "other", ..right.clone() }), 403, "SignatureDoesNotMatch"),
        (Some(Signer { region: "eu-west-1", ..right.clone() }), 400, "AuthorizationHeaderMalformed"),
        (Some(Signer { date: "20260101T001500Z", ..right.clone() }), 200, ""),
        (Some(Signer { date: "20260101T001501Z", ..right.clone() }), 403, "RequestTimeTooSkewed"),
        (Some(Signer { date: "20251231T234459Z", ..right.clone() }), 403, "RequestTimeTooSkewed"),
    ];
    let mut client = Client::of(&stand).await;
    for (signer, status, code) in cases {
        client.signer = signer;
        let answer = client.get(OBJECT, &[]).await;
        let seen = if answer.status == 200 { (200, String::new()) } else { answer.error() };
        assert_eq!(seen, (status, code.to_owned()));
    }
}

#[tokio::test]
async fn bytes_that_are_not_what_was_signed_or_summed_are_not_written() {
    let stand = stand();
    let mut client = Client::of(&stand).await;
    let digest = (400, "BadDigest".to_owned());
    assert_eq!(client.put(OBJECT, &[("x-amz-checksum-crc32", "AAAAAA==")], "hello").await.error(), digest);
    assert_eq!(client.put(OBJECT, &[("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")], "hello").await.error(), digest);
    client.signer = Some(Signer { body_hash: Some("0".repeat(64)), ..Signer::default() });
    assert_eq!(client.put(OBJECT, &[], "hello").await.error(), (400, "XAmzContentSHA256Mismatch".to_owned()));
    assert_eq!(stand.peek(BUCKET, "object"), None);
    client.signer = Some(Signer::default());
    let right = [("x-amz-checksum-crc32", "NhCmhg=="), ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")];
    assert_eq!(client.put(OBJECT, &right, "hello").await.status, 200);
}

/// SDKs send a body in chunks with its checksum behind them.
#[tokio::test]
async fn a_body_in_chunks_is_unpacked_and_its_trailing_checksum_holds() {
    let stand = stand();
    let mut client = Client::of(&stand).await;
    let hash = Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned());
    client.signer = Some(Signer { body_hash: hash, ..Signer::default() });
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "5"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ];
    let body = |sum: &str| format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");
    let wrong = client.put(OBJECT, &headers, body("AAAAAA==")).await;
    assert_eq!(wrong.error(), (400, "BadDigest".to_owned()));
    assert_eq!(stand.peek(BUCKET, "object"), None);
    assert_eq!(client.put(OBJECT, &headers, body("NhCmhg==")).await.status, 200);
    assert_eq!(stand.peek(BUCKET, "object").unwrap().bytes, "hello");
}

#[tokio::test]
async fn what_it_does_not_do_it_refuses() {
    let stand = stand();
    assert!(stand.plant(BUCKET, "object", "content"));
    let mut client = Client::of(&stand).await;
    let cases = [
        ("PUT", "/bucket/object?acl=", None),
        ("PUT", "/bucket/object", Some(("x-amz-meta-colour", "blue"))),
        ("PUT", "/bucket/object", Some(("x-amz-copy-source", "/bucket/other"))),
        ("POST", "/bucket/object?uploads=", None),
        ("DELETE", "/bucket/object", Some(("if-match", "*"))),
        ("GET", "/bucket/object", Some(("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT"))),
        ("GET", "/", None),
    ];
    for (method, path, header) in cases {
        let answer = client.send(method, path, header.as_slice(), "").await.unwrap();
        assert_eq!(answer.error(), (501, "NotImplemented".to_owned()), "{method} {path} {header:?}");
    }
    assert_eq!(stand.peek(BUCKET, "object").unwrap().bytes, "content");
}

#[tokio::test]
async fn a_torn_answer_has_one_part_of_the_version_before() {
    let (old, new) = (format!("\"{}\"", etag(b"old")), format!("\"{}\"", etag(b"new")));
    for (tear, tag, body) in [(Tear::NewBody, &old, "new"), (Tear::OldBody, &new, "old")] {
        let stand = stand();
        assert!(stand.plant(BUCKET, "object", "old") && stand.plant(BUCKET, "fresh", "new"));
        assert!(stand.plant(BUCKET, "object", "new"));
        stand.decide(move |_| Fate::performed(Answer::Torn(tear)));
        let mut client = Client::of(&stand).await;
        let torn = client.get(OBJECT, &[]).await;
        assert_eq!((torn.status, torn.header("etag"), &torn.body[..]), (200, tag.as_str(), body.as_bytes()));
        // What has replaced nothing cannot be torn, nor can an answer without a body.
        let whole = client.get("/bucket/fresh", &[]).await;
        assert_eq!((whole.header("etag"), &whole.body[..]), (new.as_str(), &b"new"[..]));
        assert_eq!(client.get(OBJECT, &[("if-none-match", &new)]).await.status, 304);
        stand.be_honest();
        let honest = client.get(OBJECT, &[]).await;
        assert_eq!((honest.header("etag"), &honest.body[..]), (new.as_str(), &b"new"[..]));
    }
}

#[tokio::test]
async fn a_checksum_is_kept_with_the_object_and_told_to_those_who_ask() {
    let stand = stand();
    stand.make_tags_opaque();
    let mut client = Client::of(&stand).await;
    let sum = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let put = client.put(OBJECT, &[("x-amz-checksum-sha256", sum)], "hello").await;
    assert_eq!((put.status, put.header("x-amz-checksum-sha256")), (200, sum));
    assert_ne!(put.header("etag"), format!("\"{}\"", etag(b"hello")));
    let asked = client.get(OBJECT, &[("x-amz-checksum-mode", "ENABLED")]).await;
    assert_eq!((asked.header("x-amz-checksum-sha256"), asked.header("etag")), (sum, put.header("etag")));
    assert_eq!(client.get(OBJECT, &[]).await.header("x-amz-checksum-sha256"), "");
    assert_eq!(client.put(OBJECT, &[], "hello").await.header("etag"), put.header("etag"));
}
