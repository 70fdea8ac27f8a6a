//! Parsers and errors that several commands share.

use bytes::Bytes;

use crate::resp::Reply;

/// The error for an option that the command does not know, or that contradicts another one.
pub const SYNTAX: Reply = Reply::fault("ERR syntax error");

/// The error for an argument that has to be an integer.
pub const NOT_AN_INTEGER: Reply = Reply::fault("ERR value is not an integer or out of range");

/// The words of a request with an exact arity. The table has checked the arity, so clients never see the error.
pub fn exactly<const N: usize>(words: &[Bytes]) -> Result<&[Bytes; N], Reply> {
    words.try_into().map_err(|_| SYNTAX)
}

/// Whether a word of a request is this option, in any case.
pub fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}

/// An integer in its only spelling: no plus, no spaces, no leading zeros. Valkey accepts no other.
pub fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = text == b"0" || matches!(digits, [b'1'..=b'9', ..]);
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A cursor of SCAN and its kin. Valkey is lenient here: leading blanks, zeros and a plus do no harm, and a NUL ends it.
pub fn cursor(text: &[u8]) -> Option<u64> {
    let text = until_nul(text);
    if let Some(number) = integer(text) {
        return u64::try_from(number).ok();
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let text = &text[blanks..];
    let (digits, negative) = match text {
        [b'+', digits @ ..] => (digits, false),
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

/// An error that repeats bytes of a client between two texts.
///
/// Valkey formats its errors with C strings, so a NUL ends the repeated bytes. It drops line breaks at the end of an error, and
/// the encoder replaces the others.
pub fn error_about(before: &str, word: &[u8], after: &str) -> Reply {
    let mut text = [before.as_bytes(), until_nul(word), after.as_bytes()].concat();
    while text.pop_if(|byte| matches!(byte, b'\r' | b'\n')).is_some() {}
    Reply::error(text)
}

/// The bytes before the first NUL.
pub fn until_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// The error for a wrong number of words.
pub fn wrong_arity(name: &str) -> Reply {
    Reply::error(format!("ERR wrong number of arguments for '{name}' command"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_ends_before_the_line_breaks_of_the_word_that_it_repeats() {
        for (word, error) in [("a\nb\r\n", "ERR a\nb"), ("a\0b", "ERR a"), ("", "ERR ")] {
            assert_eq!(error_about("ERR ", word.as_bytes(), ""), Reply::error(error));
        }
        assert_eq!(error_about("ERR '", b"a\n", "'"), Reply::error("ERR 'a\n'"));
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

    #[test]
    fn cursors_may_have_blanks_and_signs() {
        for (text, number) in [("0", 0), ("18446744073709551615", u64::MAX), (" +07", 7), ("-0", 0), ("5\0x", 5)] {
            assert_eq!(cursor(text.as_bytes()), Some(number), "{text}");
        }
        for text in ["", " ", "+", "-1", "1 ", "++1", "x", "18446744073709551616"] {
            assert_eq!(cursor(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn errors_repeat_bytes_up_to_a_nul() {
        assert_eq!(error_about("ERR '", b"\xff\xfea\0b", "'"), Reply::error(b"ERR '\xff\xfea'".to_vec()));
    }
}
