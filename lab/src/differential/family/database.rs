//! Databases.

use super::super::grammar::{Rule, command, draw, optional, words};
use super::super::pool::Pool::Database;

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("SELECT", [draw(Database)]),
        command("SWAPDB", [draw(Database), draw(Database)]).seldom().touches_others(),
        command("DBSIZE", []),
        command("FLUSHDB", [optional(words(["ASYNC", "SYNC"]))]).seldom().touches_others(),
        command("FLUSHALL", [optional(words(["ASYNC", "SYNC"]))]).seldom().touches_others(),
    ]
}
