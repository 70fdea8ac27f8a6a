//! Opens the store that the environment describes.

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_s3::config::Region;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::S3;
use super::location::{Address, Style};
use super::timeouts::Timeouts;

/// The region in the signatures for stores without regions.
const ANY_REGION: &str = "us-east-1";

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
