//! The text of `INFO`. It has Valkey's form, and leaves out every field that has no true value here.

use std::fmt::{Display, Write};

use bytes::Bytes;
use tokio::time::Instant;

use crate::instance::Instance;
use crate::record::Calls;
use crate::state::DatabaseFigures;
use crate::stats::Counter;

/// The version of Redis whose behaviour clients can expect. Valkey names the same one.
pub const COMPATIBLE_VERSION: &str = "7.2.4";

/// The version of Valkey whose commands and scripts clients can expect.
pub const VALKEY_VERSION: &str = "8.0.1";

/// The version of this server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name of this server.
pub const NAME: &str = "valthree";

type InfoSection = (&'static str, fn(&Instance, &mut Lines));

/// The sections that a client gets only if it names them, or asks for all.
const LONG_SECTIONS: [&str; 2] = ["Commandstats", "Latencystats"];

/// The sections in their order.
const SECTIONS: &[InfoSection] = &[
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Store", store),
    ("Replication", replication),
    ("CPU", cpu),
    ("Modules", |_, _| {}),
    ("Commandstats", command_stats),
    ("Errorstats", error_stats),
    ("Latencystats", latency_stats),
    ("Cluster", cluster),
    ("Keyspace", keyspace),
];

/// The text of `INFO`. It has each section once, and leaves out unknown ones.
pub fn text(instance: &Instance, sections: &[Bytes]) -> String {
    let wanted = |name: &str| {
        let is = |section: &Bytes, name: &str| section.eq_ignore_ascii_case(name.as_bytes());
        let is_usual = !LONG_SECTIONS.contains(&name);
        let means = |section: &Bytes| {
            is(section, name) || is(section, "all") || is(section, "everything") || is_usual && is(section, "default")
        };
        sections.is_empty() && is_usual || sections.iter().any(means)
    };
    let told = SECTIONS.iter().filter(|(name, _)| wanted(name)).map(|(name, tell)| {
        let mut lines = Lines(format!("# {name}\r\n"));
        tell(instance, &mut lines);
        lines.0
    });
    told.collect::<Vec<_>>().join("\r\n")
}

/// The lines of a section.
struct Lines(String);

impl Lines {
    fn add(&mut self, key: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{key}:{value}\r\n");
    }

    fn count(&mut self, key: &str, counter: &Counter) {
        self.add(key, counter.get());
    }
}

fn server(instance: &Instance, lines: &mut Lines) {
    let settings = &instance.settings;
    let uptime = instance.clock.uptime().as_secs();
    lines.add("redis_version", COMPATIBLE_VERSION);
    lines.add("redis_git_sha1", "00000000");
    lines.add("server_name", NAME);
    lines.add("valthree_version", VERSION);
    lines.add("valkey_version", VALKEY_VERSION);
    lines.add("redis_mode", "standalone");
    lines.add("os", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    lines.add("arch_bits", usize::BITS);
    lines.add("process_id", std::process::id());
    lines.add("tcp_port", settings.port);
    lines.add("server_time_usec", instance.clock.since_epoch().as_micros());
    lines.add("uptime_in_seconds", uptime);
    lines.add("uptime_in_days", uptime / (24 * 60 * 60));
    lines.add("threads", settings.threads);
    lines.add("store", &settings.store);
    lines.add("deadline_milliseconds", settings.deadline.as_millis());
}

fn clients(instance: &Instance, lines: &mut Lines) {
    lines.add("connected_clients", instance.clients.count());
    lines.add("blocked_clients", instance.clients.waiting());
    let pause = instance.clients.present_pause();
    lines.add("paused_reason", if pause.is_some() { "client_pause" } else { "none" });
    let actions = pause.map_or("none", |pause| if pause.all { "all" } else { "write" });
    lines.add("paused_actions", actions);
    let rest = pause.map(|pause| pause.until.saturating_duration_since(Instant::now())).unwrap_or_default();
    lines.add("paused_timeout_milliseconds", rest.as_millis());
    lines.add("maxclients", instance.settings.max_clients);
}

/// The server counts the memory that grows with its use: keys and values, and what it holds for clients. Their sum is
/// `used_memory`. It is not what the allocator has handed out, which nobody counts. `used_memory_rss` is what the system
/// says of the process as a whole.
fn memory(instance: &Instance, lines: &mut Lines) {
    let (dataset, clients) = (instance.stats.database_bytes.get(), instance.budget.held() as u64);
    let (used, limit) = (dataset + clients, instance.knobs.max_memory().unwrap_or(0));
    lines.add("used_memory", used);
    lines.add("used_memory_human", human(used));
    if let Some(resident) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
        lines.add("used_memory_rss", resident);
        lines.add("used_memory_rss_human", human(resident));
    }
    // `maxmemory` limits this one.
    lines.add("used_memory_dataset", dataset);
    // `maxmemory-clients` limits this one.
    lines.add("mem_clients_normal", clients);
    lines.add("maxmemory", limit);
    lines.add("maxmemory_human", human(limit));
    lines.add("maxmemory_policy", "noeviction");
}

/// A size as people read it, with the units of Valkey.
fn human(bytes: u64) -> String {
    let units = [(1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, letter)) => format!("{:.2}{letter}", bytes as f64 / unit as f64),
        None => format!("{bytes}B"),
    }
}

