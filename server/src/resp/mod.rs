//! The wire protocol: bytes in, requests out; replies in, bytes out.

mod inline;
mod reply;
mod request;

pub use reply::{Protocol, Reply, Unwritten};
pub use request::{ARGUMENT_OVERHEAD, Limits, Parser, ProtocolError};
