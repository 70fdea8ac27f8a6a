//! Commands that concern the connection or the server alone: what they ask, and how it is read.

use std::borrow::Cow;

use bytes::Bytes;

use super::Request;
use super::parse::{self, SYNTAX, arguments, error, exactly};
use crate::resp::{Protocol, Reply};

const NOT_AN_INTEGER: Reply = Reply::Error(Cow::Borrowed("ERR value is not an integer or out of range"));
const NOT_AN_INT: Reply =
    Reply::Error(Cow::Borrowed("ERR value is out of range, value must between -2147483648 and 2147483647"));
const NO_SUCH_DATABASE: Reply = Reply::Error(Cow::Borrowed("ERR DB index is out of range"));
const NO_SUCH_PROTOCOL: Reply = Reply::Error(Cow::Borrowed("NOPROTO unsupported protocol version"));
const NO_PROTOCOL_NUMBER: Reply = Reply::Error(Cow::Borrowed("ERR Protocol version is not an integer or out of range"));
const NO_CLIENT_ID: Reply = Reply::Error(Cow::Borrowed("ERR Invalid client ID"));

/// What a connection, or the server that it leads to, is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `HELLO [2 | 3 [AUTH user password] [SETNAME name]]`
    Hello {
        /// The protocol to speak from now on.
        protocol: Option<Protocol>,
        /// Who the client says that it is. No password is ever looked at, as there is none.
        user: Option<Bytes>,
        /// The name that it gives itself.
        name: Option<Bytes>,
    },
    /// `AUTH [user] password`
    Authenticate {
        /// Who the client says that it is.
        user: Option<Bytes>,
    },
    /// `RESET`
    Reset,
    /// `QUIT`
    Quit,
    /// `TIME`
    Time,
    /// `INFO [section...]`
    Info {
        /// None means the default ones.
        sections: Vec<Bytes>,
    },
    /// `CONFIG GET pattern...`
    Configuration {
        /// One or more.
        patterns: Vec<Bytes>,
    },
    /// `CLIENT ID`
    Id,
    /// `CLIENT GETNAME`
    Name,
    /// `CLIENT SETNAME name`
    SetName {
        /// As the client sent it.
        name: Bytes,
    },
    /// `CLIENT SETINFO LIB-NAME | LIB-VER value`
    SetLibrary {
        /// The attribute as the client wrote it, which an error repeats.
        attribute: Bytes,
        /// As the client sent it.
        value: Bytes,
    },
    /// `CLIENT INFO`
    Describe,
    /// `CLIENT LIST [TYPE type] [ID id...]`
    List(Selection),
    /// `CLIENT NO-EVICT ON | OFF`
    NoEvict(bool),
    /// `CLIENT NO-TOUCH ON | OFF`
    NoTouch(bool),
    /// `CLIENT REPLY ON | OFF | SKIP`
    Replies(ReplyMode),
}

/// Which clients `CLIENT LIST` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All, and all are of the type `NORMAL`.
    All,
    /// Of a type that no client here can have, such as `REPLICA`.
    None,
    /// Those with these ids, in this order, as far as they exist.
    Ids(Vec<i64>),
}

/// What `CLIENT REPLY` wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Every reply.
    On,
    /// None.
    Off,
    /// Not the reply of the next command.
    Skip,
}

/// `PING [message]`; the arity that the table can express has no upper end.
pub fn ping(words: Vec<Bytes>) -> Result<Request, Reply> {
    match &words[..] {
        [_] => Ok(Request::Answer(Reply::Simple(Cow::Borrowed("PONG")))),
        [_, message] => Ok(Request::Answer(Reply::Bulk(message.clone()))),
        _ => Err(parse::wrong_arity_of("ping")),
    }
}

/// `ECHO message`
pub fn echo(words: Vec<Bytes>) -> Result<Request, Reply> {
    let [_, message] = exactly(words)?;
    Ok(Request::Answer(Reply::Bulk(message)))
}

/// `SELECT index`: there is one database, so nothing needs to be remembered.
pub fn select(words: Vec<Bytes>) -> Result<Request, Reply> {
    let [_, index] = exactly(words)?;
    match parse::integer(&index) {
        Some(0) => Ok(Request::Answer(Reply::OK)),
        Some(index) if i32::try_from(index).is_ok() => Err(NO_SUCH_DATABASE),
        Some(_) => Err(NOT_AN_INT),
        None => Err(NOT_AN_INTEGER),
    }
}

