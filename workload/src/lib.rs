//! Exercises a Valkey- or Redis-compatible cluster through a real client, and judges what the clients observed.
#![warn(clippy::unwrap_used)]

pub mod assertions;
pub mod carried;
pub mod census;
pub mod chance;
pub mod check;
pub mod class;
pub mod client;
pub mod configuration;
pub mod connection;
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
pub mod wait;
pub mod word;
