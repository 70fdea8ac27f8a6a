//! Strings.
//!
//! | module | commands |
//! |---|---|
//! | [`get`] | whole values: `GET`, `MGET`, `GETEX`, `GETDEL`, `DELIFEQ` |
//! | [`set`] | whole values: `SET`, `SETNX`, `SETEX`, `PSETEX`, `GETSET`, `MSET`, `MSETNX` |
//! | [`expiry`] | the options of `SET` and `GETEX` that are about the expiry |
//! | [`part`] | parts of values: `APPEND`, `STRLEN`, `GETRANGE`, `SUBSTR`, `SETRANGE` |
//! | [`subsequence`] | `LCS` |
//!
//! A string is one row, and a change of a part writes all of it. A command that replaces the value also ends its expiry; a
//! command that changes the value keeps it.

use bytes::Bytes;

use crate::command::flag::{
    Category::String as Text,
    Flag::{Denyoom, Readonly, Write},
};
use crate::command::spec::{Keys, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value;

pub mod expiry;
pub mod get;
pub mod part;
pub mod set;
pub mod subsequence;

/// The rows.
pub static ROWS: &[Spec] = &[
    get::DELETE_IF_EQUAL,
    get::GET,
    get::GET_AND_DELETE,
    get::GET_AND_EXPIRE,
    get::GET_MANY,
    part::APPEND,
    part::LENGTH,
    part::RANGE,
    part::SET_RANGE,
    part::SUBSTRING,
    set::GET_AND_SET,
    set::SET,
    set::SET_EXPIRING,
    set::SET_EXPIRING_MILLISECONDS,
    set::SET_IF_ABSENT,
    set::SET_MANY,
    set::SET_MANY_IF_ABSENT,
    subsequence::SUBSEQUENCE,
];

const STRING: Spec = Spec { group: "string", categories: &[Text], ..Spec::BLANK };

/// Commands that read one key.
const READ: Spec = Spec { flags: &[Readonly], keys: &[Keys::READ], ..STRING };

/// Commands that replace the value of one key.
const REPLACE: Spec = Spec { flags: &[Write, Denyoom], keys: &[Keys::REPLACED], ..STRING };

/// The longest string that Valkey allows by default, in bytes. Whatever would reach beyond is refused in its words.
pub const LONGEST_OF_VALKEY: u64 = 512 << 20;

/// The longest string that a command builds of parts, in bytes. A commit may write no more than that.
pub const LONGEST: u64 = 64 << 20;

/// The error for a string that would be too long.
pub const TOO_LONG: Reply = Reply::fault("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

/// The value of a key, or null. An error if the key is a collection.
fn value_of(draft: &Draft<'_>, key: &[u8]) -> Result<Reply, Reply> {
    Ok(value::string(draft, key)?.map(|(value, _)| value).into())
}

/// Whether a word of a request is this option, in any case.
fn is(word: &Bytes, option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}
