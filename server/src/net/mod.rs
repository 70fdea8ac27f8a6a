//! Sockets and back pressure.
//!
//! This module cuts bytes into requests, hands each request to the session of its connection, and writes replies in the
//! order of the requests. It knows no command.
//!
//! | file | what it does |
//! |---|---|
//! | `listener` | listens, and accepts streams of bytes |
//! | `reception` | gives each connection a task, and rejects connections beyond the limit |
//! | `connection` | runs one connection: decides when to read, execute and write |
//! | `inbound` | holds the bytes that came in, until they are whole requests |
//! | `intake` | turns requests into replies, or into promises of them |
//! | `last_words` | ends a connection when the server stops |
//! | `outbox` | holds replies until the client takes them |
//! | `stopwatch` | measures requests for the log of slow ones |
//! | `http` | notices web browsers, which must not reach the database |

mod connection;
mod http;
mod inbound;
mod intake;
mod last_words;
mod listener;
mod outbox;
mod reception;
mod stopwatch;

pub use intake::{Context, Status};
pub use listener::{Listener, listen};
pub use reception::Reception;
