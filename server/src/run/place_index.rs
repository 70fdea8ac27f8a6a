//! Where the rows of a layer stand, by the hashes of their names.
//!
//! A hash table of places, numbers of 32 bits. Beside each stands a tag, a byte of the hash, so that a search looks at few
//! rows of other names. A bucket has room for twelve places and fills a cache line of 64 bytes: a search waits for one line
//! here, and for one of the row. A row that finds its bucket full goes to the next one that has room, and sets one of 24
//! bits in those that it has passed. So a search ends at the first bucket that no such row has passed.
//!
//! The number of buckets need not be a power of two, because the layer knows how many rows it has before it indexes them.
//! So seven of eight slots are in use whatever the number of rows, and a row takes 6.1 bytes. A table that doubles would
//! take between 5.7 and 11.4.

/// The places of a bucket.
const SLOTS: usize = 12;

/// How many rows a bucket gets: seven of eight slots. A search looks at 1.2 buckets on average, whether it finds a row or not.
const ROWS: (usize, usize) = (21, 2);

/// A bucket: three words of tags, a word that counts its places, and twelve words of places. It consists of plain numbers,
/// so that the system hands out many of them without writing to each. The allocator aligns them to cache lines.
type Bucket = [u32; 16];

/// The word whose low byte counts the places of a bucket. The others tell which rows have passed it.
const COUNT: usize = 3;

/// The word of the first place.
const PLACES: usize = 4;

/// The places of rows.
#[derive(Clone, Default)]
pub(super) struct PlaceIndex {
    buckets: Vec<Bucket>,
    count: usize,
}

impl PlaceIndex {
    /// An empty one, with room for so many rows.
    pub(super) fn with_room(rows: usize) -> PlaceIndex {
        PlaceIndex { buckets: vec![[0; 16]; (rows * ROWS.1).div_ceil(ROWS.0)], count: 0 }
    }

    /// The place of the row with this hash for which `is_it` says so.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (mut at, tag, passed) = (self.home(hash), tag(hash), passed(hash));
        loop {
            let bucket = self.buckets.get(at)?;
            let mut alike = alike(bucket, tag);
            while alike != 0 {
                let place = bucket[PLACES + alike.trailing_zeros() as usize / 8];
                if is_it(place) {
                    return Some(place);
                }
                alike &= alike - 1;
            }
            if bucket[COUNT] & passed == 0 {
                return None;
            }
            at = self.after(at);
        }
    }

    /// Adds the place of a row that is not there yet. `rehash` gives the hash of the row at a place.
    pub(super) fn insert(&mut self, hash: u64, place: u32, rehash: impl Fn(u32) -> u64) {
        if self.count * ROWS.1 >= self.buckets.len() * ROWS.0 {
            // Only a run that packs better than is believed has more rows than there is room for.
            let mut larger = PlaceIndex::with_room(2 * self.count + SLOTS);
            for bucket in &self.buckets {
                let places = &bucket[PLACES..PLACES + count(bucket)];
                places.iter().for_each(|place| larger.put(rehash(*place), *place));
            }
            *self = larger;
        }
        self.put(hash, place);
    }

    fn put(&mut self, hash: u64, place: u32) {
        let mut at = self.home(hash);
        while count(&self.buckets[at]) == SLOTS {
            self.buckets[at][COUNT] |= passed(hash);
            at = self.after(at);
        }
        let bucket = &mut self.buckets[at];
        let slot = count(bucket);
        bucket[slot / 4] |= u32::from(tag(hash)) << (slot % 4 * 8);
        bucket[PLACES + slot] = place;
        bucket[COUNT] += 1;
        self.count += 1;
    }

    /// What it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    /// The bucket where a search begins: the share of all buckets that the high bits are of the largest number.
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.buckets.len() as u64) >> 32) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.buckets.len() { 0 } else { at + 1 }
    }
}

/// How many places a bucket has.
fn count(bucket: &Bucket) -> usize {
    (bucket[COUNT] & 0xff) as usize
}

/// Where the tags of a bucket equal this one: the highest bit of each such byte. All tags are compared at once. No tag is
/// zero, so empty slots differ.
fn alike(bucket: &Bucket, tag: u8) -> u128 {
    const LOW: u128 = u128::from_ne_bytes([0x7f; 16]);
    let tags = u128::from(bucket[0]) | u128::from(bucket[1]) << 32 | u128::from(bucket[2]) << 64;
    let different = tags ^ u128::from_ne_bytes([tag; 16]);
    !(((different & LOW) + LOW) | different | LOW)
}

/// The tag of a hash: never zero. The bucket depends on other bits.
fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// The bit that a row sets in the buckets that it has passed.
fn passed(hash: u64) -> u32 {
    1 << (8 + u32::from(tag(hash)) % 24)
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hasher as _};

    use super::*;

    fn hash(place: u32) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u32(place);
        hasher.finish()
    }

    #[test]
    fn every_place_is_found_and_no_other() {
        for (rows, room) in [(0, 0), (1, 1), (12, 12), (13, 0), (1000, 1000), (1000, 10), (100_000, 100_000)] {
            let mut index = PlaceIndex::with_room(room);
            (0..rows).for_each(|place| index.insert(hash(place), place, hash));
            for place in 0..rows {
                assert_eq!(index.find(hash(place), |other| other == place), Some(place));
            }
            let mut looks = 0;
            for absent in rows..rows + 10_000 {
                let found = index.find(hash(absent), |_| {
                    looks += 1;
                    false
                });
                assert_eq!(found, None);
            }
            // A bucket has 10.5 tags of 8 bits, and a search looks at 1.2 buckets: that makes 492. Few buckets vary.
            assert!(looks < 1200, "{looks} looks at rows of other names");
        }
    }

    #[test]
    fn rows_with_one_hash_are_all_found() {
        let mut index = PlaceIndex::with_room(100);
        (0..100).for_each(|place| index.insert(u64::MAX, place, |_| u64::MAX));
        assert!((0..100).all(|place| index.find(u64::MAX, |other| other == place) == Some(place)));
        assert_eq!(index.find(u64::MAX, |_| false), None);
        assert_eq!(index.find(0, |_| true), None);
    }

    #[test]
    fn a_row_takes_about_six_bytes_whatever_the_number_of_rows() {
        for rows in [1000, 57_345, 1_000_000, 1_200_000] {
            let each = PlaceIndex::with_room(rows).memory() as f64 / rows as f64;
            assert!((6.0..6.2).contains(&each), "{each}");
        }
    }
}
