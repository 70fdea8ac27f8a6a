//! Values as JSON.

use mlua::{Function, Lua, MultiValue, Table, Value};

use super::{Invalid, JsonOptions, MOST_DEPTH};
use crate::args::{Args, argument_error, results, to_number, type_name};
use crate::caught::raise_here;
use crate::number::general;
use crate::output::Output;
use crate::run::{STEPS_PER_KEY, STEPS_PER_VALUE, lock, run_of};
use crate::world::NEXT;

/// An open table.
enum Open {
    Array { table: Table, at: i64, length: i64 },
    Object { table: Table, key: Value, first: bool },
}

/// Writes a value as JSON.
struct Encoder<'a> {
    lua: &'a Lua,
    options: JsonOptions,
    next: Function,
    out: Output<'a>,
    open: Vec<Open>,
}

pub(super) fn encode(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if args.len() != 1 {
        return Err(argument_error(lua, 1, "expected 1 argument"));
    }
    let run = run_of(lua);
    let options = lock(&run.json).clone();
    let next = lua.named_registry_value(NEXT)?;
    let mut encoder = Encoder { lua, options, next, out: Output::new(lua), open: Vec::new() };
    encoder.value(args.value(1))?;
    while let Some(open) = encoder.open.pop() {
        run.charge(STEPS_PER_VALUE)?;
        encoder.advance(open)?;
    }
    Ok(results([encoder.out.finish()?]))
}

impl Encoder<'_> {
    /// Writes the next element of a table, or closes it.
    fn advance(&mut self, open: Open) -> mlua::Result<()> {
        match open {
            Open::Array { table, at, length } if at <= length => {
                if at > 1 {
                    self.out.push(b',')?;
                }
                let value: Value = table.raw_get(at)?;
                self.open.push(Open::Array { table, at: at + 1, length });
                self.value(value)
            }
            Open::Array { .. } => {
                self.out.push(b']')?;
                Ok(())
            }
            Open::Object { table, key, first } => {
                let (key, value): (Value, Value) = self.next.call((&table, key))?;
                if key.is_nil() {
                    self.out.push(b'}')?;
                    return Ok(());
                }
                if !first {
                    self.out.push(b',')?;
                }
                match &key {
                    Value::Integer(_) | Value::Number(_) => {
                        self.out.push(b'"')?;
                        self.number(&key)?;
                        self.out.push(b'"')?;
                    }
                    Value::String(text) => quote(&text.as_bytes(), &mut self.out)?,
                    other => return Err(self.refuse(other, "table key must be a number or string")),
                }
                self.out.push(b':')?;
                self.open.push(Open::Object { table, key, first: false });
                self.value(value)
            }
        }
    }

    fn refuse(&self, value: &Value, reason: &str) -> mlua::Error {
        raise_here(self.lua, format!("Cannot serialise {}: {reason}", type_name(value)))
    }

    fn value(&mut self, value: Value) -> mlua::Result<()> {
        match &value {
            Value::Nil => self.out.append(b"null")?,
            Value::LightUserData(pointer) if pointer.0.is_null() => self.out.append(b"null")?,
            Value::Boolean(true) => self.out.append(b"true")?,
            Value::Boolean(false) => self.out.append(b"false")?,
            Value::Integer(_) | Value::Number(_) => self.number(&value)?,
            Value::String(text) => quote(&text.as_bytes(), &mut self.out)?,
            Value::Table(table) => {
                let depth = self.open.len() + 1;
                if depth as i64 > self.options.encode_depth || depth > MOST_DEPTH {
                    return Err(raise_here(self.lua, format!("Cannot serialise, excessive nesting ({depth})")));
                }
                let length = self.array_length(table)?;
                self.out.push(if length > 0 { b'[' } else { b'{' })?;
                self.open.push(match length {
                    0 => Open::Object { table: table.clone(), key: Value::Nil, first: true },
                    length => Open::Array { table: table.clone(), at: 1, length },
                });
            }
            other => return Err(self.refuse(other, "type not supported")),
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) -> mlua::Result<()> {
        let number = to_number(self.lua, value).unwrap_or(f64::NAN);
        if !number.is_finite() {
            match self.options.encode_invalid {
                Invalid::Refused => return Err(self.refuse(value, "must not be NaN or Inf")),
                Invalid::Null => return self.out.append(b"null"),
                Invalid::Written => {}
            }
        }
        self.out.append(general(number, self.options.precision as usize).as_bytes())
    }

    /// The length of a table whose keys are all positive integers, or zero.
    fn array_length(&self, table: &Table) -> mlua::Result<i64> {
        let run = run_of(self.lua);
        let (mut greatest, mut count) = (0, 0);
        for pair in table.pairs::<Value, Value>() {
            run.charge(STEPS_PER_KEY)?;
            match pair?.0 {
                Value::Integer(key) if key >= 1 => greatest = greatest.max(key),
                _ => return Ok(0),
            }
            count += 1;
        }
        let JsonOptions { sparse_ratio, sparse_safe, sparse_convert, .. } = self.options;
        if sparse_ratio > 0 && greatest > count * sparse_ratio && greatest > sparse_safe {
            if !sparse_convert {
                return Err(self.refuse(&Value::Table(table.clone()), "excessively sparse array"));
            }
            return Ok(0);
        }
        Ok(greatest)
    }
}

/// Writes a string.
fn quote(text: &[u8], out: &mut Output<'_>) -> mlua::Result<()> {
    out.push(b'"')?;
    // A string of many escapes grows sixfold, so the room for it is made on the way.
    let mut plain = 0;
    for (at, &byte) in text.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'/' => b"\\/",
            0x08 => b"\\b",
            0x0c => b"\\f",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 | 0x7f => b"",
            _ => continue,
        };
        out.append(&text[plain..at])?;
        if escape.is_empty() {
            out.append(format!("\\u{byte:04x}").as_bytes())?;
        }
        out.append(escape)?;
        plain = at + 1;
    }
    out.append(&text[plain..])?;
    out.push(b'"')
}
