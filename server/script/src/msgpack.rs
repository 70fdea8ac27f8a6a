//! The library `cmsgpack`.

use mlua::{Lua, MultiValue, Table, Value};

use crate::args::{Args, argument_error, results, to_number};
use crate::caught::raise_here;
use crate::number::truncate;
use crate::output::Output;
use crate::run::{STEPS_PER_KEY, STEPS_PER_VALUE, run_of};
use crate::world::Native;

/// Tables that are nested deeper are packed as nil.
const MOST_NESTING: usize = 16;
/// Texts that nest deeper are refused. Each level keeps two references into Lua.
const MOST_UNPACK_NESTING: usize = 2500;
/// How many values one call may return: what Lua allows a native function.
const MOST_VALUES: usize = 7900;

/// The functions of the library.
pub(crate) const FUNCTIONS: &[(&str, Native)] = &[
    ("pack", pack),
    ("unpack", |lua, args| unpack(lua, &args.string(lua, 1)?, 0, 0)),
    ("unpack_one", |lua, args| {
        let offset = args.integer_or(lua, 2, 0)?;
        unpack(lua, &args.string(lua, 1)?, 1, offset)
    }),
    ("unpack_limit", |lua, args| {
        let (limit, offset) = (args.integer(lua, 2)?, args.integer_or(lua, 3, 0)?);
        unpack(lua, &args.string(lua, 1)?, limit, offset)
    }),
];

fn pack(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if args.len() == 0 {
        return Err(argument_error(lua, 0, "MessagePack pack needs input."));
    }
    let mut out = Output::new(lua);
    for value in args.from(1) {
        encode(lua, value, 0, &mut out)?;
    }
    Ok(results([out.finish()?]))
}

/// Appends a value. The depth is at most [`MOST_NESTING`].
fn encode(lua: &Lua, value: &Value, depth: usize, out: &mut Output<'_>) -> mlua::Result<()> {
    run_of(lua).charge(STEPS_PER_VALUE)?;
    match value {
        Value::Boolean(true) => out.push(0xc3),
        Value::Boolean(false) => out.push(0xc2),
        Value::String(text) => {
            let bytes = text.as_bytes();
            match bytes.len() {
                length @ 0..32 => out.push(0xa0 | length as u8)?,
                length @ 32..256 => out.append(&[0xd9, length as u8])?,
                length => header(0xda, length, out)?,
            }
            out.append(&bytes)
        }
        Value::Integer(_) | Value::Number(_) => encode_number(to_number(lua, value).unwrap_or_default(), out),
        Value::Table(table) if depth < MOST_NESTING => match array_length(lua, table)? {
            Some(length) => {
                match length {
                    0..16 => out.push(0x90 | length as u8)?,
                    _ => header(0xdc, length, out)?,
                }
                (1..=length).try_for_each(|index| encode(lua, &table.raw_get(index)?, depth + 1, out))
            }
            None => encode_map(lua, table, depth, out),
        },
        _ => out.push(0xc0),
    }
}

fn encode_map(lua: &Lua, table: &Table, depth: usize, out: &mut Output<'_>) -> mlua::Result<()> {
    let run = run_of(lua);
    let mut count = 0_usize;
    table.for_each(|_: Value, _: Value| {
        count += 1;
        run.charge(STEPS_PER_KEY)
    })?;
    match count {
        0..16 => out.push(0x80 | count as u8)?,
        _ => header(0xde, count, out)?,
    }
    table.for_each(|key: Value, value: Value| {
        encode(lua, &key, depth + 1, out)?;
        encode(lua, &value, depth + 1, out)
    })
}

/// Appends a length in 16 bits, or in 32 bits under the next code.
fn header(code: u8, length: usize, out: &mut Output<'_>) -> mlua::Result<()> {
    match u16::try_from(length) {
        Ok(length) => coded(code, &length.to_be_bytes(), out),
        Err(_) => coded(code + 1, &(length as u32).to_be_bytes(), out),
    }
}

