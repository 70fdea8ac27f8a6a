//! Exercises a Valkey- or Redis-compatible cluster through a real client, and judges what the clients observed.
#![warn(clippy::unwrap_used)]

pub mod chance;
pub mod check;
pub mod class;
pub mod client;
pub mod configuration;
pub mod connection;
pub mod generator;
pub mod history;
pub mod model;
pub mod operation;
pub mod round;
pub mod report;
pub mod word;
