//! The world that scripts see: Lua's library without its dangerous parts, and nothing that a script can change.
//!
//! Scripts of EVAL and functions of libraries have worlds of their own, and a library sees a third one while it loads. All
//! tables in them are proxies ([`crate::proxy`]).

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value, Variadic};

use crate::args::{Args, results, to_bytes};
use crate::base::{self, ENVIRONMENTS};
use crate::caught::{LIBRARY_CHUNK, PROTECT, note_failure, raise_here, settle};
use crate::compile::LOADSTRING;
use crate::identity::Identity;
use crate::limits::HOOK_INTERVAL;
use crate::proxy::{self, STRING_METATABLE, protect};
use crate::run::{BYTES_PER_STEP, Run, run_of};
use crate::server_table::{Audience, BRIDGE, HOST, QUIETLY, table as server_table};
use crate::strings;
use crate::tables;

/// A native function.
pub(crate) type Native = fn(&Lua, Args) -> mlua::Result<MultiValue>;

/// The name in Lua's registry of Lua's own `next`.
pub(crate) const NEXT: &str = "valthree.next";

/// The price in steps of the call of a native function.
pub(crate) const STEPS_PER_NATIVE: u64 = 5;

/// Makes a native function. It pays for itself and for the bytes of its arguments before it runs, so a function that reads
/// its arguments once need not think of the bounds.
pub(crate) fn native(lua: &Lua, function: Native) -> mlua::Result<Function> {
    lua.create_function(move |lua, values: Variadic<Value>| {
        let args = Args::new(values.into());
        run_of(lua).charge(STEPS_PER_NATIVE + (args.bytes() / BYTES_PER_STEP) as u64)?;
        function(lua, args)
    })
}

/// Sets the hook of the present thread, and of each thread that begins in it.
pub(crate) fn watch(lua: &Lua, interval: u32) -> mlua::Result<()> {
    lua.set_global_hook(mlua::HookTriggers::new().every_nth_instruction(interval), |lua, _| {
        let interval = run_of(lua).turn(lua)?;
        // Each thread counts for itself.
        if interval != HOOK_INTERVAL {
            watch(lua, interval)?;
        }
        Ok(mlua::VmState::Continue)
    })
}

/// Puts native functions into a table.
pub(crate) fn fill(lua: &Lua, table: &Table, functions: &[(&str, Native)]) -> mlua::Result<()> {
    functions.iter().try_for_each(|(name, function)| table.raw_set(*name, native(lua, *function)?))
}

/// The environments of the code that the engine runs, and the functions that enter it.
pub(crate) struct World {
    /// What scripts of EVAL run in, and the real table behind it, which gets KEYS and ARGV.
    pub script: Table,
    pub script_real: Table,
    /// What libraries run in. The tables say what they see while they load, and later.
    pub function: Table,
    pub loading: Table,
    pub loaded: Table,
    /// The tables `redis` of scripts and of functions. Each run puts its `call` there.
    pub servers: [Table; 2],
    /// Lua's own `xpcall`.
    pub protect: Function,
    /// Calls a function with two arguments under an error handler.
    pub enter: Function,
    /// The error handler around everything.
    pub handler: Function,
    /// Holds the function that passes requests to the host, under [`crate::server_table::HOST`].
    pub bridge: Table,
}