/// `HELLO [2 | 3 [AUTH user password] [SETNAME name]]`
pub fn hello(words: Vec<Bytes>) -> Result<Request, Reply> {
    let protocol = match words.get(1).map(|version| parse::integer(version)) {
        None => None,
        Some(Some(2)) => Some(Protocol::Resp2),
        Some(Some(3)) => Some(Protocol::Resp3),
        Some(Some(_)) => return Err(NO_SUCH_PROTOCOL),
        Some(None) => return Err(NO_PROTOCOL_NUMBER),
    };
    let (mut user, mut name) = (None, None);
    let mut rest = words.get(2..).unwrap_or_default();
    while let [option, more @ ..] = rest {
        rest = match more {
            [who, _, more @ ..] if option.eq_ignore_ascii_case(b"AUTH") => {
                user = Some(who.clone());
                more
            }
            [what, more @ ..] if option.eq_ignore_ascii_case(b"SETNAME") => {
                name = Some(what.clone());
                more
            }
            _ => {
                let option = parse::quotable(option, option.len());
                return Err(error(format!("ERR Syntax error in HELLO option '{option}'")));
            }
        };
    }
    Ok(Request::Connection(Ask::Hello { protocol, user, name }))
}

/// `AUTH [user] password`
pub fn authenticate(words: Vec<Bytes>) -> Result<Request, Reply> {
    match &words[1..] {
        [_password] => Ok(Request::Connection(Ask::Authenticate { user: None })),
        [user, _password] => Ok(Request::Connection(Ask::Authenticate { user: Some(user.clone()) })),
        _ => Err(SYNTAX),
    }
}

/// `INFO [section...]`
pub fn info(words: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Connection(Ask::Info { sections: arguments(words) }))
}

/// `CONFIG GET pattern...`
pub fn configuration(words: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Connection(Ask::Configuration { patterns: words.into_iter().skip(2).collect() }))
}

/// `CLIENT SETNAME name`
pub fn set_name(words: Vec<Bytes>) -> Result<Request, Reply> {
    let [_, _, name] = exactly(words)?;
    Ok(Request::Connection(Ask::SetName { name }))
}

/// `CLIENT SETINFO LIB-NAME | LIB-VER value`
pub fn set_library(words: Vec<Bytes>) -> Result<Request, Reply> {
    let [_, _, attribute, value] = exactly(words)?;
    Ok(Request::Connection(Ask::SetLibrary { attribute, value }))
}

/// `CLIENT LIST [TYPE type | ID id...]`
pub fn list(words: Vec<Bytes>) -> Result<Request, Reply> {
    let selection = match words.get(2..) {
        None | Some([]) => Selection::All,
        Some([option, kind]) if option.eq_ignore_ascii_case(b"TYPE") => of_type(kind)?,
        Some([option, ids @ ..]) if option.eq_ignore_ascii_case(b"ID") && !ids.is_empty() => {
            let ids = ids.iter().map(|id| parse::integer(id).ok_or(NO_CLIENT_ID));
            Selection::Ids(ids.collect::<Result<_, _>>()?)
        }
        Some(_) => return Err(SYNTAX),
    };
    Ok(Request::Connection(Ask::List(selection)))
}

fn of_type(kind: &Bytes) -> Result<Selection, Reply> {
    let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
    if is("normal") {
        Ok(Selection::All)
    } else if is("master") || is("primary") || is("replica") || is("slave") || is("pubsub") {
        Ok(Selection::None)
    } else {
        Err(error(format!("ERR Unknown client type '{}'", parse::quotable(kind, kind.len()))))
    }
}

/// `CLIENT NO-EVICT ON | OFF`
pub fn no_evict(words: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Connection(Ask::NoEvict(switch(words)?)))
}

/// `CLIENT NO-TOUCH ON | OFF`
pub fn no_touch(words: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Connection(Ask::NoTouch(switch(words)?)))
}

fn switch(words: Vec<Bytes>) -> Result<bool, Reply> {
    let [_, _, state] = exactly(words)?;
    if state.eq_ignore_ascii_case(b"ON") {
        Ok(true)
    } else if state.eq_ignore_ascii_case(b"OFF") {
        Ok(false)
    } else {
        Err(SYNTAX)
    }
}

