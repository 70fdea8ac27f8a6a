//! What a line of a script expects: bytes, and names in braces for what varies from run to run.

use std::iter::Peekable;
use std::slice::Iter;

/// A part of an expected line.
#[derive(Clone, Debug)]
enum Element {
    Literal(Vec<u8>),
    /// `{int}`
    Int,
    /// `{any}`: the rest of a line, or less.
    Any,
    /// `{text}`: like `{any}`, but goes over the ends of lines. Only useful inside of `{bulk}`.
    Text,
    /// `{bulk PATTERN}` (`$`) and `{verbatim PATTERN}` (`=`), their length checked.
    Counted(u8, Vec<Element>),
    /// `{reply}`: any one whole reply.
    Reply,
    /// Nothing may follow. Stands at the end of the content of what is counted.
    End,
}

/// What one line of a script expects.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// These bytes.
    Bytes(Elements),
    /// `{closed}`: the peer closes the connection, and sends nothing before.
    Closed,
}

/// The elements of a line in their order.
#[derive(Clone, Debug)]
pub struct Elements(Vec<Element>);

/// How far a pattern fits what was received so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Fit {
    /// So many bytes fit the whole pattern.
    Whole(usize),
    /// Everything fits, but more has to come.
    Partial,
    /// Nothing that could still come would make it fit.
    Not,
}

impl Pattern {
    /// Reads the text after `<`. A reply is made of lines that end in CRLF, which is why a script need not say it.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        if text == "{closed}" {
            return Ok(Pattern::Closed);
        }
        let mut elements = parse(&mut text.as_bytes().iter().peekable(), false)?;
        let brings_its_own_end = matches!(elements.last(), Some(Element::Counted(..) | Element::Reply));
        if !brings_its_own_end {
            push(&mut elements, b"\r\n");
        }
        Ok(Pattern::Bytes(Elements(elements)))
    }
}

impl Elements {
    /// Whether `received` begins with what is expected.
    pub fn fit(&self, received: &[u8]) -> Fit {
        fit(&self.0, received, 0)
    }
}

/// Reads bytes that are sent: escapes and repetitions, nothing that varies.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    match &parse(&mut text.as_bytes().iter().peekable(), false)?[..] {
        [] => Ok(Vec::new()),
        [Element::Literal(bytes)] => Ok(bytes.clone()),
        _ => Err("only bytes can be sent, nothing that varies".into()),
    }
}

/// Bytes as a script writes them.
pub fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| byte.escape_ascii().to_string()).collect::<String>().replace("\\'", "'")
}

fn push(elements: &mut Vec<Element>, bytes: &[u8]) {
    match elements.last_mut() {
        Some(Element::Literal(literal)) => literal.extend_from_slice(bytes),
        _ => elements.push(Element::Literal(bytes.to_vec())),
    }
}

fn parse(text: &mut Peekable<Iter<u8>>, nested: bool) -> Result<Vec<Element>, String> {
    let mut elements = Vec::new();
    loop {
        match text.next() {
            None if nested => return Err("a brace is not closed".into()),
            None => return Ok(elements),
            Some(b'}') if nested => return Ok(elements),
            Some(b'{') => match brace(text)? {
                Element::Literal(repeated) => push(&mut elements, &repeated),
                other => elements.push(other),
            },
            Some(b'\\') => push(&mut elements, &[escape(text)?]),
            Some(&byte) => push(&mut elements, &[byte]),
        }
    }
}

/// Reads what follows an opening brace, the closing one included.
fn brace(text: &mut Peekable<Iter<u8>>) -> Result<Element, String> {
    let mut name = Vec::new();
    while let Some(letter) = text.next_if(|byte| !matches!(byte, b' ' | b'}')) {
        name.push(*letter);
    }
    let name = String::from_utf8(name).map_err(|error| error.to_string())?;
    let content = match text.next() {
        Some(b' ') => Some(parse(text, true)?),
        Some(_) => None,
        None => return Err(format!("{{{name} is not closed")),
    };
    match (name.as_str(), content) {
        ("int", None) => Ok(Element::Int),
        ("any", None) => Ok(Element::Any),
        ("text", None) => Ok(Element::Text),
        ("reply", None) => Ok(Element::Reply),
        ("bulk" | "verbatim", content) => {
            let mark = if name == "bulk" { b'$' } else { b'=' };
            let mut content = content.unwrap_or_else(|| vec![Element::Text]);
            content.push(Element::End);
            Ok(Element::Counted(mark, content))
        }
        (repetition, None) => {
            let (unit, times) = repetition.rsplit_once('*').ok_or(format!("{{{repetition}}} means nothing"))?;
            let times = times.parse().map_err(|_| format!("{times} is not a number of times"))?;
            Ok(Element::Literal(bytes(unit)?.repeat(times)))
        }
        (name, Some(_)) => Err(format!("{{{name}}} contains nothing")),
    }
}

