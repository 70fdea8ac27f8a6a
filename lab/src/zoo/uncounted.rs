//! The table of the bugs whose seeds nobody has counted yet.

use super::bug::{Bug, bug};

/// Planted bugs whose seeds nobody has counted yet. `valthree-lab-zoo --bug` and `valthree-lab-sim` know them. A bug moves to
/// `counted.rs` with the row that its count prints.
pub const UNCOUNTED: &[Bug] = &[bug(
    "flushed-script-runs",
    "EVALSHA runs a script that SCRIPT FLUSH has forgotten",
    "[Garnet](https://github.com/microsoft/garnet/pull/1260)",
)];
