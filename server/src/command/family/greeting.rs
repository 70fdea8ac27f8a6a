//! The connection: greeting, authentication and farewell.

use bytes::Bytes;

use super::client::{NAMES, attribute};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, error_about, exactly, integer, wrong_arity};
use crate::command::flag::{
    Category::Connection,
    Flag::{AllowBusy, Fast, Loading, NoAuth, Noscript, Stale},
};
use crate::command::spec::{Meaning, Spec};
use crate::info;
use crate::resp::{Protocol, Reply};
use crate::root::DATABASES;
use crate::session::caller::Caller;

const CONNECTION: Spec = Spec { group: "connection", categories: &[Connection], ..Spec::BLANK };

/// The commands that a client may call before it is authenticated.
const GREETING: Spec = Spec { flags: &[Noscript, Loading, Stale, Fast, NoAuth, AllowBusy], ..CONNECTION };

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "auth",
        syntax: "[username] password",
        arity: -2,
        summary: "Accepts the user default with any password, because none is configured.",
        meaning: Meaning::Session(authenticate),
        ..GREETING
    },
    Spec {
        name: "echo",
        syntax: "message",
        arity: 2,
        flags: &[Loading, Stale, Fast],
        summary: "Returns the message.",
        meaning: Meaning::Session(echo),
        ..CONNECTION
    },
    Spec {
        name: "hello",
        syntax: "[protover [AUTH username password] [SETNAME clientname]]",
        arity: -1,
        since: "6.0.0",
        summary: "Chooses the protocol and describes the server.",
        meaning: Meaning::Session(hello),
        ..GREETING
    },
    Spec {
        name: "ping",
        syntax: "[message]",
        arity: -1,
        flags: &[Fast],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        summary: "Returns PONG, or the message.",
        meaning: Meaning::Session(ping),
        ..CONNECTION
    },
    Spec { name: "quit", arity: -1, summary: "Closes the connection.", meaning: Meaning::Session(quit), ..GREETING },
    Spec {
        name: "reset",
        arity: 1,
        since: "6.2.0",
        summary: "Gives the connection the state of a new one.",
        meaning: Meaning::Reset(reset),
        ..GREETING
    },
    Spec {
        name: "select",
        syntax: "index",
        arity: 2,
        flags: &[Loading, Stale, Fast],
        summary: "Chooses the database for the following commands.",
        meaning: Meaning::Select(number_of, select),
        ..CONNECTION
    },
];

/// The only user.
const DEFAULT_USER: &[u8] = b"default";

/// In one word an `AUTH` means the default user, as in old versions of Redis. Without a configured password that is a
/// mistake.
fn authenticate(_: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    match &words[1..] {
        [_password] => Err(Reply::fault(
            "ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?",
        )),
        [user, _password] => log_in(user).map(|()| Reply::OK),
        _ => Err(SYNTAX),
    }
}

/// Accepts any password, since none is configured.
fn log_in(user: &[u8]) -> Result<(), Reply> {
    if user == DEFAULT_USER {
        Ok(())
    } else {
        Err(Reply::fault("WRONGPASS invalid username-password pair or user is disabled."))
    }
}

fn echo(_: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, message] = exactly(words)?;
    Ok(Reply::Bulk(message.clone()))
}

fn ping(_: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    match words {
        [_] => Ok(Reply::status("PONG")),
        [_, message] => Ok(Reply::Bulk(message.clone())),
        _ => Err(wrong_arity("ping")),
    }
}

fn quit(caller: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    caller.leave();
    Ok(Reply::OK)
}

fn select(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    caller.facts().database = number_of(words)?;
    Ok(Reply::OK)
}

fn number_of(words: &[Bytes]) -> Result<usize, Reply> {
    let [_, index] = exactly(words)?;
    match integer(index) {
        Some(index) if i32::try_from(index).is_ok() => {
            let number = usize::try_from(index).ok().filter(|number| *number < DATABASES);
            number.ok_or(Reply::fault("ERR DB index is out of range"))
        }
        Some(_) => Err(Reply::fault("ERR value is out of range, value must between -2147483648 and 2147483647")),
        None => Err(NOT_AN_INTEGER),
    }
}

