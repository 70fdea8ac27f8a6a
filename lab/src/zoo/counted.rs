//! The table of the bugs whose seeds are counted.

use super::bug::{Bug, bug};

/// All planted bugs. The canary is caught at once: if it is not, the zoo itself is broken.
pub const BUGS: &[Bug] = &[
    bug("canary", "every GET finds nothing", "nowhere, one hopes"),
    bug(
        "if-match-left-out",
        "`db.json` is replaced whatever version it is",
        "[s3s-fs 0.13](https://github.com/s3s-project/s3s/pull/588)",
    ),
    bug(
        "if-none-match-left-out",
        "`db.json` is created though another server has done so",
        "[Incus 7.2](https://github.com/lxc/incus/issues/3651)",
    ),
    bug(
        "own-success-taken-for-conflict",
        "a commit that has landed is executed again",
        "[jetcd 0.8.2](https://jepsen.io/analyses/jetcd-0.8.2)",
    ),
    bug(
        "first-412-trusted",
        "a 412 is believed to mean that the commit did not land",
        "[AWS SDK for Java](https://github.com/aws/aws-sdk-java-v2/issues/6580)",
    ),
    bug(
        "other-bytes-before-settled",
        "a new batch is sent while the old one may still land",
        "[delta-rs](https://github.com/delta-io/delta-rs/issues/268)",
    ),
    bug(
        "lost-answer-taken-for-success",
        "an unclear PUT is acknowledged",
        "[MongoDB 2.4](https://aphyr.com/posts/322-jepsen-mongodb-stale-reads)",
    ),
    bug(
        "lost-answer-taken-for-failure",
        "an unclear PUT is said not to have happened",
        "[CockroachDB](https://github.com/cockroachdb/cockroach/issues/103817)",
    ),
    bug(
        "nothing-happened-while-it-may",
        "TRYAGAIN at the deadline though the PUT is under way",
        "[Iceberg's Hive catalog](https://github.com/apache/iceberg/pull/3717)",
    ),
    bug(
        "executed-after-tryagain",
        "a command is executed after its client was told that it never will be",
        "[ioredis](https://github.com/redis/ioredis/issues/2130)",
    ),
    bug(
        "reply-before-put",
        "writes are acknowledged when the PUT is sent",
        "[Redis with replicas](https://aphyr.com/posts/283-jepsen-redis)",
    ),
    bug(
        "lost-batch-acknowledged",
        "a batch that lost the race is acknowledged",
        "[iceberg-rust](https://github.com/JanKaul/iceberg-rust/pull/384)",
    ),
    bug(
        "dirty-read",
        "reads see a batch that is not stored yet",
        "[MongoDB 2.6](https://aphyr.com/posts/322-jepsen-mongodb-stale-reads)",
    ),
    bug(
        "read-without-check",
        "reads are answered from memory",
        "[etcd of 2014](https://github.com/etcd-io/etcd/issues/741)",
    ),
    bug(
        "check-covers-later-reads",
        "a check proves reads fresh that came after it was sent",
        "[etcd](https://github.com/etcd-io/etcd/issues/7331)",
    ),
    bug(
        "put-proves-later-reads",
        "the 200 of a PUT proves reads fresh that came after it was sent",
        "[d-engine](https://github.com/deventlab/d-engine/pull/401)",
    ),
    bug(
        "older-version-applied",
        "an answer that was overtaken replaces a newer version",
        "[Cockpit](https://github.com/cockpit-project/cockpit/pull/4525)",
    ),
    bug(
        "counted-from-stale-copy",
        "a DEL or SET NX that would change nothing is answered from memory",
        "[Kubernetes](https://github.com/kubernetes/kubernetes/pull/82303)",
    ),
    bug(
        "mset-torn",
        "an MSET is several commits",
        "[Valkey GLIDE](https://github.com/valkey-io/valkey-glide-ruby/issues/239)",
    ),
    bug(
        "flush-misses-its-batch",
        "FLUSHALL spares what its own batch has written",
        "[ScyllaDB](https://github.com/scylladb/scylladb/issues/884)",
    ),
    bug(
        "flush-misses-runs",
        "FLUSHALL deletes the newest entries only, and spares what is in runs",
        "[Badger 2.0](https://github.com/dgraph-io/badger/issues/1288)",
    ),
    bug(
        "merge-undoes-deletion",
        "a merge forgets deletions that hide older values",
        "[RocksDB before 5.7.1](https://github.com/facebook/rocksdb/issues/2722)",
    ),
    bug(
        "merge-keeps-older",
        "of two values of a key a merge keeps the older one",
        "[LevelDB](https://github.com/google/leveldb/issues/320)",
    ),
    bug(
        "sweep-deletes-named",
        "the sweep deletes runs that are still named",
        "[Trino](https://github.com/trinodb/trino/pull/19965)",
    ),
    bug(
        "swept-run-added",
        "a run is named although it may have been deleted since it was uploaded",
        "[Iceberg](https://github.com/apache/iceberg/issues/4194)",
    ),
    bug(
        "torn-answer-trusted-old-body",
        "a server takes the old body with the new ETag for the new version",
        "[versitygw 1.8.0](https://github.com/versity/versitygw), the other way round",
    ),
    bug(
        "torn-answer-trusted-new-body",
        "a server takes the new body with the old ETag for the old version",
        "[versitygw 1.8.0](https://github.com/versity/versitygw)",
    )
    .that_stops_servers(),
    bug(
        "one-404-believed",
        "a server takes one 404 for the end of the database",
        "[versitygw 1.8.0](https://github.com/versity/versitygw)",
    )
    .that_stops_servers(),
    bug(
        "read-overtakes-own-write",
        "a GET in a pipeline passes the SET before it",
        "[memcached's proxy](https://github.com/memcached/memcached/pull/1011)",
    ),
    bug(
        "pipelined-replies-swapped",
        "two replies of a pipeline change places",
        "[Pika](https://github.com/OpenAtomFoundation/pikiwidb/pull/1654)",
    ),
    bug(
        "reply-to-another-client",
        "two clients of a batch get each other's replies",
        "[redis-py before 4.5.3](https://github.com/redis/redis-py/issues/2624)",
    ),
    bug(
        "past-expiry-ignored",
        "EXPIRE with zero seconds leaves the key",
        "[Pika's storage](https://github.com/Axlgrep/blackwidow/pull/13)",
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
        "lost-draft-leaves-an-order",
        "an order keeps the changes of a batch that lost the race",
        "[rqlite](https://github.com/rqlite/rqlite/pull/2736), whose failed exchange of a database was not undone",
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
        "swapdb-misses-its-batch",
        "commands after a SWAPDB in its batch work on the old database",
        "[KeyDB](https://github.com/Snapchat/KeyDB/issues/627)",
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
    bug(
        "lmove-onto-itself-stays",
        "LMOVE of a list onto itself leaves the order as it was",
        "[Pika](https://github.com/OpenAtomFoundation/pikiwidb/issues/2953)",
    ),
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
        "scan-cursor-is-a-position",
        "a cursor of SSCAN or HSCAN counts elements, so a removal hides another element",
        "[Garnet](https://github.com/microsoft/garnet/issues/1409)",
    ),
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
