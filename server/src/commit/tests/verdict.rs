//! What the clients were told, held against the chain of stored versions.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::stored::Stored;
use super::{Asked, KEYS, World};
use crate::commit::answer::Refusal;
use crate::resp::Reply;
use crate::root::Root;

impl World {
    /// Compares what the clients were told with the chain of versions. Counts the answers by kind.
    pub(super) fn judge(&self, seed: u64) -> BTreeMap<&'static str, u64> {
        let stored = self.stored.versions.iter().map(|(bytes, _)| state(&self.stored, bytes));
        let states: Vec<BTreeMap<String, String>> = std::iter::once(BTreeMap::new()).chain(stored).collect();
        let mut kinds = BTreeMap::new();
        for key in KEYS {
            let asked = self.asked.iter().filter(|asked| asked.key == key);
            let told: Vec<_> =
                asked.map(|asked| (asked, asked.told.as_ref().expect("an answer to everybody"))).collect();
            let at = |n: usize| states[n].get(key).cloned();
            let values: BTreeSet<String> = (0..states.len()).filter_map(at).collect();
            let mut replaced = BTreeSet::new();
            for (asked, (_, reply)) in &told {
                if let (Some(value), Ok(reply)) = (&asked.value, reply)
                    && *reply != Reply::NullArray
                {
                    let before = text(reply);
                    if let Some(watched) = &asked.watched {
                        let seen = at(watched.generation as usize);
                        assert_eq!(before, seen, "seed {seed}: {value} went on over a change of {watched:?}");
                    }
                    assert!(replaced.insert(before.clone()), "seed {seed}: two writes replaced {before:?}: {value}");
                }
            }
            // Whoever overwrote a value heard of it, unless the outcome of that write is uncertain.
            let (mut unheard, mut uncertain) = (0, 0);
            for (asked, (answered, reply)) in &told {
                let context = format!("seed {seed}: client {} {key} {:?} {reply:?}", asked.client, asked.value);
                let kind = match (&asked.value, reply) {
                    (Some(value), Ok(Reply::NullArray)) => {
                        assert!(!values.contains(value) && !replaced.contains(&Some(value.clone())), "{context}");
                        "refused"
                    }
                    (Some(value), Ok(_)) => {
                        let is_last = at(states.len() - 1).as_ref() == Some(value);
                        unheard += usize::from(!is_last && !replaced.contains(&Some(value.clone())));
                        assert!(*answered > asked.sent, "{context}: nothing was stored meanwhile");
                        if asked.watched.is_some() { "transactions" } else { "writes" }
                    }
                    (None, Ok(reply)) => {
                        let read = text(reply);
                        // A value that another write of its batch replaced stands in no version.
                        let is_stored = read.as_ref().is_none_or(|read| values.contains(read));
                        let is_current = (asked.sent..=*answered).any(|n| at(n) == read);
                        assert!(is_current || !is_stored, "{context}: was not current meanwhile");
                        "reads"
                    }
                    (Some(value), Err(Refusal::NothingHappened)) => {
                        assert!(!values.contains(value), "{context}, and it did");
                        assert!(!replaced.contains(&Some(value.clone())), "{context}, and it did");
                        "TRYAGAIN"
                    }
                    (None, Err(Refusal::NothingHappened)) => "TRYAGAIN",
                    (Some(_), Err(Refusal::Uncertain)) => {
                        uncertain += 1;
                        "UNCERTAIN"
                    }
                    (None, Err(Refusal::Uncertain)) => "UNCERTAIN",
                    (_, Err(Refusal::Unusable(why))) => panic!("{context}: {why}"),
                };
                *kinds.entry(kind).or_default() += 1;
            }
            assert!(unheard <= uncertain, "seed {seed}: {unheard} writes of {key} are lost");
        }
        kinds
    }
}

/// The reply to the write alone, if it is part of a transaction. The transaction reads what it has written.
pub fn alone(reply: Reply, asked: &Asked) -> Reply {
    match reply {
        Reply::Array(mut replies) => {
            assert_eq!(replies.pop().as_ref().and_then(text), asked.value, "a transaction is torn");
            replies.remove(0)
        }
        reply => reply,
    }
}

/// The value that a reply holds.
pub fn text(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Null => None,
        Reply::Bulk(value) => Some(String::from_utf8(value.to_vec()).expect("text")),
        other => panic!("{other:?}"),
    }
}

/// The keys and values of a version.
fn state(stored: &Stored, bytes: &Bytes) -> BTreeMap<String, String> {
    let root = stored.read(Root::decode(bytes, &[]).expect("every version can be read"));
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).expect("text");
    let rows = root.recent.iter().flat_map(|entry| entry.all_rows());
    let newest: BTreeMap<_, _> =
        rows.map(|(_, key, row)| (text(key), row.and_then(|row| row.value().map(&text)))).collect();
    newest.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}
