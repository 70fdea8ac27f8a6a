//! The end of a payload: two bytes of RDB version and eight of checksum, both little-endian.

use super::PayloadError;
use super::crc64::crc64;

/// The version of Redis 7.0, which every later server reads.
pub(super) const VERSION: u16 = 10;
/// The version of Valkey 9, which the expiry of fields needs.
pub(super) const VERSION_EXPIRING: u16 = 80;
/// The last version that Redis and Valkey share. Redis alone has 12 and later, with forms that Valkey gives other
/// meanings.
const VERSION_SHARED: u16 = 11;

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// Checks the footer. Returns what comes before it.
///
/// A checksum of zero is wrong like any other. In an RDB file it means that the server has computed none, but neither
/// Redis nor Valkey accepts it in a payload.
pub(super) fn open(payload: &[u8]) -> Result<&[u8], PayloadError> {
    let (summed, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>().ok_or(PayloadError::Footer)?;
    let (body, version) = summed.split_last_chunk::<VERSION_BYTES>().ok_or(PayloadError::Footer)?;
    let version = u16::from_le_bytes(*version);
    if version > VERSION_SHARED && version != VERSION_EXPIRING {
        return Err(PayloadError::Footer);
    }
    if crc64(summed) != u64::from_le_bytes(*checksum) {
        return Err(PayloadError::Footer);
    }
    Ok(body)
}

/// Appends the footer.
pub(super) fn seal(mut body: Vec<u8>, version: u16) -> Vec<u8> {
    body.extend_from_slice(&version.to_le_bytes());
    let checksum = crc64(&body);
    body.extend_from_slice(&checksum.to_le_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_body_opens_and_a_flipped_bit_is_found() {
        let payload = seal(b"\0\x05hello".to_vec(), VERSION);
        assert_eq!(open(&payload), Ok(&b"\0\x05hello"[..]));
        for bit in 0..payload.len() * 8 {
            let mut damaged = payload.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&damaged), Err(PayloadError::Footer), "bit {bit}");
        }
    }

    #[test]
    fn a_version_of_redis_alone_is_refused() {
        for version in [1, 6, 11, 80] {
            assert!(open(&seal(vec![0, 0], version)).is_ok(), "{version}");
        }
        for version in [12, 13, 79, 81, u16::MAX] {
            assert_eq!(open(&seal(vec![0, 0], version)), Err(PayloadError::Footer), "{version}");
        }
    }

    #[test]
    fn a_checksum_of_zero_is_refused() {
        let mut payload = seal(vec![0, 0], VERSION);
        let sum = payload.len() - CHECKSUM_BYTES;
        payload[sum..].fill(0);
        assert_eq!(open(&payload), Err(PayloadError::Footer));
    }

    #[test]
    fn anything_shorter_than_a_footer_is_refused() {
        for length in 0..VERSION_BYTES + CHECKSUM_BYTES {
            assert_eq!(open(&vec![0; length]), Err(PayloadError::Footer));
        }
    }
}
