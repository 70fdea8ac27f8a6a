//! What a client may send, and the memory that it takes.

use std::mem;

use bytes::Bytes;

/// Limits of what a client may send. The defaults are those of Valkey; a server has others (`settings::Settings`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest argument: the flag `--max-value`.
    pub bulk_bytes: usize,
    /// The most arguments of one request.
    pub arguments: usize,
    /// The longest line: an inline request, or the line that announces a count or a length.
    pub inline_bytes: usize,
    /// The largest request, which is its arguments and `ARGUMENT_OVERHEAD` for each: the flag `--max-request`.
    pub request_bytes: usize,
}

impl Limits {
    /// 512 MiB, Valkey's `proto-max-bulk-len`.
    pub const BULK_BYTES: usize = 512 << 20;
    /// The most that Valkey can count. A request reaches [`Limits::REQUEST_BYTES`] long before.
    pub const ARGUMENTS: usize = i32::MAX as usize;
    /// 64 KiB, Valkey's `PROTO_INLINE_MAX_SIZE`.
    pub const INLINE_BYTES: usize = 64 << 10;
    /// 1 GiB, Valkey's `client-query-buffer-limit`.
    pub const REQUEST_BYTES: usize = 1 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bulk_bytes: Limits::BULK_BYTES,
            arguments: Limits::ARGUMENTS,
            inline_bytes: Limits::INLINE_BYTES,
            request_bytes: Limits::REQUEST_BYTES,
        }
    }
}

/// An argument counts this much beyond its bytes, because a million empty arguments take memory, too.
pub const ARGUMENT_OVERHEAD: usize = mem::size_of::<Bytes>();

/// An argument takes up to this much memory beyond its bytes: its place in the list of arguments, which doubles when it is full, and an
/// allocation, which has a least size.
pub const ARGUMENT_MEMORY: usize = 2 * ARGUMENT_OVERHEAD + 32;
