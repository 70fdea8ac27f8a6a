//! HyperLogLogs. Their counts are estimates, and still exact: every server has to use the same hash.

use super::super::grammar::Kind::Hyper;
use super::super::grammar::{Rule, command, draw, key, repeat, target};
use super::super::pool::Pool::Member;

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("PFADD", [target(Hyper), repeat(0, draw(Member))]).often(3),
        // Valkey stores the estimate in bytes 8 to 15. Both servers get another one there, which is out of date.
        command("PFCOUNT", [repeat(1, key(Hyper))]).then("SETRANGE $1 8 000000\u{e9}"),
        command("PFMERGE", [target(Hyper), repeat(0, key(Hyper))]),
        // Its bytes are compared as well.
        command("GET", [key(Hyper)]).seldom(),
    ]
}
