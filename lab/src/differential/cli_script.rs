//! Writes a sequence of steps as a script for `redis-cli`.

use std::fmt::Write as _;

use super::draw::Step;
use super::grammar::Manner;
use super::shrink::Shrunk;
use super::wire::Words;

/// The steps of a script. A longer one could not be shrunk, and nobody would read it.
const STEPS: usize = 60;

/// The script, and both replies to its last command.
pub fn script(shrunk: &Shrunk, protocol: u8) -> String {
    let mut text = format!("# on empty servers, RESP{protocol}\n");
    let hidden = shrunk.steps.len().saturating_sub(STEPS);
    if hidden > 0 {
        let _ = writeln!(text, "# {hidden} steps that this seed draws, and then:");
    }
    for step in &shrunk.steps[hidden..] {
        lines(&mut text, step);
    }
    let found = &shrunk.difference;
    let _ = writeln!(text, "# {}: {}{} ({:?})", found.name, line(&found.words), found.place, found.check);
    let _ = writeln!(text, "#   left:  {}", short(&found.left.to_string()));
    let _ = writeln!(text, "#   right: {}", short(&found.right.to_string()));
    if !shrunk.again {
        text.push_str("#   It did not come again: chance or time has a part in it.\n");
    }
    text
}

fn lines(text: &mut String, step: &Step) {
    for command in &step.commands {
        let from = match step.connection {
            0 => String::new(),
            nth => format!("# from connection {nth}: "),
        };
        let _ = writeln!(text, "{from}{}", line(&command.words));
    }
    match step.manner {
        Manner::Restart => text.push_str("# restart the server on the right, and connect again\n"),
        Manner::Exchange => text.push_str("# restore every key of each server on the other one\n"),
        Manner::Pause => text.push_str("# wait a moment\n"),
        Manner::Cycle(_) => text.push_str("# and so on, until the cursor is 0\n"),
        Manner::Plain | Manner::Carry => {}
    }
}

/// A command as one types it into `redis-cli`.
pub fn line(words: &Words) -> String {
    let words = words.iter().map(|word| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+.*:#$?>()[]{}!".contains(byte);
        if !word.is_empty() && word.iter().all(plain) {
            return String::from_utf8_lossy(word).into_owned();
        }
        let escaped: String = word
            .iter()
            .map(|&byte| match byte {
                b'"' | b'\\' => format!("\\{}", byte as char),
                b' '..=b'~' => (byte as char).to_string(),
                _ => format!("\\x{byte:02x}"),
            })
            .collect();
        format!("\"{escaped}\"")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The longest reply in a report, in characters.
const LONGEST: usize = 600;

fn short(reply: &str) -> String {
    match reply.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", &reply[..end], reply.len()),
        None => reply.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_typed() {
        let words = vec![b"SET".to_vec(), b"a b".to_vec(), b"\x00\"\\".to_vec(), Vec::new()];
        assert_eq!(line(&words), r#"SET "a b" "\x00\"\\" """#);
    }
}
