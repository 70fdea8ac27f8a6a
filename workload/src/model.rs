//! What the commands mean, written from the documentation of Redis and from nothing else.
//!
//! A database is a map, and a command takes it from one state to the next and says one thing. The checker believes this
//! page, so it is meant to be read in a minute and to be seen to be right.

use std::collections::{BTreeMap, BTreeSet};

use crate::operation::{Command, Condition, Reply};
use crate::word::Word;

/// What a database holds.
pub type State = BTreeMap<Word, Word>;

/// Carries out a command, and returns what a server has to reply.
pub fn apply(state: &mut State, command: &Command) -> Reply {
    match command {
        Command::Get(key) => value(state.get(key)),
        Command::Set { key, value: new, condition, get } => {
            let old = state.get(key).cloned();
            let holds = match condition {
                None => true,
                Some(Condition::Absent) => old.is_none(),
                Some(Condition::Present) => old.is_some(),
            };
            if holds {
                state.insert(key.clone(), new.clone());
            }
            match (get, holds) {
                (true, _) => value(old.as_ref()), // with GET, the old value is all one learns
                (false, true) => Reply::ok(),
                (false, false) => Reply::Nil,
            }
        }
        Command::Del(keys) => count(keys.iter().filter(|key| state.remove(*key).is_some())),
        Command::Exists(keys) => count(keys.iter().filter(|key| state.contains_key(*key))),
        Command::MGet(keys) => Reply::Array(keys.iter().map(|key| value(state.get(key))).collect()),
        Command::MSet(pairs) => {
            state.extend(pairs.iter().cloned()); // of a key that is named twice, the last value stays
            Reply::ok()
        }
        Command::FlushAll => {
            state.clear();
            Reply::ok()
        }
        Command::DbSize => count(state.keys()),
        Command::Ping => Reply::Status { status: "PONG".into() },
    }
}

fn value(value: Option<&Word>) -> Reply {
    value.map_or(Reply::Nil, |value| Reply::Value(value.clone()))
}

fn count<T>(counted: impl Iterator<Item = T>) -> Reply {
    Reply::Integer(i64::try_from(counted.count()).unwrap_or(i64::MAX))
}

/// Why no database could ever give this reply to this command, whatever it holds: in words that follow the name of the
/// operation. `None` if some state would explain it.
pub fn impossible(command: &Command, reply: &Reply) -> Option<String> {
    match reply {
        Reply::Error { error } => return Some(format!("was answered with an error: {error}")),
        Reply::Strange { strange } => return Some(format!("was answered with what is no reply to it: {strange}")),
        _ => {}
    }
    let is_value = |reply: &Reply| matches!(reply, Reply::Nil | Reply::Value(_));
    let is_status = |word: &str| matches!(reply, Reply::Status { status } if status == word);
    let up_to = |most: usize| matches!(reply, Reply::Integer(count) if usize::try_from(*count).is_ok_and(|count| count <= most));
    let possible = match command {
        Command::Get(_) | Command::Set { get: true, .. } => is_value(reply),
        Command::Set { condition: Some(_), .. } => *reply == Reply::Nil || is_status("OK"),
        Command::Set { .. } | Command::MSet(_) | Command::FlushAll => is_status("OK"),
        Command::Del(keys) => up_to(distinct(keys)),
        Command::Exists(keys) => up_to(keys.len()) && sums(keys, reply),
        Command::MGet(keys) => {
            matches!(reply, Reply::Array(replies) if replies.len() == keys.len() && replies.iter().all(is_value))
        }
        Command::DbSize => up_to(usize::MAX),
        Command::Ping => is_status("PONG"),
    };
    (!possible).then(|| format!("was answered {reply}, where only {} would make sense", expected(command)))
}

/// What a command can be answered with, for people.
fn expected(command: &Command) -> String {
    match command {
        Command::Get(_) => "a value or nil".into(),
        Command::Set { get: true, .. } => "the old value or nil".into(),
        Command::Set { condition: Some(_), .. } => "OK or nil".into(),
        Command::Set { .. } | Command::MSet(_) | Command::FlushAll => "OK".into(),
        Command::Del(keys) => format!("a count of at most {}", distinct(keys)),
        Command::Exists(keys) => format!("a count that its {} keys can add up to", keys.len()),
        Command::MGet(keys) => format!("{} values or nils", keys.len()),
        Command::DbSize => "a count".into(),
        Command::Ping => "PONG".into(),
    }
}

