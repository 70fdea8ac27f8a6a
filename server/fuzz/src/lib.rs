//! Fuzz targets: functions that take any bytes, and panic if the code under test breaks a promise.
//!
//! `scripts/fuzz` runs them under libFuzzer, which mutates inputs and keeps those that reach new code. The folder
//! `seeds` holds a few inputs to start from. The test `seeds` runs each of them in every `cargo test`, so an input that
//! once broke something belongs there.
//!
//! | target | input | promise |
//! |---|---|---|
//! | [`request`] | bytes of a client, and where they are cut | the pieces do not change the requests or the error |
//! | [`root`] | bytes of `db.json`, or of one field | the decoder refuses them, or they survive a round trip |
//! | [`run`] | bytes of a run, of its body, or of its entries | the same |
//! | [`script`] | a script, a library, or input of a codec | the bounds hold, and the engine works afterwards |
//! | [`server`] | bytes of a client | a whole server answers and keeps serving |
//! | [`history`] | lines of a history | the reader refuses them, or they survive a round trip |

pub mod history;
pub mod request;
pub mod root;
pub mod run;
pub mod script;
pub mod server;

/// A target.
pub type Target = fn(&[u8]);

/// All targets by name. Each has a folder of the same name under `seeds`.
pub const TARGETS: [(&str, Target); 6] = [
    ("request", request::check),
    ("root", root::check),
    ("run", run::check),
    ("script", script::check),
    ("server", server::check),
    ("history", history::check),
];
