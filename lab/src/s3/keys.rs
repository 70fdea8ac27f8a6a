//! Who may ask: one access key, whose requests have to be signed for the right region and at about the right time.

use std::time::{Duration, SystemTime};

use hyper::header::{AUTHORIZATION, HeaderMap};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3ErrorCode, S3Result, s3_error};

/// How far a signature's time may be from ours, on AWS and here.
const SKEW: Duration = Duration::from_secs(15 * 60);

/// An access key and its secret.
#[derive(Clone)]
pub struct Keys {
    /// Its name.
    pub access_key: String,
    /// What signs.
    pub secret_key: String,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(SecretKey::from(self.secret_key.as_str()));
        }
        Err(s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records."))
    }
}

/// Looks at what a signature claims, before s3s verifies it. s3s would go by the machine's clock, and not at all by the
/// region.
pub(super) fn plausible(headers: &HeaderMap, region: &str, now: SystemTime) -> Result<(), (S3ErrorCode, String)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(scope) = header(AUTHORIZATION.as_str()).and_then(|signature| {
        let (_, credential) = signature.strip_prefix("AWS4-HMAC-SHA256")?.split_once("Credential=")?;
        credential.split([',', ' ']).next()
    }) else {
        return Ok(()); // unsigned, or not parseable: s3s says so
    };
    // The key, the day, the region.
    if let Some(claimed) = scope.split('/').nth(2).filter(|claimed| *claimed != region) {
        let code = S3ErrorCode::AuthorizationHeaderMalformed;
        let message =
            format!("The authorization header is malformed; the region '{claimed}' is wrong; expecting '{region}'");
        return Err((code, message));
    }
    let skewed = header("x-amz-date").and_then(unix_seconds).is_some_and(|signed| {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        now.abs_diff(signed) > SKEW.as_secs()
    });
    if skewed {
        let message = "The difference between the request time and the current time is too large.".to_owned();
        return Err((S3ErrorCode::RequestTimeTooSkewed, message));
    }
    Ok(())
}

/// Reads a time of the form 20260102T030405Z, from 1970 on.
fn unix_seconds(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u64> {
        bytes
            .get(from..to)?
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let seconds = number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?;
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the day which is not always there is the last.
    let years = if month < 3 { year - 1 } else { year };
    let days_before_month = (153 * ((month + 9) % 12) + 2) / 5;
    let days = years * 365 + years / 4 - years / 100 + years / 400 + days_before_month + day - 1;
    const UNTIL_1970: u64 = 719_468; // days from 0000-03-01
    Some((days - UNTIL_1970) * 86_400 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_the_calendar_has_them() {
        assert_eq!(unix_seconds("19700101T000000Z"), Some(0));
        assert_eq!(unix_seconds("20000229T000000Z"), Some(951_782_400));
        assert_eq!(unix_seconds("20000301T000000Z"), Some(951_868_800));
        assert_eq!(unix_seconds("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(unix_seconds("20261231T235959Z"), Some(1_798_761_599));
        assert_eq!(unix_seconds("2026-01-01T000000Z"), None);
        assert_eq!(unix_seconds("19690101T000000Z"), None);
        assert_eq!(unix_seconds(""), None);
    }
}
