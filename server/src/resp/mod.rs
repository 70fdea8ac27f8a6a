//! The wire protocol: cuts bytes into requests, and encodes replies as bytes.

mod inline;
mod limits;
mod reply;
mod request;
mod unwritten;

pub use limits::{ARGUMENT_MEMORY, Limits};
pub use reply::{PreparedReply, Protocol, Reply};
pub use request::{Parser, ProtocolError};
pub use unwritten::Unwritten;
