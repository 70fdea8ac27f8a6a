//! The parameters of `CONFIG`.
//!
//! Operators set this server up with flags. Clients, tools and frameworks of Valkey read parameters, and set some of them.
//! So the server knows the usual ones. It follows those that mean something here, and keeps the others as they are set
//! until it stops. It refuses a value that would promise what it does not do: another port, or an eviction policy.
//!
//! | module | contents |
//! |---|---|
//! | here | getting and setting |
//! | [`known`] | the table |
//! | [`parameter`] | a row of it |
//! | [`kind`] | which values a parameter may have |

pub mod kind;
pub mod known;
pub mod parameter;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use self::known::KNOWN;
use self::parameter::{Parameter, ParameterEffect};
use crate::command::arguments::error_about;
use crate::command::glob::{self, Case};
use crate::knobs::Knobs;
use crate::resp::Reply;
use crate::settings::Settings;

/// The most bytes of a value. The server keeps values, and no other limit counts them.
const VALUE_BYTES: usize = 1 << 10;

/// The parameters of one server and their values.
#[derive(Debug)]
pub struct Parameters {
    values: Mutex<BTreeMap<&'static str, String>>,
    knobs: Arc<Knobs>,
}

impl Parameters {
    /// The values of a server that starts with these settings.
    pub fn new(settings: &Settings, knobs: Arc<Knobs>) -> Parameters {
        let set = [
            ("bind", settings.bind.clone()),
            ("client-query-buffer-limit", settings.limits.request_bytes.to_string()),
            ("io-threads", settings.threads.to_string()),
            ("maxclients", settings.max_clients.to_string()),
            ("maxmemory", settings.max_memory.unwrap_or(0).to_string()),
            ("maxmemory-clients", settings.max_clients_memory.to_string()),
            ("port", settings.port.to_string()),
            ("proto-max-bulk-len", settings.limits.bulk_bytes.to_string()),
        ];
        let mut values: BTreeMap<_, _> =
            KNOWN.iter().map(|parameter| (parameter.name, parameter.default.to_owned())).collect();
        values.extend(set);
        Parameters { values: Mutex::new(values), knobs }
    }

    /// The reply to `CONFIG GET`: each parameter that matches a pattern, by both of its names. As in Valkey, a parameter that
    /// the client names without wildcards keeps the client's spelling.
    pub fn get(&self, patterns: &[Bytes]) -> Reply {
        let values = self.values();
        let names = KNOWN.iter().flat_map(|parameter| {
            std::iter::once(parameter.name).chain(parameter.older).map(move |name| (name, parameter))
        });
        let matching = names.filter_map(|(name, parameter)| {
            let matches = |pattern: &&Bytes| glob::matches(pattern, name.as_bytes(), Case::Insensitive);
            let pattern = patterns.iter().find(matches)?;
            let exact = pattern.eq_ignore_ascii_case(name.as_bytes());
            let name = if exact { pattern.clone() } else { Bytes::from_static(name.as_bytes()) };
            Some((Reply::Bulk(name), Reply::bulk(values.get(parameter.name).cloned().unwrap_or_default())))
        });
        Reply::Map(matching.collect())
    }

    /// Sets parameters, all or none.
    pub fn set(&self, pairs: &[Bytes]) -> Result<Reply, Reply> {
        let mut values = self.values();
        let mut named = BTreeSet::new();
        let mut new = Vec::with_capacity(pairs.len() / 2);
        for pair in pairs.chunks_exact(2) {
            let [name, value] = [&pair[0], &pair[1]];
            let Some(parameter) = find(name) else {
                let unknown = "ERR Unknown option or number of arguments for CONFIG SET - '";
                return Err(error_about(unknown, name, "'"));
            };
            let refuse = |why: &str| {
                let about = "ERR CONFIG SET failed (possibly related to argument '";
                error_about(about, name, &format!("') - {why}"))
            };
            if !named.insert(parameter.name) {
                return Err(refuse("duplicate parameter"));
            }
            if value.len() > VALUE_BYTES {
                return Err(refuse(&format!("argument must have at most {VALUE_BYTES} bytes")));
            }
            let old = values.get(parameter.name).map_or("", String::as_str);
            let value = parameter.kind.parse(&String::from_utf8_lossy(value), old).map_err(|why| refuse(&why))?;
            if parameter.effect == ParameterEffect::Fixed && value != old {
                return Err(refuse("can't set immutable config"));
            }
            new.push((parameter, value));
        }
        for (parameter, value) in new {
            self.apply(parameter.effect, &value);
            values.insert(parameter.name, value);
        }
        Ok(Reply::OK)
    }

