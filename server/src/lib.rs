//! Valthree: a Valkey- and Redis-compatible database whose only state is in object storage.
//!
//! # The life of a command
//!
//! ```text
//! socket ─► resp ─► session ─► commit ─► state ─► store
//!   bytes     requests  commands   batches   versions   objects
//! ```
//!
//! [`server`] accepts connections and gives each a task (`connection`). The task cuts the bytes into requests
//! ([`resp`]), and the [`session`] decides about each: what concerns only the connection it answers itself; what reads
//! or changes the database becomes a [`command::Command`] and goes to the queue of the [`commit`] loop. That is one task
//! per server. It executes all that waits as one batch, by the pure rules of [`state`], on the newest version of the
//! database that it knows; it writes the result as the next version of `db.json` ([`root`]); and it replaces the stored
//! one on the condition that this still is the version it started from ([`store`]). Then everybody in the batch is
//! answered, over the connections, in the order of their requests.
//!
//! # What must hold
//!
//! 1. `db.json` decides. A write has happened if and only if a version that contains it was stored. Nothing else (a
//!    log, a lease, a clock, a leader) can make or unmake a write.
//! 2. `db.json` is only ever replaced on the condition that it is the version which the new one was computed from, or
//!    that there is none.
//! 3. No version ever has the same bytes as an earlier one: it holds a generation, which only grows. So an ETag never
//!    comes back, and an old conditional PUT can never land late.
//! 4. Commands are executed by a pure state machine, in one order, on one state; and the state is a function of what is
//!    stored.
//! 5. A reply is sent only when the fate of its command is known, or when the deadline has passed and the client is told
//!    so. A command is never applied twice, and never after its client was told that nothing happened.
//! 6. No argument for correctness mentions time. Clocks only decide how long to wait.
//!
//! [`commit`] argues why this makes every history strictly serializable.
//!
//! # Where things are
//!
//! | module | knows about |
//! |---|---|
//! | [`server`], `connection` | sockets, tasks, starting and stopping |
//! | [`resp`] | the bytes of the wire protocol |
//! | [`budget`] | what all connections may hold together |
//! | [`session`], [`clients`], [`shared`] | what a connection remembers, and what connections have in common |
//! | [`command`] | the table of commands, and how words become commands |
//! | [`info`], [`stats`] | what a server tells about itself |
//! | [`commit`] | concurrency: batches, races, lost answers, deadlines, freshness |
//! | [`state`] | what commands mean |
//! | [`root`] | the bytes of `db.json` |
//! | [`run`] | the bytes of the objects that hold older entries, and what they become in memory |
//! | [`inspect`] | how people look at a database without serving it |
//! | [`store`] | conditional replacement: in a folder, or in memory for tests |
//! | `zoo` | planted bugs, which no ordinary build contains |
//!
//! Only `commit` knows concurrency, and only `state` knows what commands mean. `resp`, `command`, `state`, `root`
//! and `run` never wait. Time comes from tokio, and all randomness from [`server::Config::seed`], so that a simulation can own
//! both.

#![warn(clippy::unwrap_used)]

pub mod budget;
pub mod clients;
pub mod command;
pub mod commit;
mod connection;
pub mod info;
pub mod inspect;
pub mod resp;
pub mod root;
pub mod run;
pub mod server;
pub mod session;
pub mod shared;
pub mod state;
pub mod stats;
pub mod store;
mod zoo;
