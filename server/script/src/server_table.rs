//! The tables `redis` and `server`: how a script talks to the database.

use bytes::Bytes;
use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::args::{Args, results, text_of, to_bytes, to_number};
use crate::convert::to_lua;
use crate::identity::{Identity, sha1_hex, version_number};
use crate::limits::Bound;
use crate::number::{ALL_DIGITS, general};
use crate::random::FIRST_SEED;
use crate::register::register;
use crate::resp::{Reply, before_nul};
use crate::run::{Raised, lock, run_of};
use crate::world::{Native, fill};

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

/// What a native function asks of the host. The two meet in [`crate::run::Run`], because Lua cannot carry either.
pub(crate) enum Request {
    Call(Vec<Bytes>),
    Permits(Vec<Bytes>),
    Log(LogLevel, Bytes),
}

/// What the host says.
pub(crate) enum Answer {
    Reply(Reply),
    Permission(Option<bool>),
    Logged,
}

/// The name in Lua's registry of the function that passes a request to the host. It exists during a run only.
pub(crate) const HOST: &str = "valthree.host";

/// Raises an error as a table with the field `err`.
pub(crate) fn refuse(text: impl Into<Bytes>) -> mlua::Error {
    mlua::Error::external(Raised::Reply(text.into()))
}

fn ask(lua: &Lua, request: Request) -> mlua::Result<Answer> {
    let run = run_of(lua);
    let host = match lua.named_registry_value::<Function>(HOST) {
        Ok(host) => host,
        // The arguments stay on Lua's stack while the function runs. The stack has 8,000 slots.
        Err(mlua::Error::StackError) => return Err(refuse("ERR a command in a script may have 7,990 words")),
        Err(_) => return Err(refuse("ERR no server to talk to while a library loads")),
    };
    *lock(&run.request) = Some(request);
    host.call::<()>(())?;
    let answer = lock(&run.answer).take();
    answer.ok_or_else(|| refuse("ERR no answer"))
}

/// The words of a command.
fn words(args: &Args) -> Result<Vec<Bytes>, &'static str> {
    if args.len() == 0 {
        return Err("ERR Please specify at least one argument for this call");
    }
    let word = |value: &Value| match value {
        Value::Integer(number) => Some(general(*number as f64, ALL_DIGITS).into()),
        Value::Number(number) => Some(general(*number, ALL_DIGITS).into()),
        Value::String(_) => to_bytes(value),
        _ => None,
    };
    let words: Option<Vec<Bytes>> = args.from(1).iter().map(word).collect();
    words.ok_or("ERR Command arguments must be strings or integers")
}

/// Pays for the copies of the arguments that leave Lua.
fn carry(lua: &Lua, args: &Args) -> mlua::Result<()> {
    run_of(lua).carry(args.bytes())
}

/// The price of a command in steps. It keeps a script from flooding the host within its instructions.
const STEPS_PER_COMMAND: u64 = 50;

fn command(lua: &Lua, args: &Args, raise: bool) -> mlua::Result<MultiValue> {
    let run = run_of(lua);
    run.charge(STEPS_PER_COMMAND)?;
    carry(lua, args)?;
    let reply = match words(args) {
        // As in Valkey, such an error lacks the note that the statistics know it already.
        Err(text) if !raise => return reply_table(lua, "err", text.as_bytes()),
        Err(text) => Reply::error(text),
        Ok(words) => match ask(lua, Request::Call(words))? {
            Answer::Reply(reply) => reply,
            Answer::Permission(_) | Answer::Logged => Reply::error("ERR no answer"),
        },
    };
    // The host may have taken its time.
    run.look()?;
    match reply {
        // The host has had enough. The caller of the engine knows why.
        Reply::Error(text) if text == STOPPED.as_bytes() => Err(run.stop(Bound::Instructions)),
        Reply::Error(text) if raise => Err(refuse(text)),
        reply => {
            let third = run.protocol.load(std::sync::atomic::Ordering::Relaxed) == 3;
            Ok(results([to_lua(lua, &reply, third)?]))
        }
    }
}

fn permits(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    carry(lua, &args)?;
    let words = words(&args).map_err(refuse)?;
    match ask(lua, Request::Permits(words))? {
        Answer::Permission(Some(allowed)) => Ok(results([Value::Boolean(allowed)])),
        _ => Err(refuse("ERR Invalid command passed to server.acl_check_cmd()")),
    }
}

/// A table with one field, for `status_reply` and `error_reply`.
fn reply_table(lua: &Lua, field: &str, text: &[u8]) -> mlua::Result<MultiValue> {
    let table = lua.create_table()?;
    table.raw_set(field, lua.create_string(text)?)?;
    Ok(results([Value::Table(table)]))
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
    let Some(text) = only_string(&args) else { return reply_table(lua, "err", WRONG_REPLY) };
    // A text of one word has no code, so it gets one. A dash in front changes nothing.
    let text = before_nul(&text);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let error = if text.contains(&b' ') { text.to_vec() } else { [b"ERR ", text].concat() };
    let flat: Vec<u8> = error.into_iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect();
    reply_table(lua, "err", &flat)
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
    if lua.named_registry_value::<Function>(HOST).is_ok() {
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
            run_of(lua).protocol.store(version as u8, std::sync::atomic::Ordering::Relaxed);
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

/// What scripts and functions share.
const FUNCTIONS: &[(&str, Native)] = &[
    ("call", |lua, args| command(lua, &args, true)),
    ("pcall", |lua, args| command(lua, &args, false)),
    ("acl_check_cmd", permits),
    ("error_reply", error_reply),
    ("status_reply", |lua, args| match only_string(&args) {
        Some(text) => reply_table(lua, "ok", &text),
        None => reply_table(lua, "err", WRONG_REPLY),
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
