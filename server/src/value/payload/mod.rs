//! The payload of DUMP and RESTORE: one whole value in the format of an RDB file.
//!
//! A payload has three parts:
//!
//! | part     | size           | content                                                      |
//! |----------|----------------|--------------------------------------------------------------|
//! | form     | 1 byte         | the type of the value and how its body is laid out           |
//! | body     | any            | lengths and strings, some of which hold packed collections   |
//! | footer   | 10 bytes       | the version of the format, and a checksum of all before it   |
//!
//! Servers have changed the layout of most types several times. [`decode`] reads every form that Redis up to 7.2,
//! Valkey 8 and Valkey 9 write, except those of modules. [`encode`] writes the forms of Redis 7.0, because every later
//! server reads them. For small values these are also the bytes that Redis 7.0 itself writes, except that it keeps
//! sets of strings in an order of its own and writes fractional scores with more digits.
//!
//! A payload comes from a client, so [`decode`] trusts nothing in it. It allocates for bytes that it has seen, not for
//! lengths that it has read, and counts all that it keeps against a limit. It checks packed collections as thoroughly
//! as a server with `sanitize-dump-payload yes` does: what it returns is never empty and never has duplicates.
//!
//! The module is a pure codec. It reads no clock: whether a value has expired is for the caller to decide.

mod crc64;
mod cursor;
mod decode;
mod encode;
mod error;
#[cfg(test)]
mod fixtures;
mod footer;
mod form;
mod integer;
mod intset;
mod libraries;
mod listpack;
mod lzf;
#[cfg(test)]
mod mutations;
mod packed;
mod reader;
mod stream_decode;
mod stream_encode;
mod whole;
mod writer;
mod ziplist;
mod zipmap;

pub use decode::decode;
pub use encode::encode;
pub use error::PayloadError;
pub use libraries::{LibrariesError, decode_libraries, encode_libraries};
pub use whole::{Whole, WholeConsumer, WholeEntry, WholeGroup, WholePending, WholeStream};
