//! `redis.register_function`: how a library says which functions it has.

use std::collections::BTreeMap;

use bytes::Bytes;
use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::args::{Args, string_length, to_bytes};
use crate::run::{lock, run_of};
use crate::server_table::refuse;
use crate::shebang::{BAD_NAME, ScriptFlags, is_name};

/// The price of a function in steps, beside one for each byte of its name and description: the server keeps them outside
/// of Lua's memory.
const STEPS_PER_FUNCTION: u64 = 100;

/// What a library says about one of its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFacts {
    /// The name as the library spells it. Callers may spell it in any case.
    pub name: Bytes,
    /// The text for people.
    pub description: Option<Bytes>,
    /// What the function declares.
    pub flags: ScriptFlags,
}

/// A function that a library registers while it loads.
struct Registered {
    facts: FunctionFacts,
    callback: Function,
}

/// What a library has registered so far.
pub(crate) struct Registry {
    /// The functions by their names in lower case.
    pub functions: BTreeMap<Bytes, FunctionFacts>,
    /// The function that will be called, by its name. Lua 5.1 bounds how many functions a host may hold, so the registry
    /// keeps only this one.
    wanted: Option<Bytes>,
    pub callback: Option<Function>,
}

impl Registry {
    pub(crate) fn new(wanted: Option<Bytes>) -> Registry {
        Registry { functions: BTreeMap::new(), wanted, callback: None }
    }

    fn add(&mut self, function: Registered) -> Result<(), &'static str> {
        let Registered { facts, callback } = function;
        if !is_name(&facts.name) {
            return Err(BAD_NAME);
        }
        let key = Bytes::from(facts.name.to_ascii_lowercase());
        if self.functions.contains_key(&key) {
            return Err("Function already exists in the library");
        }
        if self.wanted.as_ref() == Some(&facts.name) {
            self.callback = Some(callback);
        }
        self.functions.insert(key, facts);
        Ok(())
    }
}

/// `redis.register_function`
pub(crate) fn register(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    // The facts are copied before they can be refused.
    if let Some(Value::Table(table)) = args.get(1) {
        let mut bytes = 0;
        table.for_each(|_: Value, value: Value| {
            bytes += 1 + string_length(&value);
            Ok(())
        })?;
        run_of(lua).carry(bytes)?;
    }
    let found = match args.len() {
        1 => named_arguments(&args),
        2 => positional_arguments(&args),
        _ => Err("wrong number of arguments to server.register_function"),
    };
    let run = run_of(lua);
    if let Ok(Registered { facts, .. }) = &found {
        let length = facts.name.len() + facts.description.as_ref().map_or(0, Bytes::len);
        run.charge(STEPS_PER_FUNCTION + length as u64)?;
    }
    let mut registry = lock(&run.registry);
    let result = found.and_then(|function| match registry.as_mut() {
        Some(registry) => registry.add(function),
        None => Err("server.register_function can only be called on FUNCTION LOAD command"),
    });
    result.map_err(|text| refuse(format!("ERR {text}")))?;
    Ok(MultiValue::new())
}

fn positional_arguments(args: &Args) -> Result<Registered, &'static str> {
    let (name, callback) = (args.value(1), args.value(2));
    let Value::Function(callback) = callback else {
        return Err("second argument to server.register_function must be a function");
    };
    let name = to_bytes(&name).ok_or("first argument to server.register_function must be a string")?;
    let facts = FunctionFacts { name, description: None, flags: ScriptFlags::default() };
    Ok(Registered { facts, callback })
}

fn named_arguments(args: &Args) -> Result<Registered, &'static str> {
    let Some(Value::Table(table)) = args.get(1) else {
        return Err("calling server.register_function with a single argument is only applicable to Lua table \
                    (representing named arguments).");
    };
    let (mut name, mut callback, mut description) = (None, None, None);
    let mut flags = ScriptFlags::default();
    for pair in table.pairs::<Value, Value>() {
        const UNKNOWN: &str = "unknown argument given to server.register_function";
        let (key, value) = pair.map_err(|_| UNKNOWN)?;
        let Value::String(key) = key else { return Err(UNKNOWN) };
        let key = key.as_bytes().to_ascii_lowercase();
        match key.as_slice() {
            b"function_name" => {
                let text = "function_name argument given to server.register_function must be a string";
                name = Some(to_bytes(&value).ok_or(text)?);
            }
            b"description" => {
                let text = "description argument given to server.register_function must be a string";
                description = Some(to_bytes(&value).ok_or(text)?);
            }
            b"callback" => match value {
                Value::Function(function) => callback = Some(function),
                _ => return Err("callback argument given to server.register_function must be a function"),
            },
            b"flags" => match value {
                Value::Table(list) => flags = named_flags(&list)?,
                _ => {
                    return Err(
                        "flags argument to server.register_function must be a table representing function flags",
                    );
                }
            },
            _ => return Err(UNKNOWN),
        }
    }
    let name = name.ok_or("server.register_function must get a function name argument")?;
    let callback = callback.ok_or("server.register_function must get a callback argument")?;
    Ok(Registered { facts: FunctionFacts { name, description, flags }, callback })
}

fn named_flags(list: &Table) -> Result<ScriptFlags, &'static str> {
    let mut flags = ScriptFlags::default();
    for value in list.sequence_values::<Value>() {
        let known = match value {
            Ok(value @ Value::String(_)) => to_bytes(&value).is_some_and(|name| flags.set(&name)),
            _ => false,
        };
        if !known {
            return Err("unknown flag given");
        }
    }
    Ok(flags)
}