/// Nothing is saved in the background: a write is in the store before its reply.
fn persistence(instance: &Instance, lines: &mut Lines) {
    lines.add("loading", instance.stats.loading.get());
    lines.add("rdb_bgsave_in_progress", 0);
    lines.add("aof_enabled", 0);
    lines.add("aof_rewrite_in_progress", 0);
}

/// The resident bytes in the status that Linux gives of a process.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn stats(instance: &Instance, lines: &mut Lines) {
    let stats = &instance.stats;
    for (key, counter) in [
        ("total_connections_received", &stats.connections_received),
        ("total_commands_processed", &stats.commands),
        ("rejected_connections", &stats.connections_rejected),
        ("total_error_replies", &instance.record.all_errors),
        ("total_net_input_bytes", &stats.net_input_bytes),
        ("total_net_output_bytes", &stats.net_output_bytes),
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
        ("squashes", &stats.squashes),
        ("merges", &stats.merges),
        ("runs_deleted", &stats.runs_deleted),
        ("told_tryagain", &stats.told_tryagain),
        ("told_uncertain", &stats.told_uncertain),
        ("expired_keys", &stats.expired_keys),
        ("keyspace_hits", &stats.keyspace_hits),
        ("keyspace_misses", &stats.keyspace_misses),
        // EXECs that were refused although nobody may have touched a watched key.
        ("exec_watch_outdated", &stats.exec_watch_outdated),
        ("exec_watch_remapped", &stats.exec_watch_remapped),
        ("generation", &stats.generation),
    ] {
        lines.count(key, counter);
    }
    lines.add("evicted_keys", 0);
}

/// How the store is. Times are in milliseconds.
fn store(instance: &Instance, lines: &mut Lines) {
    let report = instance.health.report();
    lines.add("store_status", if report.failing_for.is_some() { "failing" } else { "ok" });
    lines.add("store_failing_for", report.failing_for.unwrap_or_default().as_millis());
    lines.add("store_latency", format_args!("{:.1}", report.latency.unwrap_or_default().as_secs_f64() * 1000.0));
    lines.add("store_requests", report.requests);
    lines.add("store_errors", report.errors);
    lines.add("store_retries", report.retries);
    lines.add("store_conflicts", report.conflicts);
    lines.add("store_rereads", report.rereads);
    if let Some((error, age)) = report.last_error {
        // An error of many lines would end the section.
        lines.add("store_last_error", error.replace(['\r', '\n'], " "));
        lines.add("store_last_error_age", age.as_millis());
    }
}

/// Clients ask for the role before they write. Every server takes writes, and none follows another.
fn replication(_: &Instance, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("master_repl_offset", 0);
}

/// The time of the processor, in seconds. Linux counts it in hundredths.
fn cpu(_: &Instance, lines: &mut Lines) {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let seconds = cpu_seconds(&status).unwrap_or_default();
    for (name, seconds) in
        ["used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children"].iter().zip(seconds)
    {
        lines.add(name, format_args!("{seconds:.6}"));
    }
}

/// The seconds of the system and of the user, of the process and of its children, from what Linux says of a process.
fn cpu_seconds(status: &str) -> Option<[f64; 4]> {
    // The name of the program is in parentheses, and may hold blanks.
    let (_, fields) = status.rsplit_once(')')?;
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(4).map(|it| it.parse().ok()).collect::<Option<_>>()?;
    let [user, system, children_user, children_system] = ticks.try_into().ok()?;
    Some([system, user, children_system, children_user].map(|ticks: f64| ticks / 100.0))
}

/// The calls of each command. The time of a call includes the waits for the store.
fn command_stats(instance: &Instance, lines: &mut Lines) {
    for (name, Calls { calls, micros, rejected, failed, .. }) in instance.record.calls() {
        let each = micros as f64 / calls.max(1) as f64;
        let figures = format_args!(
            "calls={calls},usec={micros},usec_per_call={each:.2},rejected_calls={rejected},failed_calls={failed}"
        );
        lines.add(&format!("cmdstat_{name}"), figures);
    }
}

fn error_stats(instance: &Instance, lines: &mut Lines) {
    for (code, count) in instance.record.errors() {
        lines.add(&format!("errorstat_{}", String::from_utf8_lossy(&code)), format_args!("count={count}"));
    }
}

/// The times that 50, 99 and 99.9 percent of the calls do not exceed, up to a factor of two.
fn latency_stats(instance: &Instance, lines: &mut Lines) {
    for (name, calls) in instance.record.calls().into_iter().filter(|(_, calls)| calls.calls > 0) {
        let [half, most, nearly_all] = [50.0, 99.0, 99.9].map(|percent| calls.times.percentile(percent) as f64);
        let figures = format_args!("p50={half:.3},p99={most:.3},p99.9={nearly_all:.3}");
        lines.add(&format!("latency_percentiles_usec_{name}"), figures);
    }
}

