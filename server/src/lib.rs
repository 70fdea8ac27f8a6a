//! Valthree: Valkey and Redis over object storage.

pub mod command;
pub mod commit;
pub mod resp;
pub mod root;
pub mod state;
pub mod stats;
pub mod store;
