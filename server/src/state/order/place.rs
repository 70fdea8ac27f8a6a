//! The places of an [`Order`](super::Order).

use std::cmp::Ordering;

use bytes::Bytes;

/// The longest name that nodes copy, in bytes. They share longer ones, which takes less time and more memory: a place is
/// then larger by 50 bytes, which is little beside such a name.
pub(super) const LONG: usize = 1024;

/// An entry of an [`Order`](super::Order), with memory of its own.
///
/// Places compare by rank first, and by the bytes of their names if their ranks are equal. The derived comparison does
/// exactly that, because it follows the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The number that the order sorts by.
    pub rank: u64,
    /// What stands at this rank. Several names may share a rank.
    pub name: Bytes,
}

impl Place {
    /// The same place. Its name shares no memory, unless it is long.
    pub fn alone(self) -> Place {
        if self.name.len() > LONG { self } else { Place { name: Bytes::copy_from_slice(&self.name), ..self } }
    }
}

/// A place as it stands in an order. An order keeps few names in one piece: names that stand together share their first
/// bytes. So a spot compares names itself, and copies its name for whoever keeps it. Only a long name is in one piece, and
/// whoever keeps it shares it.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// The number that the order sorts by.
    pub rank: u64,
    /// The first bytes of the name.
    prefix: &'a [u8],
    /// The rest of the name.
    suffix: &'a [u8],
    /// The whole name, if the order shares it.
    shared: Option<&'a Bytes>,
}

impl<'a> Spot<'a> {
    /// The place with this rank and this name.
    pub fn new(rank: u64, name: &'a [u8]) -> Spot<'a> {
        Spot { rank, prefix: &[], suffix: name, shared: None }
    }

    /// The place with this rank and this name, which is shared and not copied.
    pub(super) fn sharing(rank: u64, name: &'a Bytes) -> Spot<'a> {
        Spot { rank, prefix: &[], suffix: name, shared: Some(name) }
    }

    pub(super) fn of_parts(rank: u64, prefix: &'a [u8], suffix: &'a [u8]) -> Spot<'a> {
        Spot { rank, prefix, suffix, shared: None }
    }

    /// The name. It is a copy, or shared with the order if it is long.
    pub fn name(&self) -> Bytes {
        if let Some(name) = self.shared {
            return name.clone();
        }
        if self.prefix.is_empty() {
            return Bytes::copy_from_slice(self.suffix);
        }
        let mut name = Vec::with_capacity(self.prefix.len() + self.suffix.len());
        self.append_name(&mut name);
        name.into()
    }

    /// The place, with its name as [`Spot::name`] returns it.
    pub fn place(&self) -> Place {
        Place { rank: self.rank, name: self.name() }
    }

    /// Compares the name with another one.
    pub fn compare_name(&self, other: &[u8]) -> Ordering {
        match other.split_at_checked(self.prefix.len()) {
            Some((start, rest)) => self.prefix.cmp(start).then_with(|| self.suffix.cmp(rest)),
            // The other name is too short to be equal.
            None => self.prefix.cmp(other).then(Ordering::Greater),
        }
    }

    pub(super) fn name_len(&self) -> usize {
        self.prefix.len() + self.suffix.len()
    }

    /// Whether the name is too long to be copied when other places change.
    pub(super) fn is_long(&self) -> bool {
        self.name_len() > LONG
    }

    pub(super) fn begins_with(&self, start: &[u8]) -> bool {
        match start.split_at_checked(self.prefix.len()) {
            Some((start, rest)) => start == self.prefix && self.suffix.starts_with(rest),
            None => self.prefix.starts_with(start),
        }
    }

    /// Writes the name from a position on. There has to be as much room.
    pub(super) fn write_suffix(&self, from: usize, out: &mut [u8]) {
        let start = &self.prefix[from.min(self.prefix.len())..];
        let (before, behind) = out.split_at_mut(start.len());
        before.copy_from_slice(start);
        behind.copy_from_slice(&self.suffix[from.saturating_sub(self.prefix.len())..]);
    }

    /// Appends the name to some bytes.
    pub fn append_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix);
        out.extend_from_slice(self.suffix);
    }
}

impl PartialEq for Spot<'_> {
    fn eq(&self, other: &Spot<'_>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Spot<'_> {}

impl PartialOrd for Spot<'_> {
    fn partial_cmp(&self, other: &Spot<'_>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of [`Place`]. It does not matter where a name is cut.
impl Ord for Spot<'_> {
    fn cmp(&self, other: &Spot<'_>) -> Ordering {
        let names = || {
            // Names in one piece compare many bytes at once.
            if other.prefix.is_empty() {
                return self.compare_name(other.suffix);
            }
            let [one, other] = [self, other].map(|spot| spot.prefix.iter().chain(spot.suffix));
            one.cmp(other)
        };
        self.rank.cmp(&other.rank).then_with(names)
    }
}

impl PartialEq<Place> for Spot<'_> {
    fn eq(&self, other: &Place) -> bool {
        self.rank == other.rank && self.compare_name(&other.name).is_eq()
    }
}
