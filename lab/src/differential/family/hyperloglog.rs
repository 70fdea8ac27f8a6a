//! HyperLogLogs. Their counts are estimates, and still exact: every server has to use the same hash.

use super::super::grammar::Kind::Hyper;
use super::super::grammar::{Rule, command, draw, key, repeat, target};
use super::super::pool::Pool::Member;

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("PFADD", [target(Hyper), repeat(0, draw(Member))]).often(3),
        command("PFCOUNT", [repeat(1, key(Hyper))]).touches_others(),
        command("PFMERGE", [target(Hyper), repeat(0, key(Hyper))]),
        // Its bytes are compared as well.
        command("GET", [key(Hyper)]).seldom(),
    ]
}
