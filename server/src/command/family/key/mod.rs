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

use crate::command::spec::Spec;

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
mod template;

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
