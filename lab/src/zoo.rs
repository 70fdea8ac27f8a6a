//! The bugs that a server can be planted with (`server/src/zoo.rs` says how), and who else has had them.

/// A planted bug.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What `VALTHREE_BUG` calls it.
    pub name: &'static str,
    /// What is wrong.
    pub what: &'static str,
    /// The kind of mistake that it is an instance of; not a citation.
    pub seen: &'static str,
}

const fn bug(name: &'static str, what: &'static str, seen: &'static str) -> Bug {
    Bug { name, what, seen }
}

/// All of them. The first one is there to be caught at once: an alarm that does not ring for it does not ring.
pub const BUGS: &[Bug] = &[
    bug("canary", "every GET finds nothing", "nowhere, one hopes"),
    bug(
        "if-match-left-out",
        "`db.json` is replaced whatever version it is",
        "stores that ignore If-Match, s3s-fs 0.14",
    ),
    bug(
        "if-none-match-left-out",
        "`db.json` is created though another server has done so",
        "stores that ignore If-None-Match",
    ),
    bug(
        "own-success-taken-for-conflict",
        "a commit that has landed is executed again",
        "SDKs that resend a conditional PUT",
    ),
    bug(
        "first-412-trusted",
        "a 412 is believed to mean that the commit did not land",
        "SDKs that resend a conditional PUT",
    ),
    bug(
        "other-bytes-before-settled",
        "a new batch is sent while the old one may still land",
        "retries with fresh content",
    ),
    bug("lost-answer-taken-for-success", "an unclear PUT is acknowledged", "fire and forget writes"),
    bug(
        "lost-answer-taken-for-failure",
        "an unclear PUT is said not to have happened",
        "time-outs reported as failures",
    ),
    bug(
        "nothing-happened-while-it-may",
        "TRYAGAIN at the deadline though the PUT is under way",
        "time-outs reported as failures",
    ),
    bug(
        "executed-after-tryagain",
        "a command is executed after its client was told that it never will be",
        "queues without cancellation",
    ),
    bug(
        "reply-before-put",
        "writes are acknowledged when the PUT is sent",
        "asynchronous replication and write-back caches",
    ),
    bug(
        "lost-batch-acknowledged",
        "a batch that lost the race is acknowledged",
        "unchecked results of compare-and-swap",
    ),
    bug("dirty-read", "reads see a batch that is not stored yet", "read uncommitted"),
    bug("read-without-check", "reads are answered from memory", "caches; followers that answer reads"),
    bug(
        "check-covers-later-reads",
        "a check proves reads fresh that came after it was sent",
        "leases and read indexes taken too early",
    ),
    bug(
        "put-proves-later-reads",
        "the 200 of a PUT proves reads fresh that came after it was sent",
        "leases renewed by answers",
    ),
    bug("older-version-applied", "an answer that was overtaken replaces a newer version", "caches filled out of order"),
    bug(
        "counted-from-stale-copy",
        "a DEL or SET NX that would change nothing is answered from memory",
        "conditional writes checked on a replica",
    ),
    bug("mset-torn", "an MSET is several commits", "multi-key writes without a transaction"),
    bug(
        "flush-misses-its-batch",
        "FLUSHALL spares what its own batch has written",
        "truncations that miss the write buffer",
    ),
    bug(
        "flush-misses-runs",
        "FLUSHALL deletes the newest entries only, and spares what is in runs",
        "truncations that miss older segments",
    ),
    bug(
        "fold-drops-newer",
        "a key whose older value becomes part of a run loses what was set meanwhile",
        "write buffers cleared after a flush instead of swapped before it",
    ),
    bug(
        "fold-undoes-deletion",
        "a key that was deleted while a run with it was uploaded is back when the run is named",
        "backfills and snapshots without tombstones",
    ),
    bug("merge-undoes-deletion", "a merge forgets deletions that hide older values", "tombstones collected too early"),
    bug(
        "merge-keeps-older",
        "of two values of a key a merge keeps the older one",
        "compactions that merge out of order",
    ),
    bug(
        "sweep-deletes-named",
        "the sweep deletes runs that are still named",
        "garbage collectors that miss a reference",
    ),
    bug(
        "swept-run-added",
        "a run is named although it may have been deleted since it was uploaded",
        "garbage collectors that race with a writer",
    ),
    bug("read-overtakes-own-write", "a GET in a pipeline passes the SET before it", "pipelines spread over threads"),
    bug("pipelined-replies-swapped", "two replies of a pipeline change places", "multiplexed clients and proxies"),
    bug(
        "reply-to-another-client",
        "two clients of a batch get each other's replies",
        "connections reused after a cancelled request",
    ),
];
