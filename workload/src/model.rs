//! The meaning of commands, written from the documentation of Redis and from nothing else.
//!
//! A database is a map. A command takes it from one state to the next and gives one reply. The checker trusts this model
//! alone, so each family of commands states its meaning in one short function (`operation/string.rs` and its
//! neighbours) that a reader can compare with the documentation. Transactions and scripts consist of other commands: their
//! meaning is here.
//!
//! [`apply`] is the model. [`step`] gives every state that a command may lead to: SPOP takes members of the server's
//! choice, and EXPIRE with GT compares lives by a clock that nobody sees. [`expire`] ends a life. [`impossible`] is a
//! cheap check before the search: it refuses a reply that no state of the database explains.

mod choices;

use std::collections::BTreeSet;

pub(crate) use self::choices::MOST_STATES;
use self::choices::{chosen, step_by_field};
use crate::operation::{
    Command, FieldCommand, GeoCentre, GeoCircle, GeoCommand, HashCommand, Holding, Life, ListCommand, Reply, Script,
    ScriptCommand, SetCommand, SortedSetCommand, StringCommand, TransactionCommand,
};
pub use crate::operation::{Entry, Held, Lifetime, Site, State, TypedValue, Window};
use crate::word::Word;

/// Executes a command in database 0 and returns the reply that a correct server gives.
pub fn apply(state: &mut State, command: &Command) -> Reply {
    apply_at(state, Site::default(), command)
}

/// Executes a command and returns the reply that a correct server gives.
pub fn apply_at(state: &mut State, site: Site, command: &Command) -> Reply {
    match command {
        Command::String(command) => state.change_by(|state| command.apply(state, site)),
        Command::Set(command) => state.change_by(|state| command.apply(state, site)),
        Command::Hash(command) => state.change_by(|state| command.apply(state, site)),
        Command::List(command) => state.change_by(|state| command.apply(state, site)),
        Command::SortedSet(command) => state.change_by(|state| command.apply(state, site)),
        Command::Key(command) => state.change_by(|state| command.apply(state, site)),
        Command::Server(command) => state.change_by(|state| command.apply(state, site)),
        Command::Script(command) => apply_script(state, site, command),
        Command::Transaction(command) => apply_transaction(state, site, command),
    }
}

/// Executes a transaction, or a command about transactions.
fn apply_transaction(state: &mut State, site: Site, command: &TransactionCommand) -> Reply {
    match command {
        TransactionCommand::Watch(keys) => {
            keys.iter().for_each(|key| state.watch(site.database, key, site.client));
            Reply::ok()
        }
        TransactionCommand::Unwatch | TransactionCommand::Discard(_) => {
            state.unwatch(site.client);
            Reply::ok()
        }
        TransactionCommand::Spoilt { .. } => {
            state.unwatch(site.client);
            Reply::aborted()
        }
        TransactionCommand::Exec { watched, commands } => {
            let untouched = watched.iter().all(|key| state.is_untouched(site.database, key, site.client));
            state.unwatch(site.client);
            if !untouched {
                return Reply::Nil;
            }
            Reply::Array(commands.iter().map(|command| apply_at(state, site, command)).collect())
        }
    }
}

/// Executes a script, or a command about scripts. Whether a server knows a script is no part of the state:
/// `check/refusals.rs` judges that.
fn apply_script(state: &mut State, site: Site, command: &ScriptCommand) -> Reply {
    match command {
        ScriptCommand::Run { script, .. } => run_script(state, site, script).unwrap_or_else(|error| error),
        ScriptCommand::Load { tag, name } => Reply::Value(name.digest(tag)),
        ScriptCommand::Flush => Reply::ok(),
    }
}

