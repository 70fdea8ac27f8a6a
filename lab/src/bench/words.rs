//! Keys and values, what is sent of them, and what comes back.
//!
//! A value says which key it belongs to and the how manyth of that key it is; the rest of it can't be compressed much,
//! as it is random letters. So every value that is read can be told to be right, whole, and not of another key.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::{Buf as _, BytesMut};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The bytes of a key.
pub const KEY: usize = 16;

/// The bytes of a value.
pub const VALUE: usize = 100;

/// How a value begins: the digits of its key's number, and of its own.
const MARK: usize = 12 + 8;

/// How many random letters there are to take values from.
const POOL: usize = 1 << 16;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What there is to know about a database of numbered keys: of each, the last value that was sent and the last that was
/// acknowledged. Values are numbered from 1; 0 is none. A key has one writer at a time.
pub struct Ledger {
    pool: Vec<u8>,
    sent: Vec<AtomicU32>,
    acknowledged: Vec<AtomicU32>,
}

impl Ledger {
    /// Of a database that is empty, and will have so many keys.
    pub fn new(keys: usize) -> Ledger {
        let mut rng = StdRng::seed_from_u64(keys as u64);
        let pool = (0..POOL).map(|_| LETTERS[rng.random_range(0..LETTERS.len())]).collect();
        let none = || (0..keys).map(|_| AtomicU32::new(0)).collect();
        Ledger { pool, sent: none(), acknowledged: none() }
    }

    /// How many keys.
    pub fn keys(&self) -> usize {
        self.sent.len()
    }

    /// Writes the key's next value down as a command, notes that it is sent, and says its number.
    pub fn set(&self, key: usize, out: &mut Vec<u8>) -> u32 {
        out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
        self.pair(key, out)
    }

    /// The next values of several keys in one command.
    pub fn set_all(&self, keys: std::ops::Range<usize>, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("*{}\r\n$4\r\nMSET\r\n", 1 + 2 * keys.len()).as_bytes());
        for key in keys {
            self.pair(key, out);
        }
    }

    fn pair(&self, key: usize, out: &mut Vec<u8>) -> u32 {
        let number = self.sent[key].fetch_add(1, Ordering::Relaxed) + 1;
        write_key(key, out);
        out.extend_from_slice(b"$100\r\n");
        self.value(key, number, out);
        out.extend_from_slice(b"\r\n");
        number
    }

    fn value(&self, key: usize, number: u32, out: &mut Vec<u8>) {
        digits::<12>(key as u64, out);
        digits::<8>(u64::from(number), out);
        let from = (key.wrapping_mul(40_503) ^ (number as usize).wrapping_mul(40_499)) % (POOL - VALUE);
        out.extend_from_slice(&self.pool[from..from + VALUE - MARK]);
    }

    /// The values of this key up to this number have been acknowledged.
    pub fn acknowledge(&self, key: usize, number: u32) {
        self.acknowledged[key].fetch_max(number, Ordering::Relaxed);
    }

    /// All that was sent of this key has been acknowledged.
    pub fn acknowledge_all(&self, key: usize) {
        self.acknowledge(key, self.sent[key].load(Ordering::Relaxed));
    }

    /// The last acknowledged value of a key, by number.
    pub fn acknowledged(&self, key: usize) -> u32 {
        self.acknowledged[key].load(Ordering::Relaxed)
    }

    /// Whether this may be read as the value of the key, if values up to the `least` were acknowledged before it was
    /// asked.
    pub fn check(&self, key: usize, value: Option<&[u8]>, least: u32) -> Result<(), String> {
        let most = self.sent[key].load(Ordering::Relaxed);
        let number = match value {
            None => 0,
            Some(value) => {
                let number = value.get(12..MARK).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                let number = number.ok_or_else(|| format!("key {key} has a value that nobody wrote"))?;
                let mut expected = Vec::with_capacity(VALUE);
                self.value(key, number, &mut expected);
                if expected != value {
                    return Err(format!("key {key} has a value that nobody wrote"));
                }
                number
            }
        };
        match (least..=most).contains(&number) {
            true => Ok(()),
            false => Err(format!("key {key} has value {number}, where {least} to {most} are possible")),
        }
    }
}

