//! JSON with more lines, for people.

/// How far a level is indented, in spaces.
const INDENT: usize = 2;

/// Lays out JSON, one field or element on a line. It changes white space only.
pub fn pretty(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0, false, false);
    for &byte in json {
        if in_text {
            out.push(byte);
            in_text = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
            continue;
        }
        let opened = matches!(out.last(), Some(b'{' | b'['));
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'}' | b']' => {
                depth -= 1;
                if !opened {
                    new_line(depth, &mut out);
                }
            }
            _ if opened => new_line(depth, &mut out),
            _ => {}
        }
        out.push(byte);
        match byte {
            b'{' | b'[' => depth += 1,
            b',' => new_line(depth, &mut out),
            b':' => out.push(b' '),
            b'"' => in_text = true,
            _ => {}
        }
    }
    out.push(b'\n');
    out
}

fn new_line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + depth * INDENT, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_or_an_element_has_a_line_of_its_own() {
        let json = br#"{"a":[],"b":{"c\"{":"x\\","d":[1,{}]}}"#;
        let lines = "{\n  \"a\": [],\n  \"b\": {\n    \"c\\\"{\": \"x\\\\\",\n    \"d\": [\n      1,\n      {}\n    ]\n  }\n}\n";
        assert_eq!(String::from_utf8(pretty(json)).unwrap(), lines);
    }
}
