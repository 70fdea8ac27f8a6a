//! One connection through the proxy: it reads along with the requests and applies their faults.

use bytes::Bytes;
use tokio::time::Instant;

use super::counters::Counters;
use super::direction::{Break, Delay, Direction, DueItem, Trouble};
use super::network_fault::{FaultKind, NetworkFault};
use super::requests::RequestReader;
use super::schedule::{Faults, RequestHead};

pub(super) struct SteeredConnection {
    counters: Counters,
    faults: Faults,
    requests: RequestReader,
    there: Direction,
    back: Direction,
    /// The last fault, until it has taken effect and is counted.
    uncounted: Option<FaultKind>,
}

impl SteeredConnection {
    pub fn new(delay: Delay, counters: Counters, faults: Faults) -> SteeredConnection {
        let (there, back) = (Direction::new(delay.there), Direction::new(delay.back));
        SteeredConnection { counters, faults, requests: RequestReader::new(), there, back, uncounted: None }
    }

    /// Takes bytes from the client. No bytes mean the end.
    pub fn there(&mut self, bytes: Bytes, arrived: Instant, parts: &mut Vec<DueItem>) {
        if bytes.is_empty() {
            return self.there.close(arrived, parts);
        }
        if self.requests.between() {
            self.recover();
        }
        let mut heads = Vec::new();
        let was_foreign = self.requests.foreign();
        self.requests.read(&bytes, |method, at| heads.push((method, at)));
        let mut met = Vec::new();
        {
            let mut counts = self.counters.lock();
            counts.bytes_there += bytes.len() as u64;
            counts.foreign += u64::from(self.requests.foreign() && !was_foreign);
            for (method, at) in heads {
                let number = counts.requests.entry(method).or_default();
                *number += 1;
                met.push((RequestHead { method, number: *number, at: arrived }, at));
            }
        }
        let mut from = 0;
        for (head, at) in met {
            // A lost request can meet no other fault.
            if self.there.is_lost() || self.back.is_lost() {
                break;
            }
            self.there.pass(bytes.slice(from..at), arrived, parts);
            from = at;
            self.recover();
            if let Some(fault) = self.faults.of(&head) {
                tracing::debug!(?head, ?fault, "a request meets a fault");
                self.meet(fault, arrived, parts);
            }
        }
        self.there.pass(bytes.slice(from..), arrived, parts);
        self.count();
    }

    /// Takes bytes from the server. No bytes mean the end.
    pub fn back(&mut self, bytes: Bytes, arrived: Instant, parts: &mut Vec<DueItem>) {
        if bytes.is_empty() {
            return self.back.close(arrived, parts);
        }
        self.counters.lock().bytes_back += bytes.len() as u64;
        self.back.pass(bytes, arrived, parts);
        self.count();
    }

    /// Ends the faults of the last request, since the next one begins.
    fn recover(&mut self) {
        self.there.recover();
        self.back.recover();
    }

    fn meet(&mut self, fault: NetworkFault, arrived: Instant, parts: &mut Vec<DueItem>) {
        self.uncounted = Some(fault.kind());
        match fault {
            NetworkFault::Hold(time) => {
                self.there.hold(arrived, time);
                self.there.bitten = true;
            }
            NetworkFault::CutRequest(after) => self.there.suffer(Trouble::Cut(after)),
            NetworkFault::CutAnswer(after) => self.back.suffer(Trouble::Cut(after)),
            NetworkFault::Reset => self.there.end(Break::Reset, arrived, parts),
            NetworkFault::HoleThere => self.there.suffer(Trouble::Hole),
            NetworkFault::HoleBack => self.back.suffer(Trouble::Hole),
            NetworkFault::Throttle(rate) => {
                self.there.suffer(Trouble::Throttle(rate));
                self.back.suffer(Trouble::Throttle(rate));
            }
        }
    }

    /// Counts a fault once, when it has affected a byte.
    fn count(&mut self) {
        if self.there.bitten || self.back.bitten {
            self.there.bitten = false;
            self.back.bitten = false;
            if let Some(kind) = self.uncounted.take() {
                *self.counters.lock().faults.entry(kind).or_default() += 1;
            }
        }
    }
}
