//! The one commit under way, and how the last ones fared.

use super::held::Held;
use super::pace::{Backoff, Linger, RoundTrip};
use super::sending::Commit;
use crate::store::ETag;

/// The commit under way, and how the last ones fared.
#[derive(Default)]
pub struct Attempts {
    pub commit: Option<Commit>,
    /// An outcome whose effects are being stored before it becomes a commit.
    pub held: Option<Held>,
    /// For a planted bug: the run of effects that was stored for a unit.
    #[cfg(feature = "bug-zoo")]
    pub remembered: Option<(u64, crate::upkeep::Uploaded)>,
    /// A commit that has landed and that memory does not hold yet, with its tag and the number of answers it gave.
    pub landed: Option<(Commit, ETag, usize)>,
    /// How many commits there were.
    pub count: u64,
    /// The newest commit that was proven lost.
    pub lost: Option<u64>,
    pub round_trip: RoundTrip,
    pub linger: Linger,
    pub backoff: Backoff,
}
