//! Compiling texts.

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, Table, Value};

/// A script or library may be so long. Lua's lexer counts in 32 bits.
pub const MOST_SOURCE: usize = 16 << 20;

/// The name in Lua's registry of the `loadstring` of Lua's own library.
pub(crate) const LOADSTRING: &str = "valthree.loadstring";

/// Compiles a text. The inner error is Lua's message.
///
/// Lua 5.1 has two faults here. Its parser does not anchor the name of the chunk, so that a garbage collection during
/// parsing may free the name while it is in use (CVE-2025-49844). And it trusts bytecode. So the collector rests while the
/// parser works, and text is all that the parser gets. Its lexer counts the equals signs of long brackets in 32 bits
/// (CVE-2025-46819), which [`MOST_SOURCE`] keeps far away.
pub(crate) fn compile(
    lua: &Lua,
    code: &[u8],
    name: &[u8],
    environment: &Table,
) -> mlua::Result<Result<Function, Vec<u8>>> {
    if code.len() > MOST_SOURCE {
        return Ok(Err(b"script too long".to_vec()));
    }
    let text = String::from_utf8_lossy(name);
    // Bytecode begins with this byte. As a text it is an error, which Lua would word like this.
    if code.first() == Some(&0x1b) {
        let name = text.strip_prefix(['@', '=']).map_or_else(|| format!("[string \"{text}\"]"), str::to_owned);
        return Ok(Err(format!("{name}:1: unexpected symbol near 'char(27)'").into_bytes()));
    }
    lua.gc_stop();
    let chunk = lua.load(code).set_name(text).set_mode(ChunkMode::Text).set_environment(environment.clone());
    let compiled = match chunk.into_function() {
        Ok(function) => Ok(Ok(function)),
        // The library that drives Lua replaces the bytes of the message that are no text.
        Err(mlua::Error::SyntaxError { message, .. }) if message.contains(char::REPLACEMENT_CHARACTER) => {
            message_for(lua, code, name).map(Err)
        }
        Err(mlua::Error::SyntaxError { message, .. }) => Ok(Err(message.into_bytes())),
        Err(error) => Err(error),
    };
    lua.gc_restart();
    compiled
}

/// The message for a text that does not compile, in the bytes of Lua.
fn message_for(lua: &Lua, code: &[u8], name: &[u8]) -> mlua::Result<Vec<u8>> {
    let loadstring: Function = lua.named_registry_value(LOADSTRING)?;
    let (_, message): (Value, Value) = loadstring.call((lua.create_string(code)?, lua.create_string(name)?))?;
    Ok(message.as_string().map(|message| message.as_bytes().to_vec()).unwrap_or_default())
}