    fn apply(&self, effect: ParameterEffect, value: &str) {
        // The kind of each of these parameters has checked that it is a number.
        let number = || value.parse().unwrap_or_default();
        match effect {
            ParameterEffect::None | ParameterEffect::Fixed => {}
            ParameterEffect::MaxMemory => self.knobs.set_max_memory(value.parse().unwrap_or_default()),
            ParameterEffect::SlowerThan => self.knobs.slower_than.set(number()),
            ParameterEffect::SlowLogLength => self.knobs.slow_log_length.set(number()),
            ParameterEffect::LatencyThreshold => self.knobs.latency_threshold.set(number()),
            ParameterEffect::Packing(which) => self.knobs.set_packing(which, number()),
        }
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        // Each value is sound by itself, even after a panic.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parameter of this name, old or new, in any case.
fn find(name: &[u8]) -> Option<&'static Parameter> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    KNOWN.iter().find(|parameter| is(parameter.name) || parameter.older.is_some_and(is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knobs::Packing;

    fn parameters() -> Parameters {
        let settings = Settings { port: 7000, ..Settings::default() };
        Parameters::new(&settings, Knobs::new(settings.max_memory))
    }

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    fn told(parameters: &Parameters, patterns: &str) -> String {
        let Reply::Map(pairs) = parameters.get(&words(patterns)) else { panic!("a map") };
        let text = |reply: &Reply| match reply {
            Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("{other:?}"),
        };
        pairs.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_table_is_sorted_and_its_defaults_are_values() {
        assert!(KNOWN.is_sorted_by(|one, next| one.name < next.name));
        for parameter in KNOWN.iter().filter(|parameter| !parameter.default.is_empty()) {
            let parsed = parameter.kind.parse(parameter.default, parameter.default);
            assert_eq!(parsed.as_deref(), Ok(parameter.default), "{}", parameter.name);
        }
    }

    #[test]
    fn parameters_are_found_by_patterns_and_each_once() {
        let parameters = parameters();
        assert_eq!(told(&parameters, "save appendonly"), "appendonly=no save=");
        assert_eq!(told(&parameters, "SAVE"), "SAVE=");
        assert_eq!(told(&parameters, "[s]ave SAVE save"), "save=");
        assert_eq!(told(&parameters, "nosuch"), "");
        assert_eq!(told(&parameters, "po?t PORT"), "port=7000");
        assert_eq!(
            told(&parameters, "maxm*"),
            "maxmemory=1073741824 maxmemory-clients=268435456 maxmemory-policy=noeviction maxmemory-samples=5"
        );
    }

    #[test]
    fn a_parameter_has_the_same_value_by_its_older_name() {
        let parameters = parameters();
        assert_eq!(parameters.set(&words("hash-max-ziplist-entries 7")), Ok(Reply::OK));
        assert_eq!(told(&parameters, "hash-max-*-entries"), "hash-max-listpack-entries=7 hash-max-ziplist-entries=7");
        assert_eq!(parameters.knobs.packings().get(Packing::HashFields), 7);
    }

    #[test]
    fn a_mistake_in_one_value_leaves_all_as_they_are() {
        let parameters = parameters();
        for (line, why) in [
            ("hz 20 nosuch 1", "Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ("hz 20 hz 30", "CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter"),
            ("hz 20 port 1", "CONFIG SET failed (possibly related to argument 'port') - can't set immutable config"),
            ("hz 20 HZ x", "CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter"),
            (
                "hz 20 maxmemory-policy allkeys-lru",
                "CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the \
                 following: noeviction",
            ),
        ] {
            assert_eq!(parameters.set(&words(line)), Err(Reply::error(format!("ERR {why}"))), "{line}");
            assert_eq!(told(&parameters, "hz"), "hz=10");
        }
        assert_eq!(parameters.set(&words("hz 20 port 7000")), Ok(Reply::OK));
        assert_eq!(told(&parameters, "hz"), "hz=20");
    }

    #[test]
    fn a_value_has_a_limit() {
        let parameters = parameters();
        for (name, number, least) in [("save", "1 ", 512), ("latency-tracking-info-percentiles", "9 ", 512)] {
            let set = |times: usize| parameters.set(&[name.into(), number.repeat(times).into()]);
            assert_eq!(set(least), Ok(Reply::OK));
            let Err(Reply::Error(why)) = set(1 << 20) else { panic!("{name} is kept") };
            assert!(why.ends_with(b"argument must have at most 1024 bytes"), "{}", String::from_utf8_lossy(&why));
            assert_eq!(told(&parameters, name).len(), name.len() + 2 * least);
        }
    }

    #[test]
    fn the_limit_of_the_database_follows_at_once() {
        let parameters = parameters();
        assert_eq!(parameters.set(&words("maxmemory 10mb")), Ok(Reply::OK));
        assert_eq!(parameters.knobs.max_memory(), Some(10 << 20));
        assert_eq!(parameters.set(&words("maxmemory 0")), Ok(Reply::OK));
        assert_eq!(parameters.knobs.max_memory(), None);
    }
}
