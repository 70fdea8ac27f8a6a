//! Makes text of unknown origin harmless for a terminal and a page.

/// Spells out the characters that a reader would not see: control characters, characters without width, and those that
/// change the direction of writing.
pub(super) fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                seen.extend(character.escape_unicode());
            }
            _ if character.is_control() => seen.extend(character.escape_default()),
            _ => seen.push(character),
        }
    }
    seen
}

/// A text as HTML, for the content of an element or a quoted attribute.
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in visible(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// JSON as the content of a script element. Only `<` could end the element or begin a comment. JSON has it in strings only,
/// where it can be escaped.
pub(super) fn json_in_html(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// The first characters of a text. An ellipsis marks a cut.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_or_turns_the_writing_is_spelled_out() {
        assert_eq!(visible("a\u{1b}[2Jb\r\n\0\u{9b}"), "a\\u{1b}[2Jb\\r\\n\\u{0}\\u{9b}");
        assert_eq!(visible("\u{202e}evil\u{2066}\u{feff}"), "\\u{202e}evil\\u{2066}\\u{feff}");
        assert_eq!(visible("grüße, 日本, 🦀"), "grüße, 日本, 🦀");
    }

    #[test]
    fn markup_stays_text() {
        assert_eq!(html("</script><b a='\"'>&"), "&lt;/script&gt;&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        let hostile = serde_json::to_string("</script><!--<script>").expect("a string is JSON");
        let embedded = json_in_html(&hostile);
        assert!(!embedded.contains('<'));
        assert_eq!(serde_json::from_str::<String>(&embedded).expect("still JSON"), "</script><!--<script>");
    }

    #[test]
    fn a_clipped_text_says_so() {
        assert_eq!(clipped("grüße", 5), "grüße");
        assert_eq!(clipped("grüße!", 5), "grüß…");
    }
}
