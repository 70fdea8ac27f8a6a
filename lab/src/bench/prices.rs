//! What requests cost.

use super::store::Traffic;

/// What a thousand requests cost in dollars: PUT (and LIST, and whatever else writes), and GET. S3 Standard in
/// us-east-1, as listed in 2026. Traffic within a region is free, and what is stored costs the same however it came
/// there.
pub const PER_THOUSAND: (f64, f64) = (0.005, 0.0004);

/// The round trip to that store in milliseconds: a small conditional PUT within a region, p50. A slower store makes
/// larger batches, and so cheaper writes.
pub const ROUND_TRIP_MS: u64 = 62;

/// What this traffic costs, in dollars. Deleting is free.
pub fn dollars(traffic: &Traffic) -> f64 {
    let (put, get) = PER_THOUSAND;
    (traffic.puts + traffic.others) as f64 * put / 1000.0 + traffic.gets as f64 * get / 1000.0
}

/// What a million writes cost that each read and replace the whole database.
pub fn naive_million() -> f64 {
    dollars(&Traffic { puts: 1_000_000, gets: 1_000_000, ..Traffic::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_naive_writes_cost_a_put_and_a_get_each() {
        assert!((naive_million() - 5.4).abs() < 1e-9);
    }
}
