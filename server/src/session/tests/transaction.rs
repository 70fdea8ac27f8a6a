//! Transactions, as a session gathers and settles them.

use super::*;
use crate::commit::Yield;
use crate::session::transaction::Queued;
use crate::state::Watched;

/// What a landed transaction with these replies is settled to, as it is sent.
fn settled(session: &mut Session, replies: Vec<Reply>) -> String {
    sent(session.settle(Ok(Reply::Array(replies).into())))
}

fn sent(settled: Settled) -> String {
    let mut bytes = bytes::BytesMut::new();
    settled.parts.iter().for_each(|(reply, protocol)| reply.encode(*protocol, &mut bytes));
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
    let commands: Vec<_> = gathered.queue.iter().filter_map(Queued::shared).cloned().collect();
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
        Step::Settled(Settled { parts: vec![(Reply::Array(Vec::new()), Protocol::Resp2)], ..Settled::default() })
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
    assert_eq!(gathered.queue.iter().filter_map(Queued::shared).count(), 3, "SELECT goes along");
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
fn what_exec_cannot_do_at_once_is_said_as_valkey_says_it() {
    let mut session = session();
    transact(&mut session, &["multi", "set a 1", "bgsave", "bgsave schedule", "bgrewriteaof", "script debug no"]);
    let told = settled(&mut session, vec![Reply::OK]);
    let scheduled = "+Background saving scheduled\r\n";
    let rewriting = "+Background append only file rewriting scheduled\r\n";
    let refused = "-ERR SCRIPT DEBUG must be called outside a pipeline\r\n";
    assert_eq!(told, format!("*5\r\n+OK\r\n{scheduled}{scheduled}{rewriting}{refused}"));
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
        assert!(matches!(session.handle(words(line), None), Step::Ask(_)) && session.is_waiting());
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

/// A session that knows a database which is larger than its limit.
fn full() -> Session {
    let settings = Settings { max_memory: Some(10), ..Settings::default() };
    let server = Arc::new(Instance::new(settings, SystemTime::UNIX_EPOCH));
    server.stats.database_bytes.set(11);
    session_of(&server)
}

#[test]
fn a_command_that_may_let_a_full_database_grow_is_queued_only_after_a_question() {
    let mut session = full();
    for line in ["multi", "get a", "del a", "eval text 0", "client getname"] {
        assert!(matches!(session.handle(words(line), None), Step::Answer(Reply::Simple(_))), "{line}");
    }
    for line in ["set a 1", "evalsha 0000000000000000000000000000000000000000 0", "fcall f 0"] {
        let Step::Ask(question) = session.handle(words(line), None) else { panic!("{line} was not asked for") };
        assert!(question.words() == words(line) && !question.may_write() && session.is_waiting());
        assert_eq!(sent(session.settle(Ok(Reply::OK.into()))), "+QUEUED\r\n");
    }
    let Step::Transact(gathered) = session.handle(words("exec"), None) else { panic!("it was not submitted") };
    assert_eq!(gathered.queue.iter().filter_map(Queued::shared).count(), 6);
}

#[test]
fn a_command_without_room_spoils_its_transaction() {
    let refused = crate::commit::Refusal::NothingHappened.into();
    for (answer, begin) in [(Ok(crate::command::FULL.into()), "-OOM "), (Err(refused), "-TRYAGAIN ")] {
        let mut session = full();
        session.handle(words("multi"), None);
        assert!(matches!(session.handle(words("set a 1"), None), Step::Ask(_)));
        let settled = session.settle(answer);
        assert_eq!(settled.counting, Reckoning::Refused);
        assert!(sent(settled).starts_with(begin));
        assert_eq!(told(&mut session, "exec"), "EXECABORT Transaction discarded because of previous errors.");
    }
}
