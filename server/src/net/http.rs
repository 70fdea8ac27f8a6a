//! HTTP on the port of the database.
//!
//! A web page can make a browser send an HTTP request to any port, also of the loopback interface. The lines of its body
//! would be executed as inline commands. Like Valkey we close a connection whose request is called `POST` or `Host:`: a
//! browser sends one of them before the body.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Valkey logs at most one warning a minute, so that an attacker cannot fill the disk.
const QUIET: Duration = Duration::from_secs(60);

/// Whether this request is a line of HTTP. Like Valkey we compare up to the first NUL, in any letter case.
pub(super) fn is_http(name: &[u8]) -> bool {
    let name = name.split(|&byte| byte == 0).next().unwrap_or(name);
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:")
}

/// Warns of HTTP requests in the log.
#[derive(Debug, Default)]
pub(super) struct HttpAlarm(Mutex<Suppressed>);

#[derive(Debug, Default)]
struct Suppressed {
    last_warning: Option<Instant>,
    /// Connections closed since then.
    closed: u64,
}

impl HttpAlarm {
    /// Counts a connection that we close, and warns unless a warning was logged a moment ago.
    pub(super) fn raise(&self, peer: &str) {
        let mut suppressed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        suppressed.closed += 1;
        if suppressed.last_warning.is_none_or(|last| last.elapsed() >= QUIET) {
            tracing::warn!(
                peer,
                closed = suppressed.closed,
                "possible SECURITY ATTACK: a client sent POST or Host: as a command, as a web page would that attacks \
                 this server through a browser. The connection was closed"
            );
            *suppressed = Suppressed { last_warning: Some(Instant::now()), closed: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn post_and_host_are_http_in_any_letter_case() {
        for name in ["POST", "post", "PoSt", "Host:", "HOST:", "host:", "post\0anything", "host:\0"] {
            assert!(is_http(name.as_bytes()), "{name:?}");
        }
        for name in ["", "\0POST", "POSTS", "Host", "GET", "PUT", " POST"] {
            assert!(!is_http(name.as_bytes()), "{name:?}");
        }
    }
}
