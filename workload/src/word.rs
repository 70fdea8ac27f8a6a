//! Keys and values: strings of bytes, and the form in which a history keeps them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// The longest word that a history keeps whole, in bytes. Of a longer word it keeps the length and the SHA-256, so that a
/// history of large values stays small. Two words are equal if and only if their abridged forms are, as long as SHA-256
/// has no collisions.
pub const LONGEST_KEPT: usize = 256;

/// How many bytes of an abridged word a history keeps for people to read.
const BEGINNING: usize = 48;

/// A key, a value, or another string of bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    /// All its bytes.
    Whole(Bytes),
    /// A long word, by its length and digest.
    Abridged {
        /// Its length in bytes.
        length: u64,
        /// Its SHA-256 in hexadecimal digits.
        sha256: String,
        /// Its first bytes.
        beginning: Bytes,
    },
}

impl Word {
    /// The form in which a history keeps the word. The checker compares words in this form only.
    pub fn abridged(self) -> Word {
        match self {
            Word::Whole(bytes) if bytes.len() > LONGEST_KEPT => Word::Abridged {
                length: bytes.len() as u64,
                sha256: hexadecimal(&Sha256::digest(&bytes)),
                beginning: Bytes::copy_from_slice(&bytes[..BEGINNING]),
            },
            word => word,
        }
    }

    /// The number of bytes of the whole word.
    pub fn length(&self) -> u64 {
        match self {
            Word::Whole(bytes) => bytes.len() as u64,
            Word::Abridged { length, .. } => *length,
        }
    }

    /// The integer that the word spells, if it does.
    pub(crate) fn to_integer(&self) -> Option<i64> {
        let Word::Whole(bytes) = self else { return None };
        str::from_utf8(bytes).ok()?.parse().ok()
    }

    /// The word with another one behind it. The bytes of an abridged word are unknown, so it only grows in length.
    pub(crate) fn followed_by(&self, suffix: &Word) -> Word {
        match (self, suffix) {
            (Word::Whole(bytes), Word::Whole(suffix)) => Word::Whole([bytes.as_ref(), suffix].concat().into()),
            (Word::Abridged { length, sha256, beginning }, _) => Word::Abridged {
                length: length + suffix.length(),
                sha256: format!("{sha256}+{suffix}"),
                beginning: beginning.clone(),
            },
            (Word::Whole(bytes), Word::Abridged { length, .. }) => Word::Abridged {
                length: bytes.len() as u64 + length,
                sha256: format!("{self}+{suffix}"),
                beginning: bytes.clone(),
            },
        }
    }

    /// The word in upper case, if it is text.
    pub(crate) fn to_upper_case(&self) -> Option<String> {
        let Word::Whole(bytes) = self else { return None };
        str::from_utf8(bytes).ok().map(str::to_uppercase)
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Word {
        Word::Whole(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Word {
    fn from(text: String) -> Word {
        Word::Whole(text.into())
    }
}

/// The word for people: text as it is, other bytes escaped, long words cut.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Whole(bytes) if bytes.is_empty() => f.write_str("\"\""),
            Word::Whole(bytes) if bytes.len() > BEGINNING => {
                write!(f, "{}… ({} bytes)", bytes[..BEGINNING].escape_ascii(), bytes.len())
            }
            Word::Whole(bytes) => match str::from_utf8(bytes) {
                Ok(text) if !text.chars().any(char::is_control) => f.write_str(text),
                _ => bytes.escape_ascii().fmt(f),
            },
            Word::Abridged { length, beginning, .. } => write!(f, "{}… ({length} bytes)", beginning.escape_ascii()),
        }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The JSON of a word. Text is a string, other bytes are `{"base64": …}`, and an abridged word is an object.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelling<'a> {
    Text(std::borrow::Cow<'a, str>),
    Bytes {
        base64: String,
    },
    Abridged {
        bytes: u64,
        sha256: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        beginning_base64: String,
    },
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spelling = match self {
            Word::Whole(bytes) => match str::from_utf8(bytes) {
                Ok(text) => Spelling::Text(text.into()),
                Err(_) => Spelling::Bytes { base64: BASE64.encode(bytes) },
            },
            Word::Abridged { length, sha256, beginning } => Spelling::Abridged {
                bytes: *length,
                sha256: sha256.clone(),
                beginning_base64: BASE64.encode(beginning),
            },
        };
        spelling.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        let decode = |base64: &str| BASE64.decode(base64).map(Bytes::from).map_err(serde::de::Error::custom);
        let word = match Spelling::deserialize(deserializer)? {
            Spelling::Text(text) => Word::from(text.into_owned()),
            Spelling::Bytes { base64 } => Word::Whole(decode(&base64)?),
            Spelling::Abridged { bytes, sha256, beginning_base64 } => {
                Word::Abridged { length: bytes, sha256, beginning: decode(&beginning_base64)? }
            }
        };
        Ok(word.abridged())
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}"); // writing to a String never fails
        digits
    })
}
