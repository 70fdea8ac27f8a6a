//! Strings.
//!
//! | module | commands |
//! |---|---|
//! | [`get`] | whole values: `GET`, `MGET`, `GETEX`, `GETDEL`, `DELIFEQ` |
//! | [`set`] | whole values: `SET`, `SETNX`, `SETEX`, `PSETEX`, `GETSET`, `MSET`, `MSETNX` |
//! | [`expiry`] | the options of `SET` and `GETEX` that are about the expiry |
//! | [`part`] | parts of values: `APPEND`, `STRLEN`, `GETRANGE`, `SUBSTR`, `SETRANGE` |
//! | [`subsequence`] | `LCS` |
//! | [`length`] | how long a string may become |
//!
//! A string is one row, and a change of a part writes all of it. A command that replaces the value also ends its expiry; a
//! command that changes the value keeps it.

use crate::command::spec::Spec;

pub mod expiry;
pub mod get;
pub mod length;
pub mod part;
pub mod set;
pub mod subsequence;
mod template;

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
