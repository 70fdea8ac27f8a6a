//! The places that clients know, and how far around them they search.

use super::geo::GeoPlace;

/// The places that clients know.
pub const PLACES: [GeoPlace; 17] = [
    GeoPlace { longitude: 13_361_389, latitude: 38_115_556 }, // Palermo
    GeoPlace { longitude: 15_087_269, latitude: 37_502_669 }, // Catania
    GeoPlace { longitude: 12_496_400, latitude: 41_902_800 }, // Rome
    GeoPlace { longitude: -21_942_600, latitude: 64_146_600 }, // Reykjavik
    GeoPlace { longitude: 36_821_900, latitude: -1_292_100 }, // Nairobi
    GeoPlace { longitude: -78_467_800, latitude: -180_700 },  // Quito
    GeoPlace { longitude: 139_691_700, latitude: 35_689_500 }, // Tokyo
    GeoPlace { longitude: 151_209_300, latitude: -33_868_800 }, // Sydney
    // Neighbours of Palermo: a metre, 8 km and 14 km away.
    GeoPlace { longitude: 13_361_399, latitude: 38_115_560 },
    GeoPlace { longitude: 13_289_300, latitude: 38_081_800 },
    GeoPlace { longitude: 13_511_700, latitude: 38_080_500 },
    // On both sides of the date line.
    GeoPlace { longitude: 179_999_900, latitude: -16_500_000 },
    GeoPlace { longitude: -180_000_000, latitude: -16_500_000 },
    GeoPlace { longitude: -179_200_000, latitude: -16_500_000 },
    // Close to the poles, at the edge of the map and above it.
    GeoPlace { longitude: 0, latitude: 85_051_128 },
    GeoPlace { longitude: 1_000_000, latitude: 85_000_000 },
    GeoPlace { longitude: -135_000_000, latitude: -85_051_128 },
];

/// The radii of searches, in kilometres. No two places are so far from each other, give or take a hundredth.
pub const RADII: [u32; 4] = [10, 200, 500, 6000];

#[cfg(test)]
mod tests {
    use super::super::geo::GeoPosition;
    use super::*;

    #[test]
    fn no_two_places_are_about_as_far_from_each_other_as_a_search_goes() {
        for (one, other) in PLACES.iter().flat_map(|one| PLACES.iter().map(move |other| (*one, *other))) {
            let kilometres = GeoPosition::at(one).distance(GeoPosition::at(other)) / 1000.0;
            for radius in RADII.map(f64::from) {
                assert!((kilometres - radius).abs() > radius / 100.0, "{one:?} and {other:?}: {kilometres}");
            }
        }
    }
}
