//! Whether one version can have become another.
//!
//! Somebody may put an old copy of `db.json` back, and other servers may then write past the generation that this server
//! knows. The higher generation alone looks like progress. The table of writers gives it away: each row only grows, and
//! a row leaves a full table only when it is the lowest. So acknowledged writes that were rolled back are noticed by
//! every server that knew a row of their commits, its own above all.

use crate::root::{Header, WRITERS};

/// Says why `later`, of a higher generation, cannot have come from `earlier`, if it cannot.
pub fn breach(earlier: &Header, later: &Header) -> Option<String> {
    if later.base < earlier.base || later.swept < earlier.swept {
        return Some("has gone back: it forgets what was flushed or swept".into());
    }
    if later.now < earlier.now {
        return Some(format!("has gone back: its time was {} and is {}", earlier.now, later.now));
    }
    earlier.writers.iter().find_map(|(writer, known)| match later.writers.get(writer) {
        Some(row) if row.own >= known.own && row.included >= known.included => None,
        Some(row) => {
            let (was, is) = (known.newest(), row.newest());
            Some(format!("has gone back: {writer} committed generation {was}, and it knows {is} only"))
        }
        // The lowest row leaves first, so every row that stayed is higher.
        None if later.writers.len() == WRITERS && later.writers.values().all(|row| row.newest() > known.newest()) => {
            None
        }
        None => {
            let was = known.newest();
            Some(format!("has gone back: {writer} committed generation {was}, and it does not know of that"))
        }
    })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::id::Id;
    use crate::root::Writer;

    fn header(generation: u64, writers: &[(Id, u64)]) -> Header {
        let id = Id::parse(&format!("{:032x}", 1)).expect("an id");
        let writer = |&(id, own): &(Id, u64)| (id, Writer { own, ..Writer::default() });
        Header { generation, writers: writers.iter().map(writer).collect(), ..Header::unborn(id) }
    }

    fn ids(count: usize) -> Vec<Id> {
        let mut rng = StdRng::seed_from_u64(1);
        (0..count).map(|_| Id::random(&mut rng)).collect()
    }

    #[test]
    fn every_later_version_of_a_chain_can_come_from_every_earlier_one() {
        let servers = ids(2 * WRITERS);
        let mut rng = StdRng::seed_from_u64(2);
        let mut chain = vec![header(1, &[])];
        for _ in 0..500 {
            let mut next = chain[chain.len() - 1].clone();
            next.generation += 1;
            next.sign(servers[rng.random_range(0..servers.len())]);
            chain.push(next);
        }
        for (nth, later) in chain.iter().enumerate() {
            for earlier in &chain[..nth] {
                assert_eq!(breach(earlier, later), None, "{} to {}", earlier.generation, later.generation);
            }
        }
    }

    #[test]
    fn a_copy_that_was_put_back_and_written_past_is_noticed() {
        let [me, other] = ids(2)[..] else { unreachable!() };
        let known = header(17, &[(me, 17), (other, 12)]);
        assert!(breach(&known, &header(18, &[(me, 15), (other, 18)])).is_some(), "a row went back");
        assert!(breach(&known, &header(18, &[(other, 18)])).is_some(), "a row left a table that is not full");
        let full: Vec<_> = ids(WRITERS + 2)[2..].iter().copied().zip(1000..).collect();
        assert_eq!(breach(&known, &header(2000, &full)), None, "many servers have committed since");
        let with_older: Vec<_> = full.iter().copied().skip(1).chain([(other, 16)]).collect();
        assert!(breach(&known, &header(2000, &with_older)).is_some(), "a lower row would have left first");
        let flushed = Header { base: 3, ..header(17, &[]) };
        assert!(breach(&flushed, &header(18, &[(me, 18)])).is_some(), "a flush was forgotten");
    }
}
