//! The trace of a run: every event with its simulated time. Only the seed decides its content.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use md5::{Digest as _, Md5};

/// The trace of one run. Clones share it.
///
/// It always computes the digest of its text. It keeps the text itself only on request, since a run has tens of thousands
/// of lines.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<Lines>>);

struct Lines {
    count: u64,
    digest: Md5,
    line: String,
    text: Option<String>,
    /// The time outside of all hosts, which the loop that drives them sets.
    outside: Duration,
}

impl Trace {
    /// An empty trace. It keeps its text if `readable`.
    pub fn new(readable: bool) -> Trace {
        let text = readable.then(String::new);
        let lines = Lines { count: 0, digest: Md5::new(), line: String::new(), text, outside: Duration::ZERO };
        Trace(Arc::new(Mutex::new(lines)))
    }

    /// Adds a line. Do not call this while turmoil drops a host: no clock is right then.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        let mut lines = self.lines();
        let Lines { count, digest, line, text, outside } = &mut *lines;
        let now = turmoil::sim_elapsed().unwrap_or(*outside);
        line.clear();
        // Writing to a String cannot fail.
        let _ = writeln!(line, "{}.{:06} {what}", now.as_secs(), now.subsec_micros());
        digest.update(line.as_bytes());
        *count += 1;
        if let Some(text) = text {
            text.push_str(line);
        }
    }

    /// Sets the time outside of all hosts.
    pub fn set_outside(&self, now: Duration) {
        self.lines().outside = now;
    }

    /// The number of lines.
    pub fn count(&self) -> u64 {
        self.lines().count
    }

    /// The MD5 of the text.
    pub fn digest(&self) -> String {
        let digest = self.lines().digest.clone().finalize();
        digest.iter().fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // a String again
            hex
        })
    }

    /// The text, if the trace keeps it.
    pub fn text(&self) -> Option<String> {
        self.lines().text.clone()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
