//! The words of a JSON text.

/// One word of a JSON text.
pub(super) enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token {
    /// How an error calls the word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(text) => text,
        }
    }
}

/// Cuts a JSON text into words.
pub(super) struct Words<'a> {
    text: &'a [u8],
    /// Where the next word begins.
    pub at: usize,
    invalid_numbers: bool,
}

impl Words<'_> {
    pub(super) fn new(text: &[u8], invalid_numbers: bool) -> Words<'_> {
        Words { text, at: 0, invalid_numbers }
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// The next word and where it begins. A wrong word says where it went wrong.
    pub(super) fn next(&mut self) -> (Token, usize) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let start = self.at;
        let single = match self.peek() {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 if self.at >= self.text.len() => return (Token::End, start),
            // A zero byte ends the text.
            0 => return (Token::End, start),
            b'"' => return self.string(),
            b'-' | b'+' | b'0'..=b'9' => return self.number(),
            _ => return self.literal(),
        };
        self.at += 1;
        (single, start)
    }

    fn literal(&mut self) -> (Token, usize) {
        let start = self.at;
        let rest = &self.text[start..];
        for (word, token) in [("true", Token::Boolean(true)), ("false", Token::Boolean(false)), ("null", Token::Null)] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return (token, start);
            }
        }
        let lower = rest[..rest.len().min(3)].to_ascii_lowercase();
        if self.invalid_numbers && (lower == b"nan" || lower == b"inf") {
            return self.number();
        }
        (Token::Wrong("invalid token"), start)
    }

    fn number(&mut self) -> (Token, usize) {
        let start = self.at;
        let (value, length) = parse_number(&self.text[start..]);
        let digits = self.text[start..].strip_prefix(b"-").or(self.text[start..].strip_prefix(b"+"));
        let digits = digits.unwrap_or(&self.text[start..]);
        let strange = match digits {
            [b'0', b'x' | b'X', ..] | [b'0', b'0'..=b'9', ..] => true,
            [first, ..] => !first.is_ascii_digit(),
            [] => false,
        } || self.text[start] == b'+';
        if length == 0 || (strange && !self.invalid_numbers) {
            return (Token::Wrong("invalid number"), start);
        }
        self.at += length;
        (Token::Number(value), start)
    }

    fn string(&mut self) -> (Token, usize) {
        let start = self.at;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let byte = self.peek();
            match byte {
                0 => return (Token::Wrong("unexpected end of string"), self.at),
                b'"' => {
                    self.at += 1;
                    return (Token::Text(out), start);
                }
                b'\\' => {
                    let escape = self.at;
                    self.at += 1;
                    let plain = match self.peek() {
                        b'"' => b'"',
                        b'\\' => b'\\',
                        b'/' => b'/',
                        b'b' => 0x08,
                        b'f' => 0x0c,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'u' => match self.unicode() {
                            Some(symbol) => {
                                out.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
                                continue;
                            }
                            None => return (Token::Wrong("invalid unicode escape code"), escape),
                        },
                        _ => return (Token::Wrong("invalid escape code"), escape),
                    };
                    self.at += 1;
                    out.push(plain);
                }
                _ => {
                    self.at += 1;
                    out.push(byte);
                }
            }
        }
    }

    /// Reads what follows a backslash, from the letter `u` on.
    fn unicode(&mut self) -> Option<char> {
        let unit = |at: usize| -> Option<u32> {
            let digits = std::str::from_utf8(self.text.get(at..at + 4)?).ok()?;
            if digits.starts_with('+') { None } else { u32::from_str_radix(digits, 16).ok() }
        };
        let high = unit(self.at + 1)?;
        if (high & 0xf800) != 0xd800 {
            self.at += 5;
            return char::from_u32(high);
        }
        if self.text.get(self.at + 5..self.at + 7) != Some(b"\\u") || (high & 0x400) != 0 {
            return None;
        }
        let low = unit(self.at + 7)?;
        if (low & 0xfc00) != 0xdc00 {
            return None;
        }
        self.at += 11;
        char::from_u32(0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff))
    }
}

/// The number at the beginning of a text and its length, as C's `strtod` reads it.
fn parse_number(text: &[u8]) -> (f64, usize) {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let factor = if text.first() == Some(&b'-') { -1.0 } else { 1.0 };
    let rest = &text[sign..];
    let lower = rest[..rest.len().min(8)].to_ascii_lowercase();
    if lower.starts_with(b"infinity") {
        return (factor * f64::INFINITY, sign + 8);
    }
    if lower.starts_with(b"inf") {
        return (factor * f64::INFINITY, sign + 3);
    }
    if lower.starts_with(b"nan") {
        return (f64::NAN.copysign(factor), sign + 3);
    }
    let run_of = |from: usize, digit: fn(&u8) -> bool| {
        rest[from.min(rest.len())..].iter().take_while(|byte| digit(byte)).count()
    };
    if lower.starts_with(b"0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit) {
        let digits = run_of(2, u8::is_ascii_hexdigit);
        let value = rest[2..2 + digits]
            .iter()
            .fold(0.0, |value, &byte| value * 16.0 + f64::from((byte as char).to_digit(16).unwrap_or(0)));
        return (factor * value, sign + 2 + digits);
    }
    let whole = run_of(0, u8::is_ascii_digit);
    let mut length = whole;
    let mut fraction = 0;
    if rest.get(length) == Some(&b'.') {
        fraction = run_of(length + 1, u8::is_ascii_digit);
        if whole + fraction > 0 {
            length += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return (0.0, 0);
    }
    if matches!(rest.get(length), Some(b'e' | b'E')) {
        let exponent_sign = usize::from(matches!(rest.get(length + 1), Some(b'-' | b'+')));
        let digits = run_of(length + 1 + exponent_sign, u8::is_ascii_digit);
        if digits > 0 {
            length += 1 + exponent_sign + digits;
        }
    }
    let number = std::str::from_utf8(&rest[..length]).ok().and_then(|text| text.parse::<f64>().ok());
    (factor * number.unwrap_or(0.0), sign + length)
}
