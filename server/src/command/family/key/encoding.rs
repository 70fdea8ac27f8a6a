//! The encodings that Valkey would choose for keys of some size and content.
//!
//! This server stores every key in rows. But clients look at OBJECT ENCODING to see whether their keys are small, so it
//! answers what a Valkey with the same thresholds would, had it got the content at once. Valkey also remembers: a key that was
//! large keeps the encoding of a large one.

use bytes::Bytes;

use crate::command::arguments::integer;
use crate::knobs::{Packing, Packings};
use crate::row::{OVERHEAD, Row};
use crate::state::Draft;
use crate::value::payload::Whole;
use crate::value::{Kind, whole};

/// The longest string in one piece with its object, in bytes.
const EMBEDDED: usize = 44;
/// The sizes of packed lists that a negative threshold means, from -1 on, in bytes.
const PACKED_LISTS: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
/// The largest packed list if the threshold counts items, in bytes.
const PACKED_LIST: usize = 8 << 10;
/// What a packed list has beside its items, in bytes.
const PACKED_LIST_FRAME: usize = 7;
/// No collection of so many elements is packed, whatever the thresholds say. It is not gathered to find that out.
const PACKED_ELEMENTS: u64 = 8192;

/// The name of the encoding of a key.
pub fn of(draft: &Draft<'_>, key: &[u8], row: &Row) -> &'static str {
    let Row::Head(head) = row else {
        return row.value().map_or("raw", |value| of_string(value));
    };
    // A row counts its overhead at least.
    let is_large = head.size / OVERHEAD > PACKED_ELEMENTS;
    let whole = if is_large { None } else { whole::gather(draft, key) };
    match whole {
        Some(whole) => of_whole(&whole, draft.packings()),
        None => match Kind::of(row) {
            Kind::List => "quicklist",
            Kind::Zset => "skiplist",
            Kind::Stream => "stream",
            _ => "hashtable",
        },
    }
}

fn of_string(value: &[u8]) -> &'static str {
    if integer(value).is_some() {
        "int"
    } else if value.len() <= EMBEDDED {
        "embstr"
    } else {
        "raw"
    }
}

fn of_whole(whole: &Whole, packings: Packings) -> &'static str {
    // Negative thresholds of Valkey would be very large ones; the parameters allow none, but for lists.
    let fits = |size: usize, which: Packing| i64::try_from(size).is_ok_and(|size| size <= packings.get(which));
    match whole {
        Whole::String(value) => of_string(value),
        Whole::List(items) => {
            let size = items.iter().map(|item| packed_size(item)).sum::<usize>() + PACKED_LIST_FRAME;
            let is_packed = match usize::try_from(packings.get(Packing::List)) {
                Ok(most) => items.len() <= most.max(1) && size <= PACKED_LIST,
                Err(_) => {
                    // Like Valkey: numbers below -5 mean the same as -5.
                    let at = usize::try_from(-1 - packings.get(Packing::List)).unwrap_or(0);
                    size <= PACKED_LISTS[at.min(PACKED_LISTS.len() - 1)]
                }
            };
            if is_packed { "listpack" } else { "quicklist" }
        }
        Whole::Set(members) => {
            let is_small = |member: &Bytes| fits(member.len(), Packing::SetBytes);
            if fits(members.len(), Packing::SetIntegers) && members.iter().all(|member| integer(member).is_some()) {
                "intset"
            } else if fits(members.len(), Packing::SetMembers) && members.iter().all(is_small) {
                "listpack"
            } else {
                "hashtable"
            }
        }
        Whole::Hash(fields) => {
            let is_small = |element: &Bytes| fits(element.len(), Packing::HashBytes);
            let is_plain = |(field, value, until): &(Bytes, Bytes, Option<u64>)| {
                is_small(field) && is_small(value) && until.is_none()
            };
            let is_packed = fits(fields.len(), Packing::HashFields) && fields.iter().all(is_plain);
            if is_packed { "listpack" } else { "hashtable" }
        }
        Whole::Zset(members) => {
            let is_small = |(member, _): &(Bytes, f64)| fits(member.len(), Packing::ZsetBytes);
            let is_packed = fits(members.len(), Packing::ZsetMembers) && members.iter().all(is_small);
            if is_packed { "listpack" } else { "skiplist" }
        }
        Whole::Stream(_) => "stream",
    }
}

/// The bytes of an item in a packed list: its header, its content, and its length once more for reading backwards.
fn packed_size(item: &[u8]) -> usize {
    let forward = match integer(item) {
        Some(0..=127) => 1,
        Some(-4096..=4095) => 2,
        Some(-32_768..=32_767) => 3,
        Some(-8_388_608..=8_388_607) => 4,
        Some(-2_147_483_648..=2_147_483_647) => 5,
        Some(_) => 9,
        None if item.len() < 64 => 1 + item.len(),
        None if item.len() < 4096 => 2 + item.len(),
        None => 5 + item.len(),
    };
    let backward = match forward {
        0..=127 => 1,
        128..=16_383 => 2,
        _ => 3,
    };
    forward + backward
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knobs::Knobs;

    #[test]
    fn strings_are_integers_or_short_or_long() {
        for (value, encoding) in
            [("12", "int"), ("-0", "embstr"), ("9223372036854775808", "embstr"), ("", "embstr"), ("012", "embstr")]
        {
            assert_eq!(of_string(value.as_bytes()), encoding, "{value}");
        }
        assert_eq!([44, 45].map(|length| of_string(&vec![b'x'; length])), ["embstr", "raw"]);
    }

    #[test]
    fn small_sets_of_integers_are_packed_tighter_than_others() {
        let set = |count: usize, text: &str| {
            of_whole(
                &Whole::Set((0..count).map(|number| format!("{text}{number}").into()).collect()),
                Packings::default(),
            )
        };
        assert_eq!([set(512, ""), set(513, "")], ["intset", "hashtable"]);
        assert_eq!([set(128, "x"), set(129, "x")], ["listpack", "hashtable"]);
        assert_eq!(set(1, &"x".repeat(64)), "hashtable");
    }

    #[test]
    fn lists_are_packed_up_to_8192_bytes() {
        let list = |lengths: &[usize]| {
            of_whole(
                &Whole::List(lengths.iter().map(|length| vec![b'x'; *length].into()).collect()),
                Packings::default(),
            )
        };
        assert_eq!([list(&[4000, 4000]), list(&[4000, 4200])], ["listpack", "quicklist"]);
    }
    #[test]
    fn a_list_has_at_least_64_kib_below_the_lowest_threshold() {
        let knobs = Knobs::new(None);
        let list = |length: usize, threshold: i64| {
            knobs.set_packing(Packing::List, threshold);
            of_whole(&Whole::List([vec![b'x'; length].into()].into()), knobs.packings())
        };
        for threshold in [-5, -6, i64::from(i32::MIN)] {
            assert_eq!([list(60_000, threshold), list(70_000, threshold)], ["listpack", "quicklist"], "{threshold}");
        }
    }
}
