//! Inline requests, as people type them into telnet: words on one line, quoted like in a shell.

use bytes::Bytes;

/// Splits a line into its words. Returns `None` if a quotation does not end, or does not end its word.
///
/// - Between double quotes, `\n`, `\r`, `\t`, `\b`, `\a` and `\xHH` mean the same bytes as in C. A backslash before anything
///   else is dropped, also before an `x` without two hexadecimal digits.
/// - Between single quotes, only `\'` is special.
/// - A quotation may begin within a word (`a"b c"` is one word) and must end it (`"a"b` is an error).
pub(super) fn split(line: &[u8]) -> Option<Vec<Bytes>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let Some(start) = rest.iter().position(|&byte| !is_space(byte)) else {
            return Some(words);
        };
        let (word, after) = word(&rest[start..])?;
        words.push(Bytes::from(word.into_boxed_slice()));
        rest = after;
    }
}

/// Reads one word from the front of `line`. Returns the word and the rest of the line.
fn word(mut line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match line {
            // A vertical tab is a space between words, but it does not end a word.
            [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => return Some((word, line)),
            [b'"', quoted @ ..] => return after_quotation(double_quoted(quoted, &mut word)?, word),
            [b'\'', quoted @ ..] => {
                return after_quotation(single_quoted(quoted, &mut word)?, word);
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                line = rest;
            }
        }
    }
}

fn after_quotation(rest: &[u8], word: Vec<u8>) -> Option<(Vec<u8>, &[u8])> {
    rest.first().is_none_or(|&byte| is_space(byte)).then_some((word, rest))
}

/// Reads up to the closing quote. Returns the rest of the line behind it.
fn double_quoted<'a>(mut line: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, rest) = match line {
            [] => return None,
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'x', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hexadecimal(*high) << 4 | hexadecimal(*low), rest)
            }
            [b'\\', escaped, rest @ ..] => (unescape(*escaped), rest),
            [byte, rest @ ..] => (*byte, rest),
        };
        word.push(byte);
        line = rest;
    }
}

/// Reads up to the closing quote. Returns the rest of the line behind it.
fn single_quoted<'a>(mut line: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, rest) = match line {
            [] => return None,
            [b'\'', rest @ ..] => return Some(rest),
            [b'\\', b'\'', rest @ ..] => (b'\'', rest),
            [byte, rest @ ..] => (*byte, rest),
        };
        word.push(byte);
        line = rest;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

/// C's `isspace`, which counts the vertical tab in, unlike [`u8::is_ascii_whitespace`].
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<Bytes>> {
        split(line.as_bytes())
    }

    fn some(words: &[&'static str]) -> Option<Vec<Bytes>> {
        Some(words.iter().map(|word| Bytes::from_static(word.as_bytes())).collect())
    }

    #[test]
    fn words_are_separated_by_any_spaces() {
        assert_eq!(words("  SET\t\x0b\x0ckey  value "), some(&["SET", "key", "value"]));
        assert_eq!(words("ECHO a\rb"), some(&["ECHO", "a", "b"]));
        assert_eq!(words(" \t"), some(&[]));
        assert_eq!(words(""), some(&[]));
    }

    #[test]
    fn a_vertical_tab_within_a_word_is_part_of_it() {
        assert_eq!(words("x\x0by"), some(&["x\x0by"]));
    }

    #[test]
    fn double_quotes_know_escapes() {
        assert_eq!(words(r#""\n\r\t\b\a\\\"\x41\x7a\q""#), some(&["\n\r\t\x08\x07\\\"Azq"]));
        assert_eq!(split(br#""\xfF\x00""#), Some(vec![Bytes::from_static(&[0xff, 0])]));
        assert_eq!(words(r#""\xZZ\x4""#), some(&["xZZx4"]), "an x without two digits is an x");
    }

    #[test]
    fn single_quotes_know_only_the_escaped_quote() {
        assert_eq!(words(r"'a\'b\n\\c'"), some(&[r"a'b\n\\c"]));
        assert_eq!(words(r"'a\\' b'"), some(&[r"a\' b"]), "a backslash does not escape a backslash");
    }

    #[test]
    fn a_quotation_may_be_empty_and_may_begin_within_a_word() {
        assert_eq!(words(r#""" '' a"b c""#), some(&["", "", "ab c"]));
        assert_eq!(words("\"x\"\x0b'y'"), some(&["x", "y"]));
    }

    #[test]
    fn a_quotation_must_end_and_must_end_its_word() {
        for line in ["\"a", "'a", "\"a\\\"", "'a\\'", "\"a\\", "\"a\"b", "'a'b", "'a'\"b\"", "x \""] {
            assert_eq!(words(line), None, "{line}");
        }
    }
}
