//! The places of an [`Order`](super::Order).

use bytes::Bytes;

/// An entry of an [`Order`](super::Order).
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

/// A borrowed [`Place`] to search for. It sorts like the place.
pub(super) type Spot<'a> = (u64, &'a [u8]);

impl Place {
    pub(super) fn spot(&self) -> Spot<'_> {
        (self.rank, &self.name)
    }
}
