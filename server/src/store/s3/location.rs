//! Where the objects are, and how the server reaches them.

use std::fmt;
use std::str::FromStr;

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_s3::config::{Config, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::{S3, Timeouts};

/// The region in the signatures for stores without regions.
const ANY_REGION: &str = "us-east-1";

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

/// Why the server cannot even ask a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Every region has its own servers.
    #[error("no AWS region is configured: set AWS_REGION, or --s3-endpoint for a store that is not AWS")]
    NoRegion,
    /// Without certificates the server cannot recognize a store.
    #[error("the system has no certificates to recognize a store by: install some, or name a file in SSL_CERT_FILE")]
    NoCertificates,
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

impl S3 {
    /// A store as the environment, the profile and the role of the machine describe it, as for every AWS tool. Sends
    /// nothing but perhaps a question to the machine for its region.
    pub async fn open(address: &Address, endpoint: Option<String>, style: Style) -> Result<S3, OpenError> {
        let variable = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
        let endpoint = endpoint.or_else(|| variable("AWS_ENDPOINT_URL_S3")).or_else(|| variable("AWS_ENDPOINT_URL"));
        // For a store other than AWS the machine is not asked: outside of AWS nobody would answer.
        let elsewhere = endpoint.as_ref().map(|_| Region::from_static(ANY_REGION));
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .or_else(elsewhere);
        let tls = !rustls_native_certs::load_native_certs().certs.is_empty();
        let http = aws_smithy_http_client::Builder::new();
        let http = match tls {
            true => http.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
            // Without certificates that client would panic at its first request.
            false => http.build_http(),
        };
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).region(region);
        if let Some(endpoint) = &endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let aws = loader.load().await;
        let endpoint = endpoint.or_else(|| aws.endpoint_url().map(str::to_owned)); // a profile may name one
        if !tls && endpoint.as_ref().is_none_or(|endpoint| !endpoint.starts_with("http://")) {
            return Err(OpenError::NoCertificates);
        }
        let machine = ProviderConfig::without_region().with_http_client(http);
        let machine = ImdsRegionProvider::builder().configure(&machine).build();
        let region = match (aws.region(), &endpoint) {
            (Some(region), _) => region.clone(),
            (None, Some(_)) => Region::from_static(ANY_REGION),
            (None, None) => machine.region().await.ok_or(OpenError::NoRegion)?,
        };
        let in_path = match style {
            Style::Auto => endpoint.is_some(),
            Style::Path => true,
            Style::Host => false,
        };
        let mut config = aws_sdk_s3::config::Builder::from(&aws).region(region).force_path_style(in_path);
        if endpoint.is_some() {
            config.set_endpoint_url(endpoint.clone());
        }
        Ok(S3::new(config.build(), address, endpoint, Timeouts::default()))
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
