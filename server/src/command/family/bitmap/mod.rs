//! Strings as sequences of bits. The first bit is the highest one of the first byte.
//!
//! | module | commands |
//! |---|---|
//! | [`bit`] | single bits: `SETBIT`, `GETBIT` |
//! | [`search`] | many bits: `BITCOUNT`, `BITPOS` |
//! | [`combine`] | whole strings: `BITOP` |
//! | [`field`] | integers of any width: `BITFIELD`, `BITFIELD_RO` |
//!
//! Beyond its end, a string has zeros.

use crate::command::spec::Spec;

pub mod bit;
pub mod combine;
pub mod field;
pub mod search;
mod template;

/// The rows.
pub static ROWS: &[Spec] =
    &[combine::COMBINE, field::FIELDS, field::FIELDS_READ, search::COUNT, search::POSITION, bit::GET, bit::SET];
