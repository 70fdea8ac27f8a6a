//! Errors on their way through Lua: where they were raised, and what those get to see that catch them.

use bytes::Bytes;
use mlua::{Lua, MultiValue, Value};

use crate::limits::Bound;
use crate::raised::{Failure, Raised, raise};
use crate::resp::before_nul;
use crate::run::{lock, run_of};

/// Raises a string that begins with the position of the caller, as Lua's own library does.
pub(crate) fn raise_here(lua: &Lua, text: impl AsRef<[u8]>) -> mlua::Error {
    let mut message = position(lua, 1).into_bytes();
    message.extend_from_slice(text.as_ref());
    raise(message)
}

/// The position of a level of the stack, like `user_script:1: `. It is empty for native functions. Frames of our own
/// functions in Lua do not count.
fn position(lua: &Lua, level: usize) -> String {
    let place = |frame: &mlua::debug::Debug<'_>| {
        let short = frame.source().short_src.as_deref().unwrap_or("?").to_owned();
        (frame_place(frame), short)
    };
    let mut frames = (level..).map_while(|level| lua.inspect_stack(level, place));
    match frames.find(|((source, _), _)| source != LIBRARY_CHUNK) {
        Some(((_, line), short)) if line > 0 => format!("{short}:{line}: "),
        _ => String::new(),
    }
}

/// Turns the error of a native function into the value that a script gets to see. Raises again if the run is stopped.
pub(crate) fn visible(lua: &Lua, error: &mlua::Error) -> mlua::Result<Value> {
    let run = run_of(lua);
    if run.stopped().is_some() {
        return Err(mlua::Error::external(Raised::Stopped));
    }
    match error {
        mlua::Error::CallbackError { cause, .. } | mlua::Error::WithContext { cause, .. } => visible(lua, cause),
        mlua::Error::MemoryError(_) => Err(run.stop(Bound::Memory)),
        mlua::Error::ExternalError(cause) => match cause.downcast_ref::<Raised>() {
            Some(Raised::Text(text)) => Ok(Value::String(lua.create_string(text)?)),
            Some(Raised::Reply(text)) => {
                let table = lua.create_table()?;
                table.raw_set("err", lua.create_string(text)?)?;
                table.raw_set("ignore_error_stats_update", true)?;
                Ok(Value::Table(table))
            }
            Some(Raised::Value(value)) => Ok(value.clone()),
            Some(Raised::Stopped) | None => Err(error.clone()),
        },
        mlua::Error::RuntimeError(text) => {
            let text = text.split("\nstack traceback:").next().unwrap_or(text);
            Ok(Value::String(lua.create_string(text)?))
        }
        other => Ok(Value::String(lua.create_string(other.to_string())?)),
    }
}

/// Lua's own text for an allocation that failed.
const OUT_OF_MEMORY: &[u8] = b"not enough memory";

/// What everything that catches errors does with a caught value: it raises again if the run is stopped, and replaces our
/// errors by values that scripts know.
pub(crate) fn settle(lua: &Lua, caught: Value) -> mlua::Result<Value> {
    let run = run_of(lua);
    if run.stopped().is_some() {
        return Err(mlua::Error::external(Raised::Stopped));
    }
    match caught {
        Value::Error(error) => visible(lua, &error),
        Value::String(text) if text.as_bytes() == OUT_OF_MEMORY => Err(run.stop(Bound::Memory)),
        other => Ok(other),
    }
}

/// The name of the chunk with our own functions in Lua. Errors never point into it.
pub(crate) const LIBRARY_CHUNK: &str = "=engine";
/// What Lua calls the source of a native function.
const NATIVE_CHUNK: &str = "=[C]";

/// The source and the line of a frame.
fn frame_place(frame: &mlua::debug::Debug<'_>) -> (String, i64) {
    let line = frame.current_line().map_or(-1, |line| line as i64);
    (frame.source().source.as_deref().unwrap_or("?").to_owned(), line)
}

/// Calls a function and keeps the value that it raises, of whatever type.
pub(crate) fn call(lua: &Lua, function: &mlua::Function, arguments: Vec<Value>) -> mlua::Result<MultiValue> {
    let protect: mlua::Function = lua.named_registry_value(PROTECT)?;
    let mut values = MultiValue::from_iter(arguments);
    values.push_front(Value::Function(function.clone()));
    let mut answer: MultiValue = protect.call(values)?;
    match (answer.pop_front(), answer.front()) {
        (Some(Value::Boolean(true)), _) => Ok(answer),
        (_, Some(Value::Error(error))) => Err((**error).clone()),
        (_, Some(raised)) => Err(mlua::Error::external(Raised::Value(settle(lua, raised.clone())?))),
        (_, None) => Ok(answer),
    }
}

/// The name in Lua's registry of the `pcall` of Lua's own library.
pub(crate) const PROTECT: &str = "valthree.protect";

/// The outermost error handler: notes the text and the place of an error.
pub(crate) fn note_failure(lua: &Lua, error: Value) -> mlua::Result<MultiValue> {
    let mut native = false;
    let at = (1..)
        .map_while(|level| lua.inspect_stack(level, frame_place))
        .filter(|(source, _)| source != LIBRARY_CHUNK)
        .find(|(source, _)| source != NATIVE_CHUNK || std::mem::replace(&mut native, true));
    let text = match settle(lua, error)? {
        Value::Table(table) => match table.raw_get::<Value>("err")? {
            Value::String(text) => Bytes::copy_from_slice(&text.as_bytes()),
            // A table without a text crashes other servers.
            _ => Bytes::from_static(b"ERR unknown error"),
        },
        other => {
            let mut text = b"ERR ".to_vec();
            text.extend_from_slice(&crate::args::display(lua, &other)?);
            text.into()
        }
    };
    let text = text.slice_ref(before_nul(&text));
    *lock(&run_of(lua).failure) = Some(Failure { text, at });
    Ok(MultiValue::new())
}
