//! Valthree: Valkey and Redis over object storage.

pub mod clients;
pub mod command;
pub mod commit;
pub mod info;
pub mod resp;
pub mod root;
pub mod session;
pub mod shared;
pub mod state;
pub mod stats;
pub mod store;
