//! Random elements: what `HRANDFIELD`, `SRANDMEMBER` and `SPOP` have in common.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, integer};
use crate::resp::Reply;
use crate::state::Draft;
use crate::state::order::Order;
use crate::value::chance::Chance;

/// How many bytes of elements a client may draw with repetition: otherwise it could ask a set of one member for a reply of
/// any size. The largest reply of this kind takes some memory twice, as elements and in the protocol.
const MOST_DRAWN: usize = 64 << 20;

/// What a drawn element counts beyond its bytes: its place in the reply.
const DRAWN_OVERHEAD: usize = 32;

/// The error for a number that leads to a reply beyond all bounds.
pub const OUT_OF_RANGE: Reply = Reply::fault("ERR value is out of range");

/// The number of elements that a client wants. A negative number allows repetitions.
pub fn sample_size(word: &[u8]) -> Result<i64, Reply> {
    let count = integer(word).ok_or(NOT_AN_INTEGER)?;
    if count == i64::MIN {
        let (least, most) = (-i64::MAX, i64::MAX);
        return Err(Reply::error(format!("ERR value is out of range, value must between {least} and {most}")));
    }
    Ok(count)
}

/// The name of one element, if there is any.
pub fn one(draft: &Draft<'_>, order: &Order) -> Option<Bytes> {
    if order.is_empty() {
        return None;
    }
    Some(name_at(order, Chance::of(draft).below(order.len())))
}

/// The names of different elements: all of them if there are not more.
pub fn different(draft: &Draft<'_>, order: &Order, wanted: usize) -> Vec<Bytes> {
    if wanted >= order.len() {
        return order.iter().map(|place| place.name()).collect();
    }
    // Floyd's method: each number below the bound is as likely as any other one.
    let mut chance = Chance::of(draft);
    let mut chosen = BTreeSet::new();
    for highest in order.len() - wanted..order.len() {
        let number = chance.below(highest + 1);
        chosen.insert(if chosen.contains(&number) { highest } else { number });
    }
    chosen.into_iter().map(|at| name_at(order, at)).collect()
}

/// A sample of a size that [`sample_size`] has parsed. `weigh` tells how many bytes an element has in the reply.
pub fn sample<Drawn>(
    draft: &Draft<'_>,
    order: &Order,
    size: i64,
    look: impl Fn(Bytes) -> Drawn,
    weigh: impl Fn(&Drawn) -> usize,
) -> Result<Vec<Drawn>, Reply> {
    let wanted = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
    if size >= 0 {
        return Ok(different(draft, order, wanted).into_iter().map(look).collect());
    }
    if wanted > MOST_DRAWN / DRAWN_OVERHEAD && !order.is_empty() {
        return Err(OUT_OF_RANGE); // before the work of drawing
    }
    let (mut sample, mut bytes, mut chance) = (Vec::new(), 0, Chance::of(draft));
    while !order.is_empty() && sample.len() < wanted {
        let drawn = look(name_at(order, chance.below(order.len())));
        bytes += weigh(&drawn) + DRAWN_OVERHEAD;
        if bytes > MOST_DRAWN {
            return Err(OUT_OF_RANGE);
        }
        sample.push(drawn);
    }
    Ok(sample)
}

fn name_at(order: &Order, at: usize) -> Bytes {
    order.at(at).expect("the position is below the length").name()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::run::Salt;
    use crate::state::Database;

    fn order(places: u64) -> Order {
        let mut order = Order::new();
        (0..places).for_each(|rank| assert!(order.insert(rank, rank.to_string().as_bytes())));
        order
    }

    #[test]
    fn different_elements_are_as_many_as_wanted() {
        let database = Database::unborn(Id::default(), Salt::default());
        let draft = Draft::new(&database, None, 0);
        for wanted in [0, 1, 5, 9, 10, 11, usize::MAX] {
            let mut names = different(&draft, &order(10), wanted);
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), wanted.min(10));
        }
    }

    #[test]
    fn every_element_is_drawn_about_as_often() {
        let database = Database::unborn(Id::default(), Salt::default());
        let draft = Draft::new(&database, None, 0);
        let mut drawn = [0_u32; 4];
        for _ in 0..4000 {
            for name in different(&draft, &order(4), 2) {
                let at: usize = std::str::from_utf8(&name).ok().and_then(|name| name.parse().ok()).expect("a number");
                drawn[at] += 1;
            }
        }
        assert!(drawn.iter().all(|times| (1800..2200).contains(times)), "{drawn:?}");
    }

    #[test]
    fn a_sample_with_repetitions_is_bounded() {
        let database = Database::unborn(Id::default(), Salt::default());
        let draft = Draft::new(&database, None, 0);
        let sample = |size| sample(&draft, &order(1), size, |name| name, |_| 1 << 20).map(|names| names.len());
        assert_eq!(sample(-60), Ok(60));
        assert_eq!(sample(-70), Err(OUT_OF_RANGE));
        assert_eq!(sample(70), Ok(1));
    }
}