fn escape(text: &mut Peekable<Iter<u8>>) -> Result<u8, String> {
    match text.next() {
        Some(b'r') => Ok(b'\r'),
        Some(b'n') => Ok(b'\n'),
        Some(b't') => Ok(b'\t'),
        Some(&byte @ (b'\\' | b'"' | b'{' | b'}')) => Ok(byte),
        Some(b'x') => {
            let digits: String = text.take(2).map(|&digit| char::from(digit)).collect();
            u8::from_str_radix(&digits, 16).map_err(|_| format!("\\x{digits} is not a byte"))
        }
        _ => Err("an unknown escape".into()),
    }
}

/// Matches by trying every length for what varies, the shortest first. `done` bytes have been matched already.
fn fit(elements: &[Element], received: &[u8], done: usize) -> Fit {
    let Some((first, rest)) = elements.split_first() else {
        return Fit::Whole(done);
    };
    let ahead = &received[done..];
    match first {
        Element::Literal(literal) if ahead.starts_with(literal) => fit(rest, received, done + literal.len()),
        Element::Literal(literal) if literal.starts_with(ahead) => Fit::Partial,
        Element::Literal(_) => Fit::Not,
        Element::Int => {
            let sign = usize::from(ahead.starts_with(b"-"));
            let digits = ahead[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            match digits {
                0 if ahead.len() == sign => Fit::Partial,
                0 => Fit::Not,
                _ => fit(rest, received, done + sign + digits),
            }
        }
        Element::Any | Element::Text => {
            let over_lines = matches!(first, Element::Text);
            let longest = ahead.iter().take_while(|byte| over_lines || !matches!(byte, b'\r' | b'\n')).count();
            let fits = (0..=longest).map(|length| fit(rest, received, done + length));
            best(fits)
        }
        Element::Counted(mark, content) => match counted(*mark, ahead) {
            Ok((start, end)) if matches!(fit(content, &ahead[start..end], 0), Fit::Whole(_)) => {
                fit(rest, received, done + end + 2)
            }
            Ok(_) => Fit::Not,
            Err(fit) => fit,
        },
        Element::End if ahead.is_empty() => fit(rest, received, done),
        Element::End => Fit::Not,
        Element::Reply => match reply(ahead) {
            Ok(length) => fit(rest, received, done + length),
            Err(fit) => fit,
        },
    }
}

fn best(fits: impl Iterator<Item = Fit>) -> Fit {
    let mut best = Fit::Not;
    for fit in fits {
        match fit {
            Fit::Whole(_) => return fit,
            Fit::Partial => best = Fit::Partial,
            Fit::Not => {}
        }
    }
    best
}

/// Where the content of a string with a length lies, if all of it is there.
fn counted(mark: u8, received: &[u8]) -> Result<(usize, usize), Fit> {
    let (length, start) = header(received)?;
    let length = usize::try_from(length).map_err(|_| Fit::Not)?;
    let end = start + length;
    match received {
        [first, ..] if *first != mark => Err(Fit::Not),
        _ if received.len() < end + 2 => Err(Fit::Partial),
        _ if &received[end..end + 2] != b"\r\n" => Err(Fit::Not),
        _ => Ok((start, end)),
    }
}

/// The number after the first byte, and where the line after it begins.
fn header(received: &[u8]) -> Result<(i64, usize), Fit> {
    let end = line_end(received)?;
    let digits = str::from_utf8(&received[1..end - 2]).map_err(|_| Fit::Not)?;
    Ok((digits.parse().map_err(|_| Fit::Not)?, end))
}

fn line_end(received: &[u8]) -> Result<usize, Fit> {
    let end = received.windows(2).position(|two| two == b"\r\n").ok_or(Fit::Partial)?;
    Ok(end + 2)
}

/// The length of the reply that `received` begins with.
fn reply(received: &[u8]) -> Result<usize, Fit> {
    let mark = *received.first().ok_or(Fit::Partial)?;
    let per_element = match mark {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => return line_end(received),
        b'$' | b'=' if received.starts_with(b"$-1") => return line_end(received),
        b'$' | b'=' => return counted(mark, received).map(|(_, end)| end + 2),
        b'*' | b'~' | b'>' => 1,
        b'%' => 2,
        _ => return Err(Fit::Not),
    };
    let (elements, mut end) = header(received)?;
    for _ in 0..elements * per_element {
        end += reply(&received[end..])?;
    }
    Ok(end)
}
