//! Between replies and Lua's values.

use std::cell::Cell;

use bytes::Bytes;
use mlua::{Lua, Table, Value};

use crate::args::{string_length, to_bytes, to_number};
use crate::number::{ALL_DIGITS, general, truncate};
use crate::resp::{Reply, before_nul};
use crate::run::{BYTES_PER_STEP, Run, run_of};

/// A reply may nest so deep. Lua's tables may contain themselves.
const MOST_DEPTH: usize = 1000;
/// Maps and sets may nest so deep. Each level takes some of the stack.
const MOST_TYPED_DEPTH: usize = 16;
/// The price in steps of a value in a reply: a table of a few lines can stand for millions of them, each of which takes
/// memory of the server, not of Lua.
const STEPS_PER_VALUE: u64 = 20;
/// The price of a table, which is searched for the names of all special replies.
const STEPS_PER_TABLE: u64 = 200;
/// What a value of a reply counts besides its bytes, in bytes.
const VALUE_OVERHEAD: usize = size_of::<Reply>();
/// The text of the reply that is nested too deep.
const TOO_DEEP: Reply = Reply::Error(Bytes::from_static(b"ERR reached lua stack limit"));

/// What a value of a reply takes in Lua at the most, besides its bytes: a string, its place in a table that grows, and a
/// table of its own with a field.
const MOST_PER_VALUE: usize = 512;
/// A reply that takes no more than this in Lua is made without protected calls. The estimate is far too large for replies of
/// many values, and must not stop a script.
const SMALL: usize = 64 << 10;

/// The value that `redis.call` returns for a reply. `third` asks for the types of RESP3.
pub(crate) fn reply_to_lua(lua: &Lua, run: &Run, reply: &Reply, third: bool) -> mlua::Result<Value> {
    match most_memory(reply, SMALL) {
        Some(bytes) => run.unfailing(lua, bytes, || to_lua(lua, reply, third))?,
        None => to_lua(lua, reply, third),
    }
}

/// How much memory a reply takes in Lua at the most, unless it may be more than `limit`.
fn most_memory(reply: &Reply, limit: usize) -> Option<usize> {
    let left = limit.checked_sub(length(reply).saturating_add(MOST_PER_VALUE))?;
    let after = |left: usize, reply: &Reply| Some(left - most_memory(reply, left)?);
    let left = match reply {
        Reply::Array(replies) | Reply::Set(replies) => replies.iter().try_fold(left, after)?,
        Reply::Map(pairs) | Reply::Pairs(pairs) => {
            pairs.iter().flat_map(|(name, value)| [name, value]).try_fold(left, after)?
        }
        _ => left,
    };
    Some(limit - left)
}

fn to_lua(lua: &Lua, reply: &Reply, third: bool) -> mlua::Result<Value> {
    // One value of the database may be in a reply many times. Lua keeps it once, but reads it each time.
    run_of(lua).charge(1 + (length(reply) / BYTES_PER_STEP) as u64)?;
    let text = |bytes: &[u8]| Ok(Value::String(lua.create_string(bytes)?));
    let field = |name: &str, value: Value| -> mlua::Result<Value> {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    };
    match reply {
        Reply::Simple(status) => field("ok", text(status)?),
        Reply::Error(error) => {
            let table = lua.create_table()?;
            table.raw_set("err", lua.create_string(error)?)?;
            table.raw_set("ignore_error_stats_update", true)?;
            Ok(Value::Table(table))
        }
        Reply::Integer(number) => Ok(Value::Number(*number as f64)),
        Reply::Bulk(bytes) => text(bytes),
        Reply::Verbatim(bytes) if third => verbatim(lua, b"txt", bytes),
        Reply::VerbatimAs(format, bytes) if third => verbatim(lua, format, bytes),
        Reply::Verbatim(bytes) | Reply::VerbatimAs(_, bytes) => text(bytes),
        Reply::Double(number) if third => field("double", Value::Number(*number)),
        Reply::Double(number) => text(general(*number, ALL_DIGITS).as_bytes()),
        Reply::Decimal(digits) => match std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
            Some(number) if third => field("double", Value::Number(number)),
            _ => text(digits),
        },
        Reply::Boolean(value) if third => Ok(Value::Boolean(*value)),
        Reply::Boolean(value) => Ok(Value::Integer(i64::from(*value))),
        Reply::BigNumber(number) if third => field("big_number", text(number)?),
        Reply::BigNumber(number) => text(number),
        Reply::Null | Reply::NullArray => Ok(if third { Value::Nil } else { Value::Boolean(false) }),
        Reply::Array(replies) => list(lua, replies.iter(), third),
        Reply::Set(replies) if third => {
            let table = lua.create_table()?;
            for reply in replies {
                table.raw_set(to_lua(lua, reply, third)?, true)?;
            }
            field("set", Value::Table(table))
        }
        Reply::Set(replies) => list(lua, replies.iter(), third),
        Reply::Map(pairs) if third => {
            let table = lua.create_table()?;
            for (key, value) in pairs {
                table.raw_set(to_lua(lua, key, third)?, to_lua(lua, value, third)?)?;
            }
            field("map", Value::Table(table))
        }
        Reply::Pairs(pairs) if third => {
            let table = lua.create_table()?;
            for (index, (name, value)) in pairs.iter().enumerate() {
                table.raw_set(index + 1, list(lua, [name, value].into_iter(), third)?)?;
            }
            Ok(Value::Table(table))
        }
        Reply::Map(pairs) | Reply::Pairs(pairs) => list(lua, pairs.iter().flat_map(|(key, value)| [key, value]), third),
    }
}

