//! Globals of Lua's base library that are ours: those that compile, unpack, or speak of memory.

use std::sync::atomic::Ordering::Relaxed;

use mlua::{Lua, MultiValue, Table, Value};

use crate::args::{Args, argument_error, results, text_of};
use crate::caught::{call, raise_here, visible};
use crate::compile::compile;
use crate::output::Output;
use crate::run::run_of;
use crate::world::Native;

/// What one native function may return together with its arguments, as Lua bounds it.
const MOST_RESULTS: i64 = 8000;
/// The names in Lua's registry of the environments of scripts and of functions.
pub(crate) const ENVIRONMENTS: [&str; 2] = ["valthree.scripts", "valthree.functions"];

/// The functions.
pub(crate) const FUNCTIONS: &[(&str, Native)] = &[
    ("collectgarbage", collectgarbage),
    ("gcinfo", |lua, _| Ok(results([Value::Integer((lua.used_memory() / 1024) as i64)]))),
    ("load", load),
    ("loadstring", loadstring),
];

/// Tells how much memory Lua uses. Scripts do not steer the garbage collector.
fn collectgarbage(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let option = if args.value(1).is_nil() { None } else { Some(args.string(lua, 1)?) };
    let value = match option.as_deref().unwrap_or(b"collect") {
        b"count" => Value::Number(lua.used_memory() as f64 / 1024.0),
        b"step" => Value::Boolean(false),
        b"setpause" | b"setstepmul" => Value::Integer(200),
        b"stop" | b"restart" | b"collect" => Value::Integer(0),
        other => {
            let text = format!("invalid option '{}'", String::from_utf8_lossy(other));
            return Err(argument_error(lua, 1, &text));
        }
    };
    Ok(results([value]))
}

/// Checks the arguments of `unpack`. Lua's own computes the number of results in 32 bits, which an attacker can make
/// overflow (CVE-2025-46817). It runs only after this check.
pub(crate) fn check_unpack(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    let first = i64::from(args.integer_or(lua, 2, 1)? as i32);
    let last = i64::from(args.integer_or(lua, 3, table.raw_len() as i64)? as i32);
    let count = last - first + 1;
    if count + args.len() as i64 > MOST_RESULTS {
        return Err(raise_here(lua, "too many results to unpack"));
    }
    run_of(lua).charge(count.max(0) as u64 / 8)?;
    Ok(MultiValue::new())
}

fn loadstring(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let code = args.string(lua, 1)?;
    let name = if args.value(2).is_nil() { args.string(lua, 1)? } else { args.string(lua, 2)? };
    load_code(lua, &code, &name)
}

/// `load`. The pieces are gathered first: the parser must never call back into Lua.
fn load(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let Some(Value::Function(reader)) = args.get(1) else { return Err(args.type_error(lua, 1, "function")) };
    let name = if args.value(2).is_nil() { None } else { Some(args.string(lua, 2)?) };
    let run = run_of(lua);
    let mut code = Output::new(lua);
    loop {
        run.charge(1)?;
        let piece = match call(lua, reader, Vec::new()) {
            Ok(mut values) => values.pop_front().unwrap_or(Value::Nil),
            Err(error) => return Ok(results([Value::Nil, visible(lua, &error)?])),
        };
        match text_of(lua, &piece)? {
            None if piece.is_nil() => break,
            Some(bytes) if bytes.is_empty() => break,
            Some(bytes) => code.append(&bytes)?,
            None => {
                let text = lua.create_string("reader function must return a string")?;
                return Ok(results([Value::Nil, Value::String(text)]));
            }
        }
    }
    load_code(lua, code.bytes_mut(), name.as_deref().unwrap_or(b"=(load)"))
}

fn load_code(lua: &Lua, code: &[u8], name: &[u8]) -> mlua::Result<MultiValue> {
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    // No hook interrupts the parser, and the library that drives Lua copies the name.
    run_of(lua).charge(code.len() as u64)?;
    run_of(lua).reserve(lua, code.len().saturating_add(2 * name.len()))?;
    // A chunk runs in the environment of whoever loads it: a library's functions do not see KEYS.
    let runs_function = run_of(lua).runs_function.load(Relaxed);
    let environment: Table = lua.named_registry_value(ENVIRONMENTS[usize::from(runs_function)])?;
    match compile(lua, code, name, &environment)? {
        Ok(function) => Ok(results([Value::Function(function)])),
        Err(text) => Ok(results([Value::Nil, Value::String(lua.create_string(text)?)])),
    }
}
