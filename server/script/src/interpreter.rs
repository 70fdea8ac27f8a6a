//! One Lua with what was compiled in it, and the steps of a run.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use mlua::{Function, Lua, MultiValue, Table, Value, Variadic};

use crate::args::Args;
use crate::caught::visible;
use crate::compile::compile;
use crate::identity::{Identity, sha1_hex};
use crate::known::{Kind, Known};
use crate::limits::{Bound, HOOK_INTERVAL, Limits};
use crate::raised::Failure;
use crate::register::Registry;
use crate::resp::Reply;
use crate::run::{Clock, Run, lock};
use crate::server_table::{HOST, Host, passed_on};
use crate::shebang;
use crate::world::{World, build, watch};

/// Garbage beyond this is collected between runs.
const IDLE_MEMORY: usize = 16 << 20;
/// An interpreter that still holds more is thrown away.
const MOST_IDLE_MEMORY: usize = 128 << 20;

/// Which texts an error names.
struct Place {
    chunk: &'static str,
    failure: &'static str,
    kind: Kind,
}

const SCRIPT: Place =
    Place { chunk: "@user_script", failure: "ERR Error compiling script (new function): ", kind: Kind::Script };
const LIBRARY: Place =
    Place { chunk: "@user_function", failure: "ERR Error compiling function: ", kind: Kind::Library };

/// A text that was compiled: its function, and its SHA-1.
pub(crate) type Program = (Function, Arc<str>);

/// A Lua and what was compiled in it.
pub(crate) struct Interpreter {
    pub lua: Lua,
    pub run: Arc<Run>,
    pub world: World,
    known: Known,
}

/// How a run ended inside of Lua.
pub(crate) enum End {
    Value(Value),
    Failed(Failure),
    Stopped(Bound),
    /// Lua itself failed. The text is the reply to the client. The interpreter is not used again.
    Broken(String),
}

/// How loading a library ended.
pub(crate) enum Loading {
    Loaded(Registry),
    /// The library has a mistake.
    Refused(Reply),
    /// A bound stopped it. The interpreter is not used again.
    Stopped(Reply),
}

impl Interpreter {
    pub(crate) fn new(clock: Clock, identity: &Identity) -> mlua::Result<Interpreter> {
        let run = Arc::new(Run::new(clock));
        let (lua, world) = build(identity, run.clone())?;
        let known = Known::new(&lua)?;
        Ok(Interpreter { lua, run, world, known })
    }

    /// Begins a run within bounds. What the engine prepares counts. Its size does not depend on what a script does, so it
    /// may take more memory than the bound: then the first allocation of the script fails.
    pub(crate) fn begin(&self, limits: &Limits) -> mlua::Result<()> {
        self.run.begin(limits, self.lua.used_memory());
        if self.run.relax() { watch(&self.lua, HOOK_INTERVAL) } else { Ok(()) }
    }

    /// Has Lua keep to the memory of the run while something works in it. An allocation that may fail costs Lua's caller a
    /// protected call, so the limit holds only where a script, or its length, decides how much is allocated.
    fn limited<T>(&self, action: impl FnOnce() -> T) -> mlua::Result<T> {
        self.lua.set_memory_limit(self.run.memory_limit())?;
        let result = action();
        self.lua.set_memory_limit(0)?;
        Ok(result)
    }

    /// Forgets all compiled texts.
    pub(crate) fn forget(&mut self) -> mlua::Result<()> {
        self.known.forget()
    }

    /// The SHA-1 of a script that was compiled before.
    pub(crate) fn sha_of(&self, script: &[u8]) -> Option<Arc<str>> {
        self.known.find(Kind::Script, script).map(|compiled| compiled.sha.clone())
    }

    /// The compiled form of a script. The inner error is the script's.
    pub(crate) fn script(&mut self, script: &[u8]) -> mlua::Result<Result<Program, Reply>> {
        self.program(&SCRIPT, script, |text| shebang::script(text).map(|(_, start)| start))
    }

    /// The compiled form of a text.
    fn program(
        &mut self,
        place: &Place,
        text: &[u8],
        start: impl FnOnce(&[u8]) -> Result<usize, Reply>,
    ) -> mlua::Result<Result<Program, Reply>> {
        self.run.charge_bytes(text.len())?;
        if let Some(compiled) = self.known.find(place.kind, text) {
            return Ok(Ok((self.known.function(compiled)?, compiled.sha.clone())));
        }
        let start = match start(text) {
            Ok(start) => start,
            Err(reply) => return Ok(Err(reply)),
        };
        self.run.charge(text.len() as u64)?;
        let environment = match place.kind {
            Kind::Library => &self.world.function,
            Kind::Script => &self.world.script,
        };
        let compiled = self.limited(|| compile(&self.lua, &text[start..], place.chunk.as_bytes(), environment))??;
        let function = match compiled {
            Ok(function) => function,
            Err(text) => return Ok(Err(Reply::error([place.failure.as_bytes(), &text].concat()))),
        };
        let sha: Arc<str> = sha1_hex(text).into();
        self.known.add(place.kind, text, sha.clone(), &function)?;
        Ok(Ok((function, sha)))
    }

    /// Runs the text of a library, which registers its functions. Each time it makes its variables anew.
    pub(crate) fn load(&mut self, code: &[u8], wanted: Option<Bytes>, limits: &Limits) -> Loading {
        let start = match shebang::library(code) {
            Ok((_, start)) => start,
            Err(reply) => return Loading::Refused(reply),
        };
        match self.try_load(code, start, wanted, limits) {
            Ok(loading) => loading,
            Err(error) => Loading::Stopped(match self.run.stopped() {
                Some(bound) => stopped_while_loading(bound),
                None => self.broken(&error),
            }),
        }
    }