fn distinct(keys: &[Word]) -> usize {
    if keys.len() == 1 { 1 } else { keys.iter().collect::<BTreeSet<_>>().len() }
}

/// Whether some of the keys, each counted as often as it is named, make this count.
fn sums(keys: &[Word], reply: &Reply) -> bool {
    if keys.len() == 1 {
        return true;
    }
    let mut named: BTreeMap<&Word, i64> = BTreeMap::new();
    keys.iter().for_each(|key| *named.entry(key).or_default() += 1);
    let mut reached = BTreeSet::from([0]);
    for times in named.values() {
        let with: Vec<i64> = reached.iter().map(|sum| sum + times).collect();
        reached.extend(with);
    }
    matches!(reply, Reply::Integer(count) if reached.contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &[(&str, Reply)]) {
        let mut state = State::new();
        for (line, expected) in script {
            let words: Vec<Word> = line.split(' ').map(Word::from).collect();
            let command = Command::try_from(words).unwrap();
            let reply = apply(&mut state, &command);
            assert_eq!(reply, *expected, "{line}");
            assert_eq!(impossible(&command, &reply), None, "{line}");
        }
    }

    fn text(value: &str) -> Reply {
        Reply::Value(value.into())
    }

    #[test]
    fn set_obeys_its_conditions_and_returns_the_old_value_if_asked() {
        run(&[
            ("SET k 1 XX", Reply::Nil),
            ("GET k", Reply::Nil),
            ("SET k 1 NX", Reply::ok()),
            ("SET k 2 NX", Reply::Nil),
            ("SET k 3 XX", Reply::ok()),
            ("SET k 4 GET", text("3")),
            ("SET k 5 NX GET", text("4")),
            ("GET k", text("4")),
            ("SET j 1 NX GET", Reply::Nil),
            ("GET j", text("1")),
            ("SET i 1 XX GET", Reply::Nil),
            ("GET i", Reply::Nil),
        ]);
    }

    #[test]
    fn a_key_that_is_named_twice_exists_twice_and_is_deleted_once() {
        run(&[
            ("MSET a 1 b 2 a 3", Reply::ok()),
            ("MGET a b c", Reply::Array(vec![text("3"), text("2"), Reply::Nil])),
            ("EXISTS a a c", Reply::Integer(2)),
            ("DBSIZE", Reply::Integer(2)),
            ("DEL a a c", Reply::Integer(1)),
            ("FLUSHALL", Reply::ok()),
            ("DBSIZE", Reply::Integer(0)),
            ("PING", Reply::Status { status: "PONG".into() }),
        ]);
    }

    #[test]
    fn a_reply_that_no_state_explains_is_impossible() {
        for (line, reply) in [
            ("GET k", Reply::Integer(1)),
            ("GET k", Reply::ok()),
            ("GET k", Reply::Error { error: "ERR".into() }),
            ("SET k v", Reply::Nil),
            ("SET k v", text("v")),
            ("SET k v GET", Reply::ok()),
            ("SET k v NX", Reply::Integer(1)),
            ("DEL a a", Reply::Integer(2)),
            ("DEL a", Reply::Integer(-1)),
            ("EXISTS a a", Reply::Integer(1)),
            ("EXISTS a b", Reply::Integer(3)),
            ("MGET a b", Reply::Array(vec![Reply::Nil])),
            ("MGET a", Reply::Array(vec![Reply::Integer(1)])),
            ("MSET a 1", Reply::Integer(1)),
            ("FLUSHALL", Reply::Nil),
            ("DBSIZE", Reply::Integer(-1)),
            ("PING", text("PONG")),
            ("PING", Reply::Strange { strange: "a map".into() }),
        ] {
            let command = Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).unwrap();
            assert!(impossible(&command, &reply).is_some(), "{line}: {reply}");
        }
    }
}
