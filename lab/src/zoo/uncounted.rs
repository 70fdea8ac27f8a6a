//! The table of the bugs whose seeds nobody has counted yet.

use super::bug::{Bug, bug};

/// Planted bugs whose seeds nobody has counted yet. `valthree-lab-zoo --bug` and `valthree-lab-sim` know them. A bug moves to
/// `counted.rs` with the row that its count prints.
pub const UNCOUNTED: &[Bug] = &[
    bug(
        "expiry-by-own-clock",
        "a server decides by its own clock whether a key has ended",
        "[Redis replicas](https://github.com/redis/redis/issues/8433)",
    ),
    bug(
        "del-counts-the-dead",
        "DEL counts a key that has ended",
        "[Redis before 2.8.9](https://github.com/redis/redis/issues/1648)",
    ),
    bug(
        "setnx-refused-by-the-dead",
        "SETNX refuses, because the row of an ended key is still there",
        "[Garnet](https://github.com/microsoft/garnet/issues/342)",
    ),
    bug(
        "set-keeps-the-old-expiry",
        "SET keeps the expiry of the value before",
        "[SSDB](https://github.com/ideawu/ssdb/issues/998)",
    ),
    bug(
        "persist-revives-the-dead",
        "PERSIST gives an ended key a new life",
        "[Redis 3.2.8](https://github.com/redis/redis/issues/4048)",
    ),
    bug(
        "expire-revives-the-dead",
        "EXPIRE gives an ended key a new life",
        "[Redis 2.4.7](https://github.com/redis/redis/issues/1026)",
    ),
    bug(
        "change-drops-the-expiry",
        "a change of a collection takes the expiry of its key away",
        "[jedis-mock](https://github.com/fppt/jedis-mock/issues/187)",
    ),
    bug(
        "expiry-removes-the-successor",
        "the removal of an ended key removes the one that was created anew",
        "[Dragonfly](https://github.com/dragonflydb/dragonfly/issues/582), whose replicas expired what the master had prolonged",
    ),
    bug(
        "midpoints-collide",
        "LINSERT finds no free position, and takes that of the item on the left",
        "[tldraw](https://github.com/tldraw/tldraw/pull/4312)",
    ),
    bug(
        "spread-loses-the-pivot",
        "LINSERT loses its pivot when it makes room",
        "[redis-collections](https://github.com/redis-collections/redis-collections/pull/27)",
    ),
    bug(
        "flushed-script-runs",
        "EVALSHA runs a script that SCRIPT FLUSH has forgotten",
        "[Garnet](https://github.com/microsoft/garnet/pull/1260)",
    ),
    bug(
        "losing-script-effects-kept",
        "what a script did stays, though it went over its bounds",
        "[Garnet](https://github.com/microsoft/garnet/pull/903), on purpose",
    ),
    bug(
        "scan-cursor-is-a-position",
        "a cursor of SSCAN or HSCAN counts elements, so a removal hides another element",
        "[Garnet](https://github.com/microsoft/garnet/issues/1409)",
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
