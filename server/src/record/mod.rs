//! The record of what a server has done: how often each command was called, how long it took, and which requests were slow.
//!
//! The time of a request counts from the moment when its connection takes it to the moment when the reply is known. So a
//! write counts with its round trip to the store. Valkey counts the execution alone; that takes microseconds here, too, and
//! says nothing of what a client waits for.
//!
//! | module | contents |
//! |---|---|
//! | here | calls, errors and times of each command |
//! | `answered` | a request that is answered |
//! | [`slow`] | the log of slow requests |
//! | [`spikes`] | the events of `LATENCY` |

mod answered;
mod lock;
pub mod slow;
pub mod spikes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

pub use self::answered::Answered;
use self::lock::locked;
use self::slow::SlowLog;
use self::spikes::Spikes;
use crate::knobs::Knobs;
use crate::resp::Reply;
use crate::stats::Counter;

/// How many kinds of errors the record counts. Valkey stops there, too: a script may invent new ones for ever.
const ERROR_KINDS: usize = 128;

/// The durations below 2^N microseconds, for each N.
const BUCKETS: usize = 36;

/// The calls of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls that were executed.
    pub calls: u64,
    /// The time of all together, in microseconds.
    pub micros: u64,
    /// Calls that were refused before they were executed.
    pub rejected: u64,
    /// Executed calls whose reply was an error.
    pub failed: u64,
    /// How many took how long.
    pub times: CallTimes,
}

/// How many calls took less than each power of two, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTimes([u64; BUCKETS]);

impl Default for CallTimes {
    fn default() -> CallTimes {
        CallTimes([0; BUCKETS])
    }
}

impl CallTimes {
    fn add(&mut self, micros: u64) {
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        self.0[bucket.min(BUCKETS - 1)] += 1;
    }

    /// The upper bounds that some calls have reached, each with the calls up to it.
    pub fn reached(&self) -> impl Iterator<Item = (u64, u64)> {
        let sums = self.0.iter().scan(0, |sum, count| {
            *sum += count;
            Some((*count, *sum))
        });
        sums.enumerate().filter(|(_, (count, _))| *count > 0).map(|(bucket, (_, sum))| (1 << bucket, sum))
    }

    /// The upper bound that this share of the calls, in percent, has not exceeded.
    pub fn percentile(&self, percent: f64) -> u64 {
        let all: u64 = self.0.iter().sum();
        let enough = (all as f64 * percent / 100.0).ceil() as u64;
        self.reached().find(|(_, sum)| *sum >= enough).map_or(0, |(bound, _)| bound)
    }
}

/// What a server has done since it was started, or since `CONFIG RESETSTAT`.
#[derive(Debug)]
pub struct Record {
    commands: Mutex<BTreeMap<&'static str, Calls>>,
    errors: Mutex<BTreeMap<Bytes, u64>>,
    /// How many errors there were, of codes that are not counted, too.
    pub all_errors: Counter,
    /// The log of slow requests.
    pub slow: SlowLog,
    /// The events of `LATENCY`.
    pub spikes: Spikes,
    knobs: Arc<Knobs>,
}

impl Record {
    /// An empty record.
    pub fn new(knobs: Arc<Knobs>) -> Record {
        Record {
            commands: Mutex::default(),
            errors: Mutex::default(),
            all_errors: Counter::default(),
            slow: SlowLog::default(),
            spikes: Spikes::default(),
            knobs,
        }
    }

    /// Whether the words of a request should be kept until it is answered.
    pub fn wants_words(&self) -> bool {
        self.knobs.slower_than.get() >= 0 && self.knobs.slow_log_length.get() > 0
    }

    /// Notes a request that is answered.
    pub fn note(&self, answered: &Answered<'_>) {
        let micros = u64::try_from(answered.took.as_micros()).unwrap_or(u64::MAX);
        if let Some(command) = answered.command {
            let mut commands = locked(&self.commands);
            let calls = commands.entry(command).or_default();
            if answered.executed {
                calls.calls += 1;
                calls.micros += micros;
                calls.times.add(micros);
                calls.failed += u64::from(answered.error.is_some());
            } else {
                calls.rejected += 1;
            }
        }
        answered.error.iter().for_each(|code| self.note_error(code));
        if !answered.executed {
            return;
        }
        let threshold = u64::try_from(self.knobs.slower_than.get());
        if threshold.is_ok_and(|threshold| micros >= threshold) {
            let most = usize::try_from(self.knobs.slow_log_length.get()).unwrap_or(0);
            self.slow.add(answered, micros, most);
        }
        let threshold = u64::try_from(self.knobs.latency_threshold.get()).unwrap_or(0);
        if threshold > 0 && micros / 1000 >= threshold {
            self.spikes.add("command", (answered.second)(), micros / 1000);
        }
    }

