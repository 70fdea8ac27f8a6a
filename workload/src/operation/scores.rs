//! The members of a sorted set with their scores, and how a command changes them.

use std::collections::BTreeMap;

use super::reply::Reply;
use super::state::{State, TypedValue};
use crate::word::Word;

/// Members with their scores.
pub(super) type Scores = BTreeMap<Word, i64>;

/// The members of a sorted set with their scores. Those of an absent key are none.
pub(super) fn scores_of(state: &State, database: u8, key: &Word) -> Result<Scores, Reply> {
    match state.entry(database, key).map(|entry| &entry.value) {
        None => Ok(BTreeMap::new()),
        Some(TypedValue::SortedSet(members)) => Ok(members.clone()),
        Some(_) => Err(Reply::wrong_type()),
    }
}

/// Changes the members of a sorted set.
pub(super) fn alter(
    state: &mut State,
    database: u8,
    key: &Word,
    change: impl FnOnce(&mut Scores) -> Reply,
) -> Result<Reply, Reply> {
    let mut members = scores_of(state, database, key)?;
    let reply = change(&mut members);
    state.change(database, key, TypedValue::SortedSet(members));
    Ok(reply)
}

/// Gives a key these members, whatever it held before. Returns their number.
pub(super) fn replace(state: &mut State, database: u8, key: &Word, members: Scores) -> Reply {
    let size = Reply::count(members.iter());
    state.replace(database, key, TypedValue::SortedSet(members));
    size
}