/// Runs a script. `Err` is the error at which it stops.
fn run_script(state: &mut State, site: Site, script: &Script) -> Result<Reply, Reply> {
    let mut call = |command: Command| match apply_at(state, site, &command) {
        error @ Reply::Error { .. } => Err(error),
        reply => Ok(reply),
    };
    match script {
        Script::CompareAndSet(key, old, new) => {
            if call(Command::get(key.clone()))? != Reply::Value(old.clone()) {
                return Ok(Reply::Integer(0));
            }
            let set = StringCommand::Set { key: key.clone(), value: new.clone(), condition: None, get: false };
            call(Command::String(set))?;
            Ok(Reply::Integer(1))
        }
        Script::MoveIf(from, to, least) => {
            match call(Command::List(ListCommand::Size(from.clone())))? {
                Reply::Integer(size) if size > *least => {}
                _ => return Ok(Reply::Nil),
            }
            let moved = call(Command::List(ListCommand::PopLeft(from.clone())))?;
            if let Reply::Value(element) = &moved {
                call(Command::List(ListCommand::PushRight(to.clone(), vec![element.clone()])))?;
            }
            Ok(moved)
        }
        Script::IncrWithLimit(key, amount, limit) => {
            let sum = call(Command::String(StringCommand::IncrBy(key.clone(), *amount)))?;
            if matches!(sum, Reply::Integer(sum) if sum > *limit) {
                call(Command::String(StringCommand::IncrBy(key.clone(), -amount)))?;
                return Ok(Reply::Nil);
            }
            Ok(sum)
        }
        Script::PushAndLook(key, element) => {
            call(Command::List(ListCommand::PushRight(key.clone(), vec![element.clone()])))?;
            call(Command::List(ListCommand::All(key.clone())))
        }
        Script::SetAndFail(key, value) => {
            let set = StringCommand::Set { key: key.clone(), value: value.clone(), condition: None, get: false };
            call(Command::String(set))?;
            call(Command::String(StringCommand::IncrBy(key.clone(), 1)))
        }
        Script::SetFieldFor(key, field, value, life) => {
            let (life, fields) = (Life::Milliseconds(*life), vec![field.clone()]);
            let new = call(Command::Hash(HashCommand::Set(key.clone(), vec![(field.clone(), value.clone())])))?;
            let expire = FieldCommand::Expire { key: key.clone(), life, limit: None, fields };
            call(Command::Hash(HashCommand::Field(expire)))?;
            Ok(new)
        }
        Script::PutAndSearch(key, place, member, radius) => {
            let circle = GeoCircle { centre: GeoCentre::Member(member.clone()), radius: *radius };
            let put = GeoCommand::Add(key.clone(), vec![(*place, member.clone())]);
            call(Command::SortedSet(SortedSetCommand::Geo(put)))?;
            call(Command::SortedSet(SortedSetCommand::Geo(GeoCommand::Search(key.clone(), circle))))
        }
    }
}

/// The states that a command may lead to, if it is answered with `seen` or, without it, with whatever reply.
/// `None` if the server has too many choices to list.
pub fn step(state: &State, site: Site, command: &Command, seen: Option<&Reply>) -> Option<Vec<State>> {
    match (command, seen) {
        (Command::Set(SetCommand::Pop(key)), seen) => {
            if let Some(TypedValue::Set(members)) = state.entry(site.database, key).map(|entry| &entry.value) {
                let chosen = |member: &&Word| seen.is_none_or(|seen| *seen == Reply::Value((*member).clone()));
                let without = |member: &Word| {
                    let mut after = state.clone();
                    let remove = Command::Set(SetCommand::Remove(key.clone(), vec![member.clone()]));
                    apply_at(&mut after, site, &remove);
                    after
                };
                return Some(members.iter().filter(chosen).map(without).collect());
            }
        }
        (Command::Set(SetCommand::PopMany(key, number)), seen) => {
            if let Some(TypedValue::Set(members)) = state.entry(site.database, key).map(|entry| &entry.value) {
                let number = members.len().min(*number as usize);
                let without = |chosen: Vec<Word>| {
                    let mut after = state.clone();
                    apply_at(&mut after, site, &Command::Set(SetCommand::Remove(key.clone(), chosen)));
                    after
                };
                let members: Vec<&Word> = members.iter().collect();
                return Some(chosen(&members, number, seen)?.into_iter().map(without).collect());
            }
        }
        // Whether an EXPIRE with GT or LT takes effect may depend on a clock that nobody sees.
        (Command::Key(command), seen) if command.holds(state, site.database) == Holding::Unclear => {
            let expire = command.unconditional().map(Command::Key);
            let mut states = expire.and_then(|expire| step(state, site, &expire, seen)).unwrap_or_default();
            if seen.is_none_or(|seen| *seen == Reply::Integer(0)) {
                states.push(state.clone());
            }
            return Some(states);
        }
        // The same of HEXPIRE, field by field.
        (Command::Hash(HashCommand::Field(command)), seen) if command.is_conditional() => {
            return Some(step_by_field(state, site, command, seen));
        }
        (Command::Transaction(TransactionCommand::Exec { watched, commands }), seen) => {
            return step_through(state, site, (watched.as_slice(), commands.as_slice()), seen);
        }
        // The server did not know the script. `check/refusals.rs` asks whether that was right.
        (Command::Script(script), Some(seen)) if script.is_unknown(seen) => return Some(vec![state.clone()]),
        _ => {}
    }
    let mut after = state.clone();
    let reply = apply_at(&mut after, site, command);
    let right = seen.is_none_or(|seen| {
        let seen = command.comparable(seen.clone());
        command.accepts(&command.comparable(reply), &seen) && command.fits_time(state, site, &seen)
    });
    Some(if right { vec![after] } else { Vec::new() })
}

