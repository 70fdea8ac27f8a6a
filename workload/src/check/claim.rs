//! What an operation claims about the state: what must have been there, and what is there afterwards.
//!
//! Here commands and replies end. The search knows only claims, so every command is judged by the same few rules.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::operation::{Command, Condition, Reply};
use crate::word::Word;

/// A value of a key, as a number. What tells values apart is only whether some reply names them.
pub(super) type Value = u32;

/// The key is absent.
pub(super) const ABSENT: Value = 0;
/// The key has a value that no reply names.
pub(super) const UNNAMED: Value = 1;
/// The first number of a value that a reply names.
pub(super) const FIRST_NAMED: Value = 2;

/// As many as most operations have, or more.
pub(super) type Few<T> = SmallVec<[T; 2]>;

/// What has to be true of a key before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Demand {
    /// It has this value, or is absent.
    Is(Value),
    /// It has any value.
    Present,
}

impl Demand {
    /// Whether the key must hold something.
    pub(super) fn is_presence(self) -> bool {
        self != Demand::Is(ABSENT)
    }
}

/// What an operation that takes effect needs and does. Keys are numbers too.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Claim {
    pub(super) demands: Few<(u32, Demand)>,
    /// These keys, each with a weight, must be present to this sum.
    pub(super) count: Option<Box<Count>>,
    pub(super) writes: Few<(u32, Value)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Count {
    pub(super) keys: Vec<(u32, u32)>,
    pub(super) sum: u32,
}

impl Claim {
    /// The keys that it speaks of; some more than once.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        let demanded = self.demands.iter().map(|(key, _)| *key);
        let counted = self.count.iter().flat_map(|count| count.keys.iter().map(|(key, _)| *key));
        demanded.chain(counted).chain(self.writes.iter().map(|(key, _)| *key))
    }

    /// Whether it makes no difference: it says nothing, or is that of an open operation that writes nothing.
    pub(super) fn is_idle(&self, is_open: bool) -> bool {
        self.writes.is_empty() && (is_open || self.demands.is_empty() && self.count.is_none())
    }

    /// Whether it asks anything of a key.
    pub(super) fn looks_at(&self, key: u32) -> bool {
        self.demands.iter().any(|(demanded, _)| *demanded == key)
            || self.count.as_ref().is_some_and(|count| count.keys.iter().any(|(counted, _)| *counted == key))
    }
}

/// A claim in words, before words become numbers.
#[derive(Default)]
pub(super) struct Spoken<'a> {
    pub(super) named: Few<(&'a Word, &'a Word)>,
    pub(super) absent: Few<&'a Word>,
    pub(super) present: Few<&'a Word>,
    /// Keys and how often each counts.
    pub(super) count: Option<(Few<(&'a Word, u32)>, u32)>,
    /// `None` deletes.
    pub(super) writes: Few<(&'a Word, Option<&'a Word>)>,
}

impl<'a> Spoken<'a> {
    /// What a command claims by this reply, which must not be an impossible one; or, without one, what it may have done
    /// if it did anything.
    pub(super) fn of(command: &'a Command, reply: Option<&'a Reply>) -> Spoken<'a> {
        let mut spoken = Spoken::default();
        match command {
            Command::Get(key) => spoken.read(key, reply),
            Command::MGet(keys) => {
                if let Some(Reply::Array(replies)) = reply {
                    keys.iter().zip(replies).for_each(|(key, reply)| spoken.read(key, Some(reply)));
                }
            }
            Command::Set { key, value, condition, get } => spoken.set(key, value, *condition, *get, reply),
            Command::MSet(pairs) => {
                let last: BTreeMap<&Word, &Word> = pairs.iter().map(|(key, value)| (key, value)).collect();
                spoken.writes = last.into_iter().map(|(key, value)| (key, Some(value))).collect();
            }
            Command::Del(keys) => {
                let mut distinct: Few<&Word> = keys.iter().collect();
                distinct.sort_unstable();
                distinct.dedup();
                spoken.count(distinct.iter().map(|key| (*key, 1)).collect(), reply);
                if reply != Some(&Reply::Integer(0)) {
                    spoken.writes = distinct.into_iter().map(|key| (key, None)).collect();
                }
            }
            Command::Exists(keys) => {
                spoken.count(times(keys), reply);
            }
            Command::FlushAll | Command::DbSize | Command::Ping => {} // the first two speak of keys that they do not name
        }
        spoken
    }

    fn read(&mut self, key: &'a Word, reply: Option<&'a Reply>) {
        match reply {
            Some(Reply::Value(value)) => self.named.push((key, value)),
            Some(Reply::Nil) => self.absent.push(key),
            _ => {}
        }
    }

    fn set(
        &mut self,
        key: &'a Word,
        value: &'a Word,
        condition: Option<Condition>,
        get: bool,
        reply: Option<&'a Reply>,
    ) {
        let has_set = match (condition, reply) {
            (None, _) | (_, None) => true,
            (Some(Condition::Absent), Some(reply)) => (*reply == Reply::Nil) == get,
            (Some(Condition::Present), Some(reply)) => *reply != Reply::Nil,
        };
        match condition {
            Some(condition) if (condition == Condition::Absent) == has_set => self.absent.push(key),
            Some(_) if !matches!(reply, Some(Reply::Value(_))) => self.present.push(key),
            _ => {}
        }
        if get && (condition.is_none() || reply != Some(&Reply::Nil)) {
            self.read(key, reply);
        }
        if has_set {
            self.writes.push((key, Some(value)));
        }
    }

    /// A count that leaves no choice speaks of each key by itself.
    fn count(&mut self, keys: Few<(&'a Word, u32)>, reply: Option<&Reply>) {
        let Some(sum) = reply.and_then(number) else { return };
        if sum == 0 {
            self.absent.extend(keys.iter().map(|(key, _)| *key));
        } else if sum == keys.iter().map(|(_, weight)| *weight).sum::<u32>() {
            self.present.extend(keys.iter().map(|(key, _)| *key));
        } else {
            self.count = Some((keys, sum));
        }
    }
}

/// How often each key is named.
fn times(keys: &[Word]) -> Few<(&Word, u32)> {
    let mut times: Few<(&Word, u32)> = Few::new();
    let mut sorted: Few<&Word> = keys.iter().collect();
    sorted.sort_unstable();
    for key in sorted {
        match times.last_mut() {
            Some((last, times)) if *last == key => *times += 1,
            _ => times.push((key, 1)),
        }
    }
    times
}

fn number(reply: &Reply) -> Option<u32> {
    match reply {
        Reply::Integer(integer) => Some(u32::try_from(*integer).unwrap_or(u32::MAX)),
        _ => None,
    }
}
