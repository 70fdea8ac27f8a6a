//! From the words of a request to its meaning, or to the error that Valkey answers.

use std::borrow::Cow;

use bytes::Bytes;

use super::spec::Spec;
use super::{Command, Existence, Request, table};
use crate::resp::Reply;

/// An option that is not known, or not together with another one.
pub const SYNTAX: Reply = Reply::Error(Cow::Borrowed("ERR syntax error"));

/// How many bytes of a command's or subcommand's name an error repeats.
const NAME_REPEATED: usize = 128;

/// How many bytes of the arguments an error repeats, their quotes included.
const ARGUMENTS_REPEATED: usize = 128;

/// Finds out what a request of at least one word asks for, or what has to be answered to its mistakes.
pub fn command(words: Vec<Bytes>) -> Result<Request, Reply> {
    let spec = resolve(&words)?;
    admit(spec, words)
}

/// Finds the row of the table that a request is about.
pub fn resolve(words: &[Bytes]) -> Result<&'static Spec, Reply> {
    let spec = words.first().and_then(|name| table::find(name)).ok_or_else(|| unknown_command(words))?;
    match words.get(1) {
        Some(name) if !spec.subcommands.is_empty() => {
            table::find_subcommand(spec, name).ok_or_else(|| unknown_subcommand(spec, name))
        }
        _ => Ok(spec),
    }
}

/// Reads a request by the row that it was resolved to.
pub fn admit(spec: &Spec, words: Vec<Bytes>) -> Result<Request, Reply> {
    match spec.parse {
        Some(parse) if spec.admits(words.len()) => parse(words),
        _ => Err(wrong_arity(spec)),
    }
}

/// `GET key`
pub fn get(words: Vec<Bytes>) -> Result<Request, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Request::Database(Command::Get { key }))
}

/// `SET key value [NX | XX] [GET]`
pub fn set(words: Vec<Bytes>) -> Result<Request, Reply> {
    let mut words = words.into_iter().skip(1);
    let (Some(key), Some(value)) = (words.next(), words.next()) else {
        return Err(SYNTAX);
    };
    let (mut condition, mut get) = (None, false);
    for option in words {
        if option.eq_ignore_ascii_case(b"GET") {
            get = true;
        } else if option.eq_ignore_ascii_case(b"NX") && condition != Some(Existence::Present) {
            condition = Some(Existence::Absent);
        } else if option.eq_ignore_ascii_case(b"XX") && condition != Some(Existence::Absent) {
            condition = Some(Existence::Present);
        } else {
            return Err(SYNTAX);
        }
    }
    Ok(Request::Database(Command::Set { key, value, condition, get }))
}

/// `DEL key...` and `UNLINK key...`
pub fn delete(words: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Database(Command::Delete { keys: arguments(words) }))
}

/// `EXISTS key...`
pub fn exists(words: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Database(Command::Exists { keys: arguments(words) }))
}

/// `MGET key...`
pub fn multi_get(words: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Database(Command::MultiGet { keys: arguments(words) }))
}

/// `MSET key value...`; a key without a value is beyond what the table can say of the arity.
pub fn multi_set(words: Vec<Bytes>) -> Result<Request, Reply> {
    let mut words = words.into_iter().skip(1);
    let mut pairs = Vec::with_capacity(words.len() / 2);
    while let Some(key) = words.next() {
        let value = words.next().ok_or_else(|| wrong_arity_of("mset"))?;
        pairs.push((key, value));
    }
    Ok(Request::Database(Command::MultiSet { pairs }))
}

/// `DBSIZE`
pub fn size(_: Vec<Bytes>) -> Result<Request, Reply> {
    Ok(Request::Database(Command::Size))
}

/// `FLUSHALL [ASYNC | SYNC]`; either takes the same single step here.
pub fn flush(words: Vec<Bytes>) -> Result<Request, Reply> {
    match words.get(1..) {
        None | Some([]) => Ok(Request::Database(Command::Flush)),
        Some([mode]) if mode.eq_ignore_ascii_case(b"ASYNC") || mode.eq_ignore_ascii_case(b"SYNC") => {
            Ok(Request::Database(Command::Flush))
        }
        Some(_) => Err(SYNTAX),
    }
}

