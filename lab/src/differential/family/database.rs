//! Databases.

use super::super::grammar::{Rule, command, draw, optional, words};
use super::super::pool::Pool::Database;

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("SELECT", [draw(Database)]),
        command("SWAPDB", [draw(Database), draw(Database)]).remaps(),
        command("DBSIZE", []),
        command("FLUSHDB", [optional(words(["ASYNC", "SYNC"]))]).seldom().remaps(),
        command("FLUSHALL", [optional(words(["ASYNC", "SYNC"]))]).seldom().remaps(),
    ]
}
