//! How long a string may become.

use crate::resp::Reply;

/// The longest string that Valkey allows by default, in bytes. Whatever would reach beyond is refused in its words.
pub const LONGEST_OF_VALKEY: u64 = 512 << 20;

/// The longest string that a command builds of parts, in bytes. A commit may write no more than that.
pub const LONGEST: u64 = 64 << 20;

/// The error for a string that would be too long.
pub const TOO_LONG: Reply = Reply::fault("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
