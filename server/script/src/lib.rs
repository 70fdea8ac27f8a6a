//! The script engine: Lua for EVAL, EVALSHA, FUNCTION and FCALL.
//!
//! The engine is pure and synchronous. It gets a script, its arguments, bounds and a [`Host`], and returns a reply.
//!
//! # Why this Lua
//!
//! Scripts are written against Lua 5.1 and quote its errors, so only Lua 5.1 will do. There were two candidates. `omnilua` is
//! written in Rust and has bounds that scripts cannot catch, but in version 0.7 they do not hold: it looks at memory once
//! in some thousand instructions, so `s = s .. s` takes all memory of the machine, `table.concat` took 2 GB of an allowed
//! 64 MB, and a long pattern overflows the stack of the thread, which ends the process. Its texts of errors differ in one
//! of eight scripts, too. `mlua` compiles the original sources. It answers like Valkey, and its allocator refuses the
//! allocation that would break the bound.
//!
//! # What makes it safe
//!
//! Lua 5.1.5 has known faults. Each is out of reach:
//!
//! | fault | what we do |
//! |---|---|
//! | the parser uses a freed name after a collection (CVE-2025-49844) | the collector rests while the parser works; the parser never calls Lua |
//! | `unpack` overflows (CVE-2025-46817) | our check runs before Lua's function |
//! | the lexer overflows on long brackets (CVE-2025-46819) | sources are bounded at 16 MB |
//! | shared metatables of basic types (CVE-2025-46818) | scripts see a proxy that refuses writes |
//! | `bit.tohex` overflows (CVE-2024-31449), also `struct`, `cmsgpack`, `cjson` | these libraries are ours, without `unsafe` |
//! | finalizers and steering of the collector (CVE-2024-46981) | `newproxy` is gone, and `collectgarbage` only tells |
//! | bytecode is trusted | `load` takes text only, and nothing dumps |
//! | patterns without a bound on time and stack | our own matcher |
//! | `table.remove`, `sort` and others that no hook interrupts | our own, which pay for each step |
//!
//! `pcall`, `xpcall` and `coroutine.resume` raise the error again that stops a script, and coroutines inherit the hook that
//! counts instructions. The engine compiles with `lua-src` built without assertions; see `Cargo.toml`.
//!
//! # Where it differs
//!
//! The variables of a library begin anew in each call of its functions: `engine` says why. `string.dump` always fails. The
//! options of `cjson` and the state of `math.random` do not outlive a run: the host seeds each run. `cjson.new` shares the
//! options of the run. A collection cannot be forced.

mod args;
mod base;
mod bits;
mod caught;
mod compile;
mod convert;
mod engine;
mod identity;
mod interpreter;
mod json;
mod known;
mod limits;
mod msgpack;
mod number;
mod output;
mod pattern;
mod proxy;
mod raised;
mod random;
mod register;
pub mod resp;
mod run;
mod server_table;
mod shebang;
mod strings;
mod structs;
mod tables;
mod world;

pub use compile::MOST_SOURCE;
pub use engine::{Engine, Library};
pub use identity::{Identity, sha1_hex};
pub use limits::{Bound, Limits};
pub use register::FunctionFacts;
pub use run::Clock;
pub use server_table::{Host, LogLevel, STOPPED};
pub use shebang::ScriptFlags;
