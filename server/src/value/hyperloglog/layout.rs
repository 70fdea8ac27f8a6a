//! The measures of a HyperLogLog.

/// Number of registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of a hash that name the register.
pub(super) const INDEX_BITS: u32 = 14;
/// Length of the header.
pub(super) const HEADER: usize = 16;
/// A sparse string that would be longer becomes dense: the default of `hll-sparse-max-bytes`.
pub const SPARSE_LIMIT: usize = 3000;
