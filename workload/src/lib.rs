//! Exercises a Valkey- or Redis-compatible cluster through a real client, and judges what the clients observed.
#![warn(clippy::unwrap_used)]

pub mod check;
pub mod history;
pub mod model;
pub mod operation;
pub mod report;
pub mod word;
