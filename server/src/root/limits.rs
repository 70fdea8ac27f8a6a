//! How much a version may hold.

/// The highest generation that can be stored: no database ever gets there, and other JSON readers are exact up to it. The
/// limit keeps arithmetic on a damaged or forged generation from overflowing.
pub const LAST_GENERATION: u64 = 1 << 53;

/// How many servers' last commits are remembered. A server whose row was pushed out can't learn the fate of a commit
/// whose answer it lost, so this is far more than a cluster has servers, yet small beside the entries.
pub const WRITERS: usize = 64;

/// How many databases SELECT knows, as in Valkey by default.
pub const DATABASES: usize = 16;

/// How long `kept` may be, in bytes of JSON. Every commit writes it again.
pub const KEPT: usize = 256 * 1024;

/// For how many generations `kept` has messages: a server that is further behind misses them.
pub const SAID_FOR: u64 = 32;

/// How many settings the header may have. It is far more than there are.
pub const SETTINGS: usize = 64;

/// How long the name or the value of a setting, an address or the secret may be, in bytes. All of them together stay far
/// below what a version holds besides.
pub const SETTING: usize = 1024;
