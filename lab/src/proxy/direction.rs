//! One direction of a connection: when bytes are due, and how a fault changes that. This module is pure: its caller says
//! when bytes arrive.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// The pieces a second of a throttled direction.
const PIECES: u64 = 20;

/// How long bytes take, on top of the real network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// From the client to the server.
    pub there: Duration,
    /// From the server to the client.
    pub back: Duration,
}

impl Delay {
    /// Splits a round trip into two halves. The way back gets an odd millisecond, since tokio's timers have no halves.
    pub fn of_round_trip(delay: Duration) -> Delay {
        let there = Duration::from_millis(delay.as_millis() as u64 / 2);
        Delay { there, back: delay - there }
    }
}

/// Something under way, and when it is due.
pub(super) struct DueItem {
    pub item: Item,
    pub due: Instant,
}

/// Something that travels in one direction.
pub(super) enum Item {
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

/// The effect of a fault on one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Trouble {
    #[default]
    None,
    /// Bytes pass at this rate, in bytes a second.
    Throttle(u64),
    /// Bytes vanish.
    Hole,
    /// This many bytes pass, then the connection ends.
    Cut(u64),
    /// The connection has ended.
    Broken,
}

/// One direction of a connection.
pub(super) struct Direction {
    delay: Duration,
    pub trouble: Trouble,
    /// Bytes under way arrive no earlier than this, so later ones cannot either.
    not_before: Option<Instant>,
    /// Whether the trouble has affected any byte.
    pub bitten: bool,
}

impl Direction {
    pub fn new(delay: Duration) -> Direction {
        Direction { delay, trouble: Trouble::None, not_before: None, bitten: false }
    }

    /// Starts this trouble.
    pub fn suffer(&mut self, trouble: Trouble) {
        self.trouble = trouble;
        self.bitten = false;
    }

    /// Ends the trouble, if it ends with a request.
    pub fn recover(&mut self) {
        if !self.is_lost() {
            self.trouble = Trouble::None;
        }
    }

    /// Whether bytes that are sent now never arrive.
    pub fn is_lost(&self) -> bool {
        matches!(self.trouble, Trouble::Hole | Trouble::Broken)
    }

    /// Holds the bytes of this moment, and all later ones, for this time.
    pub fn hold(&mut self, arrived: Instant, time: Duration) {
        let until = arrived + time;
        self.not_before = Some(self.not_before.map_or(until, |before| before.max(until)));
    }

    /// Forwards bytes.
    pub fn pass(&mut self, mut bytes: Bytes, arrived: Instant, parts: &mut Vec<DueItem>) {
        if bytes.is_empty() {
            return;
        }
        match self.trouble {
            Trouble::None => self.send(Item::Bytes(bytes), arrived, parts),
            Trouble::Throttle(rate) => {
                let rate = rate.max(1);
                let most = usize::try_from(rate.div_ceil(PIECES)).unwrap_or(usize::MAX);
                while !bytes.is_empty() {
                    let piece = bytes.split_to(most.min(bytes.len()));
                    let takes = Duration::from_nanos(piece.len() as u64 * 1_000_000_000 / rate);
                    let from = self.due(arrived);
                    self.not_before = Some(from + takes);
                    self.send(Item::Bytes(piece), arrived, parts);
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
                self.send(Item::Bytes(bytes), arrived, parts);
            }
            Trouble::Hole => self.bitten = true,
            Trouble::Broken => {}
        }
    }

    /// Ends the connection once everything under way has arrived.
    pub fn end(&mut self, how: Break, arrived: Instant, parts: &mut Vec<DueItem>) {
        self.send(Item::Break(how), arrived, parts);
        self.trouble = Trouble::Broken;
        self.bitten = true;
    }

    /// Forwards the end of this direction. No trouble stops it, so that neither side waits for ever for lost bytes.
    pub fn close(&self, arrived: Instant, parts: &mut Vec<DueItem>) {
        self.send(Item::End, arrived, parts);
    }

    fn send(&self, item: Item, arrived: Instant, parts: &mut Vec<DueItem>) {
        parts.push(DueItem { item, due: self.due(arrived) });
    }

    fn due(&self, arrived: Instant) -> Instant {
        let due = arrived + self.delay;
        self.not_before.map_or(due, |before| before.max(due))
    }
}
