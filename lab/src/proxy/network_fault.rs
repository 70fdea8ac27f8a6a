//! The faults of a network, as values.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::requests::Method;

/// The kinds of faults, in the order in which counts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A PUT is held, and goes on after its client has given up
    Hold,
    /// The connection ends in the middle of a PUT, which never arrives whole
    CutRequest,
    /// A PUT passes, and the connection ends in the middle of the answer
    CutAnswer,
    /// Both ends get a TCP reset, and the request never arrives whole
    Reset,
    /// The request and all later bytes vanish without an error
    HoleThere,
    /// The request passes, but the answer and all later bytes vanish
    HoleBack,
    /// The request and its answer crawl
    Throttle,
}

impl FaultKind {
    /// Whether this kind strikes requests of this method. Faults of writes spare reads, so that a server can look up the
    /// fate of its PUT meanwhile.
    pub fn concerns(self, method: Method) -> bool {
        match self {
            FaultKind::Hold | FaultKind::CutRequest | FaultKind::CutAnswer => method == Method::Put,
            FaultKind::Reset | FaultKind::HoleThere | FaultKind::HoleBack | FaultKind::Throttle => true,
        }
    }
}

/// The fate of a request, from the last byte of its head on. Clients should wait for each answer before the next request
/// on the same connection, as clients of S3 do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkFault {
    /// The request goes on after this time, even if its client has closed the connection meanwhile.
    Hold(Duration),
    /// This many more bytes of the request pass, then the connection ends. A shorter request passes whole.
    CutRequest(u64),
    /// The request passes, this many bytes of the answer pass, then the connection ends. A shorter answer passes whole.
    CutAnswer(u64),
    /// The proxy resets both ends at once.
    Reset,
    /// From now on only the end of the connection reaches the server.
    HoleThere,
    /// From now on only the end of the connection reaches the client.
    HoleBack,
    /// The request and its answer pass at this rate, in bytes a second.
    Throttle(u64),
}

impl NetworkFault {
    /// The kind of this fault.
    pub fn kind(self) -> FaultKind {
        match self {
            NetworkFault::Hold(_) => FaultKind::Hold,
            NetworkFault::CutRequest(_) => FaultKind::CutRequest,
            NetworkFault::CutAnswer(_) => FaultKind::CutAnswer,
            NetworkFault::Reset => FaultKind::Reset,
            NetworkFault::HoleThere => FaultKind::HoleThere,
            NetworkFault::HoleBack => FaultKind::HoleBack,
            NetworkFault::Throttle(_) => FaultKind::Throttle,
        }
    }
}
