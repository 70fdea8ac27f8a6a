//! A black-box test for strict serializability. It exercises a Valkey- or Redis-compatible cluster through a real client
//! library, and judges whether one order of the commands explains every reply.
//!
//! The workload knows the addresses of the servers and nothing else. It runs against Redis as well, and finds nothing
//! wrong there.
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
//! 1. A [`round`] draws its [`configuration`]: how many clients, which commands, how long the values.
//! 2. Each [`client`] sends the commands of its [`generator`] over a [`connection`], each command once. It records every
//!    call and every reply in the [`history`].
//! 3. The checker ([`check`](mod@check)) looks for an order of the commands that explains the history.
//! 4. If there is none, [`evidence`] shrinks the history and writes a page that shows why ([`report`]).
//!
//! [`run`] plays round after round. [`recover`] looks at the database after faults.
//!
//! # What the verdict rests on
//!
//! - **An unknown outcome stays open.** A command ends with a reply, with a failure (it did nothing and never will), or
//!   with an unknown outcome. In the last case it may have taken effect *or may at any later time*, so it stays open to
//!   the end of the history, and of every later history that it could disturb ([`carried`]).
//! - **A transaction or script is one operation.** Its step in the model is the list of its steps. A WATCH is an operation
//!   of its own, and the EXEC after it took effect only if the watched keys were untouched in between.
//! - **Values are unique.** No two writes of a round have the same value, so a read names the write that it saw.
//! - **The record respects real time.** A client records a call before it sends the command and a reply after it arrived,
//!   all in one order. If one operation ended before another began, the record says so.
//! - **Decisions can be repeated.** They come from a seed or from the Antithesis platform ([`chance`]), not from time or
//!   replies. Earlier rounds matter in one way: their open operations limit what a round may draw.
//! - **A simulation can own the world.** Time is tokio's, and a connection is any stream of bytes.
//! - **Undecided is a verdict of its own.** A verdict is *serializable*, *violation* or *undecided*. An undecided round
//!   never counts as a pass or as a violation.
//!
//! # Where things are
//!
//! | module | knows about |
//! |---|---|
//! | [`word`], [`operation`], [`model`] | keys and values; commands and replies, family by family; their meaning |
//! | [`class`], [`contents`] | the classes of commands that are drawn, counted and reported; which suit what a key holds |
//! | [`chance`], [`configuration`], [`generator`] | random decisions |
//! | [`client`], [`connection`], [`answers`] | the redis crate, and the meaning of its answers |
//! | [`history`], [`folder`], [`carried`] | the record, the files it is kept in, and open operations of earlier rounds |
//! | [`check`](mod@check) | the search for an order |
//! | [`census`], [`sightings`], [`assertions`] | what histories show, in numbers and as claims in a report |
//! | [`evidence`], [`report`] | what a person sees of a violation |
//! | [`round`], [`run`], [`summary`], [`progress`], [`cleanup`] | playing rounds |
//! | [`wait`], [`unknown`], [`recover`] | the cluster before and after |
//!
//! The binary (`main.rs`) has a file for its flags and one for each subcommand.

#![warn(clippy::unwrap_used)]

pub mod answers;
pub mod assertions;
pub mod carried;
pub mod census;
pub mod chance;
pub mod check;
pub mod class;
pub mod cleanup;
pub mod client;
pub mod configuration;
pub mod connection;
pub mod contents;
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
pub mod sightings;
pub mod summary;
pub mod unknown;
pub mod wait;
pub mod word;
