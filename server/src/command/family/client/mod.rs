//! `CLIENT`: what connections say of themselves, and what the server says of them.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::command::arguments::{SYNTAX, error_about, exactly, integer, until_nul};
use crate::command::flag::{
    Category::Connection,
    Flag::{Admin, Loading, Noscript, Stale},
};
use crate::command::introspect::HELP;
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::session::caller::Caller;
use crate::session::silence::ReplyMode;

const CONNECTION: Spec = Spec { group: "connection", categories: &[Connection], ..Spec::BLANK };
const OWN: Spec = Spec { arity: 2, flags: &[Noscript, Loading, Stale], ..CONNECTION };
const ADMIN: Spec = Spec { arity: 3, flags: &[Admin, Noscript, Loading, Stale], ..CONNECTION };

mod select;

/// The rows.
pub static ROWS: &[Spec] = &[Spec {
    name: "client",
    arity: -2,
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    summary: "Contains the commands about client connections.",
    subcommands: SUBCOMMANDS,
    group: "connection",
    ..Spec::BLANK
}];

static SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "client|capa",
        syntax: "capability [capability ...]",
        arity: -3,
        since: "8.0.0",
        summary: "Notes that the client knows redirections. The server sends none, and passes over other capabilities.",
        meaning: Meaning::Session(capabilities),
        ..OWN
    },
    Spec {
        name: "client|getname",
        since: "2.6.9",
        summary: "Returns the name of this connection.",
        meaning: Meaning::Session(name),
        ..OWN
    },
    Spec {
        name: "client|getredir",
        since: "6.0.0",
        summary: "Returns -1: the server offers no tracking.",
        meaning: Meaning::Session(|_, _| Ok(Reply::Integer(-1))),
        ..OWN
    },
    Spec { name: "client|help", group: "connection", categories: &[Connection], ..HELP },
    Spec {
        name: "client|id",
        since: "5.0.0",
        summary: "Returns the id of this connection.",
        meaning: Meaning::Session(|caller, _| Ok(Reply::Integer(caller.client.id.cast_signed()))),
        ..OWN
    },
    Spec {
        name: "client|info",
        tips: &["nondeterministic_output"],
        since: "6.2.0",
        summary: "Describes this connection.",
        meaning: Meaning::Session(|caller, _| Ok(Reply::Verbatim(format!("{}\n", caller.client).into()))),
        ..OWN
    },
    Spec {
        name: "client|kill",
        syntax: "<ip:port | [ID client-id [client-id ...]] [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [USER username] \
                 [ADDR ip:port] [LADDR ip:port] [SKIPME <YES | NO>] [MAXAGE age]>",
        arity: -3,
        since: "2.4.0",
        complexity: "O(N) where N is the number of connections",
        summary: "Closes connections of this server, and returns how many.",
        meaning: Meaning::Session(select::kill),
        ..ADMIN
    },
    Spec {
        name: "client|list",
        syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]] [USER username] [ADDR ip:port] \
                 [LADDR ip:port] [SKIPME <YES | NO>] [MAXAGE age]",
        arity: -2,
        tips: &["nondeterministic_output"],
        since: "2.4.0",
        complexity: "O(N) where N is the number of connections",
        summary: "Describes the connections of this server.",
        meaning: Meaning::Session(select::list),
        ..ADMIN
    },
    Spec {
        name: "client|no-evict",
        syntax: "<ON | OFF>",
        since: "7.0.0",
        summary: "Sets a flag that has no effect: the server evicts no connection.",
        meaning: Meaning::Session(no_evict),
        ..ADMIN
    },
    Spec {
        name: "client|no-touch",
        syntax: "<ON | OFF>",
        arity: 3,
        since: "7.2.0",
        summary: "Sets a flag that has no effect: the server evicts no key.",
        meaning: Meaning::Session(no_touch),
        ..OWN
    },
    Spec {
        name: "client|pause",
        syntax: "timeout [WRITE | ALL]",
        arity: -3,
        since: "3.0.0",
        summary: "Has this server wait with requests, or with those that may write, for some milliseconds.",
        meaning: Meaning::Session(pause),
        ..ADMIN
    },
    Spec {
        name: "client|reply",
        syntax: "<ON | OFF | SKIP>",
        arity: 3,
        since: "3.2.0",
        summary: "Turns the replies to this connection on or off, or leaves out the next one.",
        meaning: Meaning::Session(reply),
        ..OWN
    },
    Spec {
        name: "client|setinfo",
        syntax: "<LIB-NAME libname | LIB-VER libver>",
        arity: 4,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        since: "7.2.0",
        summary: "Sets the name or the version of the client library of this connection.",
        meaning: Meaning::Session(set_library),
        ..OWN
    },
    Spec {
        name: "client|setname",
        syntax: "connection-name",
        arity: 3,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        since: "2.6.9",
        summary: "Sets the name of this connection.",
        meaning: Meaning::Session(set_name),
        ..OWN
    },
    Spec {
        name: "client|trackinginfo",
        since: "6.2.0",
        summary: "Returns that tracking is off: the server offers none.",
        meaning: Meaning::Session(tracking_info),
        ..OWN
    },
    Spec {
        name: "client|unblock",
        syntax: "client-id [TIMEOUT | ERROR]",
        arity: -3,
        since: "5.0.0",
        summary: "Returns 0: no command of this server waits for other clients.",
        meaning: Meaning::Session(select::unblock),
        ..ADMIN
    },
    Spec {
        name: "client|unpause",
        arity: 2,
        since: "6.2.0",
        complexity: "O(N) where N is the number of connections that wait",
        summary: "Ends a pause.",
        meaning: Meaning::Session(|caller, _| {
            caller.instance.clients.resume();
            Ok(Reply::OK)
        }),
        ..ADMIN
    },
];

