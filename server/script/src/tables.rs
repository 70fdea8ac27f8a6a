//! The functions of `table`. Lua's own are loops in C that no hook interrupts, and a script decides how long they run: the
//! length of a table is the index of any value before a gap, so thirty values can make a table of 2^29. These pay for each
//! step. They read and write past metatables, as Lua's own do.

use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::args::{Args, results, text_of, type_name};
use crate::caught::{call, raise_here, visible};
use crate::output::Output;
use crate::proxy::{contents, writable};
use crate::raised::raise;
use crate::run::{STEPS_PER_KEY, STEPS_PER_VALUE, run_of};
use crate::world::{NEXT, Native};

/// The functions. Lua's own `getn` and `setn` take no time.
pub(crate) const FUNCTIONS: &[(&str, Native)] = &[
    ("concat", concat),
    ("foreach", foreach),
    ("foreachi", foreachi),
    ("insert", insert),
    ("maxn", maxn),
    ("remove", remove),
    ("sort", sort),
];

/// More values than this are moved by a function in Lua, which takes less for each.
const MOST_MOVES: i64 = 16;
/// The name in Lua's registry of the function that moves values.
pub(crate) const MOVE: &str = "valthree.move";
/// The name in Lua's registry of the function that sorts.
pub(crate) const SORT: &str = "valthree.sort";
/// The text of the error about a comparator that contradicts itself.
const BAD_ORDER: &[u8] = b"invalid order function for sorting";

fn length(table: &Table) -> i64 {
    table.raw_len() as i64
}

fn function(lua: &Lua, args: &Args, position: usize) -> mlua::Result<Function> {
    match args.get(position) {
        Some(Value::Function(function)) => Ok(function.clone()),
        _ => Err(args.type_error(lua, position, "function")),
    }
}

/// Moves values by one place: each from the index that is a step further, to the index that the one before it had.
fn move_values(lua: &Lua, table: &Table, (from, to): (i64, i64), step: i64) -> mlua::Result<()> {
    let moves = (to - from) * step + 1;
    if moves > MOST_MOVES && !table.has_metatable() {
        let shift: Function = lua.named_registry_value(MOVE)?;
        let [from, to, step] = [from, to, step].map(Value::Integer);
        return call(lua, &shift, vec![Value::Table(table.clone()), from, to, step]).map(drop);
    }
    let run = run_of(lua);
    for index in 0..moves {
        run.charge(STEPS_PER_VALUE)?;
        let index = from + index * step;
        table.raw_set(index, table.raw_get::<Value>(index + step)?)?;
    }
    Ok(())
}

/// `table.insert`. Lua's own would move values for ever if the position is far below zero.
fn insert(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    let end = length(&table) + 1;
    let (position, value) = match args.len() {
        2 => (end, args.value(2)),
        // Lua keeps positions in 32 bits.
        3 => (i64::from(args.integer(lua, 2)? as i32), args.value(3)),
        _ => return Err(raise_here(lua, "wrong number of arguments to 'insert'")),
    };
    writable(lua, &table)?;
    move_values(lua, &table, (end, position + 1), -1)?;
    table.raw_set(position, value)?;
    Ok(MultiValue::new())
}

/// `table.remove`
fn remove(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    let end = length(&table);
    // Lua keeps positions in 32 bits.
    let position = i64::from(args.integer_or(lua, 2, end)? as i32);
    if position < 1 || position > end {
        return Ok(MultiValue::new());
    }
    writable(lua, &table)?;
    let removed: Value = table.raw_get(position)?;
    move_values(lua, &table, (position, end - 1), 1)?;
    table.raw_set(end, Value::Nil)?;
    Ok(results([removed]))
}

/// Calls a function of `foreach`. Its first result ends the loop, unless it is nil.
fn visit(lua: &Lua, function: &Function, key: Value, value: Value) -> mlua::Result<Value> {
    // The function may be a native one, which has no instructions.
    run_of(lua).charge(STEPS_PER_VALUE)?;
    Ok(call(lua, function, vec![key, value])?.pop_front().unwrap_or(Value::Nil))
}

/// `table.foreach`
fn foreach(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (table, function) = (contents(lua, args.table(lua, 1)?), function(lua, &args, 2)?);
    let next: Function = lua.named_registry_value(NEXT)?;
    let mut key = Value::Nil;
    loop {
        let mut pair = call(lua, &next, vec![Value::Table(table.clone()), key])?;
        key = pair.pop_front().unwrap_or(Value::Nil);
        if key.is_nil() {
            return Ok(MultiValue::new());
        }
        match visit(lua, &function, key.clone(), pair.pop_front().unwrap_or(Value::Nil))? {
            Value::Nil => {}
            found => return Ok(results([found])),
        }
    }
}

/// `table.foreachi`
fn foreachi(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = contents(lua, args.table(lua, 1)?);
    let end = length(&table);
    let function = function(lua, &args, 2)?;
    for index in 1..=end {
        match visit(lua, &function, Value::Integer(index), table.raw_get(index)?)? {
            Value::Nil => {}
            found => return Ok(results([found])),
        }
    }
    Ok(MultiValue::new())
}

/// `table.maxn`
fn maxn(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = contents(lua, args.table(lua, 1)?);
    let run = run_of(lua);
    let mut greatest = 0.0_f64;
    table.for_each(|key: Value, _: Value| {
        run.charge(STEPS_PER_KEY)?;
        match key {
            Value::Integer(key) => greatest = greatest.max(key as f64),
            Value::Number(key) => greatest = greatest.max(key),
            _ => {}
        }
        Ok(())
    })?;
    Ok(results([Value::Number(greatest)]))
}

/// `table.concat`
fn concat(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let separator = if args.value(2).is_nil() { None } else { Some(args.string(lua, 2)?) };
    let table = args.table(lua, 1)?;
    let first = i64::from(args.integer_or(lua, 3, 1)? as i32);
    let last = i64::from(args.integer_or(lua, 4, length(&table))? as i32);
    let run = run_of(lua);
    let mut out = Output::new(lua);
    for index in first..=last {
        run.charge(STEPS_PER_VALUE)?;
        let value: Value = table.raw_get(index)?;
        let Some(text) = text_of(lua, &value)? else {
            let text = format!("invalid value ({}) at index {index} in table for 'concat'", type_name(&value));
            return Err(raise_here(lua, text));
        };
        out.append(&text)?;
        if let Some(separator) = separator.as_ref().filter(|_| index < last) {
            out.append(separator)?;
        }
    }
    Ok(results([out.finish()?]))
}

/// `table.sort`, which is written in Lua.
fn sort(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    if !matches!(args.value(2), Value::Nil | Value::Function(_)) {
        return Err(args.type_error(lua, 2, "function"));
    }
    let sort: Function = lua.named_registry_value(SORT)?;
    let facts = [Value::Integer(length(&table)), Value::Boolean(table.has_metatable())];
    let [length, has_metatable] = facts;
    call(lua, &sort, vec![Value::Table(table), args.value(2), length, has_metatable]).map_err(
        |error| match visible(lua, &error) {
            Ok(Value::String(text)) => match without_position(&text.as_bytes()) {
                BAD_ORDER => raise_here(lua, BAD_ORDER),
                text => raise(text.to_vec()),
            },
            _ => error,
        },
    )?;
    Ok(MultiValue::new())
}

/// The text of an error without the line of our own chunk, which Lua's own function would not have had.
fn without_position(text: &[u8]) -> &[u8] {
    let after = text.strip_prefix(b"engine:").and_then(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest[digits..].strip_prefix(b": ")
    });
    after.unwrap_or(text)
}
