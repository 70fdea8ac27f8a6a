//! Everything that happens in a run, with its simulated time, in an order that its seed alone decides.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use md5::{Digest as _, Md5};

/// The trace of one run. Clones are the same one.
///
/// Its digest is that of its text; the text itself is kept only for those who want to read it, as a run has tens of
/// thousands of lines.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<Lines>>);

struct Lines {
    count: u64,
    digest: Md5,
    line: String,
    text: Option<String>,
    /// The time where no host is at work, which the loop that drives the hosts sets.
    outside: Duration,
}

impl Trace {
    /// An empty one, which keeps its text if it is to be read.
    pub fn new(readable: bool) -> Trace {
        let text = readable.then(String::new);
        let lines = Lines { count: 0, digest: Md5::new(), line: String::new(), text, outside: Duration::ZERO };
        Trace(Arc::new(Mutex::new(lines)))
    }

    /// Adds a line. Not to be called while a host is being dropped: no clock is right then.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        let mut lines = self.lines();
        let Lines { count, digest, line, text, outside } = &mut *lines;
        let now = turmoil::sim_elapsed().unwrap_or(*outside);
        line.clear();
        // A String takes whatever is written to it.
        let _ = writeln!(line, "{}.{:06} {what}", now.as_secs(), now.subsec_micros());
        digest.update(line.as_bytes());
        *count += 1;
        if let Some(text) = text {
            text.push_str(line);
        }
    }

    /// It is so late where no host is at work.
    pub fn set_outside(&self, now: Duration) {
        self.lines().outside = now;
    }

    /// How many lines there are.
    pub fn count(&self) -> u64 {
        self.lines().count
    }

    /// What tells two traces apart: the MD5 of the text.
    pub fn digest(&self) -> String {
        let digest = self.lines().digest.clone().finalize();
        digest.iter().fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // see above
            hex
        })
    }

    /// The text, if it was kept.
    pub fn text(&self) -> Option<String> {
        self.lines().text.clone()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
