//! What the answers of an S3 store mean, each on its own: what may be concluded, and what a person is told.

mod s3;

use bytes::Bytes;
use tokio::net::TcpListener;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

use self::s3::Reply::{HangUp, Say, SayAndClose, Stall};
use self::s3::{HASTY, PATIENT, Parrot, Reply, answer, error, found, headed, store, stored, tag};

/// An answer that invites a client to set its clock right and try again.
const SKEWED: &str = "<Error><Code>RequestTimeTooSkewed</Code><Message>what S3 says</Message></Error>";

/// What may be concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Conflict,
    DidNotHappen,
    Unclear,
}
use Means::{Conflict, DidNotHappen, Unclear};

fn means<T: std::fmt::Debug>(result: Result<T, StoreError>) -> (Means, String) {
    match result.expect_err("an error was expected") {
        StoreError::Conflict(why) => (Conflict, why.to_string()),
        StoreError::DidNotHappen(why) => (DidNotHappen, why.to_string()),
        StoreError::Unclear(why) => (Unclear, why.to_string()),
        StoreError::Obstructed(why) => panic!("nothing can be in the way of an object in a bucket: {why}"),
    }
}

fn version() -> Condition {
    Condition::Match(ETag("abc".into()))
}

/// Puts once, and says what it came to and how many requests there were.
async fn put(reply: Reply, condition: Condition) -> (Means, String, usize) {
    let limits = if matches!(reply, Stall(_)) { HASTY } else { PATIENT };
    let server = Parrot::start([reply, Say(stored("\"late\""))]).await;
    let result = server.store(limits).put("db.json", Bytes::from_static(b"{}"), &condition).await;
    let (means, why) = means(result);
    (means, why, server.heard().len())
}

async fn get(reply: Reply, known: Option<&ETag>) -> Result<Got, StoreError> {
    let limits = if matches!(reply, Stall(_)) { HASTY } else { PATIENT };
    Parrot::start([reply]).await.store(limits).get("db.json", known).await
}

#[tokio::test]
async fn a_condition_that_did_not_hold_is_a_conflict() {
    for condition in [version(), Condition::Absent] {
        for reply in [
            error(412, "PreconditionFailed"),
            error(409, "ConditionalRequestConflict"),
            error(409, "OperationAborted"),
            answer(412, ""),
            answer(412, "<html>Precondition Failed</html>"),
        ] {
            let (means, why, requests) = put(Say(reply), condition.clone()).await;
            assert_eq!((means, requests), (Conflict, 1), "{why}");
        }
    }
    let (means, why, _) = put(Say(error(404, "NoSuchKey")), version()).await;
    assert_eq!(means, Conflict, "{why}");
    let (means, why, _) = put(Say(error(404, "NoSuchKey")), Condition::Absent).await;
    assert_eq!(means, Unclear, "{why}");
}

#[tokio::test]
async fn a_put_is_sent_once_whatever_is_answered() {
    let half = "HTTP/1.1 200 OK\r\nETag: \"abc\"\r\nContent-Le";
    for reply in [
        Say(error(500, "InternalError")),
        Say(error(503, "SlowDown")),
        Say(answer(502, "<html>Bad Gateway</html>")),
        Say(answer(504, "")),
        Say(error(400, "RequestTimeout")),
        Say(error(403, "AccessDenied")),
        Say(headed(403, "Date: Tue, 01 Jan 2030 00:00:00 GMT\r\n", SKEWED)),
        Say(error(404, "NoSuchBucket")),
        Say(error(501, "NotImplemented")),
        HangUp,
        SayAndClose(half.into()),
        SayAndClose("HTTP/1.1 200 OK\r\nETag: \"abc\"\r\nContent-Length: 10\r\n\r\n".into()),
        SayAndClose("what is this?\r\n\r\n".into()),
        Stall(String::new()),
        Stall(half.into()),
        // It has happened, but nobody can say which version it is.
        Say(answer(200, "")),
        Say(stored("\"\"")),
    ] {
        let bucket_is_missing = matches!(&reply, Say(text) if text.contains("NoSuchBucket"));
        let (means, why, requests) = put(reply, version()).await;
        assert_eq!(means, Unclear, "{why}");
        // A bucket that is not there is created, but the put is not sent again.
        assert_eq!(requests, if bucket_is_missing { 2 } else { 1 }, "{why}");
    }
}

#[tokio::test]
async fn a_put_on_a_connection_that_ends_is_not_sent_over_another() {
    let server = Parrot::start([Say(stored("\"a\"")), HangUp, Say(stored("\"b\""))]).await;
    let store = server.store(PATIENT);
    store.put("x", Bytes::from_static(b"{}"), &Condition::Absent).await.unwrap();
    let (what, why) = means(store.put("x", Bytes::from_static(b"{}"), &version()).await);
    assert_eq!(what, Unclear, "{why}");
    let connections: Vec<_> = server.heard().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0]);
}

