//! The prices of S3.

use super::backend::Traffic;

/// The price of a thousand requests in dollars: PUT (and LIST), then GET. These are the prices of S3 Standard in
/// us-east-1, as listed in 2026. Traffic within a region is free. Storage is left out: every algorithm stores the same.
pub const PER_THOUSAND: (f64, f64) = (0.005, 0.0004);

/// The round trip of that store in milliseconds: the p50 of a small conditional PUT within a region. A slower store makes
/// batches larger and writes cheaper.
pub const ROUND_TRIP_MS: u64 = 62;

/// The price of this traffic in dollars. DELETE is free.
pub fn dollars(traffic: &Traffic) -> f64 {
    let (put, get) = PER_THOUSAND;
    (traffic.puts + traffic.others) as f64 * put / 1000.0 + traffic.gets as f64 * get / 1000.0
}

/// The price of a million naive writes: each reads and replaces the whole database.
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
