//! Valthree: Valkey and Redis over object storage.

pub mod command;
pub mod resp;
pub mod store;
