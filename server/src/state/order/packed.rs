//! Places with short names, side by side in one buffer.
//!
//! ```text
//! ranks: count · width | ends: count · end_width | prefix | suffixes
//! ```
//!
//! A leaf holds up to 64 places, and neighbors are alike. So the buffer has only what tells them apart:
//!
//! - A rank is `base + (number << shift)`. The numbers take as few bytes as the largest of them needs. Scores that are
//!   whole numbers end with many zero bits, and take two or three bytes of eight. Positions of a list take one or two.
//! - All names begin with the prefix. It is cut off, and stands here once.
//! - An end says where a suffix ends. If all names are empty, as in the order of a list, ends take no byte.
//!
//! Names are copied, although layers have them, too. A reference of four bytes would be shorter than many names, but it
//! would keep the layer in memory: after a merge, one order would keep a whole run twice. Also a search would leave the
//! buffer for each name that it compares.
//!
//! A change moves the bytes behind it. If a place does not fit, because its rank or its name is too unlike the others, all
//! are unpacked and packed anew. Both take time for one leaf at most.

use std::cmp::Ordering;
use std::ops::Range;

use super::loose::LoosePlaces;
use super::place::Spot;

/// The longest prefix that the names share.
const LONGEST_PREFIX: usize = u8::MAX as usize;

/// What a buffer may be too large by besides its length, in bytes, after a place has left it.
const SPARE: usize = 4096;

/// How many places a buffer grows by when it is full. Doubling would leave a third of the memory of all leaves unused.
const GROWTH: usize = 8;

/// The distance between the ranks that a search looks at first. It is near the square root of the number of places, so
/// both parts of a search are short.
const STRIDE: usize = 8;

/// Up to 255 places in ascending order. No name is long.
#[derive(Clone, Default)]
pub(super) struct PackedPlaces {
    base: u64,
    bytes: Vec<u8>,
    count: u8,
    shift: u8,
    /// The bytes of a rank.
    width: u8,
    /// The bytes of an end.
    end_width: u8,
    /// The length of the prefix.
    prefix: u8,
}

impl PackedPlaces {
    /// Packs the places of a range, none of which has a long name, into exactly as much memory as they need.
    pub(super) fn of(loose: &LoosePlaces, range: Range<usize>) -> PackedPlaces {
        let ranks = loose.ranks(range.clone());
        let (Some(&lowest), Some(&highest)) = (ranks.first(), ranks.last()) else { return PackedPlaces::default() };
        let bits = ranks.iter().fold(0, |bits, rank| bits | (rank - lowest));
        let shift = if bits == 0 { 0 } else { bits.trailing_zeros() as u8 };
        let span = (highest - lowest) >> shift;
        let width = bytes_of(span);
        // As many ranks fit in below the lowest one as above the highest one: a list grows at both ends.
        let slack = ((mask(width) - span) / 2).min(lowest >> shift);
        let base = lowest - (slack << shift);
        let shared = loose.shared(range.clone(), LONGEST_PREFIX);
        let suffixes = loose.end(range.end) - loose.end(range.start) - shared.len() * ranks.len();
        let end_width = bytes_of(suffixes as u64);
        let numbers = ranks.len() * usize::from(width + end_width);
        let mut bytes = Vec::with_capacity(numbers + shared.len() + suffixes);
        for rank in ranks {
            put_number(&mut bytes, (rank - base) >> shift, width);
        }
        let mut end = 0;
        for at in range.clone() {
            end += loose.short_name(at).len() - shared.len();
            put_number(&mut bytes, end as u64, end_width);
        }
        bytes.extend_from_slice(shared);
        range.for_each(|at| bytes.extend_from_slice(&loose.short_name(at)[shared.len()..]));
        PackedPlaces { base, bytes, count: ranks.len() as u8, shift, width, end_width, prefix: shared.len() as u8 }
    }

    /// Appends the places of a range to others.
    pub(super) fn unpack(&self, range: Range<usize>, loose: &mut LoosePlaces) {
        range.for_each(|at| loose.push(self.get(at)));
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// The bytes that the places take.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of memory that the places take.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// The place at a position.
    pub(super) fn get(&self, at: usize) -> Spot<'_> {
        Spot::of_parts(self.base + (self.number(at) << self.shift), self.prefix(), self.suffix(at))
    }

