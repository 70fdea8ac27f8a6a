//! The parameters of Valkey that clients, tools and tests ask for or set.

use super::kind::ParameterKind::{
    self, Classes, Events, Moments, Number, Percentiles, Share, Size, Switch, Text, Word,
};
use super::parameter::{Parameter, ParameterEffect};
use crate::knobs::Packing;

const MOST: i64 = i64::MAX;
const INT: i64 = i32::MAX as i64;

/// A parameter that the server keeps and does not need.
const fn kept(name: &'static str, kind: ParameterKind, default: &'static str) -> Parameter {
    Parameter { name, older: None, kind, default, effect: ParameterEffect::None }
}

/// A parameter that has an older name, too.
const fn renamed(name: &'static str, older: &'static str, kind: ParameterKind, default: &'static str) -> Parameter {
    Parameter { older: Some(older), ..kept(name, kind, default) }
}

/// A parameter that tells what is, and that nobody can change.
const fn fixed(name: &'static str, kind: ParameterKind, default: &'static str) -> Parameter {
    Parameter { effect: ParameterEffect::Fixed, ..kept(name, kind, default) }
}

/// A limit of an encoding, with the older name that it had when listpacks were ziplists.
const fn packed(name: &'static str, older: Option<&'static str>, which: Packing, default: &'static str) -> Parameter {
    let kind = if matches!(which, Packing::List) { Number(-INT - 1, INT) } else { Number(0, MOST) };
    Parameter { name, older, kind, default, effect: ParameterEffect::Packing(which) }
}

/// The parameters by name. What a flag of the server sets has no default here.
pub static KNOWN: &[Parameter] = &[
    kept("acllog-max-len", Number(0, MOST), "128"),
    kept("active-expire-effort", Number(1, 10), "1"),
    kept("activedefrag", Word(&["no"]), "no"),
    kept("activerehashing", Switch, "yes"),
    kept("aof-use-rdb-preamble", Switch, "yes"),
    kept("appendfsync", Word(&["everysec", "always", "no"]), "everysec"),
    kept("appendonly", Switch, "no"),
    kept("auto-aof-rewrite-percentage", Number(0, INT), "100"),
    fixed("bind", Text, ""),
    renamed("busy-reply-threshold", "lua-time-limit", Number(0, MOST), "5000"),
    kept("client-output-buffer-limit", Classes, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
    fixed("client-query-buffer-limit", Size(1 << 20), ""),
    fixed("cluster-enabled", Switch, "no"),
    fixed("daemonize", Switch, "no"),
    fixed("databases", Number(1, INT), "16"),
    kept("dynamic-hz", Switch, "yes"),
    packed("hash-max-listpack-entries", Some("hash-max-ziplist-entries"), Packing::HashFields, "512"),
    packed("hash-max-listpack-value", Some("hash-max-ziplist-value"), Packing::HashBytes, "64"),
    kept("hll-sparse-max-bytes", Size(0), "3000"),
    kept("hz", Number(0, INT), "10"),
    fixed("io-threads", Number(1, 1024), ""),
    Parameter { effect: ParameterEffect::LatencyThreshold, ..kept("latency-monitor-threshold", Number(0, MOST), "0") },
    kept("latency-tracking", Switch, "yes"),
    kept("latency-tracking-info-percentiles", Percentiles, "50 99 99.9"),
    kept("lazyfree-lazy-eviction", Switch, "yes"),
    kept("lazyfree-lazy-expire", Switch, "yes"),
    kept("lazyfree-lazy-server-del", Switch, "yes"),
    kept("lazyfree-lazy-user-del", Switch, "yes"),
    kept("lazyfree-lazy-user-flush", Switch, "yes"),
    kept("lfu-decay-time", Number(0, INT), "1"),
    kept("lfu-log-factor", Number(0, INT), "10"),
    kept("list-compress-depth", Number(0, INT), "0"),
    packed("list-max-listpack-size", Some("list-max-ziplist-size"), Packing::List, "-2"),
    fixed("logfile", Text, ""),
    kept("loglevel", Word(&["debug", "verbose", "notice", "warning", "nothing"]), "notice"),
    fixed("maxclients", Number(1, 4_294_967_295), ""),
    Parameter { effect: ParameterEffect::MaxMemory, ..kept("maxmemory", Size(0), "") },
    fixed("maxmemory-clients", Share, ""),
    kept("maxmemory-policy", Word(&["noeviction"]), "noeviction"),
    kept("maxmemory-samples", Number(1, 64), "5"),
    renamed("min-replicas-max-lag", "min-slaves-max-lag", Number(0, INT), "10"),
    renamed("min-replicas-to-write", "min-slaves-to-write", Number(0, 0), "0"),
    kept("notify-keyspace-events", Events, ""),
    fixed("pidfile", Text, ""),
    fixed("port", Number(0, 65_535), ""),
    fixed("proto-max-bulk-len", Size(1 << 20), ""),
    kept("repl-backlog-size", Size(1), "10485760"),
    kept("repl-backlog-ttl", Number(0, MOST), "3600"),
    renamed("repl-ping-replica-period", "repl-ping-slave-period", Number(1, INT), "10"),
    kept("repl-timeout", Number(1, INT), "60"),
    kept("replica-priority", Number(0, INT), "100"),
    renamed("replica-read-only", "slave-read-only", Switch, "yes"),
    renamed("replica-serve-stale-data", "slave-serve-stale-data", Switch, "yes"),
    Parameter { older: Some("slaveof"), ..fixed("replicaof", Text, "") },
    fixed("requirepass", Text, ""),
    kept("sanitize-dump-payload", Word(&["no", "yes", "clients"]), "no"),
    kept("save", Moments, ""),
    packed("set-max-intset-entries", None, Packing::SetIntegers, "512"),
    packed("set-max-listpack-entries", None, Packing::SetMembers, "128"),
    packed("set-max-listpack-value", None, Packing::SetBytes, "64"),
    Parameter { effect: ParameterEffect::SlowerThan, ..kept("slowlog-log-slower-than", Number(-1, MOST), "1000000") },
    Parameter { effect: ParameterEffect::SlowLogLength, ..kept("slowlog-max-len", Number(0, MOST), "128") },
    kept("stop-writes-on-bgsave-error", Switch, "yes"),
    kept("stream-node-max-bytes", Size(0), "4096"),
    kept("stream-node-max-entries", Number(0, MOST), "100"),
    kept("tcp-keepalive", Number(0, INT), "300"),
    kept("timeout", Number(0, 0), "0"),
    kept("tracking-table-max-keys", Number(0, MOST), "1000000"),
    fixed("unixsocket", Text, ""),
    packed("zset-max-listpack-entries", Some("zset-max-ziplist-entries"), Packing::ZsetMembers, "128"),
    packed("zset-max-listpack-value", Some("zset-max-ziplist-value"), Packing::ZsetBytes, "64"),
];
