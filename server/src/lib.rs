//! Valthree: a Valkey- and Redis-compatible database whose only state is in object storage.
//!
//! # The life of a command
//!
//! ```text
//!   client      requests       units         versions
//! ─────────► net ──────► session ──────► commit ──────► store ──► a folder, or S3
//!            resp                        upkeep
//!                                          │ executes
//!                                          ▼
//!                                        command ──► state ──► root, run
//! ```
//!
//! [`net`] accepts connections, and each connection is a task. The task cuts the client's bytes into requests ([`resp`]).
//! The [`session`] looks each request up in the table of commands ([`command`]), and answers those that concern only
//! the connection or the server. The others read or change the database, and go to the [`commit`] loop.
//!
//! The commit loop is one task per server. It executes all waiting commands as one batch, on the newest version of the
//! database that it knows ([`state`]). It writes the result as the next version of `db.json` ([`root`]). It replaces the
//! stored `db.json` on the condition that this still is the version that the batch was executed on ([`store`]). Then every
//! client of the batch gets its reply, in the order of its requests.
//!
//! A database consists of *rows* ([`row`]): keys, and the elements of collections ([`value`]). `db.json` holds a log of the
//! newest commits, each with the rows that it changed. [`upkeep`] moves older ones into *runs* ([`run`]): sorted, compressed
//! objects that never change. If commits change the same rows again and again, it makes one of many instead.
//!
//! On its way to the store, a `SET` has six shapes:
//!
//! | shape | made by | what it adds |
//! |---|---|---|
//! | words: `Vec<Bytes>` | `resp` | the request is whole; its words share the buffer that was read |
//! | [`Command`](command::Command) | `session` | the row of the table: it is well-formed, and can be executed again and again |
//! | [`Unit`](commit::Unit) | `net` | the client, the promise of an answer, and the other commands of its transaction |
//! | `Arrival` | `commit` | its place in the queue and its deadline; it survives each commit that is lost |
//! | `Executed` | `commit` | the reply, which is good only if this one commit lands |
//! | [`Row`](row::Row) | `state` | what is stored; the command itself is not |
//!
//! Other types on the way (`Step`, `Submission`, `Batch`, `Commit`) only carry some of these from one task to the next.
//!
//! # What must hold
//!
//! 1. `db.json` decides. A write has happened if and only if a version that contains it was stored. Nothing else (a log, a
//!    lease, a clock, a leader) can make or unmake a write.
//! 2. A server replaces `db.json` only on the condition that it still is the version from which the new one was computed.
//!    It creates `db.json` only on the condition that none exists.
//! 3. No version has the same bytes as an earlier one, because its generation is higher. So an ETag never comes back, and
//!    a conditional PUT that a newer version has overtaken can never land.
//! 4. A pure state machine executes commands in one order on one state. The state is a function of the stored bytes.
//! 5. A client gets its reply when the fate of its command is known. If the fate is still unknown at the deadline, or
//!    when the database becomes unusable, the reply says so. No command is applied twice, or after its client was told
//!    that nothing happened.
//! 6. No argument for correctness mentions time. Clocks only decide how long to wait.
//!
//! [`commit`] argues why these rules make every history strictly serializable.
//!
//! # Where things are
//!
//! | module | what it knows |
//! |---|---|
//! | [`server`] | how a server starts and stops |
//! | [`net`] | sockets and their tasks |
//! | [`budget`] | the memory that all connections may hold together |
//! | [`resp`] | the bytes of the wire protocol |
//! | [`session`], [`clients`] | what a connection remembers, and who decides about each request |
//! | [`command`] | the table of commands: syntax, flags and meaning, one file for each family |
//! | [`instance`], [`settings`], [`clock`] | what all connections of a server share |
//! | [`info`], [`stats`], [`record`] | what a server says about itself |
//! | [`parameters`], [`knobs`] | what `CONFIG` tells and changes |
//! | [`commit`] | concurrency: batches, races, lost answers, deadlines, freshness |
//! | [`upkeep`] | folds, squashes, merges and sweeps, beside the commits |
//! | [`value`] | what hashes, lists, sets and sorted sets mean over rows; numbers, payloads of DUMP |
//! | `script` | scripts: their texts, what they may do, and the engine of the crate `valthree-script` |
//! | [`state`] | a version of the database, and the next one while commands change it |
//! | [`row`] | keys and elements: what layers, folds and merges know |
//! | [`root`], [`run`] | the bytes of `db.json` and of runs |
//! | [`store`] | conditional replacement of objects in a folder, in S3, or in memory for tests |
//! | [`id`] | names of servers and databases |
//! | [`inspect`], [`tail`], [`repair`] | print, follow and mend a database without serving it |
//! | `background` | long work in short slices |
//! | `zoo` | planted bugs, which no ordinary build contains |
//!
//! The binary adds `flags`, `start` (serving), `look` (inspect, verify, tail and repair) and `open_files`.
//!
//! Only [`commit`] knows concurrency, and only [`command`] knows what commands mean. `resp`, `session`, `command`, `value`,
//! `state`, `root`, `run` and the core of `commit` never wait. Time comes from tokio, and all randomness from
//! [`server::Config::seed`], so a simulation can own both.
//!
//! To add a command, add a row and its function to a file of [`command::family`], a golden script under `tests/golden`, and
//! its place in the workload's model.

#![warn(clippy::unwrap_used)]

mod background;
pub mod budget;
pub mod clients;
pub mod clock;
pub mod command;
pub mod commit;
pub mod id;
pub mod info;
pub mod inspect;
pub mod instance;
pub mod knobs;
pub mod net;
pub mod parameters;
pub mod record;
pub mod repair;
pub mod resp;
pub mod root;
pub mod row;
pub mod run;
mod script;
pub mod server;
pub mod session;
pub mod settings;
pub mod state;
pub mod stats;
pub mod store;
pub mod tail;
pub mod upkeep;
pub mod value;
mod zoo;
