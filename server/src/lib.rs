//! Valthree: Valkey and Redis over object storage.

#![warn(clippy::unwrap_used)]

pub mod clients;
pub mod command;
pub mod commit;
mod connection;
pub mod info;
pub mod resp;
pub mod root;
pub mod server;
pub mod session;
pub mod shared;
pub mod state;
pub mod stats;
pub mod store;
