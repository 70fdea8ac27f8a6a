//! Coordinates of places, and the distances between them.

/// Largest longitude, in degrees. The smallest one is its negative.
pub const LONGITUDE_LIMIT: f64 = 180.0;
/// Largest latitude, in degrees. The smallest one is its negative.
pub const LATITUDE_LIMIT: f64 = 85.05112878;
/// Radius of the Earth: the quadratic mean of WGS 84.
pub(super) const EARTH_RADIUS_METERS: f64 = 6_372_797.560856;

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coordinates {
    /// East is positive.
    pub longitude: f64,
    /// North is positive.
    pub latitude: f64,
}

impl Coordinates {
    /// Checks the limits of GEOADD. The error is the text of the reply.
    pub fn checked(longitude: f64, latitude: f64) -> Result<Coordinates, String> {
        if longitude.abs() <= LONGITUDE_LIMIT && latitude.abs() <= LATITUDE_LIMIT {
            Ok(Coordinates { longitude, latitude })
        } else {
            Err(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
        }
    }

    /// The distance to another place in meters, by the haversine formula.
    pub fn distance(self, other: Coordinates) -> f64 {
        let longitudes = ((other.longitude.to_radians_of_place() - self.longitude.to_radians_of_place()) / 2.0).sin();
        if longitudes == 0.0 {
            return self.latitude_distance(other);
        }
        let (from, to) = (self.latitude.to_radians_of_place(), other.latitude.to_radians_of_place());
        let latitudes = ((to - from) / 2.0).sin();
        let square = latitudes * latitudes + from.cos() * to.cos() * longitudes * longitudes;
        2.0 * EARTH_RADIUS_METERS * square.sqrt().asin()
    }

    /// The distance between the parallels of two places in meters.
    pub(super) fn latitude_distance(self, other: Coordinates) -> f64 {
        EARTH_RADIUS_METERS * (other.latitude.to_radians_of_place() - self.latitude.to_radians_of_place()).abs()
    }
}

/// Conversion between degrees and radians with one rounding of the factor, which decides the last bit of distances.
pub(super) trait Degrees {
    fn to_radians_of_place(self) -> f64;
    fn to_degrees_of_place(self) -> f64;
}

impl Degrees for f64 {
    fn to_radians_of_place(self) -> f64 {
        self * (std::f64::consts::PI / 180.0)
    }

    fn to_degrees_of_place(self) -> f64 {
        self / (std::f64::consts::PI / 180.0)
    }
}
