//! Sessions, as a connection uses them.

use std::time::{Duration, SystemTime};

use super::*;
use crate::settings::Settings;

mod transaction;

fn server() -> Arc<Instance> {
    Arc::new(Instance::new(Settings::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)))
}

fn session() -> Session {
    session_of(&server())
}

fn session_of(server: &Arc<Instance>) -> Session {
    Session::open(server.clone(), "10.0.0.1:5000".into(), "10.0.0.2:6379".into())
}

fn words(line: &str) -> Vec<Bytes> {
    line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

/// The reply to a request that the session answers itself.
fn reply(session: &mut Session, line: &str) -> Reply {
    match session.handle(words(line), None) {
        Step::Answer(reply) => reply,
        other => panic!("{line} was not answered: {other:?}"),
    }
}

/// The text of the reply.
fn told(session: &mut Session, line: &str) -> String {
    match reply(session, line) {
        Reply::Error(text) | Reply::Simple(text) | Reply::Verbatim(text) | Reply::Bulk(text) => {
            String::from_utf8(text.into()).expect("text")
        }
        other => panic!("{line} has no text: {other:?}"),
    }
}

/// Whether the client gets a reply to this request.
fn heard(session: &mut Session, line: &str) -> bool {
    session.handle(words(line), None);
    session.wants_reply()
}

#[test]
fn commands_of_the_database_are_submitted() {
    for line in ["GET k", "dbsize", "set k v nx"] {
        let command = Command::parse(words(line)).expect("it is well-formed");
        assert_eq!(session().handle(words(line), None), Step::Submit(command));
    }
}

#[test]
fn mistakes_are_answered_at_once() {
    let mut session = session();
    assert_eq!(told(&mut session, "get"), "ERR wrong number of arguments for 'get' command");
    assert_eq!(told(&mut session, "client foo"), "ERR unknown subcommand 'foo'. Try CLIENT HELP.");
    assert_eq!(told(&mut session, "foo"), "ERR unknown command 'foo', with args beginning with: ");
}

#[test]
fn only_a_complete_command_may_write() {
    let mut session = session();
    for (line, writes) in
        [("set k v", true), ("eval return 0", true), ("eval return", false), ("set k", false), ("get k", false)]
    {
        assert_eq!(session.intent(&words(line)) == Intent::Writes, writes, "{line}");
    }
    session.handle(words("multi"), None);
    session.handle(words("get k"), None);
    assert_eq!(session.intent(&words("exec")), Intent::Reads);
    session.handle(words("set k v"), None);
    assert_eq!(session.intent(&words("exec")), Intent::Writes);
}

#[test]
fn what_the_database_alone_knows_is_asked_for() {
    let asked = |session: &Session, line: &str| match session.intent(&words(line)) {
        Intent::Unknown(questions) => questions.iter().map(|question| format!("{:?}", question.words())).collect(),
        other => vec![format!("{other:?}")],
    };
    let mut session = session();
    for line in ["evalsha x 0", "evalsha_ro x 0", "fcall f 0", "FCALL_RO f 0"] {
        assert_eq!(asked(&session, line), [format!("{:?}", words(line))]);
    }
    assert_eq!(asked(&session, "eval_ro text 0"), ["Reads"]);
    let script = |name: &'static str, text: &'static str| vec![name.into(), text.into(), "0".into()];
    assert_eq!(session.intent(&script("eval", "#!lua flags=no-writes\nreturn 1")), Intent::Reads);
    assert_eq!(session.intent(&script("eval_ro", "#!lua\nreturn 1")), Intent::Writes);
    let known = "evalsha 0000000000000000000000000000000000000000 0";
    for line in ["multi", "fcall f 0", "get k", known] {
        session.handle(words(line), None);
    }
    assert_eq!(asked(&session, "exec"), ["fcall f 0", known].map(|line| format!("{:?}", words(line))));
}

#[test]
fn quit_is_answered_before_the_connection_closes() {
    assert_eq!(session().handle(words("quit now"), None), Step::AnswerAndClose(Reply::OK));
}

#[test]
fn hello_introduces_the_server_and_changes_the_protocol() {
    let mut session = session();
    assert_eq!(session.protocol(), Protocol::Resp2);
    let introduction = |protocol| {
        let fields = [
            ("server", Reply::text("valthree")),
            ("version", Reply::text("7.2.4")),
            ("proto", Reply::Integer(protocol)),
            ("id", Reply::Integer(1)),
            ("mode", Reply::text("standalone")),
            ("role", Reply::text("master")),
            ("modules", Reply::Array(Vec::new())),
        ];
        Reply::Map(fields.into_iter().map(|(key, value)| (Reply::text(key), value)).collect())
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
    for name in ["a\nb", "é", "a\x7f", "a\x7f\0"] {
        assert_eq!(told(&mut session, &format!("client setname {name}")), unsuitable);
    }
    let spaced = [&b"client"[..], b"setname", b"a b"].map(Bytes::from_static).to_vec();
    assert_eq!(session.handle(spaced, None), Step::Answer(Reply::fault(unsuitable)));
    assert_eq!(told(&mut session, "client getname"), "me!~");
    assert_eq!(reply(&mut session, "client setname a\0\x7f"), Reply::OK);
    assert_eq!(told(&mut session, "client getname"), "a\0\x7f");
    assert!(told(&mut session, "client info").contains(" name=a age="));
    assert_eq!(reply(&mut session, "client setname "), Reply::OK);
    assert_eq!(reply(&mut session, "client getname"), Reply::Null);
}

#[test]
fn a_name_has_a_limit() {
    let mut session = session();
    let longest = "x".repeat(512);
    assert_eq!(reply(&mut session, &format!("client setname {longest}")), Reply::OK);
    assert_eq!(told(&mut session, "client getname"), longest);
    for (subject, line) in [
        ("Client names", "client setname"),
        ("lib-name", "client setinfo lib-name"),
        ("LIB-VER", "client setinfo LIB-VER"),
    ] {
        let error = format!("ERR {subject} cannot be longer than 512 bytes.");
        assert_eq!(told(&mut session, &format!("{line} {longest}x")), error);
    }
    let error = "ERR Client names cannot be longer than 512 bytes.";
    assert_eq!(told(&mut session, &format!("hello 3 setname {longest}x")), error);
    assert_eq!(session.protocol(), Protocol::Resp2, "nothing has changed");
}

#[test]
fn libraries_introduce_themselves_and_errors_repeat_their_spelling() {
    let mut session = session();
    assert_eq!(reply(&mut session, "client setinfo LIB-NAME redis-rs"), Reply::OK);
    assert_eq!(reply(&mut session, "client setinfo lib-ver 1.2.3"), Reply::OK);
    assert!(told(&mut session, "client info").contains(" lib-name=redis-rs lib-ver=1.2.3 "));
    assert_eq!(told(&mut session, "client setinfo Foo x"), "ERR Unrecognized option 'Foo'");
    let unsuitable = "ERR Lib-Name cannot contain spaces, newlines or special characters.";
    assert_eq!(told(&mut session, "client setinfo Lib-Name a\tb"), unsuitable);
    assert!(told(&mut session, "client info").contains(" lib-name=redis-rs lib-ver=1.2.3 "));
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

/// Redis 7.0.15 answers the same lines, and leaves out the same replies.
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
    assert_eq!(ids(told(&mut first, "client list id 2 7 1")), ["id=1", "id=2"]);
    assert_eq!(ids(told(&mut first, "client list id 1 2 1 1 2")), ["id=1", "id=2"], "each of them once");
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
    other.tell_time(Instant::now());
    other.handle(words("Client NO-EVICT maybe"), None);
    tokio::time::advance(Duration::from_secs(2)).await;
    let line = seen(&mut watcher);
    assert!(line.contains(" age=7 idle=2 ") && line.contains(" cmd=client|no-evict "), "{line}");
    other.tell_time(Instant::now());
    other.handle(words("foo"), None);
    assert!(seen(&mut watcher).contains(" idle=0 flags=N ") && seen(&mut watcher).contains(" cmd=NULL "));
}

#[tokio::test(start_paused = true)]
async fn time_is_what_expiries_count_from_in_seconds_and_microseconds() {
    let server = server();
    let mut session = session_of(&server);
    let told = |parts: [&'static str; 2]| Reply::Array(parts.map(Reply::text).to_vec());
    tokio::time::advance(Duration::from_micros(2_005_700)).await;
    assert_eq!(reply(&mut session, "time"), told(["1002", "5000"]));
    // Another server, whose clock is ahead, has stored its time.
    server.clock.known(5_000_000);
    assert_eq!(reply(&mut session, "time"), told(["5000", "0"]));
}

#[test]
fn info_and_configuration_are_told() {
    let mut session = session();
    let Reply::Verbatim(text) = reply(&mut session, "info clients") else { panic!("a text") };
    assert_eq!(
        text,
        "# Clients\r\nconnected_clients:1\r\nblocked_clients:0\r\npaused_reason:none\r\npaused_actions:none\r\n\
                     paused_timeout_milliseconds:0\r\nmaxclients:10000\r\n"
    );
    let save = (Reply::Bulk(Bytes::from_static(b"save")), Reply::Bulk(Bytes::new()));
    assert_eq!(reply(&mut session, "config get save"), Reply::Map(vec![save]));
}

#[test]
fn ping_and_echo_return_their_message() {
    let mut session = session();
    assert_eq!(reply(&mut session, "PING"), Reply::status("PONG"));
    assert_eq!(reply(&mut session, "ping hi"), Reply::text("hi"));
    assert_eq!(reply(&mut session, "echo hi"), Reply::text("hi"));
    assert_eq!(told(&mut session, "ping a b"), "ERR wrong number of arguments for 'ping' command");
}

#[test]
fn there_are_sixteen_databases() {
    let mut session = session();
    for number in [0, 15, 3] {
        assert_eq!(reply(&mut session, &format!("select {number}")), Reply::OK);
        assert_eq!(session.terms().0, number);
    }
    for (index, error) in [
        ("16", "ERR DB index is out of range"),
        ("-1", "ERR DB index is out of range"),
        ("x", "ERR value is not an integer or out of range"),
        ("00", "ERR value is not an integer or out of range"),
        ("3000000000", "ERR value is out of range, value must between -2147483648 and 2147483647"),
    ] {
        assert_eq!(told(&mut session, &format!("select {index}")), error, "{index}");
        assert_eq!(session.terms().0, 3, "an error leaves the selection as it was");
    }
    assert_eq!(reply(&mut session, "reset"), Reply::status("RESET"));
    assert_eq!(session.terms().0, 0);
}

#[test]
fn auth_takes_one_or_two_words() {
    assert_eq!(told(&mut session(), "auth a b c"), "ERR syntax error");
}

#[test]
fn lists_of_clients_have_filters() {
    let mut session = session();
    assert!(told(&mut session, "client list type NORMAL").starts_with("id=1 "));
    assert_eq!(told(&mut session, "client list TYPE slave"), "");
    assert_eq!(told(&mut session, "client list type foo"), "ERR Unknown client type 'foo'");
    assert_eq!(told(&mut session, "client list type normal id 3"), "");
    assert_eq!(told(&mut session, "client list id 0"), "ERR client-id should be greater than 0");
    for line in ["client list id", "client list id x", "client list foo", "client list type"] {
        assert_eq!(told(&mut session, line), "ERR syntax error", "{line}");
    }
}

#[test]
fn switches_have_two_positions() {
    let mut session = session();
    for line in ["client no-evict 1", "client no-touch yes", "client reply maybe"] {
        assert_eq!(told(&mut session, line), "ERR syntax error", "{line}");
    }
}

#[test]
fn a_mistake_in_a_data_command_costs_no_round_trip() {
    let mut session = session();
    for line in ["set k v nx xx", "flushall now"] {
        assert_eq!(told(&mut session, line), "ERR syntax error", "{line}");
    }
    assert_eq!(told(&mut session, "mset a 1 b"), "ERR wrong number of arguments for 'mset' command");
}
