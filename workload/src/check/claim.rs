//! Claims: what an operation demands of the keys before, and what it writes to them.
//!
//! A command and its reply become one claim. The search knows claims only, so it judges every command by the same few
//! rules.
//!
//! | operation | demands | writes |
//! |---|---|---|
//! | `GET k` → `v` | `k` is `v` | |
//! | `SET k v` → OK | | `k` = `v` |
//! | `SET k v NX` → nil | `k` is present | |
//! | `DEL a b` → 1 | one of `a` and `b` is present | both are absent |
//! | `DBSIZE` → 3 | three of all keys are present | |

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::operation::{Command, Condition, KeyCommand, Reply, ServerCommand, StringCommand};
use crate::word::Word;

/// A value of a key, as a number. All values that no reply names have the same number.
pub(super) type Value = u32;

/// No value: the key is absent.
pub(super) const ABSENT: Value = 0;
/// Any value that no reply names.
pub(super) const UNNAMED: Value = 1;
/// The first number of a value that some reply names.
pub(super) const FIRST_NAMED: Value = 2;

/// A list without an allocation for the length that most operations need.
pub(super) type Few<T> = SmallVec<[T; 2]>;

/// What must hold for a key before an operation takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Demand {
    /// The key has this value, or is absent if the value is [`ABSENT`].
    Is(Value),
    /// The key has some value.
    Present,
}

impl Demand {
    /// Whether the key must be present.
    pub(super) fn is_presence(self) -> bool {
        self != Demand::Is(ABSENT)
    }
}

/// What an operation needs in order to take effect, and what it then writes. Keys are numbers too.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Claim {
    pub(super) demands: Few<(u32, Demand)>,
    /// The weights of those keys that are present must add up to a sum.
    pub(super) count: Option<Box<Count>>,
    pub(super) writes: Few<(u32, Value)>,
}

/// Keys with their weights, and the sum of the weights of those that must be present.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Count {
    pub(super) keys: Vec<(u32, u32)>,
    pub(super) sum: u32,
}

impl Claim {
    /// The keys that the claim concerns, some more than once.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        let demanded = self.demands.iter().map(|(key, _)| *key);
        let counted = self.count.iter().flat_map(|count| count.keys.iter().map(|(key, _)| *key));
        demanded.chain(counted).chain(self.writes.iter().map(|(key, _)| *key))
    }

    /// Whether the claim cannot change the verdict: it is empty, or its operation is open and writes nothing.
    pub(super) fn is_idle(&self, is_open: bool) -> bool {
        self.writes.is_empty() && (is_open || self.demands.is_empty() && self.count.is_none())
    }

    /// Whether the claim demands anything of a key.
    pub(super) fn looks_at(&self, key: u32) -> bool {
        self.demands.iter().any(|(demanded, _)| *demanded == key)
            || self.count.as_ref().is_some_and(|count| count.keys.iter().any(|(counted, _)| *counted == key))
    }
}

/// A claim in words, before they become numbers.
#[derive(Default)]
pub(super) struct Spoken<'a> {
    /// Keys with the value that they must have.
    pub(super) named: Few<(&'a Word, &'a Word)>,
    pub(super) absent: Few<&'a Word>,
    pub(super) present: Few<&'a Word>,
    /// Keys with their weights, and the sum that the present ones make.
    pub(super) count: Option<(Few<(&'a Word, u32)>, u32)>,
    /// Keys with the value that they get. `None` deletes the key.
    pub(super) writes: Few<(&'a Word, Option<&'a Word>)>,
}

impl<'a> Spoken<'a> {
    /// The claim of a command with this reply, which must be a possible one. Without a reply, the claim says what the
    /// command did if it took effect.
    pub(super) fn of(command: &'a Command, reply: Option<&'a Reply>) -> Spoken<'a> {
        let mut spoken = Spoken::default();
        match command {
            Command::String(command) => spoken.string(command, reply),
            Command::Key(command) => spoken.key(command, reply),
            Command::Server(command) => match command {
                // `translate` states their claims once every key has a number.
                ServerCommand::FlushAll | ServerCommand::DbSize => {}
                ServerCommand::Ping => {}
                ServerCommand::Select(_) | ServerCommand::FlushDb | ServerCommand::SwapDb(..) => {}
            },
            // The claims know registers only. The other judge takes histories with these (`typed`).
            Command::Set(_) | Command::Hash(_) | Command::List(_) | Command::SortedSet(_) => {}
            Command::Transaction(_) | Command::Script(_) => {}
        }
        spoken
    }

    fn string(&mut self, command: &'a StringCommand, reply: Option<&'a Reply>) {
        match command {
            StringCommand::Get(key) => self.read(key, reply),
            StringCommand::MGet(keys) => {
                if let Some(Reply::Array(replies)) = reply {
                    keys.iter().zip(replies).for_each(|(key, reply)| self.read(key, Some(reply)));
                }
            }
            StringCommand::Set { key, value, condition, get } => self.set(key, value, *condition, *get, reply),
            StringCommand::MSet(pairs) => {
                let last: BTreeMap<&Word, &Word> = pairs.iter().map(|(key, value)| (key, value)).collect();
                self.writes = last.into_iter().map(|(key, value)| (key, Some(value))).collect();
            }
            StringCommand::SetFor { .. }
            | StringCommand::GetDel(_)
            | StringCommand::GetEx(..)
            | StringCommand::SetNx(..)
            | StringCommand::GetSet(..)
            | StringCommand::Append(..)
            | StringCommand::IncrBy(..)
            | StringCommand::StrLen(_) => {}
        }
    }

    fn key(&mut self, command: &'a KeyCommand, reply: Option<&'a Reply>) {
        match command {
            KeyCommand::Del(keys) => {
                let mut distinct: Few<&Word> = keys.iter().collect();
                distinct.sort_unstable();
                distinct.dedup();
                self.count(distinct.iter().map(|key| (*key, 1)).collect(), reply);
                if reply != Some(&Reply::Integer(0)) {
                    self.writes = distinct.into_iter().map(|key| (key, None)).collect();
                }
            }
            KeyCommand::Exists(keys) => self.count(times(keys), reply),
            KeyCommand::Rename(..)
            | KeyCommand::Copy { .. }
            | KeyCommand::Move(..)
            | KeyCommand::Expire(..)
            | KeyCommand::ExpireIf(..)
            | KeyCommand::PExpire(..)
            | KeyCommand::Persist(_)
            | KeyCommand::PTtl(_) => {}
        }
    }

    /// Demands what a reply shows of a key.
    fn read(&mut self, key: &'a Word, reply: Option<&'a Reply>) {
        match reply {
            Some(Reply::Value(value)) => self.named.push((key, value)),
            Some(Reply::Nil) => self.absent.push(key),
            // A possible reply to a read is one of the two. A SET without a reply shows nothing.
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

    /// Demands that the present keys make up the count. A count of none or of all is a demand on each key.
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

/// Each key once, with the number of times that the command names it.
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

/// The count in a reply.
pub(super) fn number(reply: &Reply) -> Option<u32> {
    let Reply::Integer(integer) = reply else { return None };
    Some(u32::try_from(*integer).unwrap_or(u32::MAX))
}
