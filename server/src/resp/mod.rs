//! The wire protocol: cuts bytes into requests, and encodes replies as bytes.

mod inline;
mod reply;
mod request;
mod unwritten;

pub use reply::{Prepared, Protocol, Reply};
pub use request::{ARGUMENT_MEMORY, Limits, Parser, ProtocolError};
pub use unwritten::Unwritten;