/// The bytes of a reply that is one text.
fn length(reply: &Reply) -> usize {
    match reply {
        Reply::Simple(text) | Reply::Error(text) | Reply::Bulk(text) | Reply::Verbatim(text) => text.len(),
        Reply::VerbatimAs(_, text) | Reply::BigNumber(text) | Reply::Decimal(text) => text.len(),
        Reply::Integer(_) | Reply::Double(_) | Reply::Boolean(_) | Reply::Null | Reply::NullArray => 0,
        Reply::Array(_) | Reply::Set(_) | Reply::Map(_) | Reply::Pairs(_) => 0,
    }
}

fn list<'a>(lua: &Lua, replies: impl Iterator<Item = &'a Reply>, third: bool) -> mlua::Result<Value> {
    let table = lua.create_table()?;
    for (index, reply) in replies.enumerate() {
        table.raw_set(index + 1, to_lua(lua, reply, third)?)?;
    }
    Ok(Value::Table(table))
}

fn verbatim(lua: &Lua, format: &[u8], bytes: &[u8]) -> mlua::Result<Value> {
    let inner = lua.create_table()?;
    inner.raw_set("string", lua.create_string(bytes)?)?;
    inner.raw_set("format", lua.create_string(format)?)?;
    let table = lua.create_table()?;
    table.raw_set("verbatim_string", inner)?;
    Ok(Value::Table(table))
}

/// The reply that a script returns with a value. `third` says that the script chose RESP3. Together the strings and the values
/// may take as much memory as Lua may hold, [`crate::Limits::memory`].
pub(crate) fn to_reply(lua: &Lua, value: &Value, third: bool) -> mlua::Result<Reply> {
    Replies { lua, third, size: Cell::new(0) }.of(value, 0)
}

/// An array of which some elements are still missing.
struct Unfinished {
    table: Table,
    replies: Vec<Reply>,
}

/// What a value is in a reply.
enum Shape {
    Whole(Reply),
    Array(Table),
}

/// Makes replies.
struct Replies<'a> {
    lua: &'a Lua,
    third: bool,
    /// The bytes so far.
    size: Cell<usize>,
}

