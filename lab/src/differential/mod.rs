//! The differential test: a real server and Valthree get the same random commands, and must give the same replies.
//!
//! The real server is the specification. A *campaign* runs *segments* of a few thousand *steps*. Each segment starts on two
//! empty servers, draws its steps from the grammar with a seed of its own, and compares every reply, byte for byte unless the
//! command's rule says otherwise. Every few hundred steps it compares everything that the servers hold. The first difference
//! ends a segment: it is shrunk to the fewest commands that still show it, and printed as a script for `redis-cli`. Then the
//! campaign goes on, since one difference should not hide the next.
//!
//! | module | for |
//! |---|---|
//! | [`grammar`] | the language in which commands are written down, and the kinds of keys |
//! | [`family`] | the commands, one file for each family |
//! | [`pool`] | the words that commands take: small ones that meet again, and odd ones |
//! | [`mod@draw`] | draws one step from a rule, good or damaged |
//! | [`generator`] | which rules a run draws from |
//! | [`course`] | draws a segment, with transactions, a second connection, and restarts |
//! | [`stock`] | what the servers are believed to hold, so that commands find something |
//! | [`refill`] | fills a key that a command is about to look at |
//! | [`wire`] | reads RESP2 and RESP3, and pipelines |
//! | [`server`] | starts, kills and connects to one server |
//! | [`difference`] | two replies that should agree and do not |
//! | [`pair`] | runs steps on both servers, and finds the first difference |
//! | [`check`] | the rules by which replies are compared |
//! | [`state`] | compares everything that both servers hold |
//! | [`exchange`] | has each server restore what the other one dumps |
//! | [`valthree`] | Valthree with tiny thresholds, as a server to kill |
//! | [`lua`] | writes scripts |
//! | [`expected`] | the differences that stay, with their reasons |
//! | [`wording`] | errors that say the same in other words |
//! | [`mod@shrink`] | the fewest commands that still differ |
//! | [`cli_script`] | those commands, as a script |
//! | [`coverage`] | what was drawn, what succeeded, what failed |
//! | [`table`] | the commands that each server says it knows |
//! | [`campaign`] | all of it, until enough is compared |

pub mod campaign;
pub mod check;
pub mod cli_script;
mod clock;
pub mod course;
pub mod coverage;
pub mod difference;
pub mod draw;
pub mod exchange;
pub mod expected;
pub mod family;
pub mod generator;
pub mod grammar;
pub mod lua;
pub mod pair;
pub mod pool;
pub mod refill;
pub mod server;
pub mod shrink;
pub mod state;
pub mod stock;
pub mod table;
#[cfg(test)]
mod toy;
pub mod valthree;
pub mod wire;
pub mod wording;
