//! The fate of a PUT whose answer was lost, or was anything but 200.
//!
//! Such an answer proves little. The request may still be under way. A proxy may have sent it twice, so that even a first
//! `412` may come from our own success. A version of `db.json` does prove something, because every version carries the
//! generations of its recent writers.

use crate::id::Id;
use crate::root::{Header, WRITERS};
use crate::zoo::planted;

/// What a version says about a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The version contains it.
    Landed,
    /// It can never land: another version has replaced the one that it was built on.
    Lost,
    /// The version is the one that it was built on. It may still land. The same bytes may be sent again; other bytes may
    /// not.
    Open,
    /// Nobody can tell any more: other servers may have pushed this server's row out of the table since.
    Unknowable,
}

/// Judges `server`'s commit of `ours` by the header of a stored version. A `creation` is a commit that replaces nothing.
pub fn judge(server: Id, ours: &Header, creation: bool, seen: &Header) -> Fate {
    if seen.generation < ours.generation {
        return Fate::Open;
    }
    if creation {
        // The id was drawn for this creation, so it is there if and only if this creation is.
        return if seen.id == ours.id { Fate::Landed } else { Fate::Lost };
    }
    match seen.writers.get(&server).map(|row| &row.own) {
        Some(&last) if last == ours.generation && planted!("own-success-taken-for-conflict") => Fate::Lost,
        Some(&last) if last == ours.generation => Fate::Landed,
        Some(&last) if last < ours.generation => Fate::Lost,
        // A server commits one version at a time, so another server has drawn the same id.
        Some(_) => Fate::Unknowable,
        // The lowest generation leaves first. So a table that was never full, or that still holds an older row, has not
        // pushed ours out: it never was there.
        None if seen.writers.len() < WRITERS => Fate::Lost,
        None if seen.writers.values().any(|other| other.newest() < ours.generation) => Fate::Lost,
        None => Fate::Unknowable,
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::root::Writer;

    fn ids<const N: usize>() -> [Id; N] {
        let mut rng = StdRng::seed_from_u64(1);
        std::array::from_fn(|_| Id::random(&mut rng))
    }

    fn header(id: Id, generation: u64, writers: impl IntoIterator<Item = (Id, u64)>) -> Header {
        let writer = |(id, own)| (id, Writer { own, ..Writer::default() });
        Header { generation, writers: writers.into_iter().map(writer).collect(), ..Header::unborn(id) }
    }

    #[test]
    fn the_version_it_was_built_on_leaves_it_open() {
        let [db, me] = ids();
        assert_eq!(judge(me, &header(db, 8, []), false, &header(db, 7, [(me, 7)])), Fate::Open);
    }

    #[test]
    fn our_entry_with_its_generation_proves_that_it_landed() {
        let [db, me, other] = ids();
        assert_eq!(judge(me, &header(db, 8, []), false, &header(db, 8, [(me, 8)])), Fate::Landed);
        assert_eq!(judge(me, &header(db, 8, []), false, &header(db, 11, [(me, 8), (other, 11)])), Fate::Landed);
    }

    #[test]
    fn an_older_entry_of_ours_proves_that_it_was_lost() {
        let [db, me, other] = ids();
        assert_eq!(judge(me, &header(db, 8, []), false, &header(db, 8, [(me, 5), (other, 8)])), Fate::Lost);
    }

    #[test]
    fn no_entry_in_a_table_that_was_never_full_proves_that_it_was_lost() {
        let [db, me, other] = ids();
        assert_eq!(judge(me, &header(db, 8, []), false, &header(db, 8, [(other, 8)])), Fate::Lost);
    }

    #[test]
    fn a_full_table_proves_that_it_was_lost_only_while_it_holds_an_older_entry() {
        let [db, me] = ids();
        let others = ids::<{ WRITERS + 2 }>();
        let full = |from: u64| header(db, 500, others[2..].iter().copied().zip(from..));
        assert_eq!(judge(me, &header(db, 101, []), false, &full(100)), Fate::Lost);
        assert_eq!(judge(me, &header(db, 100, []), false, &full(101)), Fate::Unknowable);
    }

    #[test]
    fn a_creation_is_judged_by_the_id_that_was_drawn_for_it() {
        let [mine, theirs, me, other] = ids();
        let full: Vec<(Id, u64)> = ids::<{ WRITERS + 4 }>()[4..].iter().copied().zip(100..).collect();
        assert_eq!(judge(me, &header(mine, 1, []), true, &header(mine, 300, full.clone())), Fate::Landed);
        assert_eq!(judge(me, &header(mine, 1, []), true, &header(theirs, 300, full)), Fate::Lost);
        assert_eq!(judge(me, &header(mine, 1, []), true, &header(theirs, 1, [(other, 1)])), Fate::Lost);
    }
}
