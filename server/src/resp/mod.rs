//! The wire protocol: bytes in, requests out; replies in, bytes out.

mod reply;

pub use reply::{Protocol, Reply};
