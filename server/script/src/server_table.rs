//! The tables `redis` and `server`: how a script talks to the database.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::args::{Args, results, text_of, to_bytes, to_number};
use crate::convert::reply_to_lua;
use crate::identity::{Identity, sha1_hex, version_number};
use crate::limits::Bound;
use crate::number::{ALL_DIGITS, general};
use crate::raised::Raised;
use crate::random::FIRST_SEED;
use crate::register::register;
use crate::resp::{Reply, before_nul};
use crate::run::{Run, lock, run_of};
use crate::world::{Native, STEPS_PER_NATIVE, fill};

/// How important a line of the log is, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`
    Debug,
    /// `redis.LOG_VERBOSE`
    Verbose,
    /// `redis.LOG_NOTICE`
    Notice,
    /// `redis.LOG_WARNING`
    Warning,
}

/// The error by which [`Host::call`] stops the run, as a broken bound does.
pub const STOPPED: &str = "ERR Script stopped: its commands did more than allowed";

/// What a script can ask of the server around it.
pub trait Host {
    /// Executes a command. Errors are replies.
    fn call(&mut self, words: Vec<Bytes>) -> Reply;
    /// Whether the user of the script may execute a command. Nothing stands for a command that does not exist.
    fn permits(&mut self, words: Vec<Bytes>) -> Option<bool>;
    /// Writes to the log.
    fn log(&mut self, level: LogLevel, text: Bytes);
    /// Where `math.random` begins in a run. Unless the host says otherwise, every run draws the same numbers.
    fn seed(&mut self) -> i32 {
        FIRST_SEED
    }
}

/// What a native function asks of the host, besides commands. The two meet in [`crate::run::Run`], because Lua cannot carry
/// either.
pub(crate) enum Request {
    Permits(Vec<Bytes>),
    Log(LogLevel, Bytes),
}

/// What the host says.
pub(crate) enum Answer {
    Permission(Option<bool>),
    Logged,
}

/// The name in Lua's registry of the table that holds what a run adds to the world.
pub(crate) const BRIDGE: &str = "valthree.bridge";
/// The place in that table of `redis.call`, which passes requests to the host. It exists during a run only. It is a native
/// function, because errors name the line of its caller, and a tail call of a function in Lua leaves none.
pub(crate) const HOST: usize = 1;
/// The place of a value that no script has. As the first argument it makes `redis.pcall` of `redis.call`.
pub(crate) const QUIETLY: usize = 2;
/// Commands of more words may not fit on Lua's stack, which has 8,000 slots.
const MANY_WORDS: usize = 7900;

/// Raises an error as a table with the field `err`.
pub(crate) fn refuse(text: impl Into<Bytes>) -> mlua::Error {
    mlua::Error::external(Raised::Reply(text.into()))
}

/// The arguments stay on Lua's stack while a native function runs. If they fill it, the function can do nothing.
fn stack_error(error: mlua::Error) -> mlua::Error {
    match error {
        mlua::Error::StackError => refuse("ERR a command in a script may have 7,990 words"),
        other => other,
    }
}

fn bridge<T: mlua::FromLua>(lua: &Lua, place: usize) -> mlua::Result<T> {
    let found = lua.named_registry_value::<Table>(BRIDGE).and_then(|bridge| bridge.raw_get(place));
    found.map_err(stack_error)
}

/// The function that passes requests to the host, unless a library loads.
fn host(lua: &Lua) -> mlua::Result<Option<Function>> {
    match bridge(lua, HOST)? {
        Value::Function(host) => Ok(Some(host)),
        _ => Ok(None),
    }
}

fn ask(lua: &Lua, request: Request) -> mlua::Result<Answer> {
    let run = run_of(lua);
    let host = host(lua)?.ok_or_else(|| refuse("ERR no server to talk to while a library loads"))?;
    *lock(&run.request) = Some(request);
    host.call::<()>(())?;
    let answer = lock(&run.answer).take();
    answer.ok_or_else(|| refuse("ERR no answer"))
}

/// The words of a command, or the error about them. They are copies that leave Lua, and pay for their bytes.
fn words(run: &Run, args: &Args) -> mlua::Result<Result<Vec<Bytes>, &'static str>> {
    if args.len() == 0 {
        return Ok(Err("ERR Please specify at least one argument for this call"));
    }
    let (mut words, mut bytes) = (Vec::with_capacity(args.len()), 0);
    for value in args.from(1) {
        words.push(match value {
            Value::Integer(number) => general(*number as f64, ALL_DIGITS).into(),
            Value::Number(number) => general(*number, ALL_DIGITS).into(),
            Value::String(text) => {
                let text = text.as_bytes();
                bytes += text.len();
                run.bear(bytes)?;
                Bytes::copy_from_slice(&text)
            }
            _ => {
                run.charge_bytes(bytes)?;
                return Ok(Err("ERR Command arguments must be strings or integers"));
            }
        });
    }
    run.charge_bytes(bytes)?;
    Ok(Ok(words))
}

