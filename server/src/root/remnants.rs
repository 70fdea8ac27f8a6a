//! What a fold leaves in `kept` of the entries that it moves into a run, and a squash of those that it makes one of.
//!
//! A run has rows only, and so has the entry of a squash. Any other entry may also have replies to the offers of other
//! servers, and messages. Somebody may not have seen them yet: an origin that looks for its replies, a server that is some
//! versions behind and has subscribers. So the commit that takes entries away moves into `kept` what may still be needed, of
//! all these entries and of `kept` before:
//!
//! | part | needed |
//! |---|---|
//! | `of` | until the table of writers says that the origin has the reply (`had`) |
//! | `said` | for the next [`SAID_FOR`] generations |
//!
//! `kept` takes at most [`KEPT`] bytes, and the oldest go first. Whoever missed them learns that the outcome is uncertain, or
//! misses messages, as pub/sub allows. An entry that is longer than that alone is not kept.

use std::sync::Arc;

use super::entry::Entry;
use super::header::Header;
use super::limits::{KEPT, SAID_FOR};
use super::told::{Kept, OfferAnswers, Said, kept_size};

/// What is left of old entries in a version with this header. `kept` is what the version before had, and `gone` are the
/// entries that the version drops, both in the order of their generations.
pub fn remnants<'a>(kept: &[Kept], gone: impl Iterator<Item = &'a Arc<Entry>>, header: &Header) -> Vec<Kept> {
    let old = kept.iter().map(|kept| (kept.generation, &kept.of, &kept.said));
    let new = gone.map(|entry| (entry.generation(), &entry.parts().of, &entry.parts().said));
    let needed = old.chain(new).map(|(generation, of, said)| Kept {
        generation,
        of: unseen(of, header),
        said: if generation + SAID_FOR > header.generation { said.clone() } else { Vec::<Said>::new() },
    });
    let mut needed: Vec<Kept> = needed.filter(|kept| !kept.of.is_empty() || !kept.said.is_empty()).collect();
    // The size of each alone includes a pair of brackets, and so at least the comma that parts it from the next.
    let mut room = KEPT;
    let newest = needed.iter().rev().map(|kept| kept_size(std::slice::from_ref(kept)));
    let fitting = newest.take_while(|size| room.checked_sub(*size).map(|left| room = left).is_some()).count();
    needed.drain(..needed.len() - fitting);
    needed
}

/// The replies that their origins do not have yet, as far as the table of writers says. A server that it does not name may
/// need all of them.
fn unseen(of: &OfferAnswers, header: &Header) -> OfferAnswers {
    let unseen = of.iter().map(|(origin, offers)| {
        let had = header.writers.get(origin).map_or(0, |writer| writer.had);
        (*origin, offers.range(had + 1..).map(|(number, answers)| (*number, answers.clone())).collect())
    });
    unseen.filter(|(_, offers): &(_, std::collections::BTreeMap<_, _>)| !offers.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::Id;
    use crate::root::{EntryParts, OfferAnswer, SaidKind, Writer};

    fn id(number: u64) -> Id {
        Id::parse(&format!("{number:032x}")).unwrap()
    }

    fn answers(origin: u64, numbers: impl IntoIterator<Item = u64>) -> OfferAnswers {
        let answer = |number| (number, vec![OfferAnswer::Here(Bytes::from("+OK\r\n"))]);
        [(id(origin), numbers.into_iter().map(answer).collect())].into()
    }

    fn message(length: usize) -> Vec<Said> {
        vec![Said { kind: SaidKind::Message, channel: Bytes::from("c"), message: "m".repeat(length).into() }]
    }

    fn entry(generation: u64, of: OfferAnswers, said: Vec<Said>) -> Arc<Entry> {
        Arc::new(Entry::new(EntryParts { of, said, ..EntryParts::new(generation, id(1)) }))
    }

    fn header(generation: u64) -> Header {
        let writer = Writer { included: 1, offers: 9, had: 4, ..Writer::default() };
        Header { generation, writers: [(id(2), writer)].into(), ..Header::unborn(id(0)) }
    }

    #[test]
    fn replies_are_kept_until_their_origin_has_them() {
        let entries = [entry(5, answers(2, 3..=6), Vec::new()), entry(6, answers(3, [1]), Vec::new())];
        let kept = remnants(&[], entries.iter(), &header(1_000));
        let expected = [(5, answers(2, [5, 6])), (6, answers(3, [1]))];
        assert_eq!(kept, expected.map(|(generation, of)| Kept { generation, of, said: Vec::new() }));
        let mut later = header(2_000);
        later.writers.get_mut(&id(2)).unwrap().had = 6;
        let left = remnants(&kept, [].iter(), &later);
        assert_eq!(left, [kept[1].clone()], "an origin without a row in the table may need its replies for ever");
    }

    #[test]
    fn messages_are_kept_for_some_generations() {
        let entries = [entry(7, OfferAnswers::new(), message(1)), entry(8, OfferAnswers::new(), message(1))];
        for (generation, expected) in [(9, vec![7, 8]), (38, vec![7, 8]), (39, vec![8]), (40, vec![])] {
            let kept = remnants(&[], entries.iter(), &header(generation));
            assert_eq!(kept.iter().map(|kept| kept.generation).collect::<Vec<_>>(), expected, "in {generation}");
            let later = remnants(&kept, [].iter(), &header(generation));
            assert_eq!(later, kept);
        }
    }

    #[test]
    fn the_oldest_go_where_there_is_no_room() {
        let kept = [Kept { generation: 1, of: answers(3, [1]), said: Vec::new() }];
        let entries: Vec<_> =
            (2..6).map(|generation| entry(generation, OfferAnswers::new(), message(100_000))).collect();
        let left = remnants(&kept, entries.iter(), &header(6));
        assert_eq!(left.iter().map(|kept| kept.generation).collect::<Vec<_>>(), [4, 5]);
        assert!(kept_size(&left) <= KEPT);
        let too_long = entry(6, OfferAnswers::new(), message(KEPT));
        assert_eq!(remnants(&left, [too_long].iter(), &header(7)), []);
    }

    #[test]
    fn what_fits_to_the_byte_is_kept() {
        let alone = |length| Kept { generation: 6, of: OfferAnswers::new(), said: message(length) };
        let rest = kept_size(&[alone(0)]);
        for (length, fits) in [(KEPT - rest, true), (KEPT - rest + 1, false)] {
            let entry = entry(6, OfferAnswers::new(), message(length));
            let left = remnants(&[], [entry].iter(), &header(7));
            assert_eq!(left.len(), usize::from(fits), "{length}");
        }
        let small: Vec<_> = (1..30).map(|generation| entry(generation, OfferAnswers::new(), message(9_001))).collect();
        let left = remnants(&[], small.iter(), &header(30));
        assert!(left.len() < small.len() && kept_size(&left) <= KEPT && kept_size(&left) > KEPT - 9_100);
    }
}
