//! The values of the flags, and the sentences that refuse wrong ones.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use valthree::store::s3::Address;

/// The address that the server listens on. The system resolves a host name at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    Ip(SocketAddr),
    Name(String, u16),
}

/// The host of an address that is only a port. Other machines reach a server only if its user says so.
const DEFAULT_HOST: [u8; 4] = [127, 0, 0, 1];

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddress, String> {
        if let Ok(address) = text.parse() {
            return Ok(ListenAddress::Ip(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let is_named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if !is_named || port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            let form = "write HOST:PORT, such as 127.0.0.1:6379, localhost:6379 or [::1]:6379, or a port alone";
            return Err(form.to_owned());
        }
        let port = port.parse().map_err(|_| format!("the port is larger than {}", u16::MAX))?;
        Ok(match host {
            "" => ListenAddress::Ip((DEFAULT_HOST, port).into()),
            host => ListenAddress::Name(host.to_owned(), port),
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Ip(address) => address.fmt(f),
            ListenAddress::Name(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// The folder or the bucket of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    Folder(PathBuf),
    Bucket(Address),
}

impl FromStr for StoreLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<StoreLocation, String> {
        if Address::is_meant_by(text) {
            return text.parse().map(StoreLocation::Bucket);
        }
        if text.is_empty() || is_like_a_url(text) {
            let form = "write a bucket as s3://BUCKET or s3://BUCKET/PREFIX, and a folder as a path such as ./data";
            return Err(form.to_owned());
        }
        Ok(StoreLocation::Folder(text.into()))
    }
}

/// Whether the text is a URL or a mistyped one. As a path it would silently become a new and empty local folder.
fn is_like_a_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme && (rest.starts_with('/') || scheme.eq_ignore_ascii_case("s3"))
}

/// Checks that a URL begins as one.
pub fn endpoint(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("write a URL that begins with http:// or https://".to_owned()),
    }
}

/// Reads a number of bytes as Valkey writes it: `k` is a thousand and `kb` is 1024, and so on.
pub fn bytes(text: &str) -> Result<u64, String> {
    let letters = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(letters);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1000 * 1000,
        "mb" => 1 << 20,
        "g" => 1000 * 1000 * 1000,
        "gb" => 1 << 30,
        _ => return Err("write a whole number of bytes, or one with k, kb, m, mb, g or gb after it".to_owned()),
    };
    let number: u64 = number.parse().map_err(|error| format!("{error}"))?;
    number.checked_mul(unit).ok_or_else(|| "too many bytes".to_owned())
}

/// The same for a limit that cannot be zero.
pub fn positive_bytes(text: &str) -> Result<usize, String> {
    match usize::try_from(bytes(text)?) {
        Ok(0) => Err("the limit has to be at least 1 byte".to_owned()),
        bytes => bytes.map_err(|error| error.to_string()),
    }
}

/// The default of the log. The server itself says once, and in fewer words, what the SDK warns of at each request.
pub const LOG_FILTER: &str = "info,aws_config=error,aws_smithy_http_client=error";

/// The first part of the names under which this crate logs.
const OURS: &str = "valthree";

/// Checks a filter of the log. It has to name a level for the server itself: otherwise a mistyped level would silently
/// become the name of a crate that does not exist, and the server would log nothing.
pub fn log_filter(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(LOG_FILTER.to_owned()); // people empty RUST_LOG to be rid of it
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())?;
    let mut is_about_us = false;
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let is_level = directive.parse::<LevelFilter>().is_ok();
        if !is_level && !directive.contains(['=', '[']) && !directive.starts_with(OURS) {
            let levels = "off, error, warn, info, debug and trace";
            return Err(format!("{directive:?} is not a level; the levels are {levels}"));
        }
        is_about_us |= is_level || directive.starts_with(OURS);
    }
    if !is_about_us {
        return Err(format!("it says nothing about {OURS}; begin it with a level, such as info,{text}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_listens_on_loopback() {
        let loopback = Ok(ListenAddress::Ip(([127, 0, 0, 1], 6380).into()));
        for text in ["6380", ":6380", "127.0.0.1:6380"] {
            assert_eq!(text.parse(), loopback, "{text}");
        }
    }

    #[test]
    fn an_address_is_shown_as_it_was_written() {
        for text in ["127.0.0.1:6380", "[::1]:6380", "localhost:0", "cache-1.example:6379"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_folder_may_have_any_name_that_does_not_look_like_a_url() {
        for text in ["data", "./s3:/bucket", "/var/a:/b", "12:30", "a:b", "/"] {
            assert_eq!(text.parse(), Ok(StoreLocation::Folder(text.into())), "{text}");
        }
        for text in ["", "s3:/b", "S3://b", "s3:b", "gs://b", "http://b", "file:///b", "s3://", "s3:///b"] {
            assert!(text.parse::<StoreLocation>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_filter_names_a_level_for_the_server() {
        for text in ["info", "off", "WARN", "valthree=debug", "valthree", "hyper=trace,info", "info,[span]=debug"] {
            assert_eq!(log_filter(text), Ok(text.to_owned()));
        }
        for text in ["nonsense", "info,debgu", "hyper=trace", "valthre=debug", "valthree=loud", "a=b=c", ","] {
            assert!(log_filter(text).is_err(), "{text}");
        }
        assert_eq!(log_filter("").as_deref(), Ok(LOG_FILTER));
    }
}