#[tokio::test]
async fn without_a_connection_nothing_has_happened() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for url in [nobody.as_str(), "http://no-such-host.invalid:9000"] {
        let store = store(url, PATIENT);
        let (what, why) = means(store.put("db.json", Bytes::new(), &version()).await);
        assert_eq!(what, DidNotHappen, "{why}");
        assert!(why.starts_with(&format!("cannot reach {url}: ")), "{why}");
        for (what, why) in [
            means(store.get("db.json", None).await),
            means(store.list("").await),
            means(store.delete(&["db.json".to_owned()]).await),
        ] {
            assert_eq!(what, DidNotHappen, "{why}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_no_object() {
    let whole = found("0123456789");
    for reply in [
        SayAndClose(whole[..whole.len() - 1].into()),
        SayAndClose(whole[..whole.len() - 10].into()),
        SayAndClose(whole[..20].into()),
        Stall(whole[..whole.len() - 1].into()),
        // Cut or not, nobody could tell.
        SayAndClose("HTTP/1.1 200 OK\r\nETag: \"abc\"\r\n\r\n0123456789".into()),
        // Whole, but of which version?
        Say(answer(200, "0123456789")),
    ] {
        let (what, why) = means(get(reply, None).await);
        assert_eq!(what, Unclear, "{why}");
    }
    let object = Got::Object { bytes: "0123456789".into(), etag: ETag(tag("0123456789").replace('"', "")) };
    assert_eq!(get(Say(whole), None).await.unwrap(), object);
}

#[tokio::test]
async fn only_the_store_itself_can_say_that_an_object_is_absent() {
    let absent = Parrot::start([(); 3].map(|()| Say(error(404, "NoSuchKey")))).await;
    assert_eq!(absent.store(PATIENT).get("db.json", None).await.unwrap(), Got::Absent);
    for reply in [
        error(404, "NoSuchBucket"),
        answer(404, ""),
        answer(404, "<html>404: no such page</html>"),
        error(403, "AccessDenied"),
        error(503, "SlowDown"),
    ] {
        let (what, why) = means(get(Say(reply), None).await);
        assert_eq!(what, Unclear, "{why}");
    }
}

#[tokio::test]
async fn not_modified_is_an_answer_only_to_who_named_a_version() {
    let etag = ETag("abc".into());
    assert_eq!(get(Say("HTTP/1.1 304 Not Modified\r\n\r\n".into()), Some(&etag)).await.unwrap(), Got::Unchanged);
    let (what, why) = means(get(Say("HTTP/1.1 304 Not Modified\r\n\r\n".into()), None).await);
    assert_eq!(what, Unclear, "{why}");
}

#[tokio::test]
async fn deleting_what_is_not_there_is_success() {
    let server = Parrot::start([
        Say(answer(204, "")),
        Say(error(404, "NoSuchKey")),
        Say(error(503, "SlowDown")),
        Say(error(404, "NoSuchBucket")),
    ])
    .await;
    let store = server.store(PATIENT);
    store.delete(&["runs/1".to_owned()]).await.unwrap();
    store.delete(&["runs/1".to_owned()]).await.unwrap();
    for _ in 0..2 {
        let (what, why) = means(store.delete(&["runs/1".to_owned()]).await);
        assert_eq!(what, Unclear, "{why}");
    }
}

#[tokio::test]
async fn each_misconfiguration_has_a_sentence_of_its_own() {
    let elsewhere = "x-amz-bucket-region: eu-west-1\r\n";
    let redirect = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
    for (reply, sentence) in [
        (error(403, "InvalidAccessKeyId"), "does not accept the credentials"),
        (error(403, "SignatureDoesNotMatch"), "does not accept the credentials"),
        (error(400, "ExpiredToken"), "does not accept the credentials"),
        (error(403, "AccessDenied"), "lack a permission on the bucket bucket"),
        (error(403, "RequestTimeTooSkewed"), "the clock of this machine"),
        (error(404, "NoSuchBucket"), "and it can't be created"),
        (headed(301, elsewhere, redirect), "not in the region us-east-1 but in eu-west-1: set AWS_REGION"),
        (error(400, "AuthorizationHeaderMalformed"), "not in the region us-east-1 but in another one: set AWS_REGION"),
        (error(501, "NotImplemented"), "does not know how to do this"),
        (error(500, "InternalError"), "answered 500 InternalError: what S3 says"),
    ] {
        let (_, why) = means(get(Say(reply), None).await);
        assert!(why.contains(sentence), "{why:?} does not say {sentence:?}");
        assert!(!why.contains('\n') && why.len() < 250, "{why:?} is no sentence");
    }
}
