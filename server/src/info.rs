//! What `INFO` and `CONFIG GET` tell: in Valkey's form, but nothing that is not so.

use std::fmt::{Display, Write};

use bytes::Bytes;

use crate::command::glob::{self, Case};
use crate::resp::Reply;
use crate::shared::{Settings, Shared};
use crate::stats::Counter;

/// The version of Redis whose behaviour clients can expect. Valkey gives the same one for the same reason.
pub const COMPATIBLE_VERSION: &str = "7.2.4";

/// The version of this server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name of this server.
pub const NAME: &str = "valthree";

type Section = (&'static str, fn(&Shared, &mut Lines));

/// In the order in which they are told. All are told unless the client says which.
const SECTIONS: &[Section] = &[
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Stats", stats),
    ("Replication", replication),
    ("Cluster", cluster),
    ("Keyspace", keyspace),
];

/// The text of `INFO`. Unknown sections are nothing; they and their repetitions are not errors.
pub fn text(shared: &Shared, sections: &[Bytes]) -> String {
    let wanted = |name: &str| {
        let named = |section: &Bytes, name: &str| section.eq_ignore_ascii_case(name.as_bytes());
        let all = |section: &Bytes| ["default", "all", "everything"].iter().any(|name| named(section, name));
        sections.is_empty() || sections.iter().any(|section| all(section) || named(section, name))
    };
    let told = SECTIONS.iter().filter(|(name, _)| wanted(name)).map(|(name, tell)| {
        let mut lines = Lines(format!("# {name}\r\n"));
        tell(shared, &mut lines);
        lines.0
    });
    told.collect::<Vec<_>>().join("\r\n")
}

/// The parameters that match one of the patterns, for `CONFIG GET`. One that is named without wildcards is answered in
/// the client's spelling, as Valkey does.
pub fn parameters(settings: &Settings, patterns: &[Bytes]) -> Reply {
    let matching = all_parameters(settings).into_iter().filter_map(|(name, value)| {
        let matches = |pattern: &&Bytes| glob::matches(pattern, name.as_bytes(), Case::Insensitive);
        let pattern = patterns.iter().find(matches)?;
        let exact = pattern.eq_ignore_ascii_case(name.as_bytes());
        let name = if exact { pattern.clone() } else { Bytes::from_static(name.as_bytes()) };
        Some((Reply::Bulk(name), Reply::Bulk(Bytes::from(value))))
    });
    Reply::Map(matching.collect())
}

/// Parameters of Valkey that have a true value here. Clients and benchmarks ask for some of them before they start.
fn all_parameters(settings: &Settings) -> Vec<(&'static str, String)> {
    let fixed = |value: &str| value.to_owned();
    vec![
        ("appendonly", fixed("no")),
        ("bind", settings.bind.clone()),
        ("client-query-buffer-limit", settings.limits.request_bytes.to_string()),
        ("cluster-enabled", fixed("no")),
        ("databases", fixed("1")),
        ("maxclients", settings.max_clients.to_string()),
        ("maxmemory", settings.max_memory.unwrap_or(0).to_string()),
        ("maxmemory-clients", settings.max_clients_memory.to_string()),
        ("maxmemory-policy", fixed("noeviction")),
        ("port", settings.port.to_string()),
        ("proto-max-bulk-len", settings.limits.bulk_bytes.to_string()),
        ("requirepass", fixed("")),
        ("save", fixed("")),
        ("timeout", fixed("0")),
    ]
}

/// The lines of a section.
struct Lines(String);

impl Lines {
    fn add(&mut self, key: &str, value: impl Display) {
        // Writing to a string can not fail.
        let _ = write!(self.0, "{key}:{value}\r\n");
    }

    fn count(&mut self, key: &str, counter: &Counter) {
        self.add(key, counter.get());
    }
}

fn server(shared: &Shared, lines: &mut Lines) {
    let settings = &shared.settings;
    let uptime = shared.clock.uptime().as_secs();
    lines.add("redis_version", COMPATIBLE_VERSION);
    lines.add("server_name", NAME);
    lines.add("valthree_version", VERSION);
    lines.add("redis_mode", "standalone");
    lines.add("os", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    lines.add("arch_bits", usize::BITS);
    lines.add("process_id", std::process::id());
    lines.add("tcp_port", settings.port);
    lines.add("server_time_usec", shared.clock.since_epoch().as_micros());
    lines.add("uptime_in_seconds", uptime);
    lines.add("uptime_in_days", uptime / (24 * 60 * 60));
    lines.add("threads", settings.threads);
    lines.add("store", &settings.store);
    lines.add("deadline_milliseconds", settings.deadline.as_millis());
}

fn clients(shared: &Shared, lines: &mut Lines) {
    lines.add("connected_clients", shared.clients.count());
    lines.add("maxclients", shared.settings.max_clients);
}

fn memory(shared: &Shared, lines: &mut Lines) {
    // What the allocator holds is not known; what the system says that the process occupies is.
    if let Some(resident) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
        lines.add("used_memory_rss", resident);
    }
    // The size that `maxmemory` limits: of the keys and values, not of the process. So it is not `used_memory`.
    lines.count("used_memory_dataset", &shared.stats.database_bytes);
    // What `maxmemory-clients` limits.
    lines.add("mem_clients_normal", shared.budget.held());
    lines.add("maxmemory", shared.settings.max_memory.unwrap_or(0));
    lines.add("maxmemory_policy", "noeviction");
}

/// Finds the resident bytes in what Linux tells of a process.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn stats(shared: &Shared, lines: &mut Lines) {
    let stats = &shared.stats;
    for (key, counter) in [
        ("total_connections_received", &stats.connections_received),
        ("total_commands_processed", &stats.commands),
        ("commits", &stats.commits),
        ("conflicts", &stats.conflicts),
        ("unclear_landed", &stats.unclear_landed),
        ("unclear_lost", &stats.unclear_lost),
        ("unclear_unknown", &stats.unclear_unknown),
        ("freshness_checks", &stats.freshness_checks),
        ("batched_commands", &stats.batched_commands),
        ("largest_batch", &stats.largest_batch),
        ("puts", &stats.puts),
        ("gets", &stats.gets),
        ("bytes_put", &stats.bytes_put),
        ("bytes_got", &stats.bytes_got),
        ("folds", &stats.folds),
        ("merges", &stats.merges),
        ("runs_deleted", &stats.runs_deleted),
        ("told_tryagain", &stats.told_tryagain),
        ("told_uncertain", &stats.told_uncertain),
        ("generation", &stats.generation),
    ] {
        lines.count(key, counter);
    }
}

