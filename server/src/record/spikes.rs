//! The events of `LATENCY`: for each second, the slowest request beyond the threshold.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use super::lock::locked;
use crate::resp::Reply;

/// How many seconds an event remembers, as in Valkey.
const SECONDS: usize = 160;

/// All events.
#[derive(Debug, Default)]
pub struct Spikes(Mutex<BTreeMap<&'static str, Spike>>);

/// One kind of event: seconds since 1970, and milliseconds. The newest second is the last.
#[derive(Debug, Default)]
struct Spike {
    seconds: VecDeque<(u64, u64)>,
    highest: u64,
    sum: u64,
    count: u64,
}

impl Spikes {
    /// Notes an event that took so many milliseconds.
    pub(super) fn add(&self, event: &'static str, second: u64, millis: u64) {
        let mut events = locked(&self.0);
        let spike = events.entry(event).or_default();
        spike.highest = spike.highest.max(millis);
        spike.sum += millis;
        spike.count += 1;
        match spike.seconds.back_mut() {
            Some((last, highest)) if *last == second => *highest = (*highest).max(millis),
            _ => spike.seconds.push_back((second, millis)),
        }
        if spike.seconds.len() > SECONDS {
            spike.seconds.pop_front();
        }
    }

    /// Each event with its newest second and its value, the highest value, the sum of all values and their number.
    pub fn latest(&self) -> Reply {
        let events = locked(&self.0);
        let told = events.iter().filter_map(|(event, spike)| {
            let (second, millis) = spike.seconds.back()?;
            let numbers = [*second, *millis, spike.highest, spike.sum, spike.count]
                .map(|number| Reply::Integer(number.cast_signed()));
            Some(Reply::Array(std::iter::once(Reply::text(event)).chain(numbers).collect()))
        });
        Reply::Array(told.collect())
    }

    /// The seconds of an event.
    pub fn history(&self, event: &[u8]) -> Vec<(u64, u64)> {
        let events = locked(&self.0);
        let spike = events.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(event));
        spike.map(|(_, spike)| spike.seconds.iter().copied().collect()).unwrap_or_default()
    }

    /// Forgets these events, or all. Returns how many there were.
    pub fn reset<W: AsRef<[u8]>>(&self, which: &[W]) -> usize {
        let mut events = locked(&self.0);
        let before = events.len();
        events.retain(|name, _| {
            !which.is_empty() && !which.iter().any(|it| name.as_bytes().eq_ignore_ascii_case(it.as_ref()))
        });
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_highest_value_and_old_seconds_go() {
        let spikes = Spikes::default();
        for (second, millis) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            spikes.add("command", second, millis);
        }
        assert_eq!(spikes.history(b"COMMAND"), [(1, 9), (2, 3)]);
        assert_eq!(spikes.history(b"other"), []);
        let numbers = [2, 3, 9, 24, 4].map(Reply::Integer);
        let latest = Reply::Array(std::iter::once(Reply::text("command")).chain(numbers).collect());
        assert_eq!(spikes.latest(), Reply::Array(vec![latest]));
        (3..=200).for_each(|second| spikes.add("command", second, 1));
        assert_eq!(spikes.history(b"command").len(), SECONDS);
        assert_eq!(spikes.reset(&[b"other"]), 0);
        assert_eq!(spikes.reset::<&[u8]>(&[]), 1);
    }
}
