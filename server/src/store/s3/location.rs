//! Where the objects are.

use std::fmt;
use std::str::FromStr;

use aws_sdk_s3::config::Config;

use super::timeouts::Timeouts;

/// How an address begins.
const SCHEME: &str = "s3://";

/// A bucket and a prefix, as in `s3://bucket/some/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The bucket.
    pub bucket: String,
    /// How the names of the objects begin: empty, or with a slash at its end.
    pub prefix: String,
}

impl Address {
    /// Whether somebody means the text as an address.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with(SCHEME)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let path = text.strip_prefix(SCHEME).ok_or_else(|| format!("{text:?} does not begin with {SCHEME}"))?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/');
        if bucket.is_empty() || prefix.contains("//") {
            return Err(format!("{text:?} is not of the form {SCHEME}bucket or {SCHEME}bucket/prefix"));
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Address { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.prefix)
    }
}

/// Where a request names the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// In the path if there is an endpoint, in the host otherwise.
    #[default]
    Auto,
    /// `https://endpoint/bucket/object`
    Path,
    /// `https://bucket.endpoint/object`
    Host,
}

/// Where a store is.
#[derive(Clone, Debug)]
pub(super) struct Location {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
}

impl Location {
    /// The server at the other end, for messages.
    pub(super) fn host(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("AWS in {}", self.region))
    }
}

/// Replaces the parts of a client's configuration on which the correctness of this store rests.
pub(super) fn settle(config: &Config, timeouts: &Timeouts) -> Config {
    use aws_sdk_s3::config::retry::RetryConfig;
    use aws_sdk_s3::config::timeout::TimeoutConfig;
    use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig};

    let limits = TimeoutConfig::builder().connect_timeout(timeouts.connect).operation_attempt_timeout(timeouts.attempt);
    config
        .to_builder()
        // A PUT that the SDK sends again turns its own success into a conflict. The callers of this store know when to
        // ask again.
        .retry_config(RetryConfig::disabled())
        .timeout_config(limits.build())
        // It judges by throughput over a window. Uploads and downloads have plain limits here.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Newer SDKs send checksums of their own accord, in trailers that older stores take for content. `seal` asks for
        // checksums where they are needed.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build()
}