/// Every server takes writes and none follows another, which is what clients ask for before they write.
fn replication(_: &Shared, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
}

fn cluster(_: &Shared, lines: &mut Lines) {
    lines.add("cluster_enabled", 0);
}

fn keyspace(shared: &Shared, lines: &mut Lines) {
    let keys = shared.stats.keys.get();
    if keys > 0 {
        lines.add("db0", format_args!("keys={keys},expires=0,avg_ttl=0"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn shared() -> Shared {
        let settings = Settings { store: "directory somewhere".into(), port: 7000, ..Settings::default() };
        Shared::new(settings, SystemTime::UNIX_EPOCH)
    }

    fn words(line: &str) -> Vec<Bytes> {
        line.split_whitespace().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    fn headings(sections: &str) -> Vec<String> {
        let text = text(&shared(), &words(sections));
        text.lines().filter(|line| line.starts_with("# ")).map(str::to_owned).collect()
    }

    #[test]
    fn sections_are_chosen_in_any_case_and_told_in_their_own_order() {
        assert_eq!(headings("keyspace SERVER server foo"), ["# Server", "# Keyspace"]);
        assert_eq!(text(&shared(), &words("foo")), "");
        let every: Vec<_> = SECTIONS.iter().map(|(name, _)| format!("# {name}")).collect();
        for which in ["", "default", "ALL", "everything", "server all"] {
            assert_eq!(headings(which), every, "{which}");
        }
    }

    #[test]
    fn sections_have_the_form_that_clients_parse() {
        let clients = "# Clients\r\nconnected_clients:0\r\nmaxclients:10000\r\n";
        assert_eq!(text(&shared(), &words("clients")), clients);
        let two = format!("{clients}\r\n# Cluster\r\ncluster_enabled:0\r\n");
        assert_eq!(text(&shared(), &words("cluster clients")), two);
        for line in text(&shared(), &[]).split("\r\n") {
            assert!(line.is_empty() || line.starts_with("# ") || line.contains(':'), "{line}");
        }
    }

    #[test]
    fn the_server_names_itself_and_what_it_is_compatible_with() {
        let text = text(&shared(), &words("server"));
        for line in ["redis_version:7.2.4", "server_name:valthree", "tcp_port:7000", "store:directory somewhere"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
    }

    #[test]
    fn an_empty_keyspace_is_not_listed() {
        let shared = shared();
        assert_eq!(text(&shared, &words("keyspace")), "# Keyspace\r\n");
        shared.stats.keys.set(3);
        assert_eq!(text(&shared, &words("keyspace")), "# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n");
    }

    #[test]
    fn counters_are_told_as_they_are() {
        let shared = shared();
        shared.stats.commands.add(5);
        shared.stats.told_uncertain.add(2);
        let text = text(&shared, &words("stats"));
        assert!(text.contains("\r\ntotal_commands_processed:5\r\n"), "{text}");
        assert!(text.contains("\r\ntold_uncertain:2\r\n"), "{text}");
    }

    #[test]
    fn the_resident_memory_is_read_from_what_linux_tells() {
        let status = "Name:\tvalthree\nVmHWM:\t    9000 kB\nVmRSS:\t    7300 kB\nThreads:\t2\n";
        assert_eq!(resident_bytes(status), Some(7300 * 1024));
        assert_eq!(resident_bytes("Name:\tvalthree\n"), None);
    }

    #[test]
    fn parameters_are_found_by_patterns_and_each_once() {
        let told = |patterns| match parameters(&shared().settings, &words(patterns)) {
            Reply::Map(pairs) => {
                let text = |reply: &Reply| match reply {
                    Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    other => panic!("{other:?}"),
                };
                let pairs: Vec<_> =
                    pairs.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
                pairs.join(" ")
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(told("save appendonly"), "appendonly=no save=");
        assert_eq!(told("SAVE"), "SAVE=");
        assert_eq!(told("[s]ave SAVE save"), "save=");
        assert_eq!(
            told("max*"),
            "maxclients=10000 maxmemory=1073741824 maxmemory-clients=268435456 maxmemory-policy=noeviction"
        );
        assert_eq!(told("nosuch"), "");
        assert_eq!(told("po?t PORT"), "port=7000");
    }
}