/// Writes a GET down.
pub fn get(key: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
    write_key(key, out);
}

fn write_key(key: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"$16\r\nkey:");
    digits::<12>(key as u64, out);
    out.extend_from_slice(b"\r\n");
}

fn digits<const N: usize>(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

/// A reply.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    Status(String),
    Error(String),
    Bulk(Option<BytesMut>),
}

/// Takes the next reply out of what has come, if all of it has.
pub fn reply(bytes: &mut BytesMut) -> Result<Option<Reply>, String> {
    // By far the most common one, and there may be hundreds of thousands a second.
    if bytes.starts_with(b"+OK\r\n") {
        bytes.advance(5);
        return Ok(Some(Reply::Status(String::new())));
    }
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
    let line = text(&bytes[1..end]);
    match bytes[0] {
        b'+' => {
            bytes.advance(end + 1);
            Ok(Some(Reply::Status(line)))
        }
        b'-' => {
            bytes.advance(end + 1);
            Ok(Some(Reply::Error(line)))
        }
        b'$' if line == "-1" => {
            bytes.advance(end + 1);
            Ok(Some(Reply::Bulk(None)))
        }
        b'$' => {
            let length: usize = line.parse().map_err(|_| format!("a string of length {line}"))?;
            if bytes.len() < end + 1 + length + 2 {
                return Ok(None);
            }
            bytes.advance(end + 1);
            let value = bytes.split_to(length);
            bytes.advance(2);
            Ok(Some(Reply::Bulk(Some(value))))
        }
        _ => Err(format!("a reply that begins with {:?}", char::from(bytes[0]))),
    }
}

/// The status of a write that is well.
pub fn is_ok(reply: &Reply) -> bool {
    matches!(reply, Reply::Status(status) if status.is_empty() || status == "OK")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(command: &[u8]) -> &[u8] {
        &command[command.len() - VALUE - 2..command.len() - 2]
    }

    #[test]
    fn only_values_that_may_be_there_are_right() {
        let ledger = Ledger::new(3);
        assert_eq!(ledger.check(1, None, 0), Ok(()));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        ledger.set(1, &mut first);
        ledger.acknowledge_all(1);
        ledger.set(1, &mut second);
        let least = ledger.acknowledged(1);
        assert_eq!(ledger.check(1, Some(value_of(&first)), least), Ok(()));
        assert_eq!(ledger.check(1, Some(value_of(&second)), least), Ok(()), "it may have landed");
        ledger.acknowledge_all(1);
        assert!(ledger.check(1, Some(value_of(&first)), ledger.acknowledged(1)).is_err(), "a lost write");
        assert!(ledger.check(2, Some(value_of(&second)), 0).is_err(), "of another key");
        assert!(ledger.check(1, None, least).is_err());
        let mut torn = value_of(&second).to_vec();
        torn[VALUE - 1] ^= 1;
        assert!(ledger.check(1, Some(&torn), least).is_err());
    }

    #[test]
    fn replies_are_taken_whole() {
        let stream = b"+OK\r\n-ERR no\r\n$-1\r\n$5\r\na\r\nbc\r\n+PONG\r\n";
        for piece in 1..stream.len() {
            let (mut bytes, mut replies) = (BytesMut::new(), Vec::new());
            for piece in stream.chunks(piece) {
                bytes.extend_from_slice(piece);
                while let Some(reply) = (!bytes.is_empty()).then(|| reply(&mut bytes).unwrap()).flatten() {
                    replies.push(reply);
                }
            }
            let value = Reply::Bulk(Some(BytesMut::from(&b"a\r\nbc"[..])));
            let pong = Reply::Status("PONG".to_owned());
            assert!(is_ok(&replies[0]));
            assert_eq!(replies[1..], [Reply::Error("ERR no".to_owned()), Reply::Bulk(None), value, pong]);
        }
    }
}
