//! The families of commands.
//!
//! A file has the rows of related commands, then their parsers and meanings. It exports its rows as `ROWS`.
//! A large family is a folder: `mod.rs` lists the rows, and `template.rs` has what many of them share.

pub mod bitmap;
pub mod client;
pub mod config;
pub mod counter;
pub mod debug;
pub mod durability;
pub mod function;
pub mod geo;
pub mod greeting;
pub mod hash;
pub mod hyperloglog;
pub mod key;
pub mod latency;
pub mod list;
pub mod script;
pub mod server;
pub mod set;
pub mod slowlog;
pub mod string;
pub mod transaction;
pub mod zset;
