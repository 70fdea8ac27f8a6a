//! Histories: what clients did and saw. The checker gets nothing else.
//!
//! | file | holds |
//! |---|---|
//! | `events.rs` | the types, and the claims that a history makes |
//! | `recorder.rs` | the recorder that writes down events while clients run |
//! | `lines.rs` | the file format |
//! | `reader.rs` | reading that format |

mod events;
mod lines;
mod reader;
mod recorder;

pub use self::events::{History, Moment, Operation};
pub use self::lines::write;
pub use self::reader::{HistoryError, LineError, read};
pub use self::recorder::{Journal, Recorder, Ticket};
