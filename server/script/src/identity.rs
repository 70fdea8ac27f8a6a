//! Names: what scripts learn about the server, and the SHA-1 of a script.

use sha1::{Digest as _, Sha1};

/// What scripts learn about the server.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `server.SERVER_NAME`
    pub name: String,
    /// `redis.REDIS_VERSION`: three numbers with dots.
    pub redis_version: String,
    /// `server.VALKEY_VERSION`: three numbers with dots.
    pub valkey_version: String,
}

/// One number for a version: one byte for each of its three numbers.
pub(crate) fn version_number(version: &str) -> i64 {
    version.split('.').take(3).fold(0, |number, part| number << 8 | part.parse().unwrap_or(0))
}

/// The digits of hexadecimal numbers.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The SHA-1 of a script in hexadecimal.
pub fn sha1_hex(script: &[u8]) -> String {
    let digits = |byte: u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]].map(char::from);
    Sha1::digest(script).iter().flat_map(|&byte| digits(byte)).collect()
}
