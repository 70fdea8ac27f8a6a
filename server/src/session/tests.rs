//! Sessions, as the connection drives them.

use std::time::{Duration, SystemTime};

use super::*;
use crate::shared::Settings;

fn server() -> Arc<Shared> {
    Arc::new(Shared::new(Settings::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)))
}

fn session() -> Session {
    session_of(&server())
}

fn session_of(server: &Arc<Shared>) -> Session {
    Session::open(server.clone(), "10.0.0.1:5000".into(), "10.0.0.2:6379".into())
}

fn words(line: &str) -> Vec<Bytes> {
    line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

/// The reply to a request that the session answers.
fn reply(session: &mut Session, line: &str) -> Reply {
    match session.handle(words(line)) {
        Step::Answer(reply) => reply,
        other => panic!("{line} was not answered: {other:?}"),
    }
}

/// The text of a reply that has one.
fn told(session: &mut Session, line: &str) -> String {
    match reply(session, line) {
        Reply::Error(text) | Reply::Simple(text) => text.into_owned(),
        Reply::Verbatim(text) => text,
        Reply::Bulk(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => panic!("{line} has no text: {other:?}"),
    }
}

/// Whether the client gets to see a reply to this.
fn heard(session: &mut Session, line: &str) -> bool {
    session.handle(words(line));
    session.wants_reply()
}

#[test]
fn commands_of_the_database_are_submitted() {
    let get = Command::Get { key: Bytes::from_static(b"k") };
    assert_eq!(session().handle(words("GET k")), Step::Submit(get));
    assert_eq!(session().handle(words("dbsize")), Step::Submit(Command::Size));
}

#[test]
fn mistakes_are_answered_at_once() {
    let mut session = session();
    assert_eq!(told(&mut session, "get"), "ERR wrong number of arguments for 'get' command");
    assert_eq!(told(&mut session, "client foo"), "ERR unknown subcommand 'foo'. Try CLIENT HELP.");
    assert_eq!(told(&mut session, "foo"), "ERR unknown command 'foo', with args beginning with: ");
}

#[test]
fn quit_is_answered_before_the_connection_closes() {
    assert_eq!(session().handle(words("quit now")), Step::AnswerAndClose(Reply::OK));
}

#[test]
fn hello_introduces_the_server_and_changes_the_protocol() {
    let mut session = session();
    assert_eq!(session.protocol(), Protocol::Resp2);
    let introduction = |protocol| {
        let fields = [
            ("server", text("valthree")),
            ("version", text("7.2.4")),
            ("proto", Reply::Integer(protocol)),
            ("id", Reply::Integer(1)),
            ("mode", text("standalone")),
            ("role", text("master")),
            ("modules", Reply::Array(Vec::new())),
        ];
        Reply::Map(fields.into_iter().map(|(key, value)| (text(key), value)).collect())
    };
    assert_eq!(reply(&mut session, "hello"), introduction(2));
    assert_eq!(reply(&mut session, "hello 3 auth default secret setname me"), introduction(3));
    assert_eq!(session.protocol(), Protocol::Resp3);
    assert_eq!(told(&mut session, "client getname"), "me");
    assert_eq!(reply(&mut session, "hello"), introduction(3));
    assert_eq!(told(&mut session, "client getname"), "me");
    assert_eq!(reply(&mut session, "hello 2"), introduction(2));
    assert_eq!(session.protocol(), Protocol::Resp2);
}

#[test]
fn a_hello_that_fails_changes_nothing() {
    let mut session = session();
    let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
    assert_eq!(told(&mut session, "hello 3 auth foo secret setname me"), wrong);
    let unsuitable = "ERR Client names cannot contain spaces, newlines or special characters.";
    assert_eq!(told(&mut session, "hello 3 setname m\te"), unsuitable);
    assert_eq!(told(&mut session, "hello 4"), "NOPROTO unsupported protocol version");
    assert_eq!(session.protocol(), Protocol::Resp2);
    assert_eq!(reply(&mut session, "client getname"), Reply::Null);
}

#[test]
fn without_a_password_only_the_default_user_can_authenticate() {
    let mut session = session();
    assert_eq!(reply(&mut session, "auth default anything"), Reply::OK);
    assert_eq!(told(&mut session, "auth foo x"), "WRONGPASS invalid username-password pair or user is disabled.");
    assert_eq!(
        told(&mut session, "auth x"),
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
    );
}

#[test]
fn names_are_one_printable_word_or_nothing() {
    let mut session = session();
    assert_eq!(reply(&mut session, "client getname"), Reply::Null);
    assert_eq!(reply(&mut session, "client setname me!~"), Reply::OK);
    assert_eq!(told(&mut session, "client getname"), "me!~");
    let unsuitable = "ERR Client names cannot contain spaces, newlines or special characters.";
    for name in ["a\nb", "é", "a\x7f"] {
        assert_eq!(told(&mut session, &format!("client setname {name}")), unsuitable);
    }
    let spaced = [&b"client"[..], b"setname", b"a b"].map(Bytes::from_static).to_vec();
    assert_eq!(session.handle(spaced), Step::Answer(Reply::Error(Cow::Borrowed(unsuitable))));
    assert_eq!(told(&mut session, "client getname"), "me!~");
    assert_eq!(reply(&mut session, "client setname "), Reply::OK);
    assert_eq!(reply(&mut session, "client getname"), Reply::Null);
}

#[test]
fn libraries_introduce_themselves_and_errors_repeat_their_spelling() {
    let mut session = session();
    assert_eq!(reply(&mut session, "client setinfo LIB-NAME redis-rs"), Reply::OK);
    assert_eq!(reply(&mut session, "client setinfo lib-ver 1.2.3"), Reply::OK);
    assert!(told(&mut session, "client info").ends_with(" lib-name=redis-rs lib-ver=1.2.3\n"));
    assert_eq!(told(&mut session, "client setinfo Foo x"), "ERR Unrecognized option 'Foo'");
    let unsuitable = "ERR Lib-Name cannot contain spaces, newlines or special characters.";
    assert_eq!(told(&mut session, "client setinfo Lib-Name a\tb"), unsuitable);
    assert!(told(&mut session, "client info").ends_with(" lib-name=redis-rs lib-ver=1.2.3\n"));
}

#[test]
fn reset_keeps_the_id_and_the_library_alone() {
    let mut session = session();
    for line in ["hello 3 setname me", "client setinfo lib-name x", "client no-evict on", "client no-touch on"] {
        reply(&mut session, line);
    }
    assert!(told(&mut session, "client info").contains(" flags=eT "));
    assert!(!heard(&mut session, "client reply off"));
    assert_eq!(told(&mut session, "reset"), "RESET");
    assert!(session.wants_reply());
    assert_eq!(session.protocol(), Protocol::Resp2);
    assert_eq!(reply(&mut session, "client getname"), Reply::Null);
    let line = told(&mut session, "client info");
    assert!(line.contains(" flags=N ") && line.contains(" lib-name=x ") && line.starts_with("id=1 "), "{line}");
}

/// Each line of this was heard, or not, in the same way from Redis 7.0.15.
#[test]
fn replies_are_left_out_exactly_as_redis_leaves_them_out() {
    let mut session = session();
    for (line, expected) in [
        ("client reply skip", false),
        ("ping", false),
        ("ping", true),
        ("client reply off", false),
        ("ping", false),
        ("client reply skip", false),
        ("client reply on", true),
        ("ping", true),
        ("client reply skip", false),
        ("client reply skip", false),
        ("ping 1", false),
        ("ping 2", true),
        ("client reply skip", false),
        ("reset", false),
        ("ping", true),
        ("client reply off", false),
        ("hello 3", false),
        ("foo", false),
        ("reset", true),
        ("ping", true),
        ("client reply skip", false),
        ("client reply foo", false),
        ("ping", true),
        ("client reply skip", false),
        ("client reply on", true),
        ("ping 9", true),
        ("client reply foo", true),
        ("client reply off", false),
        ("get k", false),
        ("quit", false),
    ] {
        assert_eq!(heard(&mut session, line), expected, "{line}");
    }
}

#[test]
fn clients_are_listed_from_their_first_moment_to_their_last() {
    let server = server();
    let mut first = session_of(&server);
    let second = session_of(&server);
    let ids = |text: String| -> Vec<String> {
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    assert_eq!(reply(&mut first, "client id"), Reply::Integer(1));
    assert_eq!(ids(told(&mut first, "client list")), ["id=1", "id=2"]);
    assert_eq!(ids(told(&mut first, "client list type normal")), ["id=1", "id=2"]);
    assert_eq!(ids(told(&mut first, "client list id 2 7 1 -1")), ["id=2", "id=1"]);
    assert_eq!(told(&mut first, "client list type replica"), "");
    drop(second);
    assert_eq!(ids(told(&mut first, "client list")), ["id=1"]);
    drop(first);
    assert_eq!(server.clients.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_described_by_its_newest_request() {
    let server = server();
    let mut watcher = session_of(&server);
    let mut other = session_of(&server);
    let seen = |watcher: &mut Session| told(watcher, "client list id 2");
    assert!(seen(&mut watcher).contains(" cmd=NULL "));
    tokio::time::advance(Duration::from_secs(5)).await;
    other.handle(words("Client NO-EVICT maybe"));
    tokio::time::advance(Duration::from_secs(2)).await;
    let line = seen(&mut watcher);
    assert!(line.contains(" age=7 idle=2 ") && line.contains(" cmd=client|no-evict "), "{line}");
    other.handle(words("foo"));
    assert!(seen(&mut watcher).contains(" idle=0 flags=N ") && seen(&mut watcher).contains(" cmd=NULL "));
}

#[tokio::test(start_paused = true)]
async fn time_is_told_in_seconds_and_microseconds() {
    let mut session = session();
    tokio::time::advance(Duration::from_micros(2_000_005)).await;
    let parts = ["1002", "5"].map(|part| Reply::Bulk(Bytes::from_static(part.as_bytes())));
    assert_eq!(reply(&mut session, "time"), Reply::Array(parts.to_vec()));
}

#[test]
fn info_and_configuration_are_told() {
    let mut session = session();
    let Reply::Verbatim(text) = reply(&mut session, "info clients") else { panic!("a text") };
    assert_eq!(text, "# Clients\r\nconnected_clients:1\r\nmaxclients:10000\r\n");
    let save = (Reply::Bulk(Bytes::from_static(b"save")), Reply::Bulk(Bytes::new()));
    assert_eq!(reply(&mut session, "config get save"), Reply::Map(vec![save]));
}
