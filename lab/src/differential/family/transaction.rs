//! Transactions. The session draws EXEC more often while a transaction is open.

use super::super::grammar::Kind::Any;
use super::super::grammar::{Rule, command, key, repeat};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("MULTI", []),
        command("EXEC", []),
        command("DISCARD", []),
        command("WATCH", [repeat(1, key(Any))]),
        command("UNWATCH", []),
    ]
}