/// The arguments of a `HELLO`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hello<'a> {
    protocol: Option<Protocol>,
    user: Option<&'a [u8]>,
    name: Option<Bytes>,
}

impl<'a> Hello<'a> {
    fn parse(words: &'a [Bytes]) -> Result<Hello<'a>, Reply> {
        let [_, version, options @ ..] = words else { return Ok(Hello::default()) };
        let protocol = match integer(version) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Reply::fault("NOPROTO unsupported protocol version")),
            None => return Err(Reply::fault("ERR Protocol version is not an integer or out of range")),
        };
        let mut hello = Hello { protocol: Some(protocol), ..Hello::default() };
        let mut options = options;
        while let [option, rest @ ..] = options {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            options = match rest {
                [user, _password, rest @ ..] if is("AUTH") => {
                    hello.user = Some(user);
                    rest
                }
                [name, rest @ ..] if is("SETNAME") => {
                    hello.name = Some(attribute(NAMES, name)?);
                    rest
                }
                _ => return Err(error_about("ERR Syntax error in HELLO option '", option, "'")),
            };
        }
        Ok(hello)
    }
}

/// A `HELLO` with a mistake changes nothing.
fn hello(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let Hello { protocol, user, name } = Hello::parse(words)?;
    user.map_or(Ok(()), log_in)?;
    let protocol = {
        let mut facts = caller.facts();
        facts.name = name.unwrap_or_else(|| std::mem::take(&mut facts.name));
        facts.protocol = protocol.unwrap_or(facts.protocol);
        facts.protocol
    };
    let number = match protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    let fields = [
        ("server", Reply::text(info::NAME)),
        ("version", Reply::text(info::COMPATIBLE_VERSION)),
        ("proto", Reply::Integer(number)),
        ("id", Reply::Integer(caller.client.id.cast_signed())),
        ("mode", Reply::text("standalone")),
        ("role", Reply::text("master")),
        ("modules", Reply::Array(Vec::new())),
    ];
    Ok(Reply::Map(fields.map(|(key, value)| (Reply::text(key), value)).into()))
}

/// The session forgets the transaction. The name of the client library stays: a `RESET` does not change which library the
/// client uses.
fn reset(caller: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    caller.silence.reset();
    let mut facts = caller.facts();
    facts.protocol = Protocol::default();
    facts.database = 0;
    facts.name.clear();
    facts.no_evict = false;
    facts.no_touch = false;
    Ok(Reply::status("RESET"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    #[test]
    fn hello_takes_its_options_in_any_order() {
        assert_eq!(Hello::parse(&words("hello")), Ok(Hello::default()));
        let all = || Hello { protocol: Some(Protocol::Resp3), user: Some(b"me"), name: Some(Bytes::from_static(b"n")) };
        assert_eq!(Hello::parse(&words("HELLO 3 auth me secret SETNAME n")), Ok(all()));
        assert_eq!(Hello::parse(&words("hello 3 setname n AUTH me secret")), Ok(all()));
    }

    #[test]
    fn hello_names_the_option_that_it_does_not_understand() {
        for (line, error) in [
            ("hello 4", "NOPROTO unsupported protocol version"),
            ("hello 1", "NOPROTO unsupported protocol version"),
            ("hello three", "ERR Protocol version is not an integer or out of range"),
            ("hello 2 foo", "ERR Syntax error in HELLO option 'foo'"),
            ("hello 2 setname", "ERR Syntax error in HELLO option 'setname'"),
            ("hello 2 AUTH me", "ERR Syntax error in HELLO option 'AUTH'"),
        ] {
            assert_eq!(Hello::parse(&words(line)), Err(Reply::error(error)), "{line}");
        }
    }
}
