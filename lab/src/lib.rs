//! The laboratory: it breaks, checks and measures Valthree clusters.
//!
//! | module | for |
//! |---|---|
//! | [`s3`] | a stand-in for S3: it answers like AWS, in memory, and fails as a test decides |
//! | [`distant`] | a store in memory that is one round trip away, for tests that count |
//! | [`proxy`] | a TCP proxy that adds a network's delay and faults, and counts what passes |
//! | [`mod@bench`] | the benchmark: every goal's number, beside its yardstick |
//! | [`sim`] | whole clusters in one thread and simulated time, with faults that a seed draws |
//! | `zoo` | with the feature `bug-zoo`: the list of planted bugs |
//! | [`differential`] | the same random commands for a real server and for Valthree, and a comparison of the replies |
//! | [`process`] | the log and the signals of the binaries |
//!
//! The stand-in and the proxy also run inside the simulation, which owns their world. Their time is tokio's. Their wall
//! clock and all chance come from outside. Nothing depends on the order of a hash map. Connections come from any listener.

#![warn(clippy::unwrap_used)]

mod accept;
pub mod bench;
pub mod differential;
pub mod distant;
pub mod process;
pub mod proxy;
pub mod s3;
pub mod sim;
#[cfg(feature = "bug-zoo")]
pub mod zoo;
