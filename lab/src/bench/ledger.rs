//! The benchmark's own record of a database, to check every reply against.
//!
//! A value names its key and counts the writes of that key. The rest of it is random letters, which hardly compress. So
//! the ledger can tell of any value whether it is right, whole, and of this key.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::words;

/// The bytes of a key.
pub const KEY: usize = 16;

/// The bytes of a value.
pub const VALUE: usize = 100;

/// The first bytes of a value: the digits of its key's number, then of its own.
const MARK: usize = 12 + 8;

/// How many random letters values are cut from.
const POOL: usize = 1 << 16;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A reply to a GET that cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongValue {
    /// No client wrote this value to this key.
    #[error("key {0} has a value that nobody wrote")]
    Foreign(usize),
    /// The value is older than an acknowledged one, or was never sent.
    #[error("key {key} has value {number}, but only {least} to {most} are possible")]
    OutOfRange { key: usize, number: u32, least: u32, most: u32 },
}

/// For each key, the number of the last value that was sent and of the last that was acknowledged. Values count from 1;
/// 0 means none. Only one client at a time writes a key.
pub struct Ledger {
    pool: Vec<u8>,
    sent: Vec<AtomicU32>,
    acknowledged: Vec<AtomicU32>,
}

impl Ledger {
    /// The ledger of an empty database that will have this many keys.
    pub fn new(keys: usize) -> Ledger {
        let mut rng = StdRng::seed_from_u64(keys as u64);
        let pool = (0..POOL).map(|_| LETTERS[rng.random_range(0..LETTERS.len())]).collect();
        let none = || (0..keys).map(|_| AtomicU32::new(0)).collect();
        Ledger { pool, sent: none(), acknowledged: none() }
    }

    /// The number of keys.
    pub fn keys(&self) -> usize {
        self.sent.len()
    }

    /// Appends a SET of the key's next value, notes it as sent, and returns its number.
    pub fn set(&self, key: usize, out: &mut Vec<u8>) -> u32 {
        out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
        self.pair(key, out)
    }

    /// Appends one MSET of the next values of several keys.
    pub fn set_all(&self, keys: Range<usize>, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("*{}\r\n$4\r\nMSET\r\n", 1 + 2 * keys.len()).as_bytes());
        for key in keys {
            self.pair(key, out);
        }
    }

    fn pair(&self, key: usize, out: &mut Vec<u8>) -> u32 {
        let number = self.sent[key].fetch_add(1, Ordering::Relaxed) + 1;
        words::key(key, out);
        out.extend_from_slice(b"$100\r\n");
        self.value(key, number, out);
        out.extend_from_slice(b"\r\n");
        number
    }

    /// Appends the value of this number of a key.
    pub fn value(&self, key: usize, number: u32, out: &mut Vec<u8>) {
        words::digits::<12>(key as u64, out);
        words::digits::<8>(u64::from(number), out);
        let from = (key.wrapping_mul(40_503) ^ (number as usize).wrapping_mul(40_499)) % (POOL - VALUE);
        out.extend_from_slice(&self.pool[from..from + VALUE - MARK]);
    }

    /// Notes that the server has acknowledged this key's values up to this number.
    pub fn acknowledge(&self, key: usize, number: u32) {
        self.acknowledged[key].fetch_max(number, Ordering::Relaxed);
    }

    /// Notes that the server has acknowledged every value of this key that was sent.
    pub fn acknowledge_all(&self, key: usize) {
        self.acknowledge(key, self.sent[key].load(Ordering::Relaxed));
    }

    /// The number of a key's last acknowledged value.
    pub fn acknowledged(&self, key: usize) -> u32 {
        self.acknowledged[key].load(Ordering::Relaxed)
    }

    /// Checks the reply to a GET. `least` is the last acknowledged number when the GET was sent.
    pub fn check(&self, key: usize, value: Option<&[u8]>, least: u32) -> Result<(), WrongValue> {
        let most = self.sent[key].load(Ordering::Relaxed);
        let number = match value {
            None => 0,
            Some(value) => {
                let number = value.get(12..MARK).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                let number = number.ok_or(WrongValue::Foreign(key))?;
                let mut expected = Vec::with_capacity(VALUE);
                self.value(key, number, &mut expected);
                if expected != value {
                    return Err(WrongValue::Foreign(key));
                }
                number
            }
        };
        match (least..=most).contains(&number) {
            true => Ok(()),
            false => Err(WrongValue::OutOfRange { key, number, least, most }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(command: &[u8]) -> &[u8] {
        &command[command.len() - VALUE - 2..command.len() - 2]
    }

    #[test]
    fn a_lost_torn_or_foreign_value_is_noticed() {
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
}
