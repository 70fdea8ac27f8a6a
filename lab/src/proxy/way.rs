//! What becomes of bytes on their way: pure, told when they arrive.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// How many pieces a second a throttled way is cut into.
const PIECES: u64 = 20;

/// A part of what is under way, and when it is due.
pub(super) struct Part {
    pub what: What,
    pub due: Instant,
}

/// What is under way.
pub(super) enum What {
    Bytes(Bytes),
    /// The end of this direction alone.
    End,
    /// The end of the whole connection.
    Break(Break),
}

/// How a fault ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    Cut,
    Reset,
}

/// What a direction does to its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Trouble {
    #[default]
    None,
    /// They pass at so many a second.
    Throttle(u64),
    /// They vanish.
    Hole,
    /// So many pass, then the connection ends.
    Cut(u64),
    /// It has ended.
    Broken,
}

/// One direction of a connection.
pub(super) struct Way {
    delay: Duration,
    pub trouble: Trouble,
    /// What is under way before arrives no earlier than this, so nothing else does.
    not_before: Option<Instant>,
    /// Whether the trouble has changed what happened to a byte.
    pub bitten: bool,
}

impl Way {
    pub fn new(delay: Duration) -> Way {
        Way { delay, trouble: Trouble::None, not_before: None, bitten: false }
    }

    /// From now on there is this trouble.
    pub fn suffer(&mut self, trouble: Trouble) {
        self.trouble = trouble;
        self.bitten = false;
    }

    /// Trouble that ends with a request has ended.
    pub fn recover(&mut self) {
        if !self.is_lost() {
            self.trouble = Trouble::None;
        }
    }

    /// Nothing that comes now will ever arrive.
    pub fn is_lost(&self) -> bool {
        matches!(self.trouble, Trouble::Hole | Trouble::Broken)
    }

    /// What arrived at this moment, and all that comes later, is kept for so long.
    pub fn hold(&mut self, arrived: Instant, time: Duration) {
        let until = arrived + time;
        self.not_before = Some(self.not_before.map_or(until, |before| before.max(until)));
    }

    /// Sends bytes on.
    pub fn pass(&mut self, mut bytes: Bytes, arrived: Instant, parts: &mut Vec<Part>) {
        if bytes.is_empty() {
            return;
        }
        match self.trouble {
            Trouble::None => self.send(What::Bytes(bytes), arrived, parts),
            Trouble::Throttle(rate) => {
                let rate = rate.max(1);
                let most = usize::try_from(rate.div_ceil(PIECES)).unwrap_or(usize::MAX);
                while !bytes.is_empty() {
                    let piece = bytes.split_to(most.min(bytes.len()));
                    let takes = Duration::from_nanos(piece.len() as u64 * 1_000_000_000 / rate);
                    let from = self.due(arrived);
                    self.not_before = Some(from + takes);
                    self.send(What::Bytes(piece), arrived, parts);
                }
                self.bitten = true;
            }
            Trouble::Cut(left) if bytes.len() as u64 > left => {
                self.trouble = Trouble::None;
                self.pass(bytes.split_to(left as usize), arrived, parts);
                self.end(Break::Cut, arrived, parts);
                self.bitten = true;
            }
            Trouble::Cut(left) => {
                self.trouble = Trouble::Cut(left - bytes.len() as u64);
                self.send(What::Bytes(bytes), arrived, parts);
            }
            Trouble::Hole => self.bitten = true,
            Trouble::Broken => {}
        }
    }

    /// The connection ends, once what is under way has arrived.
    pub fn end(&mut self, how: Break, arrived: Instant, parts: &mut Vec<Part>) {
        self.send(What::Break(how), arrived, parts);
        self.trouble = Trouble::Broken;
        self.bitten = true;
    }

    /// Sends the end of this direction on. It passes every trouble: what is lost can't be missed for ever.
    pub fn close(&self, arrived: Instant, parts: &mut Vec<Part>) {
        self.send(What::End, arrived, parts);
    }

    fn send(&self, what: What, arrived: Instant, parts: &mut Vec<Part>) {
        parts.push(Part { what, due: self.due(arrived) });
    }

    fn due(&self, arrived: Instant) -> Instant {
        let due = arrived + self.delay;
        self.not_before.map_or(due, |before| before.max(due))
    }
}
