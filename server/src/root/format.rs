//! The formats of `db.json`.

/// The format that this server writes.
pub const FORMAT: u64 = 2;

/// The format that it reads besides.
pub const FIRST_FORMAT: u64 = 1;
