//! The wire: a small reader of RESP2 and RESP3, and a connection that pipelines.
//!
//! A [`Reply`] keeps the type byte and the text of every node as the server sent them. So two replies are equal exactly if
//! their bytes are equal, and a rule that is less strict can still look inside.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The words of a command.
pub type Words = Vec<Vec<u8>>;

/// The deepest reply that any command gives is an EXEC with a COMMAND inside.
const DEEPEST: usize = 16;

/// A server that says nothing for so long is taken for lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// One read from the socket takes at most this many bytes: enough for the replies of a batch.
const CHUNK: usize = 64 * 1024;

/// The type byte of a reply that never came. No server sends it.
const LOST: u8 = b'?';

/// A reply, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reply {
    /// The type byte.
    pub mark: u8,
    /// Whether it is a null of RESP2, which has the type of what is missing.
    pub null: bool,
    /// The text of a leaf.
    pub text: Vec<u8>,
    /// The parts of an aggregate. A map has two for each pair.
    pub items: Vec<Reply>,
}

impl Reply {
    /// The stand-in for a reply that never came.
    pub fn lost(why: &str) -> Reply {
        Reply { mark: LOST, null: false, text: why.as_bytes().to_vec(), items: Vec::new() }
    }

    /// Whether the connection broke before this reply came.
    pub fn is_lost(&self) -> bool {
        self.mark == LOST
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        matches!(self.mark, b'-' | b'!' | LOST)
    }

    /// Whether it is a null of either protocol.
    pub fn is_null(&self) -> bool {
        self.null || self.mark == b'_'
    }

    /// Whether it has parts.
    pub fn is_aggregate(&self) -> bool {
        matches!(self.mark, b'*' | b'%' | b'~' | b'>') && !self.null
    }

    /// Whether it says that there is nothing: null, an empty string, or no elements but such ones.
    pub fn is_nothing(&self) -> bool {
        self.is_null()
            || if self.is_aggregate() { self.items.iter().all(Reply::is_nothing) } else { self.text.is_empty() }
    }

    /// Whether it accepts a command into a transaction.
    pub fn is_queued(&self) -> bool {
        self.mark == b'+' && self.text == b"QUEUED"
    }

    /// Its integer, if it is one.
    pub fn integer(&self) -> Option<i64> {
        if self.mark != b':' {
            return None;
        }
        std::str::from_utf8(&self.text).ok()?.parse().ok()
    }

    /// All leaves, from left to right.
    pub fn leaves(&self) -> Vec<&Reply> {
        if !self.is_aggregate() {
            return vec![self];
        }
        self.items.iter().flat_map(Reply::leaves).collect()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = self.mark as char;
        if self.null {
            return write!(f, "{mark}null");
        }
        if self.is_aggregate() {
            write!(f, "{mark}[")?;
            for (nth, item) in self.items.iter().enumerate() {
                write!(f, "{}{item}", if nth == 0 { "" } else { " " })?;
            }
            return write!(f, "]");
        }
        match self.mark {
            b'$' | b'=' => write!(f, "\"{}\"", self.text.escape_ascii()),
            b'_' => write!(f, "_null"),
            _ => write!(f, "{mark}{}", self.text.escape_ascii()),
        }
    }
}

/// Reads one reply from the front of the bytes. Returns it and its length, or `None` if it is not whole yet.
pub fn parse(bytes: &[u8]) -> io::Result<Option<(Reply, usize)>> {
    let mut at = 0;
    Ok(node(bytes, &mut at, 0)?.map(|reply| (reply, at)))
}

