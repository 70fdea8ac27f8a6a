//! What may happen to a request on the network, as a value.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::Method;

/// The kinds of faults, in the order in which counts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A PUT is kept, and goes on when nobody waits for it any more
    Hold,
    /// The connection ends in the middle of a PUT: it never arrives whole
    CutRequest,
    /// A PUT passes, and the connection ends in the middle of the answer
    CutAnswer,
    /// Both ends get a TCP reset, and the request never arrives whole
    Reset,
    /// The request and what follows it vanish, and nobody is told
    HoleThere,
    /// The request passes, and the answer and what follows it vanish
    HoleBack,
    /// The request and its answer crawl
    Throttle,
}

impl Kind {
    /// Whether a request of this method can meet it. What is about the fate of a write spares reads, so that whoever
    /// wrote can look what became of it while the fault lasts.
    pub fn concerns(self, method: Method) -> bool {
        match self {
            Kind::Hold | Kind::CutRequest | Kind::CutAnswer => method == Method::Put,
            Kind::Reset | Kind::HoleThere | Kind::HoleBack | Kind::Throttle => true,
        }
    }
}

/// What happens to a request, from the last byte of its head on: what came before that is no request yet. It is meant
/// for clients that wait for each answer before they ask again over the same connection, as those of S3 do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes on after this time, also if its client has hung up meanwhile.
    Hold(Duration),
    /// So many more bytes of it pass, then the connection ends. A request without so many passes.
    CutRequest(u64),
    /// It passes, and so many bytes come back, then the connection ends. An answer without so many passes.
    CutAnswer(u64),
    /// Both ends are reset at once.
    Reset,
    /// Nothing goes there any more over this connection, but its end.
    HoleThere,
    /// Nothing comes back any more over this connection, but its end.
    HoleBack,
    /// It and its answer pass at so many bytes a second.
    Throttle(u64),
}

impl Fault {
    /// What kind it is.
    pub fn kind(self) -> Kind {
        match self {
            Fault::Hold(_) => Kind::Hold,
            Fault::CutRequest(_) => Kind::CutRequest,
            Fault::CutAnswer(_) => Kind::CutAnswer,
            Fault::Reset => Kind::Reset,
            Fault::HoleThere => Kind::HoleThere,
            Fault::HoleBack => Kind::HoleBack,
            Fault::Throttle(_) => Kind::Throttle,
        }
    }
}