/// The length of a table whose keys are 1, 2, 3 and so on.
fn array_length(lua: &Lua, table: &Table) -> mlua::Result<Option<usize>> {
    let run = run_of(lua);
    let (mut greatest, mut count) = (0, 0);
    for pair in table.pairs::<Value, Value>() {
        run.charge(STEPS_PER_KEY)?;
        match pair?.0 {
            Value::Integer(key) if key > 0 => greatest = greatest.max(key),
            _ => return Ok(None),
        }
        count += 1;
    }
    Ok((greatest == count).then_some(count as usize))
}

fn encode_number(number: f64, out: &mut Output<'_>) -> mlua::Result<()> {
    let integer = truncate(number);
    if integer as f64 != number || !number.is_finite() {
        let short = number as f32;
        return match f64::from(short) == number {
            true => coded(0xca, &short.to_be_bytes(), out),
            false => coded(0xcb, &number.to_be_bytes(), out),
        };
    }
    match integer {
        0..=127 => out.push(integer as u8),
        128..=255 => coded(0xcc, &[integer as u8], out),
        256..=65_535 => coded(0xcd, &(integer as u16).to_be_bytes(), out),
        65_536..=4_294_967_295 => coded(0xce, &(integer as u32).to_be_bytes(), out),
        4_294_967_296.. => coded(0xcf, &integer.to_be_bytes(), out),
        -32..0 => out.push(integer as u8),
        -128..-32 => coded(0xd0, &[integer as u8], out),
        -32_768..-128 => coded(0xd1, &(integer as i16).to_be_bytes(), out),
        -2_147_483_648..-32_768 => coded(0xd2, &(integer as i32).to_be_bytes(), out),
        _ => coded(0xd3, &integer.to_be_bytes(), out),
    }
}

fn coded(code: u8, bytes: &[u8], out: &mut Output<'_>) -> mlua::Result<()> {
    out.push(code)?;
    out.append(bytes)
}

/// Reads packed bytes.
struct Reader<'a> {
    lua: &'a Lua,
    bytes: &'a [u8],
    at: usize,
}

