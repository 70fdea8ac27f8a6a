//! A connection as the proxy sees it: reads along with the requests, and lets some of them meet a fault.

use bytes::Bytes;
use tokio::time::Instant;

use super::way::{Break, Part, Trouble, Way};
use super::{Asked, Counters, Delay, Fault, Faults, Kind, Requests};

pub(super) struct Connection {
    counters: Counters,
    faults: Faults,
    requests: Requests,
    there: Way,
    back: Way,
    /// The fault that was last met, until it has taken effect and was counted.
    uncounted: Option<Kind>,
}

impl Connection {
    pub fn new(delay: Delay, counters: Counters, faults: Faults) -> Connection {
        let (there, back) = (Way::new(delay.there), Way::new(delay.back));
        Connection { counters, faults, requests: Requests::new(), there, back, uncounted: None }
    }

    /// Bytes have come from the client; none are the end.
    pub fn there(&mut self, bytes: Bytes, arrived: Instant, parts: &mut Vec<Part>) {
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
                met.push((Asked { method, number: *number, at: arrived }, at));
            }
        }
        let mut from = 0;
        for (asked, at) in met {
            // What is lost already can meet nothing worse.
            if self.there.is_lost() || self.back.is_lost() {
                break;
            }
            self.there.pass(bytes.slice(from..at), arrived, parts);
            from = at;
            self.recover();
            if let Some(fault) = self.faults.of(&asked) {
                tracing::debug!(?asked, ?fault, "a request meets a fault");
                self.meet(fault, arrived, parts);
            }
        }
        self.there.pass(bytes.slice(from..), arrived, parts);
        self.count();
    }

    /// Bytes have come from the server; none are the end.
    pub fn back(&mut self, bytes: Bytes, arrived: Instant, parts: &mut Vec<Part>) {
        if bytes.is_empty() {
            return self.back.close(arrived, parts);
        }
        self.counters.lock().bytes_back += bytes.len() as u64;
        self.back.pass(bytes, arrived, parts);
        self.count();
    }

    /// Another request comes: the last one has been answered by now.
    fn recover(&mut self) {
        self.there.recover();
        self.back.recover();
    }

    fn meet(&mut self, fault: Fault, arrived: Instant, parts: &mut Vec<Part>) {
        self.uncounted = Some(fault.kind());
        match fault {
            Fault::Hold(time) => {
                self.there.hold(arrived, time);
                self.there.bitten = true;
            }
            Fault::CutRequest(after) => self.there.suffer(Trouble::Cut(after)),
            Fault::CutAnswer(after) => self.back.suffer(Trouble::Cut(after)),
            Fault::Reset => self.there.end(Break::Reset, arrived, parts),
            Fault::HoleThere => self.there.suffer(Trouble::Hole),
            Fault::HoleBack => self.back.suffer(Trouble::Hole),
            Fault::Throttle(rate) => {
                self.there.suffer(Trouble::Throttle(rate));
                self.back.suffer(Trouble::Throttle(rate));
            }
        }
    }

    /// A fault counts once, when it has changed something.
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