    /// Notes the commands of a transaction, as far as they are known, and their replies. Their time is that of its EXEC.
    pub fn transacted<'a>(&self, executed: impl Iterator<Item = (Option<&'static str>, &'a Reply)>) {
        for (command, reply) in executed {
            let error = code(reply);
            if let Some(command) = command {
                let mut commands = locked(&self.commands);
                let calls = commands.entry(command).or_default();
                calls.calls += 1;
                calls.failed += u64::from(error.is_some());
            }
            error.iter().for_each(|code| self.note_error(code));
        }
    }

    fn note_error(&self, code: &Bytes) {
        self.all_errors.add(1);
        let mut errors = locked(&self.errors);
        if errors.len() < ERROR_KINDS || errors.contains_key(code) {
            *errors.entry(code.clone()).or_default() += 1;
        }
    }

    /// The calls of all commands, by their names.
    pub fn calls(&self) -> Vec<(&'static str, Calls)> {
        locked(&self.commands).iter().map(|(name, calls)| (*name, calls.clone())).collect()
    }

    /// How many errors of each code there were.
    pub fn errors(&self) -> Vec<(Bytes, u64)> {
        locked(&self.errors).iter().map(|(code, count)| (code.clone(), *count)).collect()
    }

    /// Forgets calls and errors.
    pub fn reset(&self) {
        locked(&self.commands).clear();
        locked(&self.errors).clear();
        self.all_errors.set(0);
    }
}

/// The code at the beginning of an error.
pub fn code(reply: &Reply) -> Option<Bytes> {
    let Reply::Error(text) = reply else { return None };
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    // A copy: the text may refer to a large request.
    Some(Bytes::copy_from_slice(&text[..end.min(64)]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clients::Clients;

    fn note(record: &Record, line: &'static str, micros: u64, error: Option<&'static str>, executed: bool) {
        let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::from_static(word.as_bytes())).collect();
        record.note(&Answered {
            command: Some(line.split(' ').next().unwrap()),
            words: &words,
            client: &Clients::default().enter("127.0.0.1:5".into(), "127.0.0.1:6".into()),
            error: error.map(|code| Bytes::from_static(code.as_bytes())),
            executed,
            took: Duration::from_micros(micros),
            second: &|| 7,
        });
    }

    #[test]
    fn calls_and_errors_are_counted_by_name() {
        let record = Record::new(Knobs::new(None));
        note(&record, "get a", 3, None, true);
        note(&record, "get a", 1000, Some("WRONGTYPE"), true);
        note(&record, "get", 1, Some("ERR"), false);
        let calls = record.calls();
        let (name, get) = &calls[0];
        assert_eq!((*name, get.calls, get.micros, get.failed, get.rejected), ("get", 2, 1003, 1, 1));
        assert_eq!(get.times.reached().collect::<Vec<_>>(), [(4, 1), (1024, 2)]);
        assert_eq!([50.0, 99.0].map(|percent| get.times.percentile(percent)), [4, 1024]);
        let errors = record.errors();
        assert_eq!(errors, [(Bytes::from_static(b"ERR"), 1), (Bytes::from_static(b"WRONGTYPE"), 1)]);
        record.reset();
        assert!(record.calls().is_empty() && record.errors().is_empty());
    }

    #[test]
    fn the_commands_of_a_transaction_count_with_their_own_errors() {
        let record = Record::new(Knobs::new(None));
        let replies = [Reply::OK, Reply::fault("WRONGTYPE no"), Reply::fault("ERR syntax error")];
        record.transacted([Some("set"), Some("incr"), None].into_iter().zip(&replies));
        let counts: Vec<_> = record.calls().iter().map(|(name, calls)| (*name, calls.calls, calls.failed)).collect();
        assert_eq!(counts, [("incr", 1, 1), ("set", 1, 0)]);
        assert_eq!((record.errors().len(), record.all_errors.get()), (2, 2));
    }

    #[test]
    fn only_slow_requests_that_were_executed_come_into_the_log() {
        let knobs = Knobs::new(None);
        knobs.slower_than.set(100);
        let record = Record::new(Arc::clone(&knobs));
        note(&record, "get fast", 99, None, true);
        note(&record, "get slow", 100, None, true);
        note(&record, "get refused", 500, Some("ERR"), false);
        assert_eq!(record.slow.len(), 1);
        knobs.slower_than.set(-1);
        note(&record, "get slow", 100, None, true);
        assert!(record.slow.len() == 1 && !record.wants_words());
    }
}