/// What the next code begins.
enum Item {
    Value(Value),
    Array(usize),
    Map(usize),
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> mlua::Result<&[u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return Err(raise_here(self.lua, "Missing bytes in input.")) };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// An unsigned number of so many bytes.
    fn unsigned(&mut self, count: usize) -> mlua::Result<u64> {
        Ok(self.take(count)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn signed(&mut self, count: usize) -> mlua::Result<Item> {
        let unused = 64 - 8 * count as u32;
        let number = (self.unsigned(count)? << unused) as i64 >> unused;
        Ok(Item::Value(Value::Number(number as f64)))
    }

    fn string(&mut self, length: usize) -> mlua::Result<Item> {
        let lua = self.lua;
        Ok(Item::Value(Value::String(lua.create_string(self.take(length)?)?)))
    }

    fn item(&mut self) -> mlua::Result<Item> {
        let code = self.take(1)?[0];
        Ok(match code {
            0..=0x7f => Item::Value(Value::Integer(i64::from(code))),
            0xe0..=0xff => Item::Value(Value::Integer(i64::from(code as i8))),
            0xa0..=0xbf => return self.string(usize::from(code & 31)),
            0x90..=0x9f => Item::Array(usize::from(code & 15)),
            0x80..=0x8f => Item::Map(usize::from(code & 15)),
            0xc0 => Item::Value(Value::Nil),
            0xc2 => Item::Value(Value::Boolean(false)),
            0xc3 => Item::Value(Value::Boolean(true)),
            0xca => Item::Value(Value::Number(f64::from(f32::from_bits(self.unsigned(4)? as u32)))),
            0xcb => Item::Value(Value::Number(f64::from_bits(self.unsigned(8)?))),
            0xcc..=0xcf => Item::Value(Value::Number(self.unsigned(1 << (code - 0xcc))? as f64)),
            0xd0..=0xd3 => return self.signed(1 << (code - 0xd0)),
            0xd9..=0xdb => {
                let length = self.unsigned(1 << (code - 0xd9))? as usize;
                return self.string(length);
            }
            0xdc | 0xdd => Item::Array(self.unsigned(2 << (code - 0xdc))? as usize),
            0xde | 0xdf => Item::Map(self.unsigned(2 << (code - 0xde))? as usize),
            _ => return Err(raise_here(self.lua, "Bad data format in input.")),
        })
    }

    /// Reads one whole value. The stack of open tables is ours, because the depth is the client's choice.
    fn value(&mut self) -> mlua::Result<Value> {
        let run = run_of(self.lua);
        let mut open: Vec<Filling> = Vec::new();
        loop {
            run.charge(STEPS_PER_VALUE)?;
            let mut value = match self.item()? {
                Item::Value(value) => value,
                Item::Array(0) | Item::Map(0) => Value::Table(self.lua.create_table()?),
                item => {
                    if open.len() >= MOST_UNPACK_NESTING {
                        return Err(raise_here(self.lua, "stack overflow (in function mp_decode_to_lua_array)"));
                    }
                    let table = self.lua.create_table()?;
                    open.push(match item {
                        Item::Array(left) => Filling { table, left, next: 1, map: false, key: None },
                        Item::Map(left) => Filling { table, left, next: 1, map: true, key: None },
                        Item::Value(_) => unreachable!("values were handled above"),
                    });
                    continue;
                }
            };
            loop {
                let Some(mut filling) = open.pop() else { return Ok(value) };
                if !filling.add(self.lua, value)? {
                    open.push(filling);
                    break;
                }
                value = Value::Table(filling.table);
            }
        }
    }
}

/// A table that is not complete.
struct Filling {
    table: Table,
    left: usize,
    next: i64,
    map: bool,
    key: Option<Value>,
}

impl Filling {
    /// Adds a value. Returns whether the table is complete.
    fn add(&mut self, lua: &Lua, value: Value) -> mlua::Result<bool> {
        if self.map {
            let Some(key) = self.key.take() else {
                self.key = Some(value);
                return Ok(false);
            };
            match key {
                Value::Nil => return Err(raise_here(lua, "table index is nil")),
                Value::Number(number) if number.is_nan() => return Err(raise_here(lua, "table index is NaN")),
                key => self.table.raw_set(key, value)?,
            }
        } else {
            self.table.raw_set(self.next, value)?;
            self.next += 1;
        }
        self.left -= 1;
        Ok(self.left == 0)
    }
}

/// Reads values. A limit or an offset asks for the next offset before them.
fn unpack(lua: &Lua, bytes: &[u8], limit: i64, offset: i64) -> mlua::Result<MultiValue> {
    let (limit, offset) = (i64::from(limit as i32), i64::from(offset as i32));
    if limit < 0 || offset < 0 {
        let length = bytes.len();
        // The limit and the length change places in this text on every server.
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {length}.");
        return Err(raise_here(lua, text));
    }
    if offset > bytes.len() as i64 {
        return Err(raise_here(lua, format!("Start offset {offset} greater than input length {}.", bytes.len())));
    }
    let all = limit == 0 && offset == 0;
    let most = if all { usize::MAX } else { limit as usize };
    let mut reader = Reader { lua, bytes, at: offset as usize };
    let mut values = Vec::new();
    while reader.at < bytes.len() && values.len() < most {
        if values.len() >= MOST_VALUES {
            return Err(raise_here(lua, "too many results to unpack"));
        }
        values.push(reader.value()?);
    }
    if !all {
        let next = if reader.at >= bytes.len() { -1 } else { reader.at as i64 };
        values.insert(0, Value::Integer(next));
    }
    Ok(results(values))
}