/// Pays for the copies of the arguments that leave Lua.
fn carry(lua: &Lua, args: &Args) -> mlua::Result<()> {
    run_of(lua).carry(args.bytes())
}

/// The price of a command in steps. It keeps a script from flooding the host within its instructions.
const STEPS_PER_COMMAND: u64 = 50;

/// `redis.call`. Passes on to the host what a script asks of it, or the request that another native function has left.
pub(crate) fn passed_on(lua: &Lua, run: &Run, host: &mut dyn Host, mut args: Args) -> mlua::Result<Value> {
    if args.len() == 0
        && let Some(request) = lock(&run.request).take()
    {
        *lock(&run.answer) = Some(run.while_in_host(|| answer(host, request)));
        return Ok(Value::Nil);
    }
    let quietly = match args.get(1) {
        Some(Value::Table(first)) => *first == bridge::<Table>(lua, QUIETLY)?,
        _ => false,
    };
    if quietly {
        args.take_first();
    }
    command(lua, run, host, &args, !quietly)
}

fn answer(host: &mut dyn Host, request: Request) -> Answer {
    match request {
        Request::Permits(words) => Answer::Permission(host.permits(words)),
        Request::Log(level, text) => {
            host.log(level, text);
            Answer::Logged
        }
    }
}

fn command(lua: &Lua, run: &Run, host: &mut dyn Host, args: &Args, raise: bool) -> mlua::Result<Value> {
    run.charge(STEPS_PER_NATIVE + STEPS_PER_COMMAND)?;
    if args.len() > MANY_WORDS {
        bridge::<Value>(lua, HOST)?;
    }
    let reply = match words(run, args)? {
        // As in Valkey, such an error lacks the note that the statistics know it already.
        Err(text) if !raise => return reply_table(lua, "err", text.as_bytes()),
        Err(text) => Reply::error(text),
        Ok(words) => run.while_in_host(|| host.call(words)),
    };
    // The host may have taken its time.
    run.look()?;
    match reply {
        // The host has had enough. The caller of the engine knows why.
        Reply::Error(text) if text == STOPPED.as_bytes() => Err(run.stop(Bound::Instructions)),
        Reply::Error(text) if raise => Err(refuse(text)),
        reply => {
            let third = run.protocol.load(Relaxed) == 3;
            reply_to_lua(lua, run, &reply, third).map_err(stack_error)
        }
    }
}

fn permits(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let words = words(&run_of(lua), &args)?.map_err(refuse)?;
    match ask(lua, Request::Permits(words))? {
        Answer::Permission(Some(allowed)) => Ok(results([Value::Boolean(allowed)])),
        _ => Err(refuse("ERR Invalid command passed to server.acl_check_cmd()")),
    }
}

/// A table with one field, for `status_reply` and `error_reply`.
fn reply_table(lua: &Lua, field: &str, text: &[u8]) -> mlua::Result<Value> {
    let table = lua.create_table()?;
    table.raw_set(field, lua.create_string(text)?)?;
    Ok(Value::Table(table))
}

/// The single argument of `status_reply` and `error_reply`.
fn only_string(args: &Args) -> Option<Bytes> {
    match args.get(1) {
        Some(value @ Value::String(_)) if args.len() == 1 => to_bytes(value),
        _ => None,
    }
}

const WRONG_REPLY: &[u8] = b"ERR wrong number or type of arguments";

fn error_reply(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let Some(text) = only_string(&args) else { return Ok(results([reply_table(lua, "err", WRONG_REPLY)?])) };
    // A text of one word has no code, so it gets one. A dash in front changes nothing.
    let text = before_nul(&text);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let error = if text.contains(&b' ') { text.to_vec() } else { [b"ERR ", text].concat() };
    let flat: Vec<u8> = error.into_iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect();
    Ok(results([reply_table(lua, "err", &flat)?]))
}

