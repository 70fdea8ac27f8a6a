//! Keys of any type, and databases as a whole.
//!
//! | module | commands |
//! |---|---|
//! | [`presence`] | `DEL`, `UNLINK`, `EXISTS`, `TOUCH`, `TYPE`, `RANDOMKEY` |
//! | [`rename`] | `RENAME`, `RENAMENX`, `MOVE`, `COPY` |
//! | [`database`] | `DBSIZE`, `FLUSHDB`, `FLUSHALL`, `SWAPDB` |
//! | [`expiry`] | `EXPIRE` and its kin, `TTL` and its kin, `PERSIST` |
//! | [`scan`] | `KEYS`, `SCAN` |
//! | [`object`], [`encoding`] | `OBJECT`, `MEMORY` |
//! | [`dump`] | `DUMP`, `RESTORE` |
//! | [`sort`], [`pattern`] | `SORT`, `SORT_RO` |
//!
//! A key is one row, however large it is. So all of these but `COPY`, `DUMP`, `RESTORE` and `SORT` take the same time for
//! keys of any size.

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, integer};
use crate::command::flag::Category::Keyspace;
use crate::command::spec::Spec;
use crate::resp::Reply;
use crate::root::DATABASES;

pub mod database;
pub mod dump;
pub mod encoding;
pub mod expiry;
pub mod object;
pub mod pattern;
pub mod presence;
pub mod rename;
pub mod scan;
pub mod sort;

/// The rows.
pub static ROWS: &[Spec] = &[
    database::COUNT,
    database::FLUSH,
    database::FLUSH_ALL,
    database::SWAP,
    dump::DUMP,
    dump::RESTORE,
    expiry::EXPIRE,
    expiry::EXPIRE_AT,
    expiry::EXPIRE_AT_MILLISECONDS,
    expiry::EXPIRE_MILLISECONDS,
    expiry::EXPIRE_TIME,
    expiry::EXPIRE_TIME_MILLISECONDS,
    expiry::PERSIST,
    expiry::TIME_TO_LIVE,
    expiry::TIME_TO_LIVE_MILLISECONDS,
    object::MEMORY,
    object::OBJECT,
    presence::DELETE,
    presence::EXISTS,
    presence::RANDOM,
    presence::TOUCH,
    presence::TYPE,
    presence::UNLINK,
    rename::COPY,
    rename::MOVE,
    rename::RENAME,
    rename::RENAME_IF_ABSENT,
    scan::KEYS,
    scan::SCAN,
    sort::SORT,
    sort::SORT_READ_ONLY,
];

const GENERIC: Spec = Spec { group: "generic", categories: &[Keyspace], ..Spec::BLANK };

const NO_SUCH_DATABASE: Reply = Reply::fault("ERR DB index is out of range");

/// The error for two names of one key.
const SAME_OBJECT: Reply = Reply::fault("ERR source and destination objects are the same");

/// A word that has to be an integer of 32 bits.
fn small_integer(word: &[u8]) -> Result<i32, Reply> {
    let number = integer(word).ok_or(NOT_AN_INTEGER)?;
    i32::try_from(number).map_err(|_| {
        Reply::error(format!("ERR value is out of range, value must between {} and {}", i32::MIN, i32::MAX))
    })
}

/// The number of a database.
fn database_number(word: &[u8]) -> Result<usize, Reply> {
    let number = usize::try_from(small_integer(word)?).ok();
    number.filter(|number| *number < DATABASES).ok_or(NO_SUCH_DATABASE)
}

/// Whether a word of a request is this option, in any case.
fn is(word: &Bytes, option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}