fn cluster(_: &Instance, lines: &mut Lines) {
    lines.add("cluster_enabled", 0);
}

fn keyspace(instance: &Instance, lines: &mut Lines) {
    for DatabaseFigures { number, keys, expires } in instance.stats.databases() {
        lines.add(&format!("db{number}"), format_args!("keys={keys},expires={expires},avg_ttl=0"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::settings::Settings;
    use crate::state::Figures;

    fn instance() -> Instance {
        let settings = Settings { store: "directory somewhere".into(), port: 7000, ..Settings::default() };
        Instance::new(settings, SystemTime::UNIX_EPOCH)
    }

    fn words(line: &str) -> Vec<Bytes> {
        line.split_whitespace().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    fn headings(sections: &str) -> Vec<String> {
        let text = text(&instance(), &words(sections));
        text.lines().filter(|line| line.starts_with("# ")).map(str::to_owned).collect()
    }

    #[test]
    fn sections_are_chosen_in_any_case_and_told_in_their_own_order() {
        assert_eq!(headings("keyspace SERVER server foo"), ["# Server", "# Keyspace"]);
        assert_eq!(text(&instance(), &words("foo")), "");
        let every: Vec<_> = SECTIONS.iter().map(|(name, _)| format!("# {name}")).collect();
        for which in ["ALL", "everything", "server all"] {
            assert_eq!(headings(which), every, "{which}");
        }
        let usual: Vec<_> = every.into_iter().filter(|name| !LONG_SECTIONS.contains(&&name[2..])).collect();
        for which in ["", "default", "server default"] {
            assert_eq!(headings(which), usual, "{which}");
        }
    }

    #[test]
    fn sections_have_the_form_that_clients_parse() {
        let clients = "# Clients\r\nconnected_clients:0\r\nblocked_clients:0\r\npaused_reason:none\r\npaused_actions:none\r\n\
                       paused_timeout_milliseconds:0\r\nmaxclients:10000\r\n";
        assert_eq!(text(&instance(), &words("clients")), clients);
        let two = format!("{clients}\r\n# Cluster\r\ncluster_enabled:0\r\n");
        assert_eq!(text(&instance(), &words("cluster clients")), two);
        for line in text(&instance(), &[]).split("\r\n") {
            assert!(line.is_empty() || line.starts_with("# ") || line.contains(':'), "{line}");
        }
    }

    #[test]
    fn the_server_names_itself_and_what_it_is_compatible_with() {
        let text = text(&instance(), &words("server"));
        for line in ["redis_version:7.2.4", "server_name:valthree", "tcp_port:7000", "store:directory somewhere"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
    }

    #[test]
    fn an_empty_keyspace_is_not_listed() {
        let instance = instance();
        assert_eq!(text(&instance, &words("keyspace")), "# Keyspace\r\n");
        let databases = vec![DatabaseFigures { number: 0, keys: 3, expires: 1 }];
        instance.stats.count_version(Figures { databases, ..Figures::default() });
        assert_eq!(text(&instance, &words("keyspace")), "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\n");
    }

    #[test]
    fn used_memory_is_the_memory_that_the_server_counts() {
        let instance = instance();
        instance.stats.database_bytes.set(3 << 20);
        let _share = crate::budget::Share::new(&instance.budget, 1 << 19);
        let text = text(&instance, &words("memory"));
        for line in [
            "used_memory:3670016",
            "used_memory_human:3.50M",
            "used_memory_dataset:3145728",
            "mem_clients_normal:524288",
            "maxmemory_human:1.00G",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
        assert_eq!([human(0), human(1023), human(1536)], ["0B", "1023B", "1.50K"]);
    }

    #[test]
    fn redis_cli_finds_the_fields_of_its_statistics() {
        let text = text(&instance(), &[]);
        for field in [
            "used_memory",
            "connected_clients",
            "blocked_clients",
            "total_commands_processed",
            "total_connections_received",
            "aof_rewrite_in_progress",
            "rdb_bgsave_in_progress",
            "loading",
        ] {
            assert!(text.contains(&format!("\r\n{field}:0\r\n")), "{field} in {text}");
        }
    }

    #[test]
    fn counters_are_told_as_they_are() {
        let instance = instance();
        instance.stats.commands.add(5);
        instance.stats.told_uncertain.add(2);
        let text = text(&instance, &words("stats"));
        assert!(text.contains("\r\ntotal_commands_processed:5\r\n"), "{text}");
        assert!(text.contains("\r\ntold_uncertain:2\r\n"), "{text}");
    }

    #[test]
    fn the_resident_memory_is_read_from_what_linux_tells() {
        let status = "Name:\tvalthree\nVmHWM:\t    9000 kB\nVmRSS:\t    7300 kB\nThreads:\t2\n";
        assert_eq!(resident_bytes(status), Some(7300 * 1024));
        assert_eq!(resident_bytes("Name:\tvalthree\n"), None);
    }
}
