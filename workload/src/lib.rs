//! A black box test that can tell: it exercises a Valkey- or Redis-compatible cluster through a real client, and judges
//! whether one order of commands explains everything that its clients observed.
//!
//! It knows nothing of the servers but their addresses. It works as well against Redis, and finds nothing wrong there.
//!
//! # The life of a round
//!
//! ```text
//! chance ─► configuration ─► generator ─► client ─► connection ─► the cluster
//!                                           │
//!                                           ▼
//!                        evidence ◄─ check ◄─ history
//! ```
//!
//! A [`round`] draws what it is like ([`configuration`]): how many clients, which commands, how large, how wild. Each
//! [`client`] sends what its [`generator`] decides, over a [`connection`] through the redis crate, never anything twice,
//! and takes down in the [`history`] what it is about to send and what came of it. [`check`](mod@check) looks for an order
//! that explains the history. If there is none, [`evidence`] shrinks the history and shows why, on a page for people
//! ([`report`]). [`run`] plays round after round; [`recover`] looks at what is left after faults.
//!
//! # What it rests on
//!
//! - A command has one of three outcomes: a reply; a failure, which means that it did nothing and never will; or none,
//!   which means that it may have happened, *or may yet, at any later time*. The last kind stays open to the end of the
//!   history, and of every later history that it could disturb ([`carried`]).
//! - No two writes have the same value, so that a read names the write that it saw.
//! - A call is recorded before it is sent and a reply after it came, in one order. So if the record says that one
//!   operation ended before another began, it did.
//! - Decisions come from a seed or from the platform ([`chance`]), and depend on neither time nor replies, but for what
//!   earlier rounds have left open: it bounds what a round may draw. Time is tokio's, and connections are any stream: a
//!   simulation can own all three.
//! - A verdict is *serializable*, *violation* or *undecided*, and the last is never taken for one of the others.
//!
//! # Where things are
//!
//! | module | knows about |
//! |---|---|
//! | [`word`], [`operation`], [`class`] | bytes, commands and replies, kinds of commands |
//! | [`chance`], [`configuration`], [`generator`] | what is decided at random |
//! | [`connection`], [`client`] | the redis crate, and what its answers mean |
//! | [`history`], [`folder`], [`carried`] | what is recorded, where it is kept, what is never forgotten |
//! | [`model`] | what commands mean |
//! | [`check`](mod@check) | whether there is an order |
//! | [`census`], [`assertions`] | what histories show, in numbers, and in claims for a report |
//! | [`evidence`], [`report`] | what a person gets to see of a violation |
//! | [`round`], [`run`], [`recover`], [`wait`], [`progress`] | the parts of the binary |

#![warn(clippy::unwrap_used)]

pub mod assertions;
pub mod carried;
pub mod census;
pub mod chance;
pub mod check;
pub mod class;
pub mod client;
pub mod configuration;
pub mod connection;
pub mod evidence;
pub mod folder;
pub mod generator;
pub mod history;
pub mod model;
pub mod operation;
pub mod progress;
pub mod recover;
pub mod report;
pub mod round;
pub mod run;
pub mod wait;
pub mod word;
