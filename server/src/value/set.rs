//! Sets: members without order.
//!
//! A [`Set`] is the handle that commands work with. It keeps the length in the head right, and it writes nothing where
//! nothing changes.

use bytes::Bytes;

use super::collection::{self, Collection, Kind};
use crate::resp::Reply;
use crate::row::{Row, Shape};
use crate::state::{By, Draft, order::Order};
use crate::zoo::planted;

#[cfg(test)]
mod tests;

/// A set while a command works on it. Changes last once they are kept by [`Set::keep`].
#[derive(Clone, Debug)]
pub struct Set(Collection);

impl Set {
    /// The set under a key. An error if the key is of another type.
    pub fn open(draft: &Draft<'_>, key: &[u8]) -> Result<Option<Set>, Reply> {
        Ok(collection::open(draft, key, Kind::Set)?.map(Set))
    }

    /// A set without members.
    pub fn new(draft: &mut Draft<'_>) -> Set {
        Set(Collection::new(draft, Shape::Set { length: 0 }))
    }

    /// The set under a key, or a new one.
    pub fn open_or_new(draft: &mut Draft<'_>, key: &[u8]) -> Result<Set, Reply> {
        let set = Set::open(draft, key)?;
        Ok(set.unwrap_or_else(|| Set::new(draft)))
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        match self.0.head.shape {
            Shape::Set { length } => usize::try_from(length).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is a member.
    pub fn has(&self, draft: &Draft<'_>, member: &[u8]) -> bool {
        self.0.get(draft, member).is_some()
    }

    /// The members by a hash of their bytes, which is the same on every server.
    pub fn members(&self, draft: &Draft<'_>) -> Order {
        self.0.order(draft, By::Hash)
    }

    /// The bytes of all members, and a constant for each.
    pub fn size(&self) -> u64 {
        self.0.head.size
    }

    /// Adds a member. Returns whether it is a new one.
    pub fn add(&mut self, draft: &mut Draft<'_>, member: &Bytes) -> bool {
        let is_new = !self.has(draft, member);
        if is_new {
            self.0.add(draft, member.clone(), Row::Member);
            self.set_length(self.len() as u64 + 1);
        }
        is_new
    }

    /// Removes a member. Returns whether it was one.
    pub fn remove(&mut self, draft: &mut Draft<'_>, member: &Bytes) -> bool {
        let row = self.0.row(draft, member);
        let was_member = row.as_ref().is_some_and(|row| draft.lives(row));
        if was_member {
            self.0.exchange(draft, member.clone(), row, None);
            self.set_length(self.len() as u64 - u64::from(!planted!("srem-keeps-the-length")));
        }
        was_member
    }

    /// Writes the head, if something was changed. A set without members is deleted.
    pub fn keep(self, draft: &mut Draft<'_>, key: &Bytes) {
        self.0.keep(draft, key.clone());
    }

    /// Puts a set of these members under a key, whatever stood there. Without members it deletes the key. Returns how many
    /// members there are.
    pub fn store(draft: &mut Draft<'_>, key: &Bytes, members: &[Bytes]) -> usize {
        if members.is_empty() {
            draft.delete(key);
            return 0;
        }
        let mut set = Set::new(draft);
        for member in members {
            set.add(draft, member);
        }
        let length = set.len();
        set.keep(draft, key);
        length
    }

    fn set_length(&mut self, length: u64) {
        self.0.head.shape = Shape::Set { length };
    }
}
