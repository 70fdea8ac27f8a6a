//! Finds the row that a request is about, or the error that Valkey gives for an unknown command.

use bytes::Bytes;

use super::arguments::{error_about, until_nul};
use super::spec::{CommandTable, Spec};
use crate::resp::Reply;

/// How many bytes of an unknown name an error repeats.
const NAME_REPEATED: usize = 128;

/// How many bytes of the arguments an error repeats, including their quotes.
const ARGUMENTS_REPEATED: usize = 128;

/// Finds the row of a request, which is that of the subcommand if the command has any.
pub fn resolve(table: &CommandTable, words: &[Bytes]) -> Result<&'static Spec, Reply> {
    let spec = words.first().and_then(|name| table.find(name)).ok_or_else(|| unknown_command(words))?;
    match words.get(1) {
        Some(name) if !spec.subcommands.is_empty() => {
            spec.subcommand(name).ok_or_else(|| unknown_subcommand(spec, name))
        }
        _ => Ok(spec),
    }
}

fn unknown_command(words: &[Bytes]) -> Reply {
    let (name, arguments) = words.split_first().map_or((&b""[..], words), |(name, rest)| (name, rest));
    let mut repeated = Vec::new();
    for argument in arguments {
        if repeated.len() >= ARGUMENTS_REPEATED {
            break;
        }
        let shown = until_nul(first(argument, ARGUMENTS_REPEATED - repeated.len()));
        repeated.push(b'\'');
        repeated.extend_from_slice(shown);
        repeated.extend_from_slice(b"' ");
    }
    let text = [
        b"ERR unknown command '",
        until_nul(first(name, NAME_REPEATED)),
        b"', with args beginning with: ",
        repeated.as_slice(),
    ];
    Reply::error(text.concat())
}

fn unknown_subcommand(spec: &Spec, name: &[u8]) -> Reply {
    let container = spec.name.to_ascii_uppercase();
    error_about("ERR unknown subcommand '", first(name, NAME_REPEATED), &format!("'. Try {container} HELP."))
}

fn first(text: &[u8], limit: usize) -> &[u8] {
    &text[..text.len().min(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::commands;

    fn refused(words: &[&[u8]]) -> String {
        let words: Vec<Bytes> = words.iter().map(|word| Bytes::copy_from_slice(word)).collect();
        match resolve(commands(), &words) {
            Err(Reply::Error(text)) => text.escape_ascii().to_string(),
            other => panic!("{words:?} was not refused: {other:?}"),
        }
    }

    #[test]
    fn an_unknown_command_is_repeated_with_its_first_arguments() {
        let text = |name: &str, rest: &str| {
            format!("ERR unknown command '{name}', with args beginning with: {rest}").replace('\'', "\\'")
        };
        assert_eq!(refused(&[b"foo"]), text("foo", ""));
        assert_eq!(refused(&[b"FOO", b"a", b"its"]), text("FOO", "'a' 'its' "));
        assert_eq!(refused(&[b""]), text("", ""));
        assert_eq!(refused(&[b"foo", b""]), text("foo", "'' "));
    }

    #[test]
    fn an_error_is_cut_where_valkey_cuts_it() {
        let long = |n: usize| "a".repeat(n);
        let told = |argument: &str| refused(&[b"F", argument.as_bytes(), b"bbb", b"c"]).replace("\\'", "'");
        let text = |rest: &str| format!("ERR unknown command 'F', with args beginning with: {rest}");
        assert_eq!(told(&long(200)), text(&format!("'{}' ", long(128))));
        assert_eq!(told(&long(125)), text(&format!("'{}' ", long(125))));
        assert_eq!(told(&long(124)), text(&format!("'{}' 'b' ", long(124))));
        assert_eq!(told(&long(123)), text(&format!("'{}' 'bb' ", long(123))));
        let subcommand = format!("ERR unknown subcommand '{}'. Try CLIENT HELP.", long(128));
        assert_eq!(refused(&[b"Client", long(200).as_bytes()]).replace("\\'", "'"), subcommand);
    }

    #[test]
    fn an_error_repeats_the_bytes_of_the_client() {
        let text = r"ERR unknown command \'\xff\xc3\', with args beginning with: \'\xfe\' ";
        assert_eq!(refused(&[b"\xff\xc3", b"\xfe\0rest"]), text);
        assert_eq!(refused(&[b"client", b"F\xff\0x"]), r"ERR unknown subcommand \'F\xff\'. Try CLIENT HELP.");
    }
}