impl World {
    /// Shows libraries one of the two tables.
    pub(crate) fn show(&self, lua: &Lua, table: &Table) -> mlua::Result<()> {
        proxy::replace(lua, &self.function, table)
    }
}
/// Makes a Lua in which `run` bounds everything.
pub(crate) fn build(identity: &Identity, run: std::sync::Arc<Run>) -> mlua::Result<(Lua, World)> {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::new())?;
    lua.set_app_data(run);
    // Coroutines copy the hook of the thread that creates them, so it must come first.
    watch(&lua, HOOK_INTERVAL)?;
    let own = lua.globals();
    let bridge = lua.create_table()?;
    bridge.raw_set(HOST, false)?;
    bridge.raw_set(QUIETLY, lua.create_table()?)?;
    lua.set_named_registry_value(BRIDGE, &bridge)?;
    let catching = catching(&lua, &own, &bridge)?;
    lua.set_named_registry_value(PROTECT, own.raw_get::<Function>("pcall")?)?;
    lua.set_named_registry_value(LOADSTRING, own.raw_get::<Function>("loadstring")?)?;
    lua.set_named_registry_value(NEXT, own.raw_get::<Function>("next")?)?;
    for (name, function) in
        [(strings::INDEX, "index"), (strings::WORDS, "words"), (tables::MOVE, "move"), (tables::SORT, "sort")]
    {
        lua.set_named_registry_value(name, catching.raw_get::<Function>(function)?)?;
    }

    let shared = shared(&lua, &own, &catching)?;
    let with = |audience: Audience| -> mlua::Result<(Table, Table)> {
        let real = copy(&lua, &shared)?;
        let server = server_table(&lua, identity, audience)?;
        // Each run has its own.
        server.raw_set("call", false)?;
        server.raw_set("pcall", catching.raw_get::<Value>("server_pcall")?)?;
        let visible = protect(&lua, &server, None)?;
        real.raw_set("redis", &visible)?;
        real.raw_set("server", visible)?;
        Ok((real, server))
    };
    let (script_real, script_server) = with(Audience::Script)?;
    let script = environment(&lua, &script_real)?;
    let (loaded, function_server) = with(Audience::Function)?;
    let function = environment(&lua, &loaded)?;
    let loading = lua.create_table()?;
    let server = server_table(&lua, identity, Audience::Loading)?;
    server.set_metatable(loaded.metatable())?;
    let server = protect(&lua, &server, None)?;
    loading.raw_set("redis", &server)?;
    loading.raw_set("server", server)?;
    loading.set_metatable(loaded.metatable())?;
    lua.set_named_registry_value(ENVIRONMENTS[0], &script)?;
    lua.set_named_registry_value(ENVIRONMENTS[1], &function)?;
    let world = World {
        script,
        script_real,
        function,
        loading,
        loaded,
        servers: [script_server, function_server],
        protect: own.raw_get("xpcall")?,
        bridge,
        enter: catching.raw_get("enter")?,
        handler: lua.create_function(|lua, error: Value| note_failure(lua, error))?,
    };
    Ok((lua, world))
}

/// The functions that catch errors.
fn catching(lua: &Lua, own: &Table, bridge: &Table) -> mlua::Result<Table> {
    let settled = lua.create_function(|lua, caught: Value| settle(lua, caught))?;
    // `pcall` hands out the text of an error table, and the whole table only if it has no text.
    let settled_reply = lua.create_function(|lua, caught: Value| match settle(lua, caught)? {
        Value::Table(table) => match table.raw_get::<Value>("err")? {
            text @ (Value::String(_) | Value::Integer(_) | Value::Number(_)) => Ok(results([text])),
            other => Ok(results([Value::Table(table), other])),
        },
        other => Ok(results([other])),
    })?;
    let coroutine: Table = own.raw_get("coroutine")?;
    let function = |name: &str| own.raw_get::<Function>(name);
    lua.load(include_str!("catching.lua")).set_name(LIBRARY_CHUNK).set_mode(ChunkMode::Text).call((
        function("pcall")?,
        function("xpcall")?,
        coroutine.raw_get::<Function>("resume")?,
        settled,
        settled_reply,
        function("error")?,
        function("select")?,
        function("type")?,
        native(lua, base::check_unpack)?,
        function("unpack")?,
        function("rawget")?,
        function("rawset")?,
        function("setmetatable")?,
        lua.create_function(strings::next_match)?,
        bridge,
    ))
}

fn copy(lua: &Lua, table: &Table) -> mlua::Result<Table> {
    let copy = lua.create_table()?;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        copy.raw_set(key, value)?;
    }
    Ok(copy)
}

/// The proxy of a table of globals.
fn environment(lua: &Lua, real: &Table) -> mlua::Result<Table> {
    let missing = native(lua, |lua, args| {
        let name = args.get(2).and_then(to_bytes).unwrap_or_default();
        let text = [b"Script attempted to access nonexistent global variable '", &name[..], b"'"].concat();
        Err(raise_here(lua, text))
    })?;
    let behind = lua.create_table()?;
    behind.raw_set("__index", missing)?;
    real.set_metatable(Some(behind.clone()))?;
    let visible = protect(lua, &behind, None)?;
    let proxy = protect(lua, real, Some(visible))?;
    real.raw_set("_G", &proxy)?;
    Ok(proxy)
}

