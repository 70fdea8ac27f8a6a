//! RESP, as far as the benchmark's clients speak it.

use bytes::{Buf as _, BytesMut};

/// Appends a GET.
pub fn get(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
    key(number, out);
}

/// Appends the key of this number.
pub fn key(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"$16\r\nkey:");
    digits::<12>(number as u64, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last `N` digits of a number.
pub fn digits<const N: usize>(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

/// Appends a command of any words.
pub fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    out.push(b'*');
    decimal(words.len(), out);
    for word in words {
        out.push(b'$');
        decimal(word.len(), out);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a number and the end of a line.
fn decimal(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{number}\r\n").as_bytes());
}

/// A reply of a server.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerReply {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Option<BytesMut>),
    Array(Vec<ServerReply>),
}

/// Bytes that are no reply which these commands can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReply {
    /// The length of a string is no number.
    #[error("a string of length {0}")]
    Length(String),
    /// An integer is no number.
    #[error("an integer that reads {0}")]
    Integer(String),
    /// The reply has another type.
    #[error("a reply that begins with {0:?}")]
    Type(char),
}

/// Takes the next reply out of the buffer. `None` if it is not complete yet.
pub fn next_reply(bytes: &mut BytesMut) -> Result<Option<ServerReply>, NotAReply> {
    // The most common reply gets a short path: hundreds of thousands arrive in a second.
    if bytes.starts_with(b"+OK\r\n") {
        bytes.advance(5);
        return Ok(Some(ServerReply::Status(String::new())));
    }
    let Some((length, reply)) = parse(bytes)? else { return Ok(None) };
    bytes.advance(length);
    Ok(Some(reply))
}

/// The first reply in these bytes, and its length. `None` if it is not complete yet.
fn parse(bytes: &[u8]) -> Result<Option<(usize, ServerReply)>, NotAReply> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = bytes[1..end].trim_ascii();
    let text = || String::from_utf8_lossy(line).into_owned();
    let number = || std::str::from_utf8(line).ok().and_then(|line| line.parse::<i64>().ok());
    let mut at = end + 1;
    let reply = match bytes[0] {
        b'+' => ServerReply::Status(text()),
        b'-' => ServerReply::Error(text()),
        b':' => ServerReply::Integer(number().ok_or_else(|| NotAReply::Integer(text()))?),
        b'$' => match number().ok_or_else(|| NotAReply::Length(text()))? {
            -1 => ServerReply::Bulk(None),
            length => {
                let length = usize::try_from(length).map_err(|_| NotAReply::Length(text()))?;
                let Some(value) = bytes.get(at..at + length) else { return Ok(None) };
                at += length + 2;
                if bytes.len() < at {
                    return Ok(None);
                }
                ServerReply::Bulk(Some(BytesMut::from(value)))
            }
        },
        b'*' => {
            let length = number().ok_or_else(|| NotAReply::Length(text()))?;
            let mut replies = Vec::new();
            for _ in 0..length {
                if at == bytes.len() {
                    return Ok(None);
                }
                let Some((length, reply)) = parse(&bytes[at..])? else { return Ok(None) };
                at += length;
                replies.push(reply);
            }
            ServerReply::Array(replies)
        }
        first => return Err(NotAReply::Type(char::from(first))),
    };
    Ok(Some((at, reply)))
}

/// Whether this is the OK of a write.
pub fn is_ok(reply: &ServerReply) -> bool {
    matches!(reply, ServerReply::Status(status) if status.is_empty() || status == "OK")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_parsed_from_pieces_of_any_size() {
        let stream = b"+OK\r\n-ERR no\r\n$-1\r\n$5\r\na\r\nbc\r\n+PONG\r\n:-7\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n*0\r\n";
        for piece in 1..stream.len() {
            let (mut bytes, mut replies) = (BytesMut::new(), Vec::new());
            for piece in stream.chunks(piece) {
                bytes.extend_from_slice(piece);
                while let Some(reply) = (!bytes.is_empty()).then(|| next_reply(&mut bytes).unwrap()).flatten() {
                    replies.push(reply);
                }
            }
            let value = ServerReply::Bulk(Some(BytesMut::from(&b"a\r\nbc"[..])));
            let pong = ServerReply::Status("PONG".to_owned());
            let empty = ServerReply::Bulk(Some(BytesMut::new()));
            let array = ServerReply::Array(vec![ServerReply::Integer(1), ServerReply::Array(vec![empty])]);
            let none = ServerReply::Array(Vec::new());
            assert!(is_ok(&replies[0]));
            let others = [
                ServerReply::Error("ERR no".to_owned()),
                ServerReply::Bulk(None),
                value,
                pong,
                ServerReply::Integer(-7),
                array,
                none,
            ];
            assert_eq!(replies[1..], others);
        }
    }
}