    fn try_load(&mut self, code: &[u8], start: usize, wanted: Option<Bytes>, limits: &Limits) -> mlua::Result<Loading> {
        self.begin(limits)?;
        self.run.runs_function.store(true, Relaxed);
        let function = match self.program(&LIBRARY, code, |_| Ok(start))? {
            Ok((function, _)) => function,
            Err(reply) => return Ok(Loading::Refused(reply)),
        };
        self.world.show(&self.lua, &self.world.loading)?;
        *lock(&self.run.registry) = Some(Registry::new(wanted));
        let result = self.limited(|| self.world.protect.call((&function, &self.world.handler)))?;
        let registry = lock(&self.run.registry).take();
        self.world.show(&self.lua, &self.world.loaded)?;
        Ok(match (self.end(result), registry) {
            (End::Value(_), Some(registry)) if !registry.functions.is_empty() => Loading::Loaded(registry),
            (End::Value(_), _) => Loading::Refused(Reply::error("ERR No functions registered")),
            (End::Failed(failure), _) => Loading::Refused(while_loading(&failure.text)),
            (End::Stopped(bound), _) => Loading::Stopped(stopped_while_loading(bound)),
            (End::Broken(text), _) => Loading::Stopped(while_loading(text.as_bytes())),
        })
    }

    /// The tables of the keys and the other arguments.
    pub(crate) fn lists(&self, keys: &[Bytes], argv: &[Bytes]) -> mlua::Result<(Table, Table)> {
        let list = |words: &[Bytes]| -> mlua::Result<Table> {
            let table = self.lua.create_table_with_capacity(words.len(), 0)?;
            for (index, word) in words.iter().enumerate() {
                table.raw_set(index + 1, self.lua.create_string(word)?)?;
            }
            Ok(table)
        };
        Ok((list(keys)?, list(argv)?))
    }

    pub(crate) fn globals(&self, keys: &[Bytes], argv: &[Bytes]) -> mlua::Result<()> {
        let (keys, argv) = self.lists(keys, argv)?;
        self.world.script_real.raw_set("KEYS", keys)?;
        self.world.script_real.raw_set("ARGV", argv)
    }

    /// Runs Lua while the host answers its requests.
    pub(crate) fn enter(&self, host: &mut dyn Host, action: impl FnOnce(&World) -> mlua::Result<MultiValue>) -> End {
        lock(&self.run.random).seed(host.seed());
        let result = self.lua.scope(|scope| {
            let run = &self.run;
            let ask = scope.create_function_mut(|lua, arguments: Variadic<Value>| {
                passed_on(lua, run, host, Args::new(arguments.into()))
            })?;
            let server = &self.world.servers[usize::from(run.runs_function.load(Relaxed))];
            server.raw_set("call", &ask)?;
            self.world.bridge.raw_set(HOST, ask)?;
            self.limited(|| action(&self.world))?
        });
        let end = self.end(result);
        match self.world.bridge.raw_set(HOST, false) {
            Ok(()) => end,
            Err(error) => End::Broken(error.to_string()),
        }
    }

    /// Understands what a protected call returned.
    pub(crate) fn end(&self, result: mlua::Result<MultiValue>) -> End {
        if let Some(bound) = self.run.stopped() {
            return End::Stopped(bound);
        }
        match result {
            Ok(mut values) => match (values.pop_front(), values.pop_front()) {
                (Some(Value::Boolean(true)), value) => End::Value(value.unwrap_or(Value::Nil)),
                (_, caught) => match (lock(&self.run.failure).take(), caught) {
                    (Some(failure), _) => End::Failed(failure),
                    (None, Some(Value::String(text))) if text.as_bytes() == b"not enough memory" => {
                        End::Stopped(Bound::Memory)
                    }
                    (None, _) => End::Broken("error in error handling".to_owned()),
                },
            },
            Err(error) => match visible(&self.lua, &error) {
                Ok(value) => End::Broken(format!("{value:?}")),
                Err(_) if self.run.stopped().is_some() => End::Stopped(Bound::Memory),
                Err(error) => End::Broken(error.to_string()),
            },
        }
    }

    /// The reply when Lua itself failed, mostly for lack of memory.
    pub(crate) fn broken(&self, error: &mlua::Error) -> Reply {
        let _ = visible(&self.lua, error);
        match self.run.stopped() {
            Some(bound) => Reply::error(bound.text()),
            None => Reply::error(format!("ERR the script engine failed: {error}")),
        }
    }

    /// Collects garbage if there is much. Returns whether the interpreter may live on.
    pub(crate) fn tidy(&self) -> bool {
        if self.lua.used_memory() < IDLE_MEMORY {
            return true;
        }
        self.lua.gc_collect().is_ok() && self.lua.used_memory() < MOST_IDLE_MEMORY
    }
}

fn while_loading(text: &[u8]) -> Reply {
    Reply::error([b"ERR Error registering functions: ", text].concat())
}

fn stopped_while_loading(bound: Bound) -> Reply {
    match bound {
        Bound::Instructions | Bound::Time => while_loading(b"ERR FUNCTION LOAD timeout"),
        Bound::Memory => while_loading(bound.text().as_bytes()),
    }
}
