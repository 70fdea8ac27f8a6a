//! What an S3 store asks, as it goes over the wire.

mod s3;

use bytes::Bytes;
use valthree::store::s3::Address;
use valthree::store::{Condition, ETag, Got, Phrase, Store};

use self::s3::Reply::Say;
use self::s3::{Heard, PATIENT, Parrot, answer, error, found, stored, tag, torn};

fn etag() -> ETag {
    ETag("0123abcd".into())
}

async fn only(server: &Parrot) -> Heard {
    let mut heard = server.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    heard.remove(0)
}

#[tokio::test]
async fn a_put_has_its_condition_its_length_and_no_trailing_checksum() {
    for (condition, header, value) in
        [(Condition::Match(etag()), "if-match", "\"0123abcd\""), (Condition::Absent, "if-none-match", "*")]
    {
        let server = Parrot::start([Say(stored("\"new\""))]).await;
        let new = server.store(PATIENT).put("db.json", Bytes::from_static(b"{}"), &condition).await.unwrap();
        assert_eq!(new, ETag("new".into()));
        let request = only(&server).await;
        assert!(request.line.starts_with("PUT /bucket/some/prefix/db.json"), "{}", request.line);
        assert_eq!(request.header(header), Some(value));
        let conditions = ["if-match", "if-none-match"].iter().filter(|name| request.header(name).is_some());
        assert_eq!(conditions.count(), 1, "{request:?}");
        assert_eq!(request.body, b"{}");
        assert_eq!(request.header("content-length"), Some("2"));
        for added in
            ["transfer-encoding", "content-encoding", "x-amz-trailer", "x-amz-sdk-checksum-algorithm", "expect"]
        {
            assert_eq!(request.header(added), None, "{request:?}");
        }
        assert!(!request.headers.iter().any(|(name, _)| name.starts_with("x-amz-checksum")), "{request:?}");
    }
}

#[tokio::test]
async fn a_get_names_the_version_that_is_known() {
    let server = Parrot::start([Say(found("1")), Say(torn(&tag("1").replace('"', ""), "1"))]).await;
    let store = server.store(PATIENT);
    let object = Got::Object { bytes: "1".into(), etag: ETag(tag("1").replace('"', "")) };
    assert_eq!(store.get("db.json", None).await.unwrap(), object);
    // Some stores forget the quotes in their answers.
    assert_eq!(store.get("db.json", Some(&etag())).await.unwrap(), object);
    let heard = server.heard();
    assert_eq!(heard[0].header("if-none-match"), None);
    assert_eq!(heard[1].header("if-none-match"), Some("\"0123abcd\""));
    for request in &heard {
        assert!(request.line.starts_with("GET /bucket/some/prefix/db.json"), "{}", request.line);
        assert_eq!(request.header("x-amz-checksum-mode"), None);
    }
}

