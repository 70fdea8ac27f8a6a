//! Units of distances.

/// A unit of the arguments and replies of geographic commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistanceUnit {
    /// `m`
    Meters,
    /// `km`
    Kilometers,
    /// `ft`
    Feet,
    /// `mi`
    Miles,
}

impl DistanceUnit {
    /// The error for a name that [`Self::named`] does not know.
    pub const UNKNOWN: &str = "ERR unsupported unit provided. please use M, KM, FT, MI";

    /// The unit with this name, in upper or lower case.
    pub fn named(name: &[u8]) -> Option<DistanceUnit> {
        match name.to_ascii_lowercase().as_slice() {
            b"m" => Some(DistanceUnit::Meters),
            b"km" => Some(DistanceUnit::Kilometers),
            b"ft" => Some(DistanceUnit::Feet),
            b"mi" => Some(DistanceUnit::Miles),
            _ => None,
        }
    }

    /// The length of this unit. A reply divides a distance by it.
    pub fn meters(self) -> f64 {
        match self {
            DistanceUnit::Meters => 1.0,
            DistanceUnit::Kilometers => 1000.0,
            DistanceUnit::Feet => 0.3048,
            DistanceUnit::Miles => 1609.34,
        }
    }
}
