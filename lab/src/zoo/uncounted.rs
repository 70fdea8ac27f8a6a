//! The table of the bugs whose seeds nobody has counted yet.

use super::bug::{Bug, bug};

/// Planted bugs whose seeds nobody has counted yet. `valthree-lab-zoo --bug` and `valthree-lab-sim` know them. A bug moves to
/// `counted.rs` with the row that its count prints.
pub const UNCOUNTED: &[Bug] = &[
    bug(
        "flushed-script-runs",
        "EVALSHA runs a script that SCRIPT FLUSH has forgotten",
        "[Garnet](https://github.com/microsoft/garnet/pull/1260)",
    ),
    bug(
        "field-lives-until-removed",
        "a field that has ended is alive until its row is removed",
        "[Valkey 9](https://github.com/valkey-io/valkey/issues/4732), whose replicas revived fields",
    ),
    bug(
        "hpersist-revives-the-dead",
        "HPERSIST lets a field that has ended live on",
        "[Valkey 9](https://github.com/valkey-io/valkey/issues/4732), on replicas",
    ),
    bug(
        "hset-keeps-the-life-of-a-field",
        "HSET keeps the expiry of the field that it overwrites",
        "[jedis-mock](https://github.com/fppt/jedis-mock/pull/844)",
    ),
    bug(
        "hincrby-lifts-the-life-of-a-field",
        "HINCRBY takes the expiry of its field away",
        "[jedis-mock](https://github.com/fppt/jedis-mock/pull/843)",
    ),
    bug(
        "geosearch-in-one-cell",
        "GEOSEARCH looks into the cell of its centre only",
        "[Redis](https://github.com/redis/redis/issues/3631), which missed other cells of large circles",
    ),
];