impl Replies<'_> {
    /// Makes sure that some bytes more may be in the reply, and pays for them.
    fn admit(&self, bytes: usize) -> mlua::Result<()> {
        let run = run_of(self.lua);
        self.size.set(self.size.get().saturating_add(bytes));
        run.charge_bytes(bytes)?;
        run.bear(self.size.get())
    }

    /// A copy of a string.
    fn text(&self, value: &Value) -> mlua::Result<Bytes> {
        self.admit(string_length(value))?;
        Ok(to_bytes(value).unwrap_or_default())
    }

    /// The reply of a value. Arrays are on a stack of our own, because scripts choose how deep they nest.
    fn of(&self, value: &Value, typed: usize) -> mlua::Result<Reply> {
        let run = run_of(self.lua);
        let mut open: Vec<Unfinished> = Vec::new();
        let mut shape = self.shape(value, typed)?;
        loop {
            self.admit(VALUE_OVERHEAD)?;
            run.charge(if matches!(shape, Shape::Array(_)) { STEPS_PER_TABLE } else { STEPS_PER_VALUE })?;
            let mut whole = match shape {
                Shape::Array(table) if open.len() < MOST_DEPTH => {
                    open.push(Unfinished { table, replies: Vec::new() });
                    None
                }
                Shape::Array(_) => Some(TOO_DEEP),
                Shape::Whole(reply) => Some(reply),
            };
            shape = loop {
                let Some(unfinished) = open.last_mut() else { return Ok(whole.unwrap_or(Reply::Null)) };
                unfinished.replies.extend(whole.take());
                match unfinished.table.raw_get::<Value>(unfinished.replies.len() + 1)? {
                    Value::Nil => whole = open.pop().map(|unfinished| Reply::Array(unfinished.replies)),
                    value => break self.shape(&value, typed)?,
                }
            };
        }
    }

    fn shape(&self, value: &Value, typed: usize) -> mlua::Result<Shape> {
        Ok(Shape::Whole(match value {
            Value::String(_) => Reply::Bulk(self.text(value)?),
            Value::Integer(_) | Value::Number(_) => {
                Reply::Integer(truncate(to_number(self.lua, value).unwrap_or_default()))
            }
            Value::Boolean(value) if self.third => Reply::Boolean(*value),
            Value::Boolean(true) => Reply::Integer(1),
            Value::Table(_) if typed > MOST_TYPED_DEPTH => TOO_DEEP,
            Value::Table(table) => match self.typed(table, typed)? {
                Some(reply) => reply,
                None => return Ok(Shape::Array(table.clone())),
            },
            _ => Reply::Null,
        }))
    }

    /// The reply of a table whose fields ask for a type.
    fn typed(&self, table: &Table, depth: usize) -> mlua::Result<Option<Reply>> {
        let lua = self.lua;
        let string = |table: &Table, name: &str| -> mlua::Result<Option<Bytes>> {
            Ok(match table.raw_get::<Value>(name)? {
                value @ Value::String(_) => Some(self.text(&value)?),
                _ => None,
            })
        };
        if let Some(error) = string(table, "err")? {
            // Valkey drops line breaks at the end. The encoder replaces the others.
            let text = before_nul(&error);
            let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
            return Ok(Some(Reply::Error(error.slice_ref(&text[..end]))));
        }
        if let Some(status) = string(table, "ok")? {
            return Ok(Some(Reply::Simple(status.slice_ref(before_nul(&status)))));
        }
        if let value @ (Value::Integer(_) | Value::Number(_)) = table.raw_get::<Value>("double")? {
            return Ok(to_number(lua, &value).map(Reply::Double));
        }
        if let Value::Table(map) = table.raw_get::<Value>("map")? {
            let mut pairs = Vec::new();
            for pair in map.pairs::<Value, Value>() {
                let (key, value) = pair?;
                pairs.push((self.of(&key, depth + 1)?, self.of(&value, depth + 1)?));
            }
            return Ok(Some(Reply::Map(pairs)));
        }
        if let Value::Table(set) = table.raw_get::<Value>("set")? {
            let mut members = Vec::new();
            for pair in set.pairs::<Value, Value>() {
                members.push(self.of(&pair?.0, depth + 1)?);
            }
            return Ok(Some(Reply::Set(members)));
        }
        if let Some(number) = string(table, "big_number")? {
            let flat = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
            return Ok(Some(Reply::BigNumber(number.iter().map(flat).collect())));
        }
        if let Value::Table(verbatim) = table.raw_get::<Value>("verbatim_string")?
            && let (Some(text), Some(format)) = (string(&verbatim, "string")?, string(&verbatim, "format")?)
        {
            let mut padded = *b"   ";
            padded.iter_mut().zip(format.iter()).for_each(|(to, from)| *to = *from);
            return Ok(Some(Reply::VerbatimAs(padded, text)));
        }
        Ok(None)
    }
}