/// The states that a transaction may lead to, command by command.
///
/// A null reply is right in any state here: a server may refuse an EXEC whenever somebody may have touched a watched key,
/// or may forget what was touched. But an EXEC that took effect found every watched key untouched.
fn step_through(
    state: &State,
    site: Site,
    (watched, commands): (&[Word], &[Command]),
    seen: Option<&Reply>,
) -> Option<Vec<State>> {
    let mut refused = state.clone();
    refused.unwatch(site.client);
    let replies = match seen {
        Some(Reply::Nil) => return Some(vec![refused]),
        Some(Reply::Array(replies)) if replies.len() == commands.len() => Some(replies),
        Some(_) => return Some(Vec::new()),
        None => None,
    };
    if !watched.iter().all(|key| state.is_untouched(site.database, key, site.client)) {
        return Some(if replies.is_none() { vec![refused] } else { Vec::new() });
    }
    let mut states = BTreeSet::from([refused]);
    for (number, command) in commands.iter().enumerate() {
        let seen = replies.map(|replies| &replies[number]);
        let mut after = BTreeSet::new();
        for state in &states {
            after.extend(step(state, site, command, seen)?);
            if after.len() > MOST_STATES {
                return None;
            }
        }
        states = after;
    }
    Some(states.into_iter().collect())
}

/// Ends the life of a key, or of fields of its hash, if this limit is still its own.
pub fn expire(state: &mut State, database: u8, key: &Word, limit: Lifetime) {
    state.change_by(|state| state.expire(database, key, limit));
}

/// Whether a server gives this error to a correct command whose key is absent or holds a value of another kind.
pub fn is_about_type(error: &str) -> bool {
    const BEGINNINGS: [&str; 7] = [
        "WRONGTYPE",
        "ERR value is not an integer",
        "ERR hash value is not an integer",
        "ERR no such key",
        "ERR index out of range",
        // The words of Valkey 8, and those of Valkey 9.
        "ERR could not decode requested zset member",
        "ERR member",
    ];
    BEGINNINGS.iter().any(|beginning| error.starts_with(beginning))
}

/// Whether a server may give this error to a correct command: the key holds another kind of value, a transaction holds a
/// command that the client spoilt, or the server does not know the script.
pub fn is_right_error(command: &Command, error: &str) -> bool {
    let reply = Reply::Error { error: error.to_owned() };
    match (command.transaction(), command.script()) {
        (Some(transaction), _) => is_possible(transaction, &reply),
        (None, Some(script)) if script.is_unknown(&reply) => true,
        (None, _) => is_about_type(error) && !command.keys().is_empty(),
    }
}

/// Why no state of the database explains this reply, in words that follow the name of the operation. `None` if some
/// state explains it.
pub fn impossible(command: &Command, reply: &Reply) -> Option<String> {
    match reply {
        Reply::Error { error } if is_right_error(command, error) => return None,
        Reply::Error { error } => return Some(format!("was answered with an error: {error}")),
        Reply::Strange { strange } => {
            return Some(format!("was answered with a reply of a type that it never has: {strange}"));
        }
        Reply::Nil | Reply::Integer(_) | Reply::Status { .. } | Reply::Value(_) | Reply::Array(_) => {}
    }
    let possible = match command {
        Command::String(command) => command.allows(reply),
        Command::Set(command) => command.allows(reply),
        Command::Hash(command) => command.allows(reply),
        Command::List(command) => command.allows(reply),
        Command::SortedSet(command) => command.allows(reply),
        Command::Key(command) => command.allows(reply),
        Command::Server(command) => command.allows(reply),
        Command::Transaction(command) => is_possible(command, reply),
        Command::Script(command) => command.allows(reply),
    };
    (!possible).then(|| format!("was answered {reply}, but only {} is possible", expected(command)))
}

/// Whether a transaction may get this reply in some state of the database.
fn is_possible(command: &TransactionCommand, reply: &Reply) -> bool {
    match command {
        TransactionCommand::Watch(_) | TransactionCommand::Unwatch | TransactionCommand::Discard(_) => {
            reply.is_status("OK")
        }
        TransactionCommand::Spoilt { .. } => reply.is_aborted(),
        TransactionCommand::Exec { watched, commands } => match reply {
            Reply::Nil => !watched.is_empty(),
            Reply::Array(replies) => {
                let possible = |(command, reply): (&Command, &Reply)| impossible(command, reply).is_none();
                replies.len() == commands.len() && commands.iter().zip(replies).all(possible)
            }
            _ => false,
        },
    }
}

/// A description of the possible replies, for people.
fn expected(command: &Command) -> String {
    match command {
        Command::String(command) => command.expected(),
        Command::Set(command) => command.expected(),
        Command::Hash(command) => command.expected(),
        Command::List(command) => command.expected(),
        Command::SortedSet(command) => command.expected(),
        Command::Key(command) => command.expected(),
        Command::Server(command) => command.expected(),
        Command::Transaction(command) => command.expected(),
        Command::Script(command) => command.expected(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word;

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
