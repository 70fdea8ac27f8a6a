//! Sessions, as a connection uses them.

use std::time::{Duration, SystemTime};

use super::*;
use crate::commit::Yield;
use crate::settings::Settings;
use crate::state::Watched;

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
    other.handle(words("Client NO-EVICT maybe"), None);
    tokio::time::advance(Duration::from_secs(2)).await;
    let line = seen(&mut watcher);
    assert!(line.contains(" age=7 idle=2 ") && line.contains(" cmd=client|no-evict "), "{line}");
    other.handle(words("foo"), None);
    assert!(seen(&mut watcher).contains(" idle=0 flags=N ") && seen(&mut watcher).contains(" cmd=NULL "));
}

#[tokio::test(start_paused = true)]
async fn time_is_told_in_seconds_and_microseconds() {
    let mut session = session();
    tokio::time::advance(Duration::from_micros(2_000_005)).await;
    let parts = ["1002", "5"].map(Reply::text);
    assert_eq!(reply(&mut session, "time"), Reply::Array(parts.to_vec()));
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

/// What a landed transaction with these replies is settled to, as it is sent.
fn settled(session: &mut Session, replies: Vec<Reply>) -> String {
    sent(session.settle(Ok(Reply::Array(replies).into())))
}

fn sent(settled: Settled) -> String {
    let mut bytes = bytes::BytesMut::new();
    settled.reply.into_iter().for_each(|reply| reply.encode(settled.protocol, &mut bytes));
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn transact(session: &mut Session, lines: &[&str]) -> Gathered {
    for line in lines {
        assert_eq!(told(session, line), if *line == "multi" { "OK" } else { "QUEUED" }, "{line}");
        session.wants_reply();
    }
    match session.handle(words("exec"), None) {
        Step::Transact(gathered) => gathered,
        other => panic!("{other:?}"),
    }
}

fn note(key: &'static str) -> Watched {
    Watched { database: 0, key: key.into(), generation: 3, until: None }
}

#[test]
fn a_transaction_is_submitted_as_a_whole() {
    let mut session = session();
    let gathered = transact(&mut session, &["multi", "set a 1", "get a"]);
    let commands: Vec<_> = gathered.queue.iter().filter_map(transaction::Queued::shared).cloned().collect();
    let parsed = |line| Command::parse(words(line)).expect("it is well-formed");
    assert_eq!(commands, [parsed("set a 1"), parsed("get a")]);
    assert!(!session.is_waiting(), "nothing in it concerns the session");
    assert_eq!(session.held(), 0, "its memory goes with the unit");
    assert_eq!(told(&mut session, "exec"), "ERR EXEC without MULTI");
}

#[test]
fn a_command_that_cannot_be_queued_spoils_the_transaction() {
    for line in ["foo", "get", "client foo", "multi", "watch a"] {
        let mut session = session();
        for before in ["multi", "set a 1", line, "set b 1"] {
            session.handle(words(before), None);
        }
        assert_eq!(session.held(), 0, "it will never be executed");
        assert_eq!(told(&mut session, "exec"), "EXECABORT Transaction discarded because of previous errors.", "{line}");
        assert_eq!(told(&mut session, "discard"), "ERR DISCARD without MULTI");
    }
}

#[test]
fn an_exec_that_is_refused_ends_the_transaction() {
    let mut session = session();
    session.handle(words("multi"), None);
    let arity = "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
    assert_eq!(told(&mut session, "exec now"), arity);
    assert_eq!(told(&mut session, "exec"), "ERR EXEC without MULTI");
    for line in ["multi", "get a"] {
        session.handle(words(line), None);
    }
    let loading = Reply::fault("LOADING it is");
    let aborted = Reply::fault("EXECABORT Transaction discarded because of: LOADING it is");
    assert_eq!(session.handle(words("exec"), Some(&loading)), Step::Answer(aborted));
    session.handle(words("multi"), Some(&loading));
    assert_eq!(
        session.handle(words("exec"), Some(&loading)),
        Step::Settled(Settled { reply: Some(Reply::Array(Vec::new())), protocol: Protocol::Resp2 })
    );
}

#[test]
fn a_mistake_in_the_arguments_is_the_reply_of_its_command_alone() {
    let mut session = session();
    transact(&mut session, &["multi", "set a 1", "mset a 1 b", "get a"]);
    assert!(session.is_waiting());
    let sent = settled(&mut session, vec![Reply::OK, Reply::text("1")]);
    assert_eq!(sent, "*3\r\n+OK\r\n-ERR wrong number of arguments for 'mset' command\r\n$1\r\n1\r\n");
}

#[test]
fn the_session_executes_its_own_commands_when_the_unit_has_landed() {
    let mut session = session();
    let gathered =
        transact(&mut session, &["multi", "client setname me", "get a", "select 3", "get b", "client getname"]);
    assert_eq!(gathered.queue.iter().filter_map(transaction::Queued::shared).count(), 3, "SELECT goes along");
    assert_eq!(session.terms().0, 0);
    let sent = settled(&mut session, vec![Reply::text("1"), Reply::OK, Reply::text("2")]);
    assert_eq!(sent, "*5\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n2\r\n$2\r\nme\r\n");
    assert_eq!(session.terms().0, 3);
}

#[test]
fn the_session_executes_nothing_of_a_transaction_that_was_refused() {
    let mut session = session();
    transact(&mut session, &["multi", "client setname me", "select 3", "get b"]);
    assert_eq!(sent(session.settle(Ok(Reply::NullArray.into()))), "*-1\r\n");
    assert_eq!((session.terms().0, reply(&mut session, "client getname")), (0, Reply::Null));
    transact(&mut session, &["multi", "client setname me", "get b"]);
    let refused = crate::commit::Refusal::NothingHappened.into();
    assert!(sent(session.settle(Err(refused))).starts_with("-TRYAGAIN "));
    assert_eq!(reply(&mut session, "client getname"), Reply::Null);
}

#[test]
fn each_part_is_sent_in_the_protocol_of_its_moment() {
    let mut session = session();
    transact(&mut session, &["multi", "get a", "hello 3", "get a"]);
    let sent = settled(&mut session, vec![Reply::Null, Reply::Null]);
    assert!(sent.starts_with("*3\r\n$-1\r\n%7\r\n") && sent.ends_with("\r\n_\r\n"), "{sent}");
    assert_eq!(session.protocol(), Protocol::Resp3);
}

/// Valkey 8.0.1 sends the same bytes.
#[test]
fn parts_are_left_out_exactly_as_valkey_leaves_them_out() {
    for (lines, expected, next) in [
        (&["client reply off", "ping"][..], "*2\r\n", false),
        (&["client reply skip", "ping"], "*2\r\n+PONG\r\n", false),
        (&["client reply skip", "client reply on", "ping"], "*3\r\n+OK\r\n+PONG\r\n", false),
        (&["client reply on", "client reply foo"], "*2\r\n+OK\r\n-ERR syntax error\r\n", true),
    ] {
        let mut session = session();
        heard(&mut session, "multi");
        lines.iter().for_each(|line| assert!(heard(&mut session, line)));
        let Step::Settled(settled) = session.handle(words("exec"), None) else { panic!("{lines:?}") };
        assert_eq!(sent(settled), expected, "{lines:?}");
        assert_eq!(heard(&mut session, "ping"), next, "{lines:?}");
    }
}

#[test]
fn the_notes_of_a_watch_go_into_the_next_transaction() {
    let mut session = session();
    let watch = |session: &mut Session, line: &str, notes: Vec<Watched>| {
        assert!(matches!(session.handle(words(line), None), Step::Watch(_)) && session.is_waiting());
        assert_eq!(sent(session.settle(Ok(Yield { watched: notes, ..Reply::OK.into() }))), "+OK\r\n");
    };
    watch(&mut session, "watch b a", vec![note("b"), note("a")]);
    watch(&mut session, "watch a", vec![Watched { generation: 9, ..note("a") }]);
    assert!(session.held() > 0);
    let gathered = transact(&mut session, &["multi", "ping"]);
    assert_eq!(gathered.watched, [note("a"), note("b")], "of two notes of a key the older one counts");
    assert_eq!(settled(&mut session, vec![]), "*1\r\n+PONG\r\n");
    for ending in ["unwatch", "reset", "multi discard", "multi foo exec", "multi exec"] {
        watch(&mut session, "watch a", vec![note("a")]);
        for word in ending.split(' ') {
            session.handle(words(word), None);
        }
        session.handle(words("multi"), None);
        let step = session.handle(words("exec"), None);
        assert!(matches!(step, Step::Settled(_)), "{ending}: {step:?}");
    }
    watch(&mut session, "watch a", vec![note("a")]);
    assert_eq!(told(&mut session, "discard"), "ERR DISCARD without MULTI");
    assert_eq!(transact(&mut session, &["multi", "ping"]).watched, [note("a")], "a DISCARD of nothing forgets nothing");
}

#[test]
fn a_transaction_has_a_limit() {
    let mut settings = Settings::default();
    settings.limits.request_bytes = 1000;
    let server = Arc::new(Instance::new(settings, SystemTime::UNIX_EPOCH));
    let mut session = session_of(&server);
    session.handle(words("multi"), None);
    let mut queued = 0;
    while told(&mut session, "set a 1") == "QUEUED" {
        queued += 1;
    }
    assert!((1..10).contains(&queued));
    assert!(told(&mut session, "exec").starts_with("EXECABORT "));
}

#[test]
fn a_transaction_is_shown_to_other_clients() {
    let server = server();
    let (mut watcher, mut other) = (session_of(&server), session_of(&server));
    let seen = |watcher: &mut Session| told(watcher, "client list id 2");
    for line in ["multi", "get a", "ping"] {
        other.handle(words(line), None);
    }
    assert!(seen(&mut watcher).contains(" flags=x ") && seen(&mut watcher).contains(" multi=2 "));
    other.handle(words("discard"), None);
    assert!(seen(&mut watcher).contains(" flags=N ") && seen(&mut watcher).contains(" multi=-1 "));
}