/// The words without the name in front.
pub(super) fn arguments(mut words: Vec<Bytes>) -> Vec<Bytes> {
    words.drain(..1);
    words
}

/// The words of a request whose arity is exact. The table has checked it, so the error is never seen.
pub(super) fn exactly<const N: usize>(words: Vec<Bytes>) -> Result<[Bytes; N], Reply> {
    <[Bytes; N]>::try_from(words).map_err(|_| SYNTAX)
}

/// A number as Valkey accepts it: the one way to write it, without plus, spaces or leading zeros.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = text == b"0" || matches!(digits, [b'1'..=b'9', ..]);
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What an error may repeat of a client's words: nothing from the first NUL on, and no line break, which would end
/// the reply early. Bytes that are not UTF-8 are replaced, since a reply is text here.
pub(crate) fn quotable(text: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(cut(text, limit)).replace(['\r', '\n'], " ")
}

fn cut(text: &[u8], limit: usize) -> &[u8] {
    let text = &text[..text.len().min(limit)];
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// An error with text that is not always the same.
pub(crate) fn error(text: String) -> Reply {
    Reply::Error(Cow::Owned(text))
}

fn unknown_command(words: &[Bytes]) -> Reply {
    let mut rest = Vec::new();
    for argument in words.iter().skip(1) {
        if rest.len() >= ARGUMENTS_REPEATED {
            break;
        }
        let argument = cut(argument, ARGUMENTS_REPEATED - rest.len());
        rest.push(b'\'');
        rest.extend_from_slice(argument);
        rest.extend_from_slice(b"' ");
    }
    let name = words.first().map(|name| quotable(name, NAME_REPEATED)).unwrap_or_default();
    let rest = quotable(&rest, rest.len());
    error(format!("ERR unknown command '{name}', with args beginning with: {rest}"))
}

fn unknown_subcommand(spec: &Spec, name: &[u8]) -> Reply {
    let container = spec.name.to_ascii_uppercase();
    error(format!("ERR unknown subcommand '{}'. Try {container} HELP.", quotable(name, NAME_REPEATED)))
}

fn wrong_arity(spec: &Spec) -> Reply {
    wrong_arity_of(spec.name)
}

/// For the few arities that the table can not express.
pub(super) fn wrong_arity_of(name: &str) -> Reply {
    error(format!("ERR wrong number of arguments for '{name}' command"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    fn parsed(line: &str) -> Result<Request, Reply> {
        command(words(line))
    }

    fn refused(line: &str) -> String {
        match parsed(line) {
            Err(Reply::Error(text)) => text.into_owned(),
            other => panic!("{line} was not refused: {other:?}"),
        }
    }

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn set_of(condition: Option<Existence>, get: bool) -> Result<Request, Reply> {
        Ok(Request::Database(Command::Set { key: bytes("k"), value: bytes("v"), condition, get }))
    }

    #[test]
    fn names_and_options_are_found_in_any_case_and_order() {
        assert_eq!(parsed("gEt k"), Ok(Request::Database(Command::Get { key: bytes("k") })));
        assert_eq!(parsed("SET k v"), set_of(None, false));
        assert_eq!(parsed("set k v nx get"), set_of(Some(Existence::Absent), true));
        assert_eq!(parsed("set k v Get xX"), set_of(Some(Existence::Present), true));
        assert_eq!(parsed("set k v NX NX GET GET"), set_of(Some(Existence::Absent), true));
    }

    #[test]
    fn options_that_are_unknown_or_contradict_each_other_are_syntax_errors() {
        for line in ["set k v nx xx", "set k v XX NX", "set k v ex 10", "set k v keepttl", "set k v "] {
            assert_eq!(refused(line), "ERR syntax error", "{line}");
        }
        for line in ["flushall now", "flushdb async sync", "flushall "] {
            assert_eq!(refused(line), "ERR syntax error", "{line}");
        }
    }

    #[test]
    fn commands_of_many_keys_keep_their_order_and_repetitions() {
        let keys = vec![bytes("a"), bytes("b"), bytes("a")];
        assert_eq!(parsed("del a b a"), Ok(Request::Database(Command::Delete { keys: keys.clone() })));
        assert_eq!(parsed("unlink a b a"), Ok(Request::Database(Command::Delete { keys: keys.clone() })));
        assert_eq!(parsed("exists a b a"), Ok(Request::Database(Command::Exists { keys: keys.clone() })));
        assert_eq!(parsed("mget a b a"), Ok(Request::Database(Command::MultiGet { keys })));
        let pairs = vec![(bytes("a"), bytes("1")), (bytes("b"), bytes("2"))];
        assert_eq!(parsed("mset a 1 b 2"), Ok(Request::Database(Command::MultiSet { pairs })));
    }

    #[test]
    fn the_whole_database_can_be_counted_and_emptied() {
        assert_eq!(parsed("dbsize"), Ok(Request::Database(Command::Size)));
        for line in ["flushall", "flushdb", "FLUSHALL async", "flushdb Sync"] {
            assert_eq!(parsed(line), Ok(Request::Database(Command::Flush)), "{line}");
        }
    }

    #[test]
    fn a_wrong_number_of_words_is_told_with_the_full_name() {
        for (line, name) in [
            ("get", "get"),
            ("GET a b", "get"),
            ("set a", "set"),
            ("mset a", "mset"),
            ("mset a 1 b", "mset"),
            ("dbsize now", "dbsize"),
            ("ping a b", "ping"),
            ("client", "client"),
            ("CLIENT SetName", "client|setname"),
            ("config get", "config|get"),
            ("command count all", "command|count"),
        ] {
            assert_eq!(refused(line), format!("ERR wrong number of arguments for '{name}' command"), "{line}");
        }
    }

    #[test]
    fn an_unknown_command_is_told_with_its_first_arguments() {
        assert_eq!(refused("foo"), "ERR unknown command 'foo', with args beginning with: ");
        assert_eq!(refused("FOO a it's"), "ERR unknown command 'FOO', with args beginning with: 'a' 'it's' ");
        assert_eq!(refused(""), "ERR unknown command '', with args beginning with: ");
        assert_eq!(refused("foo "), "ERR unknown command 'foo', with args beginning with: '' ");
    }

    #[test]
    fn what_an_error_repeats_is_cut_where_valkey_cuts_it() {
        let repeated = |n: usize| "a".repeat(n);
        let beginning = "ERR unknown command 'F', with args beginning with: ";
        for (length, rest) in [(200, 128), (125, 125)] {
            let line = format!("F {} bbb c", repeated(length));
            assert_eq!(refused(&line), format!("{beginning}'{}' ", repeated(rest)));
        }
        assert_eq!(refused(&format!("F {} bbb c", repeated(124))), format!("{beginning}'{}' 'b' ", repeated(124)));
        assert_eq!(refused(&format!("F {} bbb c", repeated(123))), format!("{beginning}'{}' 'bb' ", repeated(123)));
        let cut = format!("ERR unknown subcommand '{}'. Try CLIENT HELP.", repeated(128));
        assert_eq!(refused(&format!("Client {}", repeated(200))), cut);
    }

    #[test]
    fn no_word_of_a_client_can_break_the_line_of_an_error() {
        let expected = "ERR unknown command 'F  ', with args beginning with: 'x  y' 'z' ";
        assert_eq!(refused("F\r\n x\r\ny z\0w"), expected);
        assert_eq!(refused("client F\0x"), "ERR unknown subcommand 'F'. Try CLIENT HELP.");
    }

    #[test]
    fn numbers_have_one_spelling() {
        for (text, number) in [("0", 0), ("-1", -1), ("42", 42), ("-9223372036854775808", i64::MIN)] {
            assert_eq!(integer(text.as_bytes()), Some(number), "{text}");
        }
        for text in ["", "-", "+1", "00", "01", "-0", " 1", "1 ", "1x", "9223372036854775808"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }
}
