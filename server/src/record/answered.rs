//! What the record learns of a request.

use std::time::Duration;

use bytes::Bytes;

use crate::clients::Client;

/// A request that is answered.
pub struct Answered<'a> {
    /// The command, if there is one of that name.
    pub command: Option<&'static str>,
    /// The words of the request, if the slow log may want them.
    pub words: &'a [Bytes],
    /// The client.
    pub client: &'a Client,
    /// The reply's code, if it is an error.
    pub error: Option<Bytes>,
    /// Whether the command was executed.
    pub executed: bool,
    /// How long it took.
    pub took: Duration,
    /// Asks for the seconds since 1970. Few requests need them.
    pub second: &'a dyn Fn() -> u64,
}
