//! Compiling texts.

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, Table};

/// A script or library may be so long. Lua's lexer counts in 32 bits.
pub const MOST_SOURCE: usize = 16 << 20;

/// Compiles a text. The inner error is Lua's message.
///
/// Lua 5.1 has two faults here. Its parser does not anchor the name of the chunk, so that a garbage collection during
/// parsing may free the name while it is in use (CVE-2025-49844). And it trusts bytecode. So the collector rests while the
/// parser works, and text is all that the parser gets. Its lexer counts the equals signs of long brackets in 32 bits
/// (CVE-2025-46819), which [`MOST_SOURCE`] keeps far away.
pub(crate) fn compile(
    lua: &Lua,
    code: &[u8],
    name: &str,
    environment: &Table,
) -> mlua::Result<Result<Function, String>> {
    if code.len() > MOST_SOURCE {
        return Ok(Err("script too long".to_owned()));
    }
    // Bytecode begins with this byte. As a text it is an error, which Lua would word like this.
    if code.first() == Some(&0x1b) {
        let name = name.strip_prefix(['@', '=']).map_or_else(|| format!("[string \"{name}\"]"), str::to_owned);
        return Ok(Err(format!("{name}:1: unexpected symbol near 'char(27)'")));
    }
    lua.gc_stop();
    let chunk = lua.load(code).set_name(name).set_mode(ChunkMode::Text).set_environment(environment.clone());
    let compiled = chunk.into_function();
    lua.gc_restart();
    match compiled {
        Ok(function) => Ok(Ok(function)),
        Err(mlua::Error::SyntaxError { message, .. }) => Ok(Err(message)),
        Err(error) => Err(error),
    }
}
