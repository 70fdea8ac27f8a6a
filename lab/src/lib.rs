//! What shakes, breaks and measures a Valthree cluster.
//!
//! | module | for |
//! |---|---|
//! | [`s3`] | a stand-in for S3: answers what AWS answers, in memory, and fails the way a test wants it to |
//! | [`distant`] | a store that is nothing but a round trip away, for what is counted |
//! | [`proxy`] | a TCP proxy that adds a network's delay and faults to connections, and counts what passes |
//! | [`mod@bench`] | measures what the goals speak of, beside the yardsticks that they name |
//! | [`sim`] | whole clusters in one thread and simulated time, whose faults a seed decides |
//! | `zoo` | with the feature `bug-zoo`: the bugs that servers can be planted with |
//! | [`process`] | what the binaries share: their log and their signals |
//!
//! All of it runs on one thread and in simulated time as well as in a process of its own: time is tokio's, the wall
//! clock and all chance are injected, nothing depends on the order of a hash, and connections come from any listener.

#![warn(clippy::unwrap_used)]

mod accept;
pub mod bench;
pub mod distant;
pub mod process;
pub mod proxy;
pub mod s3;
pub mod sim;
#[cfg(feature = "bug-zoo")]
pub mod zoo;
