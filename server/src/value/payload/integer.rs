//! Strings that are integers in their shortest spelling. Servers store them in binary.

/// The longest spelling of an `i64` in bytes: that of the smallest.
const LONGEST: usize = 20;

/// Returns the integer that `text` spells, if printing that integer gives back `text`.
pub(super) fn canonical(text: &[u8]) -> Option<i64> {
    if text.len() > LONGEST {
        return None;
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let shortest = match digits {
        [b'0'] => digits.len() == text.len(), // "-0" prints as "0"
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    if !shortest {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_spelling_is_an_integer() {
        for integer in [0, 1, -1, 10, i64::MAX, i64::MIN] {
            assert_eq!(canonical(integer.to_string().as_bytes()), Some(integer));
        }
        for text in ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "123456789012345678901"]
        {
            assert_eq!(canonical(text.as_bytes()), None, "{text}");
        }
    }
}