/// The longest name of a connection or a library, and the longest version, in bytes.
///
/// A client has three of them, so ten thousand clients hold at most 15 MiB, and `CLIENT LIST` returns at most 20 MiB.
/// The budget does not count them: a connection takes more than their 1.5 KiB for its buffers.
const ATTRIBUTE_BYTES: usize = 512;

/// A short text for a line of `CLIENT LIST`: nothing but printable ASCII without spaces, up to the first NUL.
///
/// Valkey neither checks nor shows what follows a NUL, but `CLIENT GETNAME` returns all of the name.
pub(super) fn attribute(subject: &str, value: &[u8]) -> Result<Bytes, Reply> {
    if value.len() > ATTRIBUTE_BYTES {
        return Err(error_about(
            "ERR ",
            subject.as_bytes(),
            &format!(" cannot be longer than {ATTRIBUTE_BYTES} bytes."),
        ));
    }
    if !until_nul(value).iter().all(u8::is_ascii_graphic) {
        let rule = " cannot contain spaces, newlines or special characters.";
        return Err(error_about("ERR ", subject.as_bytes(), rule));
    }
    // A copy: the words of a request share a buffer, and this would keep it.
    Ok(Bytes::copy_from_slice(value))
}

/// The subject of errors about the name of a connection.
pub(super) const NAMES: &str = "Client names";

fn name(caller: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    let name = caller.facts().name.clone();
    Ok(if name.is_empty() { Reply::Null } else { Reply::Bulk(name) })
}

fn set_name(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, _, name] = exactly(words)?;
    let name = attribute(NAMES, name)?;
    caller.facts().name = name;
    Ok(Reply::OK)
}

/// Errors repeat the option as the client spells it.
fn set_library(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, _, option, value] = exactly(words)?;
    if option.eq_ignore_ascii_case(b"LIB-NAME") {
        let value = attribute(&String::from_utf8_lossy(option), value)?;
        caller.facts().library = value;
    } else if option.eq_ignore_ascii_case(b"LIB-VER") {
        let value = attribute(&String::from_utf8_lossy(option), value)?;
        caller.facts().library_version = value;
    } else {
        return Err(error_about("ERR Unrecognized option '", option, "'"));
    }
    Ok(Reply::OK)
}

/// Stops requests of all connections for some milliseconds: all requests, or those that may write.
fn pause(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let (timeout, all) = match &words[2..] {
        [timeout] => (timeout, true),
        [timeout, mode] if mode.eq_ignore_ascii_case(b"ALL") => (timeout, true),
        [timeout, mode] if mode.eq_ignore_ascii_case(b"WRITE") => (timeout, false),
        [_, _] => return Err(Reply::fault("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(SYNTAX),
    };
    let timeout = integer(timeout).ok_or(Reply::fault("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| Reply::fault("ERR timeout is negative"))?;
    // Beyond a year nobody counts milliseconds, and an instant has an end.
    let until = Instant::now() + Duration::from_millis(timeout).min(LONGEST_PAUSE);
    caller.instance.clients.pause(until, all);
    Ok(Reply::OK)
}

const LONGEST_PAUSE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// This server offers no tracking, so nobody has it on.
fn tracking_info(_: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    Ok(Reply::Map(vec![
        (Reply::text("flags"), Reply::Set(vec![Reply::text("off")])),
        (Reply::text("redirect"), Reply::Integer(-1)),
        (Reply::text("prefixes"), Reply::Array(Vec::new())),
    ]))
}

fn capabilities(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    caller.facts().redirects |= words[2..].iter().any(|word| word.eq_ignore_ascii_case(b"redirect"));
    Ok(Reply::OK)
}

fn no_evict(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    caller.facts().no_evict = switch(words)?;
    Ok(Reply::OK)
}

fn no_touch(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    caller.facts().no_touch = switch(words)?;
    Ok(Reply::OK)
}

fn switch(words: &[Bytes]) -> Result<bool, Reply> {
    let [_, _, state] = exactly(words)?;
    if state.eq_ignore_ascii_case(b"ON") {
        Ok(true)
    } else if state.eq_ignore_ascii_case(b"OFF") {
        Ok(false)
    } else {
        Err(SYNTAX)
    }
}

fn reply(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, _, mode] = exactly(words)?;
    let known = [("ON", ReplyMode::On), ("OFF", ReplyMode::Off), ("SKIP", ReplyMode::Skip)];
    let found = known.iter().find(|(name, _)| mode.eq_ignore_ascii_case(name.as_bytes()));
    let (_, mode) = found.ok_or(SYNTAX)?;
    caller.silence.set(*mode);
    Ok(Reply::OK)
}