fn node(bytes: &[u8], at: &mut usize, depth: usize) -> io::Result<Option<Reply>> {
    if depth > DEEPEST {
        return Err(damaged("a reply that is nested too deeply"));
    }
    let Some(line) = line(&bytes[*at..]) else { return Ok(None) };
    *at += line.len() + 2;
    let (&mark, rest) = line.split_first().ok_or_else(|| damaged("an empty line"))?;
    let mut reply = Reply { mark, null: false, text: Vec::new(), items: Vec::new() };
    match mark {
        b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => reply.text = rest.to_vec(),
        b'$' | b'=' | b'!' => match length(rest)? {
            None => reply.null = true,
            Some(length) => {
                let Some(text) = bytes.get(*at..*at + length) else { return Ok(None) };
                let Some(end) = bytes.get(*at + length..*at + length + 2) else { return Ok(None) };
                if end != b"\r\n" {
                    return Err(damaged("a string that is longer than it says"));
                }
                reply.text = text.to_vec();
                *at += length + 2;
            }
        },
        b'*' | b'%' | b'~' | b'>' => match length(rest)? {
            None => reply.null = true,
            Some(length) => {
                let length = if mark == b'%' { length * 2 } else { length };
                for _ in 0..length {
                    let Some(item) = node(bytes, at, depth + 1)? else { return Ok(None) };
                    reply.items.push(item);
                }
            }
        },
        _ => return Err(damaged("an unknown type byte")),
    }
    Ok(Some(reply))
}

/// The bytes up to the first line end.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some(&bytes[..end])
}

fn length(text: &[u8]) -> io::Result<Option<usize>> {
    if text == b"-1" {
        return Ok(None);
    }
    let text = std::str::from_utf8(text).map_err(|_| damaged("a length that is no text"))?;
    let length: u32 = text.parse().map_err(|_| damaged("a length that is no number"))?;
    Ok(Some(length as usize))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent {what}"))
}

/// A connection to a server.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    read: usize,
    lost: Option<String>,
}

impl Connection {
    /// Connects. Fails if nobody listens there.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection { stream, buffer: Vec::new(), read: 0, lost: None })
    }

    /// Sends commands in one write. A failure shows in the replies.
    pub fn send<'a>(&mut self, commands: impl IntoIterator<Item = &'a Words>) {
        let mut bytes = Vec::new();
        for words in commands {
            bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
            for word in words {
                bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                bytes.extend_from_slice(word);
                bytes.extend_from_slice(b"\r\n");
            }
        }
        if let Err(error) = self.stream.write_all(&bytes) {
            self.lost.get_or_insert(error.to_string());
        }
    }

    /// Reads the next reply, or the stand-in for a lost one.
    pub fn receive(&mut self) -> Reply {
        match self.next() {
            Ok(reply) => reply,
            Err(error) => {
                let why = self.lost.get_or_insert(error.to_string());
                Reply::lost(&format!("connection lost: {why}"))
            }
        }
    }

    /// Sends one command and reads its reply.
    pub fn call(&mut self, words: &Words) -> Reply {
        self.send([words]);
        self.receive()
    }

    fn next(&mut self) -> io::Result<Reply> {
        loop {
            if let Some((reply, length)) = parse(&self.buffer[self.read..])? {
                self.read += length;
                return Ok(reply);
            }
            if self.lost.is_some() {
                return Err(io::ErrorKind::NotConnected.into());
            }
            self.buffer.drain(..self.read);
            self.read = 0;
            let old = self.buffer.len();
            self.buffer.resize(old + CHUNK, 0);
            let read = self.stream.read(&mut self.buffer[old..]);
            self.buffer.truncate(old + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// A command from text, split at spaces.
pub fn words(line: &str) -> Words {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_in_pieces_is_not_whole_before_its_last_byte() {
        let bytes = b"%1\r\n$1\r\na\r\n*3\r\n:1\r\n_\r\n$-1\r\n";
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end]).expect("no damage").is_none(), "{end}");
        }
        let (reply, length) = parse(bytes).expect("no damage").expect("whole");
        assert_eq!(length, bytes.len());
        assert_eq!(reply.to_string(), "%[\"a\" *[:1 _null $null]]");
    }

    #[test]
    fn a_string_that_is_longer_than_it_says_is_damage() {
        assert!(parse(b"$1\r\nabc\r\n").is_err());
    }
}