#[tokio::test]
async fn each_condition_can_be_put_with_and_without_quotes() {
    let server = Parrot::start([]).await;
    let store = server.store(PATIENT);
    let ask = async || {
        store.put("x", Bytes::new(), &Condition::Match(etag())).await.unwrap_err();
        store.get("x", Some(&etag())).await.unwrap_err();
        let heard = server.heard();
        let [.., put, get] = &heard[..] else { panic!("{heard:?}") };
        let quoted = |value: Option<&str>| value.unwrap().starts_with('"');
        (quoted(put.header("if-match")), quoted(get.header("if-none-match")))
    };
    assert_eq!(ask().await, (true, true));
    store.rephrase(Phrase::Match);
    assert_eq!(ask().await, (false, true));
    store.rephrase(Phrase::NoneMatch);
    assert_eq!(ask().await, (false, false));
    store.rephrase(Phrase::Match);
    assert_eq!(ask().await, (true, false));
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_without_the_prefix() {
    let page = |names: &[&str], more: &str| {
        let contents: String = names.iter().map(|name| format!("<Contents><Key>{name}</Key></Contents>")).collect();
        Say(answer(200, &format!("<ListBucketResult>{contents}{more}</ListBucketResult>")))
    };
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>go on</NextContinuationToken>";
    let server = Parrot::start([
        page(&["some/prefix/runs/2"], more),
        page(&["some/prefix/runs/1"], "<IsTruncated>false</IsTruncated>"),
        page(&[], "<IsTruncated>true</IsTruncated>"),
    ])
    .await;
    let store = server.store(PATIENT);
    assert_eq!(store.list("runs/").await.unwrap(), ["runs/1", "runs/2"]);
    store.list("runs/").await.expect_err("a part of a list is none");
    let heard = server.heard();
    assert!(heard[0].line.contains("prefix=some%2Fprefix%2Fruns%2F"), "{}", heard[0].line);
    assert!(heard[1].line.contains("continuation-token=go%20on"), "{}", heard[1].line);
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn lines(server: &Parrot) -> Vec<String> {
    server.heard().into_iter().map(|request| request.line).collect()
}

#[tokio::test]
async fn many_objects_are_deleted_with_one_request() {
    let refused = "<DeleteResult><Error><Key>some/prefix/b</Key><Code>AccessDenied</Code></Error></DeleteResult>";
    let missing = "<DeleteResult><Error><Key>some/prefix/b</Key><Code>NoSuchKey</Code></Error></DeleteResult>";
    let nothing = "<DeleteResult></DeleteResult>";
    let replies = [answer(200, nothing), answer(200, missing), answer(200, refused), answer(204, "")];
    let server = Parrot::start(replies.map(Say)).await;
    let store = server.store(PATIENT);
    store.delete(&names(&["a", "b"])).await.unwrap();
    store.delete(&names(&["a", "b"])).await.unwrap();
    let why = store.delete(&names(&["a", "b"])).await.unwrap_err().to_string();
    assert!(why.contains("AccessDenied") && why.contains("some/prefix/b"), "{why}");
    store.delete(&names(&["c"])).await.unwrap();
    store.delete(&[]).await.unwrap();
    let heard = server.heard();
    assert_eq!(heard.len(), 4);
    for request in &heard[..3] {
        assert!(request.line.starts_with("POST /bucket") && request.line.contains("?delete"), "{}", request.line);
        let body = String::from_utf8_lossy(&request.body);
        assert!(body.contains("<Key>some/prefix/a</Key>") && body.contains("<Key>some/prefix/b</Key>"), "{body}");
    }
    assert!(heard[3].line.starts_with("DELETE /bucket/some/prefix/c"), "{}", heard[3].line);
}

#[tokio::test]
async fn a_store_that_does_not_know_this_request_deletes_one_after_the_other() {
    let gone = || answer(204, "");
    let replies = [error(501, "NotImplemented"), gone(), gone(), gone(), gone()];
    let server = Parrot::start(replies.map(Say)).await;
    let store = server.store(PATIENT);
    store.delete(&names(&["a", "b"])).await.unwrap();
    store.delete(&names(&["c", "d"])).await.unwrap();
    let methods: Vec<String> = lines(&server).iter().map(|line| line[..4].to_owned()).collect();
    assert_eq!(methods, ["POST", "DELE", "DELE", "DELE", "DELE"]);
}

#[tokio::test]
async fn a_store_that_fails_may_have_deleted_some() {
    let server = Parrot::start([Say(error(503, "SlowDown"))]).await;
    server.store(PATIENT).delete(&names(&["a", "b"])).await.unwrap_err();
    only(&server).await;
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let replies = (0..20).flat_map(|_| [Say(stored(&tag("1"))), Say(found("1")), Say(error(412, "No"))]);
    let server = Parrot::start(replies).await;
    let store = server.store(PATIENT);
    for _ in 0..20 {
        store.put("x", Bytes::from_static(b"1"), &Condition::Absent).await.unwrap();
        store.get("x", None).await.unwrap();
        store.put("x", Bytes::from_static(b"1"), &Condition::Absent).await.unwrap_err();
    }
    let heard = server.heard();
    assert_eq!(heard.len(), 60);
    assert_eq!(heard.iter().map(|request| request.connection).max(), Some(0));
}

#[tokio::test]
async fn a_missing_bucket_is_created_but_never_one_that_was_there() {
    let missing = || Say(error(404, "NoSuchBucket"));
    let absent = || Say(error(404, "NoSuchKey"));
    let server = Parrot::start([missing(), Say(answer(200, "")), absent(), absent(), absent(), missing()]).await;
    let store = server.store(PATIENT);
    store.get("db.json", None).await.unwrap_err();
    assert_eq!(store.get("db.json", None).await.unwrap(), Got::Absent);
    store.get("db.json", None).await.unwrap_err();
    let methods: Vec<_> = server.heard().iter().map(|request| request.line[..4].to_owned()).collect();
    assert_eq!(methods, ["GET ", "PUT ", "GET ", "GET ", "GET ", "GET "]);
    assert!(server.heard()[1].line.starts_with("PUT /bucket"), "{:?}", server.heard()[1]);
}

/// A server that starts cannot know whether others hold the database of a bucket that is gone.
#[tokio::test]
async fn a_missing_bucket_is_not_created_unasked() {
    let server = Parrot::start([Say(error(404, "NoSuchBucket"))]).await;
    let store = server.store(PATIENT).creating_bucket(false);
    let why = store.get("db.json", None).await.unwrap_err().to_string();
    assert!(why.contains("there is no bucket bucket") && why.contains("--create-bucket true"), "{why}");
    only(&server).await;
}

/// A bucket on AWS is somebody's decision, and one that has vanished must not come back empty.
#[tokio::test]
async fn a_missing_bucket_on_aws_is_not_created_and_the_error_says_what_to_do() {
    let server = Parrot::start([Say(error(404, "NoSuchBucket"))]).await;
    let why = server.store_on_aws(PATIENT).get("db.json", None).await.unwrap_err().to_string();
    assert!(why.contains("there is no bucket bucket") && why.contains("aws s3 mb s3://bucket"), "{why}");
    only(&server).await;
}

#[test]
fn an_address_is_a_bucket_and_perhaps_a_prefix() {
    let parts = |text: &str| text.parse::<Address>().map(|it| (it.bucket, it.prefix)).ok();
    let expect = |bucket: &str, prefix: &str| Some((bucket.to_owned(), prefix.to_owned()));
    assert_eq!(parts("s3://b"), expect("b", ""));
    assert_eq!(parts("s3://b/"), expect("b", ""));
    assert_eq!(parts("s3://b/p"), expect("b", "p/"));
    assert_eq!(parts("s3://b/p/q/"), expect("b", "p/q/"));
    for wrong in ["s3://", "s3:///p", "b/p", "s3://b/p//q", "S3://b"] {
        assert_eq!(parts(wrong), None, "{wrong}");
    }
    assert!(Address::is_meant_by("s3://"));
    assert!(!Address::is_meant_by("./s3"));
}
