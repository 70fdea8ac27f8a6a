//! Why a payload was refused.

/// Why a payload was refused.
///
/// The texts of the first two are those that a client gets, after `ERR `.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The payload is no payload, was damaged on its way, or comes from a server with a format that we do not know.
    #[error("DUMP payload version or checksum are wrong")]
    Footer,
    /// The footer is right, but the value before it is malformed, or of a type that we do not have.
    #[error("Bad data format")]
    Format,
    /// The value is larger than the caller allows.
    #[error("DUMP payload holds a value that is too large")]
    TooLarge,
}