/// `CLIENT REPLY ON | OFF | SKIP`
pub fn replies(words: Vec<Bytes>) -> Result<Request, Reply> {
    let [_, _, mode] = exactly(words)?;
    let known = [("ON", ReplyMode::On), ("OFF", ReplyMode::Off), ("SKIP", ReplyMode::Skip)];
    match known.iter().find(|(name, _)| mode.eq_ignore_ascii_case(name.as_bytes())) {
        Some((_, mode)) => Ok(Request::Connection(Ask::Replies(*mode))),
        None => Err(SYNTAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, Reply> {
        parse::command(line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect())
    }

    fn asked(line: &str) -> Ask {
        match parsed(line) {
            Ok(Request::Connection(ask)) => ask,
            other => panic!("{line} asks nothing of the connection: {other:?}"),
        }
    }

    fn refused(line: &str) -> String {
        match parsed(line) {
            Err(Reply::Error(text)) => text.into_owned(),
            other => panic!("{line} was not refused: {other:?}"),
        }
    }

    fn bytes(text: &'static str) -> Option<Bytes> {
        Some(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn ping_and_echo_need_nobody_to_answer() {
        assert_eq!(parsed("PING"), Ok(Request::Answer(Reply::Simple(Cow::Borrowed("PONG")))));
        assert_eq!(parsed("ping hi"), Ok(Request::Answer(Reply::Bulk(Bytes::from_static(b"hi")))));
        assert_eq!(parsed("echo hi"), Ok(Request::Answer(Reply::Bulk(Bytes::from_static(b"hi")))));
    }

    #[test]
    fn there_is_one_database() {
        assert_eq!(parsed("select 0"), Ok(Request::Answer(Reply::OK)));
        assert_eq!(refused("select 1"), "ERR DB index is out of range");
        assert_eq!(refused("select -1"), "ERR DB index is out of range");
        assert_eq!(refused("select x"), "ERR value is not an integer or out of range");
        assert_eq!(refused("select 00"), "ERR value is not an integer or out of range");
        let text = "ERR value is out of range, value must between -2147483648 and 2147483647";
        assert_eq!(refused("select 3000000000"), text);
    }

    #[test]
    fn hello_takes_its_options_in_any_order() {
        let nothing = Ask::Hello { protocol: None, user: None, name: None };
        assert_eq!(asked("hello"), nothing);
        let all = Ask::Hello { protocol: Some(Protocol::Resp3), user: bytes("me"), name: bytes("n") };
        assert_eq!(asked("HELLO 3 auth me secret SETNAME n"), all);
        assert_eq!(asked("hello 3 setname n AUTH me secret"), all);
    }

    #[test]
    fn hello_says_what_it_does_not_understand() {
        assert_eq!(refused("hello 4"), "NOPROTO unsupported protocol version");
        assert_eq!(refused("hello 1"), "NOPROTO unsupported protocol version");
        assert_eq!(refused("hello three"), "ERR Protocol version is not an integer or out of range");
        assert_eq!(refused("hello 2 foo"), "ERR Syntax error in HELLO option 'foo'");
        assert_eq!(refused("hello 2 setname"), "ERR Syntax error in HELLO option 'setname'");
        assert_eq!(refused("hello 2 AUTH me"), "ERR Syntax error in HELLO option 'AUTH'");
    }

    #[test]
    fn auth_takes_one_or_two_words() {
        assert_eq!(asked("auth secret"), Ask::Authenticate { user: None });
        assert_eq!(asked("auth me secret"), Ask::Authenticate { user: bytes("me") });
        assert_eq!(refused("auth a b c"), "ERR syntax error");
    }

    #[test]
    fn clients_are_selected_by_type_or_by_id() {
        assert_eq!(asked("client list"), Ask::List(Selection::All));
        assert_eq!(asked("client list type NORMAL"), Ask::List(Selection::All));
        assert_eq!(asked("client list TYPE slave"), Ask::List(Selection::None));
        assert_eq!(asked("client list id 3 -1 3"), Ask::List(Selection::Ids(vec![3, -1, 3])));
        assert_eq!(refused("client list type foo"), "ERR Unknown client type 'foo'");
        assert_eq!(refused("client list id x"), "ERR Invalid client ID");
        for line in ["client list id", "client list foo", "client list type", "client list type normal id 3"] {
            assert_eq!(refused(line), "ERR syntax error", "{line}");
        }
    }

    #[test]
    fn switches_know_only_their_positions() {
        assert_eq!(asked("client no-evict on"), Ask::NoEvict(true));
        assert_eq!(asked("client no-touch OFF"), Ask::NoTouch(false));
        assert_eq!(asked("client reply Skip"), Ask::Replies(ReplyMode::Skip));
        for line in ["client no-evict 1", "client no-touch yes", "client reply maybe"] {
            assert_eq!(refused(line), "ERR syntax error", "{line}");
        }
    }
}
