//! The commands, one file for each family.

mod bitmap;
mod connection;
mod database;
mod field_expiry;
mod function;
mod geo;
mod hash;
mod hyperloglog;
mod key;
mod list;
mod script;
mod set;
mod sort;
mod sorted_range;
mod sorted_set;
mod string;
mod transaction;

use super::grammar::{Kind, Rule};

/// All rules.
pub fn rules() -> Vec<Rule> {
    let families = [
        string::rules(),
        bitmap::rules(),
        hyperloglog::rules(),
        key::rules(),
        database::rules(),
        hash::rules(),
        field_expiry::rules(),
        list::rules(),
        set::rules(),
        sorted_set::rules(),
        sorted_range::rules(),
        geo::rules(),
        sort::rules(),
        transaction::rules(),
        script::rules(),
        function::rules(),
        connection::rules(),
    ];
    families.into_iter().flatten().collect()
}

/// The command that creates a key of a kind.
pub fn filler(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Number => "SET",
        Kind::Bits => "SETBIT",
        Kind::Hyper => "PFADD",
        Kind::Hash => "HSET",
        Kind::List | Kind::Digits => "RPUSH",
        Kind::Set => "SADD",
        Kind::Sorted | Kind::Lex => "ZADD",
        Kind::Geo => "GEOADD",
        Kind::Misc | Kind::Any => "LPUSH",
    }
}
