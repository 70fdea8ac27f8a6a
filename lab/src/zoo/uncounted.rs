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
        "time-goes-back",
        "the stored time goes back after another server's commit",
        "[NFS-Ganesha](https://github.com/nfs-ganesha/nfs-ganesha/issues/927), whose leases follow a clock that is set back",
    ),
    bug(
        "time-stands-still",
        "no clock moves the stored time",
        "[miniredis](https://github.com/alicebob/miniredis/issues/150)",
    ),
    bug(
        "wall-clock-trusted",
        "the machine's clock moves the stored time, however wrong it is",
        "[NFS-Ganesha](https://github.com/nfs-ganesha/nfs-ganesha/issues/927)",
    ),
    bug(
        "read-ignores-the-present",
        "a read is answered by the stored time, though it is later by now",
        "[Redis replicas](https://github.com/redis/redis/issues/3127)",
    ),
    bug(
        "dead-until-removed",
        "a key is alive until its row is removed",
        "[Redis replicas](https://github.com/redis/redis/issues/187)",
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
        "past-expiry-ignored",
        "EXPIRE with zero seconds leaves the key",
        "[Pika's storage](https://github.com/Axlgrep/blackwidow/pull/13)",
    ),
    bug(
        "change-drops-the-expiry",
        "a change of a collection takes the expiry of its key away",
        "[jedis-mock](https://github.com/fppt/jedis-mock/issues/187)",
    ),
    bug(
        "expired-collection-reused",
        "a key that has ended is made anew with its old elements",
        "[Kvrocks](https://github.com/apache/kvrocks/issues/3635), whose new fields inherit an old expiry",
    ),
    bug(
        "expiry-removes-the-successor",
        "the removal of an ended key removes the one that was created anew",
        "[Dragonfly](https://github.com/dragonflydb/dragonfly/issues/582), whose replicas expired what the master had prolonged",
    ),
    bug(
        "expired-keys-counted",
        "DBSIZE counts keys that have ended",
        "[Redis](https://github.com/redis/redis-io/issues/194), on purpose",
    ),
    bug(
        "incr-on-a-stale-copy",
        "INCR counts on from the stored number, whatever its batch has made of it",
        "[the relay of Hiero](https://github.com/hiero-ledger/hiero-json-rpc-relay/issues/5634)",
    ),
    bug(
        "deletion-in-its-batch-forgotten",
        "a collection that its own batch has deleted is opened again",
        "[Pika](https://github.com/OpenAtomFoundation/pikiwidb/pull/1654), whose pipelines mixed up their commands",
    ),
    bug(
        "id-comes-back",
        "a collection gets an id that another had before",
        "[Ardb](https://github.com/yinqiwen/ardb/issues/366), whose hashes had fields several times",
    ),
    bug(
        "type-not-checked",
        "a command replaces a key of another type",
        "[Kvrocks](https://github.com/apache/kvrocks/pull/1546)",
    ),
    bug(
        "empty-collection-left-behind",
        "a collection stays when its last element goes",
        "[jedis-mock](https://github.com/fppt/jedis-mock/issues/312)",
    ),
    bug(
        "hlen-counts-an-overwrite",
        "HLEN counts a field again that is overwritten",
        "[DiceDB](https://github.com/dicedb/dicedb/issues/615), whose DBSIZE did",
    ),
    bug(
        "srem-keeps-the-length",
        "SREM leaves the length in the head as it was",
        "[Kvrocks](https://github.com/apache/kvrocks/issues/3074), with HDEL",
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
        "midpoint-leaves-no-tombstone",
        "a push uncovers an item that was inserted between two others, and popped",
        "[Bitcask](https://github.com/basho/bitcask/issues/82)",
    ),
    bug(
        "zadd-leaves-the-old-score",
        "ZADD leaves a member at its old score in the order",
        "[Pmedis](https://github.com/memark-io/pmedis/issues/37)",
    ),
    bug(
        "zrank-counts-tombstones",
        "members that ZREM has removed stay in the order",
        "[Kvrocks](https://github.com/apache/kvrocks/pull/298), with scores that were replaced",
    ),
    bug(
        "order-of-the-runs-alone",
        "an order of elements is built without the newest entries",
        "[ScyllaDB](https://github.com/scylladb/scylladb/issues/1745), whose compaction looked past the memtable",
    ),
    bug(
        "order-misses-its-batch",
        "an order of elements lacks what the batch has changed",
        "[memcached's proxy](https://github.com/memcached/memcached/pull/1011), whose reads passed writes",
    ),
    bug(
        "order-not-followed",
        "an order of elements misses another server's commit",
        "[Redis replicas](https://github.com/redis/redis/issues/3127)",
    ),
    bug(
        "lost-draft-leaves-an-order",
        "an order keeps the changes of a batch that lost the race",
        "[rqlite](https://github.com/rqlite/rqlite/pull/2736), whose failed exchange of a database was not undone",
    ),
    bug(
        "fold-forgets-removed-elements",
        "a fold leaves out the removals of elements",
        "[Bitcask](https://github.com/basho/bitcask/issues/82)",
    ),
    bug(
        "merge-forgets-removed-elements",
        "a merge leaves out the removals of elements",
        "[RocksDB before 5.7.1](https://github.com/facebook/rocksdb/issues/2722)",
    ),
    bug(
        "rename-onto-itself-deletes",
        "RENAME of a key to its own name deletes it",
        "[Kubo](https://github.com/ipfs/kubo/pull/5465)",
    ),
    bug(
        "rename-leaves-the-old-name",
        "RENAME leaves the key under its old name, too",
        "[jedis-mock](https://github.com/fppt/jedis-mock/issues/84), which kept what the new name had",
    ),
    bug(
        "select-forgotten",
        "a command works on database 0, whatever its client has selected",
        "[Perl's client](https://github.com/PerlRedis/perl-redis/issues/38)",
    ),
    bug(
        "swapdb-torn",
        "SWAPDB changes one number only",
        "[KeyDB](https://github.com/Snapchat/KeyDB/issues/627), which forgot it at the next start",
    ),
    bug(
        "swapdb-misses-its-batch",
        "commands after a SWAPDB in its batch work on the old database",
        "[KeyDB](https://github.com/Snapchat/KeyDB/issues/627)",
    ),
    bug(
        "flushdb-empties-a-neighbor",
        "FLUSHDB empties another database as well",
        "[IceFireDB](https://github.com/IceFireDB/IceFireDB/pull/492), on purpose",
    ),
    bug(
        "expired-row-leaves-no-tombstone",
        "a merge drops an ended row that hides an older one",
        "[ScyllaDB](https://github.com/scylladb/scylladb/issues/1745), with tombstones",
    ),
    bug("exec-torn", "a transaction is two units", "[Dragonfly](https://github.com/dragonflydb/dragonfly/pull/1593)"),
    bug(
        "exec-ignores-its-own-batch",
        "EXEC goes on over a change earlier in its batch",
        "[Dragonfly](https://github.com/dragonflydb/dragonfly/pull/277), before its first release of WATCH",
    ),
    bug(
        "queued-error-ignored",
        "EXEC goes on though a command was refused while it was queued",
        "[Dragonfly](https://github.com/dragonflydb/dragonfly/pull/8281)",
    ),
    bug(
        "watch-misses-expiry",
        "EXEC goes on though a watched key has ended",
        "[Redis](https://github.com/redis/redis/issues/9068)",
    ),
    bug(
        "watch-misses-swapdb",
        "EXEC goes on though SWAPDB took a watched key away",
        "[Redis before 6.2](https://github.com/redis/redis/pull/8239)",
    ),
    bug(
        "watch-trusts-a-value",
        "EXEC goes on if a watched key has the same value again",
        "[Redis 8.4](https://github.com/redis/docs/pull/2902), on purpose, with SET IFEQ",
    ),
];
