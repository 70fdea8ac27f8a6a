//! Why a string is no HyperLogLog.

use std::fmt;

/// Why a string cannot be used as a HyperLogLog. The text is the error reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HyperLogLogError {
    /// The string has no valid header, or not the length of its encoding.
    NotHyperLogLog,
    /// The runs do not cover all registers.
    Corrupted,
}

impl fmt::Display for HyperLogLogError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            HyperLogLogError::NotHyperLogLog => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            HyperLogLogError::Corrupted => "INVALIDOBJ Corrupted HLL object detected",
        })
    }
}

impl std::error::Error for HyperLogLogError {}