fn log(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if args.len() < 2 {
        return Err(refuse("ERR server.log() requires two arguments or more."));
    }
    let level = match args.get(1) {
        Some(value @ (Value::Integer(_) | Value::Number(_))) => to_number(lua, value).unwrap_or(-1.0),
        _ => return Err(refuse("ERR First argument must be a number (log level).")),
    };
    let level = match level as i64 {
        0 => LogLevel::Debug,
        1 => LogLevel::Verbose,
        2 => LogLevel::Notice,
        3 => LogLevel::Warning,
        _ => return Err(refuse("ERR Invalid log level.")),
    };
    run_of(lua).charge(STEPS_PER_COMMAND)?;
    carry(lua, &args)?;
    let parts: Vec<Bytes> = args.from(2).iter().filter_map(to_bytes).collect();
    if host(lua)?.is_some() {
        ask(lua, Request::Log(level, parts.join(&b' ').into()))?;
    }
    Ok(MultiValue::new())
}

fn setresp(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if args.len() != 1 {
        return Err(refuse("ERR server.setresp() requires one argument."));
    }
    let version = args.get(1).and_then(|value| to_number(lua, value));
    match version.map(|version| version as i64) {
        Some(version @ (2 | 3)) => {
            run_of(lua).protocol.store(version as u8, Relaxed);
            Ok(MultiValue::new())
        }
        _ => Err(refuse("ERR RESP version must be 2 or 3.")),
    }
}

/// `redis.set_repl`: accepted and without effect, because effects are stored.
fn set_repl(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if args.len() != 1 {
        return Err(refuse("ERR server.set_repl() requires one argument."));
    }
    let flags = args.get(1).and_then(|value| to_number(lua, value)).unwrap_or_default() as i64;
    if flags & !3 != 0 {
        return Err(refuse("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."));
    }
    Ok(MultiValue::new())
}

/// Hashing so many bytes counts as one step.
const BYTES_PER_HASH_STEP: usize = 16;

/// What scripts and functions share, besides `call` and `pcall`.
const FUNCTIONS: &[(&str, Native)] = &[
    ("acl_check_cmd", permits),
    ("error_reply", error_reply),
    ("status_reply", |lua, args| {
        Ok(results([match only_string(&args) {
            Some(text) => reply_table(lua, "ok", &text)?,
            None => reply_table(lua, "err", WRONG_REPLY)?,
        }]))
    }),
    ("sha1hex", |lua, args| {
        if args.len() != 1 {
            return Err(refuse("ERR wrong number of arguments"));
        }
        let text = text_of(lua, &args.value(1))?;
        let text = text.as_deref().unwrap_or_default();
        // A hash takes longer than a copy.
        run_of(lua).charge((text.len() / BYTES_PER_HASH_STEP) as u64)?;
        Ok(results([Value::String(lua.create_string(sha1_hex(text))?)]))
    }),
    ("log", log),
    ("setresp", setresp),
    ("set_repl", set_repl),
];

/// What only scripts of EVAL have.
const EVAL_FUNCTIONS: &[(&str, Native)] = &[
    ("replicate_commands", |_, _| Ok(results([Value::Boolean(true)]))),
    ("breakpoint", |_, _| Ok(results([Value::Boolean(false)]))),
    ("debug", |_, _| Ok(MultiValue::new())),
];

const NUMBERS: &[(&str, i64)] =
    &[("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3), ("REPL_NONE", 0)];

const LEVELS: &[(&str, i64)] = &[("LOG_DEBUG", 0), ("LOG_VERBOSE", 1), ("LOG_NOTICE", 2), ("LOG_WARNING", 3)];

/// Who looks at the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Script,
    Function,
    /// A library while it loads. It cannot reach the database.
    Loading,
}

/// Makes the table.
pub(crate) fn table(lua: &Lua, identity: &Identity, audience: Audience) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, number) in LEVELS {
        table.raw_set(*name, *number)?;
    }
    for (product, version) in [("REDIS", &identity.redis_version), ("VALKEY", &identity.valkey_version)] {
        table.raw_set(format!("{product}_VERSION"), version.as_str())?;
        table.raw_set(format!("{product}_VERSION_NUM"), version_number(version))?;
    }
    table.raw_set("SERVER_NAME", identity.name.as_str())?;
    if audience == Audience::Loading {
        fill(lua, &table, &[("log", log), ("register_function", register)])?;
        return Ok(table);
    }
    for (name, number) in NUMBERS {
        table.raw_set(*name, *number)?;
    }
    fill(lua, &table, FUNCTIONS)?;
    if audience == Audience::Script {
        fill(lua, &table, EVAL_FUNCTIONS)?;
    }
    Ok(table)
}