/// The globals that scripts and functions share.
fn shared(lua: &Lua, own: &Table, catching: &Table) -> mlua::Result<Table> {
    let shared = lua.create_table()?;
    for name in ["_VERSION", "assert", "error", "ipairs", "rawequal", "select", "tonumber", "tostring", "type"] {
        shared.raw_set(name, own.raw_get::<Value>(name)?)?;
    }
    for name in ["pcall", "unpack", "xpcall"] {
        shared.raw_set(name, catching.raw_get::<Value>(name)?)?;
    }
    fill(lua, &shared, base::FUNCTIONS)?;
    fill(lua, &shared, proxy::FUNCTIONS)?;

    let coroutine: Table = own.raw_get("coroutine")?;
    coroutine.raw_set("resume", catching.raw_get::<Value>("resume")?)?;
    let (table, string): (Table, Table) = (own.raw_get("table")?, own.raw_get("string")?);
    fill(lua, &table, tables::FUNCTIONS)?;
    fill(lua, &string, STRING)?;
    let math: Table = own.raw_get("math")?;
    fill(lua, &math, &[("random", strings::random), ("randomseed", strings::randomseed)])?;
    let libraries = [("coroutine", coroutine), ("table", table), ("string", string), ("math", math)];
    for (name, library) in libraries {
        shared.raw_set(name, protect(lua, &library, None)?)?;
    }
    let natives = [
        ("bit", crate::bits::FUNCTIONS),
        ("cmsgpack", crate::msgpack::FUNCTIONS),
        ("os", OS),
        ("struct", crate::structs::FUNCTIONS),
    ];
    for (name, functions) in natives {
        let library = lua.create_table()?;
        fill(lua, &library, functions)?;
        if name == "cmsgpack" {
            for (field, text) in MSGPACK_FACTS {
                library.raw_set(*field, *text)?;
            }
        }
        shared.raw_set(name, protect(lua, &library, None)?)?;
    }
    shared.raw_set("cjson", protect(lua, &json_table(lua)?, None)?)?;
    protect_strings(lua, own, &shared)?;
    Ok(shared)
}

const MSGPACK_FACTS: &[(&str, &str)] = &[
    ("_NAME", "cmsgpack"),
    ("_VERSION", "lua-cmsgpack 0.4.0"),
    ("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
    ("_DESCRIPTION", "MessagePack C implementation for Lua"),
];

fn json_table(lua: &Lua) -> mlua::Result<Table> {
    let json = lua.create_table()?;
    fill(lua, &json, crate::json::FUNCTIONS)?;
    // Other servers give each instance its own options. Here all share those of the run.
    fill(lua, &json, &[("new", |lua, _| Ok(results([Value::Table(json_table(lua)?)])))])?;
    json.raw_set("null", Value::NULL)?;
    json.raw_set("_NAME", "cjson")?;
    json.raw_set("_VERSION", "2.1.0")?;
    Ok(json)
}

/// Makes methods of strings read the proxy of `string`, and hides the metatable that all strings share.
fn protect_strings(lua: &Lua, own: &Table, shared: &Table) -> mlua::Result<()> {
    let metatable: Table = own.raw_get::<Function>("getmetatable")?.call("")?;
    metatable.raw_set("__index", shared.raw_get::<Value>("string")?)?;
    let proxy = protect(lua, &metatable, None)?;
    lua.set_named_registry_value(STRING_METATABLE, proxy)
}

/// The name in Lua's registry of the proxy of the metatable of strings.
const STRING: &[(&str, Native)] = &[
    ("dump", strings::dump),
    ("find", strings::find),
    ("gfind", strings::gmatch),
    ("gmatch", strings::gmatch),
    ("gsub", strings::gsub),
    ("lower", strings::lower),
    ("match", strings::match_),
    ("rep", strings::rep),
    ("reverse", strings::reverse),
    ("upper", strings::upper),
];

const OS: &[(&str, Native)] = &[("clock", |lua, _| Ok(results([Value::Number(run_of(lua).now().as_secs_f64())])))];
