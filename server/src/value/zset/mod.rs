//! Sorted sets: members with a score.
//!
//! A [`Zset`] is the handle that commands work with. It keeps the length in the head right, and it writes nothing where
//! nothing changes. Members are sorted by score, and by their bytes where scores are equal. [`Extent`] names a part of that
//! order, and [`Extent::positions`] finds it.
//!
//! A score is stored in the spelling of ZSCORE, which reads back as the same number. Minus zero becomes zero, as in the
//! small sorted sets of Valkey.

use std::ops::Range;

use bytes::Bytes;

use crate::resp::Reply;
use crate::row::{Row, Shape};
use crate::state::order::{Order, Spot};
use crate::state::{By, Draft, rank_of_score, score_of_rank};
use crate::value::collection::{self, Collection, Kind};
use crate::value::number;

mod extent;
#[cfg(test)]
mod tests;

pub use extent::{Extent, NameBound};

/// A sorted set while a command works on it. Changes last once they are kept by [`Zset::keep`].
#[derive(Clone, Debug)]
pub struct Zset(Collection);

/// A member with its score.
pub type Scored = (Bytes, f64);

impl Zset {
    /// The sorted set under a key. An error if the key is of another type.
    pub fn open(draft: &Draft<'_>, key: &[u8]) -> Result<Option<Zset>, Reply> {
        Ok(collection::open(draft, key, Kind::Zset)?.map(Zset))
    }

    /// A sorted set without members.
    pub fn new(draft: &mut Draft<'_>) -> Zset {
        Zset(Collection::new(draft, Shape::Zset { length: 0 }))
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        match self.0.head.shape {
            Shape::Zset { length } => usize::try_from(length).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    pub fn score(&self, draft: &Draft<'_>, member: &[u8]) -> Option<f64> {
        score_of(&self.0.get(draft, member)?)
    }

    /// Gives a member a score, which is a number. Returns the score it had. An equal score is not written.
    pub fn set(&mut self, draft: &mut Draft<'_>, member: &Bytes, score: f64) -> Option<f64> {
        let set = self.update(draft, member, |_| Ok(Some(score)));
        set.ok().and_then(|(old, _)| old)
    }

    /// Gives a member the score that `choose` makes of its old one, if it chooses any. Returns both. An equal score is not
    /// written.
    pub fn update(
        &mut self,
        draft: &mut Draft<'_>,
        member: &Bytes,
        choose: impl FnOnce(Option<f64>) -> Result<Option<f64>, Reply>,
    ) -> Result<(Option<f64>, Option<f64>), Reply> {
        let row = self.0.row(draft, member);
        let old = row.as_ref().filter(|row| draft.lives(row)).and_then(score_of);
        let new = choose(old)?;
        if let Some(score) = new.filter(|new| old != Some(*new)) {
            debug_assert!(!score.is_nan(), "commands refuse what is not a number");
            // The sum of both zeros is the positive one. All other numbers stay what they are.
            let text = number::format_double(score + 0.0);
            let replaced = self.0.exchange(draft, member.clone(), row, Some(Row::Value(text.into())));
            self.grow(usize::from(replaced.is_none()), 0);
        }
        Ok((old, new))
    }

    /// Removes a member and returns its score.
    pub fn remove(&mut self, draft: &mut Draft<'_>, member: &Bytes) -> Option<f64> {
        let row = self.0.row(draft, member);
        let old = row.as_ref().filter(|row| draft.lives(row)).and_then(score_of)?;
        self.0.exchange(draft, member.clone(), row, None);
        self.grow(0, 1);
        Some(old)
    }

    /// The members by score.
    pub fn order(&self, draft: &Draft<'_>) -> Order {
        self.0.order(draft, By::Score)
    }

    /// The members by a hash of their bytes, which is the same on every server.
    pub fn scattered(&self, draft: &Draft<'_>) -> Order {
        self.0.order(draft, By::Hash)
    }

    /// The position and the score of a member. With `backwards` the position is counted from the highest score.
    pub fn rank(&self, draft: &Draft<'_>, member: &[u8], backwards: bool) -> Option<(usize, f64)> {
        let score = self.score(draft, member)?;
        let position = self.order(draft).rank_of(rank_of_score(score), member).ok()?;
        Some((if backwards { self.len() - 1 - position } else { position }, score))
    }

    /// Writes the head, if something was changed. A sorted set without members is deleted.
    pub fn keep(self, draft: &mut Draft<'_>, key: &Bytes) {
        self.0.keep(draft, key.clone());
    }

    /// Removes the members at some positions, and keeps the rest.
    ///
    /// If no member is left, this deletes the key and writes nothing about the members: nobody can reach them any more.
    pub fn cut(mut self, draft: &mut Draft<'_>, key: &Bytes, positions: Range<usize>) {
        if positions.len() == self.len() {
            draft.delete(key);
            return;
        }
        // Whoever holds an order while it changes has its nodes copied.
        let names = |order: Order| -> Vec<Bytes> {
            order.iter_from(positions.start).take(positions.len()).map(|place| place.name()).collect()
        };
        for name in names(self.order(draft)) {
            self.remove(draft, &name);
        }
        self.keep(draft, key);
    }

    /// Puts a sorted set of these members under a key, whatever stood there. Without members it deletes the key. Returns
    /// how many members there are.
    pub fn store(draft: &mut Draft<'_>, key: &Bytes, members: Vec<Scored>) -> usize {
        if members.is_empty() {
            draft.delete(key);
            return 0;
        }
        let mut zset = Zset::new(draft);
        for (member, score) in &members {
            zset.set(draft, member, *score);
        }
        let length = zset.len();
        zset.keep(draft, key);
        length
    }

    fn grow(&mut self, added: usize, removed: usize) {
        if let Shape::Zset { length } = &mut self.0.head.shape {
            *length = *length + added as u64 - removed as u64;
        }
    }
}

/// The score that a row holds.
fn score_of(row: &Row) -> Option<f64> {
    std::str::from_utf8(row.value()?).ok()?.parse().ok()
}

/// A place in the order of scores as a member with its score.
pub fn scored(place: Spot<'_>) -> Scored {
    (place.name(), score_of_rank(place.rank))
}

/// The members at some positions. With `backwards` the highest comes first.
pub fn members(order: &Order, positions: Range<usize>, backwards: bool) -> Vec<Scored> {
    match positions.end.checked_sub(1) {
        Some(last) if backwards => order.iter_back_from(last).take(positions.len()).map(scored).collect(),
        _ => order.iter_from(positions.start).take(positions.len()).map(scored).collect(),
    }
}
