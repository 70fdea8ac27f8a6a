//! What servers have to agree on: which database a version is.
//!
//! A version is `db.json` and the runs that it names, and every server comes to it in its own way: one has committed it,
//! another has laid what it lacked over what it had, a third has merged layers meanwhile, and one that has just started
//! has read all of it. All of them have to hold the same keys with the same values.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use valthree::root;
use valthree::state::Database;

use super::place::Place;

/// What every generation has been taken for. Clones are the same.
#[derive(Clone, Default)]
pub struct Agreement(Arc<Mutex<BTreeMap<u64, Taken>>>);

struct Taken {
    by: Place,
    json: Bytes,
    entries: Vec<(Bytes, Bytes)>,
}

impl Agreement {
    /// What is wrong with the version that a server has come to: it contradicts itself, or what was known before.
    pub fn disagrees(&self, server: Place, database: &Database) -> Option<String> {
        let (generation, json, entries) = (database.root.header.generation, database.root.encode(), database.entries());
        if generation == 0 {
            return None; // each imagines the database that it would create
        }
        let size: u64 = entries.iter().map(|(key, value)| root::size(key, value)).sum();
        let (counted, there) = ((database.root.keys, database.size()), (entries.len() as u64, size));
        if counted != there {
            return Some(format!(
                "{server} counts {counted:?} keys and bytes in generation {generation}: {there:?} are there"
            ));
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken =
            all.entry(generation).or_insert_with(|| Taken { by: server, json: json.clone(), entries: entries.clone() });
        if taken.json != json {
            return Some(format!("{server} and {} know different versions of generation {generation}", taken.by));
        }
        let difference = first_difference(&taken.entries, &entries)?;
        Some(format!("{server} and {} take generation {generation} for different databases: {difference}", taken.by))
    }
}

/// The first key that does not have the same value in both.
fn first_difference(one: &[(Bytes, Bytes)], other: &[(Bytes, Bytes)]) -> Option<String> {
    if one == other {
        return None;
    }
    let [one, other] = [one, other].map(|all| all.iter().cloned().collect::<BTreeMap<_, _>>());
    let key = one.keys().chain(other.keys()).filter(|key| one.get(*key) != other.get(*key)).min()?;
    let told = |value: Option<&Bytes>| value.map_or("nothing".to_owned(), |value| format!("{value:?}"));
    Some(format!("{key:?} is {} to the one and {} to the other", told(other.get(key)), told(one.get(key))))
}
