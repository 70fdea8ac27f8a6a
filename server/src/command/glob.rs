//! The glob patterns of Valkey: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before a literal byte.

/// Whether the case of ASCII letters matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` does not match `A`.
    Sensitive,
    /// `a` matches `A`.
    Insensitive,
}

impl Case {
    fn fold(self, byte: u8) -> u8 {
        match self {
            Case::Sensitive => byte,
            Case::Insensitive => byte.to_ascii_lowercase(),
        }
    }
}

/// Whether the pattern matches the whole text.
///
/// After a mismatch the match goes back to the newest star, and lets it take one more byte. It never goes back to an earlier
/// star: the newest one can reach every position that the earlier one could offer. So the time is at most the product of
/// both lengths.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    // Like Valkey: not even `*` matches the empty text.
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
        } else if let Some(consumed) = one(&pattern[p..], text[t], case) {
            p += consumed;
            t += 1;
        } else if let Some((after, from)) = star {
            p = after;
            t = from + 1;
            star = Some((after, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Matches one byte with the first element of a pattern, which is not a star. Returns the length of the element.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => class_of(class, byte, case).map(|consumed| consumed + 1),
        [b'\\', literal, ..] => (case.fold(*literal) == case.fold(byte)).then_some(2),
        [literal, ..] => (case.fold(*literal) == case.fold(byte)).then_some(1),
    }
}

/// Matches one byte with the class after a `[`. A class without a `]` ends with the pattern.
fn class_of(class: &[u8], byte: u8, case: Case) -> Option<usize> {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                // Like Valkey: an escaped byte in a class is compared with its case.
                found |= *literal == byte;
                at += 2;
            }
            [start, b'-', end, ..] => {
                let (start, end) = (*start.min(end), *start.max(end));
                found |= (case.fold(start)..=case.fold(end)).contains(&case.fold(byte));
                at += 3;
            }
            [literal, ..] => {
                found |= case.fold(*literal) == case.fold(byte);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive)
    }

    #[test]
    fn stars_match_any_stretch() {
        assert!(plain("*", "anything"));
        assert!(plain("a*c", "abbc"));
        assert!(plain("a*c*", "ac"));
        assert!(plain("*ab*ab", "abcabab"));
        assert!(!plain("a*c", "abcd"));
        assert!(!plain("*ab", "aba"));
    }

    #[test]
    fn question_marks_match_one_byte() {
        assert!(plain("h?llo", "hallo"));
        assert!(!plain("h?llo", "hllo"));
        assert!(!plain("hell?", "hell"));
    }

    #[test]
    fn classes_know_ranges_negation_and_escapes() {
        assert!(plain("[a-c]x", "bx"));
        assert!(plain("[c-a]x", "bx"));
        assert!(!plain("[^a-c]x", "bx"));
        assert!(plain("[^a-c]x", "dx"));
        assert!(plain(r"[\]]", "]"));
        assert!(plain("[^]", "a"));
        assert!(!plain("[]", "a"));
    }

    #[test]
    fn an_open_class_ends_with_the_pattern() {
        assert!(plain("[ab", "b"));
        assert!(!plain("[ab", "c"));
        assert!(plain("[a-]", "a"));
    }

    #[test]
    fn a_backslash_makes_the_next_byte_literal() {
        assert!(plain(r"a\*", "a*"));
        assert!(!plain(r"a\*", "ab"));
        assert!(plain(r"a\", r"a\"));
    }

    #[test]
    fn the_empty_text_matches_only_the_empty_pattern() {
        assert!(plain("", ""));
        assert!(!plain("*", ""));
        assert!(!plain("", "a"));
    }

    #[test]
    fn case_can_be_ignored() {
        assert!(matches(b"GE[S-U]", b"get", Case::Insensitive));
        assert!(!plain("GET", "get"));
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        let pattern = "a*".repeat(2_000) + "b";
        assert!(!plain(&pattern, &"a".repeat(4_000)));
    }
}
