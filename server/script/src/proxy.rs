//! Proxies: tables that scripts can read and not change.
//!
//! A script must not leave anything behind for the next one. Valkey marks tables as read-only inside its own copy of Lua.
//! Lua 5.1 has no such mark. So scripts get *proxies*: empty tables whose metatable reads from the real table and refuses
//! writes. Functions that would go around the metatable (`rawget`, `rawset`, `next`, `pairs`, `setmetatable`,
//! `getmetatable`, `table.insert`) are ours and know the proxies. Strings share one metatable, and its proxy is all that
//! `getmetatable('')` returns, so no script can change what another's strings do.

use std::collections::HashMap;

use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::args::{Args, argument_error, results};
use crate::caught::{call, raise_here};
use crate::raised::raise;
use crate::world::{NEXT, Native, native};

/// The error about writing to a proxy.
const READ_ONLY: &str = "Attempt to modify a readonly table";
/// The name in Lua's registry of the proxy of the metatable of strings.
pub(crate) const STRING_METATABLE: &str = "valthree.strings";

/// What stands behind each proxy, by its address.
#[derive(Default)]
struct Proxies(HashMap<usize, Hidden>);

#[derive(Clone)]
struct Hidden {
    real: Table,
    /// What `getmetatable` says about the proxy.
    metatable: Option<Table>,
}

fn address(table: &Table) -> usize {
    table.to_pointer() as usize
}

/// The table that a reader of the contents means: what is behind a proxy, or the table itself.
pub(crate) fn contents(lua: &Lua, table: Table) -> Table {
    hidden(lua, &table).map_or(table, |hidden| hidden.real)
}

/// Refuses a proxy to whoever wants to change it.
pub(crate) fn writable(lua: &Lua, table: &Table) -> mlua::Result<()> {
    if hidden(lua, table).is_some() { Err(raise(READ_ONLY)) } else { Ok(()) }
}

/// The table behind a proxy.
fn hidden(lua: &Lua, table: &Table) -> Option<Hidden> {
    lua.app_data_ref::<Proxies>()?.0.get(&address(table)).cloned()
}

/// Makes a proxy of a table.
pub(crate) fn protect(lua: &Lua, real: &Table, metatable: Option<Table>) -> mlua::Result<Table> {
    let proxy = lua.create_table()?;
    let behind = lua.create_table()?;
    behind.raw_set("__index", real)?;
    behind.raw_set("__newindex", native(lua, |lua, _| Err(raise_here(lua, READ_ONLY)))?)?;
    proxy.set_metatable(Some(behind))?;
    if lua.app_data_ref::<Proxies>().is_none() {
        lua.set_app_data(Proxies::default());
    }
    if let Some(mut proxies) = lua.app_data_mut::<Proxies>() {
        proxies.0.insert(address(&proxy), Hidden { real: real.clone(), metatable });
    }
    Ok(proxy)
}

/// Puts another table behind a proxy.
pub(crate) fn replace(lua: &Lua, proxy: &Table, real: &Table) -> mlua::Result<()> {
    if let Some(metatable) = proxy.metatable() {
        metatable.raw_set("__index", real)?;
    }
    if let Some(mut proxies) = lua.app_data_mut::<Proxies>()
        && let Some(hidden) = proxies.0.get_mut(&address(proxy))
    {
        hidden.real = real.clone();
    }
    Ok(())
}

/// The functions that know the proxies.
pub(crate) const FUNCTIONS: &[(&str, Native)] = &[
    ("getmetatable", getmetatable),
    ("next", next),
    ("pairs", pairs),
    ("rawget", rawget),
    ("rawset", rawset),
    ("setmetatable", setmetatable),
];

fn getmetatable(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let metatable = match args.any(lua, 1)? {
        Value::String(_) => lua.named_registry_value::<Value>(STRING_METATABLE)?,
        Value::Table(table) => match hidden(lua, &table) {
            Some(hidden) => hidden.metatable.map_or(Value::Nil, Value::Table),
            None => match table.metatable() {
                Some(metatable) => match metatable.raw_get::<Value>("__metatable")? {
                    Value::Nil => Value::Table(metatable),
                    fence => fence,
                },
                None => Value::Nil,
            },
        },
        _ => Value::Nil,
    };
    Ok(results([metatable]))
}

fn setmetatable(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    let metatable = match args.get(2) {
        Some(Value::Nil) => None,
        Some(Value::Table(metatable)) => Some(metatable.clone()),
        _ => return Err(argument_error(lua, 2, "nil or table expected")),
    };
    writable(lua, &table)?;
    if let Some(before) = table.metatable()
        && !before.raw_get::<Value>("__metatable")?.is_nil()
    {
        return Err(raise_here(lua, "cannot change a protected metatable"));
    }
    table.set_metatable(metatable)?;
    Ok(results([Value::Table(table)]))
}

fn rawget(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (table, key) = (args.table(lua, 1)?, args.any(lua, 2)?);
    let table = contents(lua, table);
    Ok(results([table.raw_get::<Value>(key)?]))
}

fn rawset(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (table, key, value) = (args.table(lua, 1)?, args.any(lua, 2)?, args.any(lua, 3)?);
    writable(lua, &table)?;
    match key {
        Value::Nil => return Err(raise("table index is nil")),
        Value::Number(number) if number.is_nan() => return Err(raise("table index is NaN")),
        key => table.raw_set(key, value)?,
    }
    Ok(results([Value::Table(table)]))
}

fn next(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    let table = contents(lua, table);
    let next: Function = lua.named_registry_value(NEXT)?;
    call(lua, &next, vec![Value::Table(table), args.value(2)])
}

fn pairs(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    // Lua's own `next` is fast, but it sees nothing in a proxy. The proxy must not give away what is behind it.
    let step = if hidden(lua, &table).is_some() { native(lua, next)? } else { lua.named_registry_value(NEXT)? };
    Ok(results([Value::Function(step), Value::Table(table), Value::Nil]))
}
