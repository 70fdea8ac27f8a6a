//! The S3 store believes no answer whose parts contradict each other, and no passing 404.

mod s3;

use bytes::Bytes;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

use self::s3::Reply::{self, Say};
use self::s3::{PATIENT, Parrot, error, found, headed, stored, tag, torn};

/// More answers than the store ever asks for.
const MANY: usize = 20;

fn etag(text: &str) -> ETag {
    ETag(tag(text).replace('"', ""))
}

fn object(text: &'static str) -> Got {
    Got::Object { bytes: text.into(), etag: etag(text) }
}

fn absent() -> Reply {
    Say(error(404, "NoSuchKey"))
}

/// The base64 of the SHA-256 of a text, as S3 keeps it.
fn checksum(text: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(text))
}

/// The answer of a store whose ETags are no MD5s and that keeps checksums.
fn sealed(etag: &str, sum_of: &str, text: &str) -> String {
    headed(200, &format!("ETag: \"{etag}\"\r\nx-amz-checksum-sha256: {}\r\n", checksum(sum_of)), text)
}

fn assert_contradicts(result: Result<Got, StoreError>) {
    match result {
        Err(StoreError::Unclear(why)) => assert!(why.contains("contradict each other"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_torn_answer_is_read_again_until_its_parts_fit() {
    for (known, lie) in [
        (None, torn(&tag("old"), "new")),
        (None, torn(&tag("new"), "old")),
        (Some(etag("old")), torn(&tag("old"), "new")),
        (Some(etag("older")), torn(&tag("new"), "old")),
        (Some(etag("old")), error(404, "NoSuchKey")),
    ] {
        let server = Parrot::start([Say(lie.clone()), Say(lie), Say(found("new"))]).await;
        let store = server.store(PATIENT);
        assert_eq!(store.get("db.json", known.as_ref()).await.unwrap(), object("new"));
        assert_eq!((server.heard().len(), store.rereads()), (3, 2));
    }
}

#[tokio::test]
async fn a_store_that_only_tears_is_never_believed() {
    for lie in [torn(&tag("new"), "old"), torn(&tag("old"), "new")] {
        let lies = (0..MANY).map(|_| Say(lie.clone()));
        let server = Parrot::start([Say(stored(&tag("x")))].into_iter().chain(lies)).await;
        let store = server.store(PATIENT);
        store.put("x", Bytes::from_static(b"x"), &Condition::Absent).await.unwrap();
        assert_contradicts(store.get("db.json", Some(&etag("old"))).await);
        assert!(server.heard().len() < MANY, "it asks for ever");
    }
}

#[tokio::test]
async fn a_404_for_an_object_that_was_seen_is_believed_only_when_it_lasts() {
    let start = [Say(found("one")), absent(), absent(), Say(found("two"))];
    let server = Parrot::start(start.into_iter().chain((0..MANY).map(|_| absent()))).await;
    let store = server.store(PATIENT);
    assert_eq!(store.get("db.json", None).await.unwrap(), object("one"));
    assert_eq!(store.get("db.json", None).await.unwrap(), object("two"));
    let before = server.heard().len();
    assert_eq!(store.get("db.json", None).await.unwrap(), Got::Absent);
    assert!(server.heard().len() > before + 4);
}

#[tokio::test]
async fn absences_among_torn_answers_are_no_absence() {
    let lies = (0..MANY).map(|n| if n % 2 == 0 { Say(torn(&tag("new"), "old")) } else { absent() });
    let server = Parrot::start(lies).await;
    assert_contradicts(server.store(PATIENT).get("db.json", Some(&etag("older"))).await);
}

/// A store that wants If-None-Match in another form answers like this, and the proof has to see it.
#[tokio::test]
async fn a_fitting_body_with_the_tag_that_was_named_is_believed_when_it_is_repeated() {
    let server = Parrot::start((0..MANY).map(|_| Say(found("one")))).await;
    assert_eq!(server.store(PATIENT).get("db.json", Some(&etag("one"))).await.unwrap(), object("one"));
    assert_eq!(server.heard().len(), 3);
}

#[tokio::test]
async fn a_put_that_is_answered_with_the_tag_of_another_version_is_unclear() {
    let server = Parrot::start([Say(stored(&tag("one"))), Say(stored(&tag("other")))]).await;
    let store = server.store(PATIENT);
    let first = store.put("db.json", "one".into(), &Condition::Absent).await.unwrap();
    let second = store.put("db.json", "two".into(), &Condition::Match(first)).await;
    assert!(matches!(second, Err(StoreError::Unclear(_))), "{second:?}");
}

#[tokio::test]
async fn a_signature_covers_the_body_through_the_header_that_seals_it() {
    let kinds = [
        ([tag("one"), tag("two")], "content-md5", "uKn3Fdu2T9XFbneDxoIKYQ=="),
        (["\"v1\"", "\"v2\""].map(Into::into), "x-amz-checksum-sha256", &checksum("two")),
    ];
    for ([first, second], header, seal) in kinds {
        let server = Parrot::start([Say(stored(&first)), Say(stored(&second))]).await;
        let store = server.store(PATIENT);
        let known = store.put("db.json", "one".into(), &Condition::Absent).await.unwrap();
        store.put("db.json", "two".into(), &Condition::Match(known)).await.unwrap();
        let heard = server.heard();
        let bodies: Vec<_> = heard.iter().map(|request| request.header("x-amz-content-sha256")).collect();
        // Nobody knows yet what the ETags of this store are, so the signature covers the first body itself.
        let one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        assert_eq!(bodies, [Some(one), Some("UNSIGNED-PAYLOAD")]);
        assert_eq!([&heard[0], &heard[1]].map(|request| request.header(header)), [None, Some(seal)]);
        let signature = heard[1].header("authorization").expect("the request is signed");
        assert!(signature.contains(&format!("{header};")), "{signature}");
    }
}

#[tokio::test]
async fn where_tags_are_no_md5s_the_checksum_of_the_object_is_asked_for_and_checked() {
    let server = Parrot::start([
        Say(stored("\"v1\"")),
        Say(stored("\"v2\"")),
        Say(sealed("v2", "two", "one")),
        Say(sealed("v1", "one", "two")),
        Say(sealed("v2", "two", "two")),
    ])
    .await;
    let store = server.store(PATIENT);
    store.put("db.json", "one".into(), &Condition::Absent).await.unwrap();
    store.put("db.json", "two".into(), &Condition::Match(ETag("v1".into()))).await.unwrap();
    let two = Got::Object { bytes: "two".into(), etag: ETag("v2".into()) };
    assert_eq!(store.get("db.json", None).await.unwrap(), two);
    let heard = server.heard();
    let sums: Vec<_> = heard.iter().map(|request| request.header("x-amz-checksum-sha256")).collect();
    assert_eq!(sums, [None, Some(checksum("two").as_str()), None, None, None]);
    let modes: Vec<_> = heard.iter().map(|request| request.header("x-amz-checksum-mode")).collect();
    assert_eq!(modes, [None, None, Some("ENABLED"), Some("ENABLED"), Some("ENABLED")]);
    assert_eq!(store.rereads(), 2);
}

#[tokio::test]
async fn somebody_who_only_reads_takes_what_cannot_be_checked() {
    let server = Parrot::start((0..MANY).map(|_| Say(torn("\"v1\"", "one")))).await;
    let store = server.store(PATIENT).creating_nothing();
    let one = Got::Object { bytes: "one".into(), etag: ETag("v1".into()) };
    assert_eq!(store.get("db.json", None).await.unwrap(), one);
}