    /// The position of a place, or the position that it would get.
    pub(super) fn search(&self, rank: u64, name: &[u8]) -> Result<usize, usize> {
        let Some(distance) = rank.checked_sub(self.base) else { return Err(0) };
        let number = distance >> self.shift;
        let is_between = number << self.shift != distance;
        let first = self.count_lower(number + u64::from(is_between));
        if is_between || first == self.len() || self.number(first) != number {
            return Err(first);
        }
        if name.is_empty() {
            // The lowest name of all, and the only one in the order of a list. To compare no bytes takes as long as all else here:
            // the processor stumbles over the address of an empty text.
            let is_there = self.prefix == 0 && self.suffix(first).is_empty();
            return if is_there { Ok(first) } else { Err(first) };
        }
        let mut after = first + 1;
        while after < self.len() && self.number(after) == number {
            after += 1;
        }
        let prefix = self.prefix();
        let start = &name[..name.len().min(prefix.len())];
        if start != prefix {
            // A name that is shorter than the prefix is lower than all that begin with it.
            return Err(if start < prefix { first } else { after });
        }
        let suffix = &name[prefix.len()..];
        let (mut low, mut high) = (first, after);
        while low < high {
            let middle = (low + high) / 2;
            match self.suffix(middle).cmp(suffix) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Adds a place at its position.
    pub(super) fn insert(&mut self, at: usize, spot: Spot<'_>) {
        match self.parts(spot) {
            Some((number, length)) => self.insert_alike(at, number, spot, length),
            None => {
                let mut loose = LoosePlaces::default();
                self.unpack(0..at, &mut loose);
                loose.push(spot);
                self.unpack(at..self.len(), &mut loose);
                *self = PackedPlaces::of(&loose, 0..loose.len());
            }
        }
    }

    /// The number of a place and the length of its suffix, if it fits in as the others are packed.
    fn parts(&self, spot: Spot<'_>) -> Option<(u64, usize)> {
        let distance = spot.rank.checked_sub(self.base)?;
        let number = distance >> self.shift;
        let suffix = spot.name_len().checked_sub(self.prefix().len())?;
        let fits = number << self.shift == distance
            && number <= mask(self.width)
            && (self.end(self.len()) + suffix) as u64 <= mask(self.end_width)
            && spot.begins_with(self.prefix());
        (fits && !self.bytes.is_empty()).then_some((number, suffix))
    }

    /// Adds a place that fits in.
    fn insert_alike(&mut self, at: usize, number: u64, spot: Spot<'_>, length: usize) {
        let (count, width, end_width) = (self.len(), usize::from(self.width), usize::from(self.end_width));
        let (old, added) = (self.bytes.len(), width + end_width + length);
        if self.bytes.capacity() < old + added {
            // An order of few places, of which there may be many, takes less at once.
            self.bytes.reserve_exact(added * GROWTH.min(count + 1));
        }
        let (ends, names) = (count * width, count * (width + end_width));
        let start = self.end(at);
        let cut = names + usize::from(self.prefix) + start;
        let bytes = &mut self.bytes;
        bytes.resize(old + added, 0);
        // From behind, since each part moves over the next one.
        bytes.copy_within(cut..old, cut + added);
        bytes.copy_within(names..cut, names + width + end_width);
        bytes.copy_within(ends + at * end_width..names, ends + width + (at + 1) * end_width);
        bytes.copy_within(ends..ends + at * end_width, ends + width);
        bytes.copy_within(at * width..ends, (at + 1) * width);
        let suffix = cut + width + end_width;
        spot.write_suffix(usize::from(self.prefix), &mut bytes[suffix..suffix + length]);
        bytes[at * width..(at + 1) * width].copy_from_slice(&number.to_le_bytes()[..width]);
        let end = ends + width + at * end_width;
        bytes[end..end + end_width].copy_from_slice(&(start as u64).to_le_bytes()[..end_width]);
        self.count += 1;
        self.move_ends(at, length as u64);
    }

    /// Removes so many places from a position on.
    pub(super) fn remove(&mut self, at: usize, removed: usize) {
        match removed {
            1 if self.count > 1 => self.remove_one(at),
            _ => {
                let mut loose = LoosePlaces::default();
                self.unpack(0..at, &mut loose);
                self.unpack(at + removed..self.len(), &mut loose);
                *self = PackedPlaces::of(&loose, 0..loose.len());
            }
        }
    }

    fn remove_one(&mut self, at: usize) {
        let (count, width, end_width) = (self.len(), usize::from(self.width), usize::from(self.end_width));
        let (start, end) = (self.end(at), self.end(at + 1));
        let (ends, names) = (count * width, count * (width + end_width));
        let cut = names + usize::from(self.prefix);
        let bytes = &mut self.bytes;
        bytes.copy_within((at + 1) * width..ends + at * end_width, at * width);
        let to = ends - width + at * end_width;
        bytes.copy_within(ends + (at + 1) * end_width..cut + start, to);
        let to = cut - width - end_width + start;
        bytes.copy_within(cut + end.., to);
        let removed = width + end_width + end - start;
        bytes.truncate(bytes.len() - removed);
        if bytes.capacity() > 2 * bytes.len() + SPARE {
            bytes.shrink_to_fit(); // names that have gone must not keep their memory
        }
        self.count -= 1;
        self.move_ends(at, ((end - start) as u64).wrapping_neg());
    }

    /// Adds a number to the ends from a position on.
    fn move_ends(&mut self, at: usize, by: u64) {
        let (width, end_width) = (usize::from(self.width), usize::from(self.end_width));
        let ends = self.len() * width;
        let ends = &mut self.bytes[ends + at * end_width..ends + usize::from(self.count) * end_width];
        match end_width {
            0 => {}
            1 => ends.iter_mut().for_each(|end| *end = end.wrapping_add(by as u8)),
            2 => {
                let (ends, _) = ends.as_chunks_mut::<2>();
                ends.iter_mut().for_each(|end| *end = u16::from_le_bytes(*end).wrapping_add(by as u16).to_le_bytes());
            }
            _ => {
                for end in ends.chunks_exact_mut(end_width) {
                    let moved = number_at(end, 0, end_width as u8).wrapping_add(by);
                    end.copy_from_slice(&moved.to_le_bytes()[..end_width]);
                }
            }
        }
    }

    /// Counts the places at the start whose number is lower than this one.
    fn count_lower(&self, number: u64) -> usize {
        let numbers = &self.bytes[..self.len() * usize::from(self.width)];
        match self.width {
            0 if number > 0 => self.len(),
            0 => 0,
            1 => count_lower::<1>(numbers, number),
            2 => count_lower::<2>(numbers, number),
            3 => count_lower::<3>(numbers, number),
            4 => count_lower::<4>(numbers, number),
            5 => count_lower::<5>(numbers, number),
            6 => count_lower::<6>(numbers, number),
            7 => count_lower::<7>(numbers, number),
            _ => count_lower::<8>(numbers, number),
        }
    }

    fn number(&self, at: usize) -> u64 {
        number_at(&self.bytes, at * usize::from(self.width), self.width)
    }

    /// Where the suffixes before a position end.
    fn end(&self, at: usize) -> usize {
        let Some(before) = at.checked_sub(1) else { return 0 };
        let place = self.len() * usize::from(self.width) + before * usize::from(self.end_width);
        number_at(&self.bytes, place, self.end_width) as usize
    }

    fn prefix(&self) -> &[u8] {
        let start = self.len() * usize::from(self.width + self.end_width);
        &self.bytes[start..start + usize::from(self.prefix)]
    }

    fn suffix(&self, at: usize) -> &[u8] {
        let start = self.len() * usize::from(self.width + self.end_width) + usize::from(self.prefix);
        &self.bytes[start + self.end(at)..start + self.end(at + 1)]
    }
}

/// Counts the numbers at the start that are lower than this one.
///
/// It looks at every eighth first, and then at those between two of them. A binary search looks at fewer, but each look
/// waits for the one before. Here the processor goes ahead.
fn count_lower<const WIDTH: usize>(numbers: &[u8], number: u64) -> usize {
    let is_lower = |bytes: &[u8; WIDTH]| {
        let mut eight = [0; 8];
        eight[..WIDTH].copy_from_slice(bytes);
        u64::from_le_bytes(eight) < number
    };
    let (numbers, _) = numbers.as_chunks::<WIDTH>();
    let blocks = numbers.chunks_exact(STRIDE).take_while(|block| is_lower(&block[STRIDE - 1])).count();
    let (lower, rest) = numbers.split_at(blocks * STRIDE);
    lower.len() + rest.iter().take_while(|bytes| is_lower(bytes)).count()
}

fn put_number(bytes: &mut Vec<u8>, number: u64, width: u8) {
    bytes.extend_from_slice(&number.to_le_bytes()[..usize::from(width)]);
}

/// The number of so many bytes that stands at a place.
fn number_at(bytes: &[u8], place: usize, width: u8) -> u64 {
    let rest = &bytes[place..];
    let eight = match rest.first_chunk() {
        Some(eight) => *eight,
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            eight
        }
    };
    u64::from_le_bytes(eight) & mask(width)
}

/// The largest number of so many bytes.
fn mask(width: u8) -> u64 {
    u64::MAX.checked_shr(64 - 8 * u32::from(width)).unwrap_or(0)
}

/// How many bytes a number needs.
fn bytes_of(number: u64) -> u8 {
    (64 - number.leading_zeros()).div_ceil(8) as u8
}
