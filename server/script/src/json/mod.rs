//! The library `cjson`.
//!
//! A script may set the greatest depth, so both directions keep their own stack instead of recursing. They hold one
//! reference into Lua for each open table and none for strings, because Lua 5.1 bounds how many a host may hold.
//!
//! | module | contents |
//! |---|---|
//! | [`decode`] | from a text to values |
//! | [`word`] | the words of a text |
//! | [`encode`] | from values to a text |

mod decode;
mod encode;
mod word;

use mlua::{Lua, MultiValue, Value};

use self::decode::decode;
use self::encode::encode;
use crate::args::{Args, argument_error, results};
use crate::run::{lock, run_of};
use crate::world::Native;

/// A script cannot allow deeper nesting than this. Each level takes two of the references that Lua 5.1 allows.
const MOST_DEPTH: usize = 3000;
/// A new run allows this depth.
const DEFAULT_DEPTH: usize = 1000;

/// What the functions of the library may change. Each run begins with the default.
#[derive(Clone, Debug)]
pub(crate) struct JsonOptions {
    encode_depth: i64,
    decode_depth: i64,
    precision: i64,
    keep_buffer: bool,
    sparse_convert: bool,
    sparse_ratio: i64,
    sparse_safe: i64,
    encode_invalid: Invalid,
    decode_invalid: bool,
}

/// What becomes of numbers that JSON does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for JsonOptions {
    fn default() -> JsonOptions {
        JsonOptions {
            encode_depth: DEFAULT_DEPTH as i64,
            decode_depth: DEFAULT_DEPTH as i64,
            precision: 14,
            keep_buffer: true,
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

/// The functions of the library.
pub(crate) const FUNCTIONS: &[(&str, Native)] = &[
    ("encode", encode),
    ("decode", decode),
    ("encode_max_depth", |lua, args| depth(lua, &args, |options| &mut options.encode_depth)),
    ("decode_max_depth", |lua, args| depth(lua, &args, |options| &mut options.decode_depth)),
    ("encode_number_precision", |lua, args| {
        most(lua, &args, 1)?;
        let mut options = lock(&run_of(lua).json).clone();
        integer(lua, &args, 1, (1, 14), &mut options.precision)?;
        save(lua, &options);
        Ok(results([Value::Integer(options.precision)]))
    }),
    ("encode_keep_buffer", |lua, args| flag(lua, &args, |options| &mut options.keep_buffer)),
    ("decode_invalid_numbers", |lua, args| flag(lua, &args, |options| &mut options.decode_invalid)),
    ("encode_invalid_numbers", encode_invalid_numbers),
    ("encode_sparse_array", encode_sparse_array),
];

fn save(lua: &Lua, options: &JsonOptions) {
    *lock(&run_of(lua).json) = options.clone();
}

fn most(lua: &Lua, args: &Args, count: usize) -> mlua::Result<()> {
    if args.len() > count {
        return Err(argument_error(lua, count + 1, "found too many arguments"));
    }
    Ok(())
}

/// Changes a number if the argument is given.
fn integer(lua: &Lua, args: &Args, at: usize, (least, most): (i64, i64), field: &mut i64) -> mlua::Result<()> {
    if matches!(args.get(at), None | Some(Value::Nil)) {
        return Ok(());
    }
    let value = args.integer(lua, at)?;
    if value < least || value > most {
        return Err(argument_error(lua, at, &format!("expected integer between {least} and {most}")));
    }
    *field = value;
    Ok(())
}

/// Reads `on`, `off`, a boolean, or another word.
fn word(lua: &Lua, args: &Args, at: usize, words: &[&str]) -> mlua::Result<Option<usize>> {
    match args.get(at) {
        None | Some(Value::Nil) => Ok(None),
        Some(Value::Boolean(on)) => Ok(Some(usize::from(*on))),
        Some(_) => {
            let text = args.string(lua, at)?;
            let found = words.iter().position(|word| *word.as_bytes() == text[..]);
            found
                .map(Some)
                .ok_or_else(|| argument_error(lua, at, &format!("invalid option '{}'", String::from_utf8_lossy(&text))))
        }
    }
}

fn depth(lua: &Lua, args: &Args, field: fn(&mut JsonOptions) -> &mut i64) -> mlua::Result<MultiValue> {
    most(lua, args, 1)?;
    let mut options = lock(&run_of(lua).json).clone();
    integer(lua, args, 1, (1, i64::from(i32::MAX)), field(&mut options))?;
    save(lua, &options);
    Ok(results([Value::Integer(*field(&mut options))]))
}

fn flag(lua: &Lua, args: &Args, field: fn(&mut JsonOptions) -> &mut bool) -> mlua::Result<MultiValue> {
    most(lua, args, 1)?;
    let mut options = lock(&run_of(lua).json).clone();
    if let Some(on) = word(lua, args, 1, &["off", "on"])? {
        *field(&mut options) = on == 1;
    }
    save(lua, &options);
    Ok(results([Value::Boolean(*field(&mut options))]))
}

fn encode_invalid_numbers(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    most(lua, &args, 1)?;
    let mut options = lock(&run_of(lua).json).clone();
    if let Some(choice) = word(lua, &args, 1, &["off", "on", "null"])? {
        options.encode_invalid = [Invalid::Refused, Invalid::Written, Invalid::Null][choice];
    }
    save(lua, &options);
    Ok(results([match options.encode_invalid {
        Invalid::Refused => Value::Boolean(false),
        Invalid::Written => Value::Boolean(true),
        Invalid::Null => Value::String(lua.create_string("null")?),
    }]))
}

fn encode_sparse_array(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    most(lua, &args, 3)?;
    let mut options = lock(&run_of(lua).json).clone();
    if let Some(on) = word(lua, &args, 1, &["off", "on"])? {
        options.sparse_convert = on == 1;
    }
    integer(lua, &args, 2, (0, i64::from(i32::MAX)), &mut options.sparse_ratio)?;
    integer(lua, &args, 3, (0, i64::from(i32::MAX)), &mut options.sparse_safe)?;
    save(lua, &options);
    let (ratio, safe) = (Value::Integer(options.sparse_ratio), Value::Integer(options.sparse_safe));
    Ok(results([Value::Boolean(options.sparse_convert), ratio, safe]))
}
