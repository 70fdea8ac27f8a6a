//! The payload of FUNCTION DUMP and FUNCTION RESTORE: the texts of libraries, as an RDB file has them.
//!
//! A byte stands before each text. The footer is that of any payload. Redis since 7.0 and Valkey read what is written here.

use bytes::Bytes;

use super::PayloadError;
use super::footer::{self, VERSION};
use super::reader::BodyReader;
use super::writer::BodyWriter;

/// What stands before a library.
const LIBRARY: u8 = 245;
/// What stood before a library in a candidate of Redis 7.0.
const OLD_LIBRARY: u8 = 246;

/// Why a payload was refused. Each text is what a client gets, after `ERR `.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LibrariesError {
    /// The payload is no payload, was damaged on its way, or comes from a server with a format that we do not know.
    #[error("DUMP payload version or checksum are wrong")]
    Footer,
    /// The footer is right, but there is something else than libraries before it.
    #[error("given type is not a function")]
    Foreign,
    /// A library in a format that no released server reads.
    #[error("Pre-GA function format not supported")]
    Old,
    /// A text is malformed, or there are more than the caller allows.
    #[error("Failed loading library payload")]
    Damaged,
}

/// The payload of the libraries with these texts.
pub fn encode_libraries<'a>(texts: impl IntoIterator<Item = &'a Bytes>) -> Vec<u8> {
    let mut body = BodyWriter::empty();
    for text in texts {
        body.raw(&[LIBRARY]);
        body.string(text);
    }
    body.seal(VERSION)
}

/// The texts in a payload. They may take `limit` bytes of memory.
pub fn decode_libraries(payload: &[u8], limit: usize) -> Result<Vec<Bytes>, LibrariesError> {
    let damaged = |_: PayloadError| LibrariesError::Damaged;
    let body = footer::open(payload).map_err(|_| LibrariesError::Footer)?;
    let mut reader = BodyReader::new(body, limit);
    let mut texts = Vec::new();
    while reader.end().is_err() {
        match reader.byte().map_err(damaged)? {
            LIBRARY => texts.push(reader.element().map_err(damaged)?),
            OLD_LIBRARY => return Err(LibrariesError::Old),
            _ => return Err(LibrariesError::Foreign),
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    /// What valkey-server 8.0.1 returned for one library and for none.
    const ONE: &[u8] =
        b"\xf5@J#!lua name=a\nredis.register_function(\"f1\", function(k,a) return {k,a} end)\x0b\x00\xf3\
        \xc5\xaf\xae\xb8\x0b4\xeb";
    const NONE: &[u8] = b"\x0b\x004D\xe13\xf2\xe0KS";

    #[test]
    fn the_payload_of_another_server_is_read() {
        let text = &ONE[3..ONE.len() - 10];
        assert_eq!(decode_libraries(ONE, LIMIT), Ok(vec![Bytes::from_static(text)]));
        assert_eq!(decode_libraries(NONE, LIMIT), Ok(vec![]));
        // Ours says the version of Redis 7.0, and is otherwise the same.
        let ours = encode_libraries([&Bytes::from_static(text)]);
        assert_eq!(ours[..ours.len() - 10], ONE[..ONE.len() - 10]);
    }

    #[test]
    fn what_was_written_is_read() {
        for texts in [vec![], vec!["a"], vec!["7", "", "x"], vec!["long text long text long text long text"; 3]] {
            let texts: Vec<Bytes> = texts.into_iter().map(Bytes::from).collect();
            assert_eq!(decode_libraries(&encode_libraries(&texts), LIMIT), Ok(texts));
        }
    }

    #[test]
    fn a_damaged_payload_is_refused() {
        let sealed = |body: &[u8]| footer::seal(body.to_vec(), VERSION);
        for (body, error) in [
            (&b"\0\x01a"[..], LibrariesError::Foreign),
            (b"\xf5\x01a\xff", LibrariesError::Foreign),
            (b"\xf6\x01a", LibrariesError::Old),
            (b"\xf5", LibrariesError::Damaged),
            (b"\xf5\x02a", LibrariesError::Damaged),
            (b"\xf5\x81\xff\xff\xff\xff\xff\xff\xff\xff", LibrariesError::Damaged),
        ] {
            assert_eq!(decode_libraries(&sealed(body), LIMIT), Err(error), "{}", body.escape_ascii());
        }
        assert_eq!(decode_libraries(&ONE[..ONE.len() - 1], LIMIT), Err(LibrariesError::Footer));
        assert_eq!(decode_libraries(ONE, 10), Err(LibrariesError::Damaged));
    }
}
