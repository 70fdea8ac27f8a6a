//! Scripts and functions: Lua programs that call commands.
//!
//! A script runs inside the state machine, on the draft, between the commands of other clients. So it is atomic like any
//! command, and it runs again, unnoticed, if its commit loses the race. The server stores the effects, not the script. So
//! a script need not do the same thing twice.
//!
//! | module | contents |
//! |---|---|
//! | [`text`] | the texts of scripts by their SHA-1, which are rows |
//! | [`library`] | libraries of functions, which are rows, too |
//! | [`host`] | what a script can do to the database |
//! | [`reply`] | turns replies of the server into those of the engine, and back |
//!
//! Lua itself is in the crate `valthree-script`. Each thread has one engine. An engine keeps what it has compiled, and
//! nothing else: every run has fresh globals. So any thread can run any script, for any of the servers in one process.
//!
//! # Bounds
//!
//! While a script runs, its server serves nobody else. So a script has bounds. A script that exceeds them is undone: the
//! draft returns to its savepoint. The bounds count instructions, memory, what the commands do, and time. Time is the last
//! resort: some instructions take much longer than others. It comes from tokio, so in a simulation it stands still while a
//! script runs. No effect depends on it, because a script that runs out of time has none. A script that fails for another
//! reason keeps its effects so far, as in Valkey.
//!
//! All scripts of a transaction share the bounds of one. A batch starts no more scripts once its scripts have taken a fifth
//! of a second. The others wait for the next batch, and clients without scripts are served in between. So a read that needs
//! no script waits about 1.2 seconds at most.

mod host;
pub mod library;
mod reply;
pub mod text;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use valthree_script::resp::Reply as Told;
use valthree_script::{Engine, FunctionFacts, Identity, Limits, ScriptFlags};

use self::host::{Hands, Licence};
use self::reply::to_client;
use crate::command::execution::FULL;
use crate::command::spec::CommandTable;
use crate::info::{COMPATIBLE_VERSION, NAME, VALKEY_VERSION};
use crate::resp::Reply;
use crate::row::{Made, Table};
use crate::state::{By, Draft, Labour};
use crate::zoo::planted;

/// The instructions take less than a second on an idle machine. The time is shorter than the deadline of a command, so that
/// those who wait behind a script can still be served. The memory is that of one run beyond what is compiled.
const LIMITS: Limits = Limits { instructions: 50_000_000, time: Duration::from_secs(1), memory: 64 << 20 };

const WRITES_REFUSED: Reply = Reply::fault("ERR Can not execute a script with write flag using *_ro command.");

/// What those are told who want to end a script: a server serves nobody else while a script runs.
pub const NOT_BUSY: Reply = Reply::fault("NOTBUSY No scripts in execution right now.");

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new({
        let start = Instant::now();
        let identity = Identity {
            name: NAME.to_owned(),
            redis_version: COMPATIBLE_VERSION.to_owned(),
            valkey_version: VALKEY_VERSION.to_owned(),
        };
        Engine::new(Arc::new(move || start.elapsed()), identity)
    });
}

/// Lends the thread's engine. Scripts cannot call scripts, so nobody else has it.
fn with_engine<T>(act: impl FnOnce(&mut Engine) -> T) -> T {
    ENGINE.with_borrow_mut(act)
}

/// What a script declares in its first line. None if there is a mistake in that line.
pub fn declared(text: &[u8]) -> Option<ScriptFlags> {
    Engine::flags(text).ok()
}

/// Finds mistakes in a script without running it. Returns its SHA-1.
pub fn check(draft: &mut Draft<'_>, text: &[u8]) -> Result<Arc<str>, Reply> {
    let limits = rest_of(&LIMITS, draft)?;
    let mut left = limits;
    let checked = with_engine(|engine| engine.check(text, &mut left));
    note_labour(draft, &limits, (left.instructions, left.time));
    checked.map_err(to_client)
}

/// Runs a script that has no mistakes, and that may call these commands. `writes` tells whether the command lets it change keys.
pub fn run(
    commands: &'static CommandTable,
    draft: &mut Draft<'_>,
    text: &[u8],
    keys: &[Bytes],
    arguments: &[Bytes],
    writes: bool,
) -> Result<Reply, Reply> {
    let flags = Engine::flags(text).map_err(to_client)?;
    bounded(commands, draft, flags, writes, |engine, limits, hands| engine.eval(text, keys, arguments, limits, hands))
}

/// Calls a function of the library with this text. It may call these commands.
pub fn call(
    commands: &'static CommandTable,
    draft: &mut Draft<'_>,
    text: &[u8],
    function: &FunctionFacts,
    keys: &[Bytes],
    arguments: &[Bytes],
    writes: bool,
) -> Result<Reply, Reply> {
    let flags = ScriptFlags { declared: true, ..function.flags };
    bounded(commands, draft, flags, writes, |engine, limits, hands| {
        engine.call(text, &function.name, keys, arguments, limits, hands)
    })
}

/// Lets a script or function work on the draft, if its flags allow that, and undoes all of it if it exceeds its bounds.
fn bounded(
    commands: &'static CommandTable,
    draft: &mut Draft<'_>,
    flags: ScriptFlags,
    writes: bool,
    act: impl FnOnce(&mut Engine, &Limits, &mut Hands<'_, '_>) -> Told,
) -> Result<Reply, Reply> {
    // A script with a first line keeps to what it says there. An older one may do what the command lets it do.
    if flags.declared && !flags.no_writes {
        if draft.is_full() && !flags.allow_oom {
            return Err(FULL);
        }
        if !writes {
            return Err(WRITES_REFUSED);
        }
    }
    let limits = rest_of(&LIMITS, draft)?;
    let licence = Licence { writes: writes && !flags.no_writes, grows: flags.allow_oom };
    let selected = draft.selected();
    draft.save();
    let mut hands = Hands::new(commands, draft, licence);
    let (reply, was_stopped, left) = with_engine(|engine| {
        let reply = act(engine, &limits, &mut hands);
        (to_client(reply), engine.was_stopped(), engine.left())
    });
    let excess = hands.excess();
    note_labour(draft, &limits, left);
    if (was_stopped || excess.is_some()) && !planted!("losing-script-effects-kept") {
        draft.roll_back();
    } else {
        draft.release();
    }
    draft.select(selected);
    Ok(excess.unwrap_or(reply))
}

/// What the scripts of the present unit have left of these limits. In a transaction, all of them together keep to the bounds
/// of one. If nothing is left, none of them begins, or is even compiled.
fn rest_of(limits: &Limits, draft: &Draft<'_>) -> Result<Limits, Reply> {
    let Labour { instructions, time } = draft.labour_of_unit();
    let rest = Limits {
        instructions: limits.instructions.min(LIMITS.instructions.saturating_sub(instructions)),
        time: limits.time.min(LIMITS.time.saturating_sub(time)),
        memory: limits.memory,
    };
    match rest.spent() {
        Some(bound) => Err(Reply::error(bound.text())),
        None => Ok(rest),
    }
}

/// Counts what a script has used up.
fn note_labour(draft: &mut Draft<'_>, limits: &Limits, (instructions, time): (u64, Duration)) {
    draft.note_labour(Labour {
        instructions: limits.instructions.saturating_sub(instructions),
        time: limits.time.saturating_sub(time),
    });
}

/// The names of the rows of the system that begin with a prefix.
fn system_names(draft: &Draft<'_>, prefix: &[u8]) -> Vec<Bytes> {
    let order = draft.order(Table::Keys(Made::SYSTEM), By::Hash);
    let names = order.iter_from(0).map(|place| place.name());
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Forgets what this thread has compiled.
pub fn flush() {
    with_engine(Engine::forget);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::command::table::commands;
    use crate::id::Id;
    use crate::run::Salt;
    use crate::state::Database;

    fn execute(draft: &mut Draft<'_>, words: &[&str]) -> Reply {
        let words = words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        Command::parse(words).map_or_else(|error| error, |command| command.execute(draft))
    }

    fn is_stopped(reply: &Reply) -> bool {
        matches!(reply, Reply::Error(text) if text.starts_with(b"ERR Script stopped"))
    }

    #[test]
    fn a_script_beyond_its_bounds_is_undone_and_the_commands_before_it_are_not() {
        let database = Database::unborn(Id::default(), Salt(1));
        for beyond in [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "local s = 'x' while true do s = s .. s end",
            "while true do redis.pcall('rpush', 'l', 'item') end",
            "local s = string.rep('x', 1000000) while true do redis.pcall('set', 'k', s) redis.pcall('del', 'k') end",
            "while true do redis.pcall('setrange', tostring({}), 50000000, 'x') end",
        ] {
            let mut draft = Draft::new(&database, None, 1000);
            execute(&mut draft, &["SET", "kept", "1"]);
            let made = draft.made();
            let script = format!("redis.call('flushall') redis.call('select', 3) redis.call('set', 'a', 'b') {beyond}");
            text::load(&mut draft, &valthree_script::sha1_hex(b"return 1"), &Bytes::from("return 1"))
                .expect("there is room");
            let reply = execute(&mut draft, &["EVAL_RO", "return redis.call('get', 'kept')", "0"]);
            assert_eq!(reply, Reply::text("1"));
            let known = draft.system();
            let reply = execute(&mut draft, &["EVALSHA", "x", "0"]);
            assert_eq!(reply, text::UNKNOWN);
            let stopped = run(commands(), &mut draft, script.as_bytes(), &[], &[], true).expect("it begins");
            assert!(is_stopped(&stopped) || stopped == crate::command::TOO_LARGE, "{beyond}: {stopped:?}");
            assert_eq!((draft.system(), draft.selected()), (known, 0), "{beyond}");
            assert_eq!(execute(&mut draft, &["GET", "kept"]), Reply::text("1"), "{beyond}");
            assert_eq!(execute(&mut draft, &["DBSIZE"]), Reply::Integer(1), "{beyond}");
            // SCRIPT LOAD makes one row, and EVAL three.
            assert_eq!(draft.made(), made + 4, "{beyond}");
        }
    }

    #[test]
    fn a_script_that_fails_keeps_what_it_has_done() {
        let database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, None, 1000);
        let reply = execute(&mut draft, &["EVAL", "redis.call('set', 'a', 'b') redis.call('incr', 'a')", "0"]);
        assert!(matches!(reply, Reply::Error(text) if text.starts_with(b"ERR value is not an integer")));
        assert_eq!(execute(&mut draft, &["GET", "a"]), Reply::text("b"));
    }

    #[test]
    fn a_full_database_refuses_growth_until_the_script_has_changed_something() {
        let database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, Some(10), 1000);
        execute(&mut draft, &["SET", "a", "some value"]);
        let told = |reply: Reply| match reply {
            Reply::Error(text) => String::from_utf8_lossy(&text[..15]).into_owned(),
            other => format!("{other:?}"),
        };
        let mut eval = |script: &str| told(execute(&mut draft, &["EVAL", script, "0"]));
        assert_eq!(eval("return redis.call('set', 'b', 'c')"), "OOM command not");
        assert_eq!(eval("#!lua\nreturn 1"), "OOM command not");
        assert_eq!(eval("#!lua flags=allow-oom\nreturn #redis.call('set', 'b', 'c').ok"), "Integer(2)");
        assert_eq!(eval("redis.call('del', 'b') return #redis.call('set', 'b', 'c').ok"), "Integer(2)");
    }

    const COUNTER: &str = "#!lua name=counter\nlocal calls = 0\nlocal function count(keys, args) calls = calls + 1 \
        return redis.call('incrby', keys[1], args[1]) * 10 + calls end\nredis.register_function('Count', count)\n\
        redis.register_function{function_name='peek', flags={'no-writes'}, callback=function(keys) \
        return redis.call('get', keys[1]) end}\nredis.register_function('wild', function(keys) \
        redis.call('set', keys[1], 'wild') while true do end end)";

    #[test]
    fn a_library_runs_wherever_the_version_is_known_that_has_it() {
        let mut database = Database::unborn(Id::default(), Salt(1));
        let mut commit = |words: &[&str]| {
            let mut draft = Draft::new(&database, None, 1000);
            let reply = execute(&mut draft, words);
            let changed = draft.made() > 0;
            if changed {
                let finished = draft.finish(Id::default());
                database.apply(&finished);
            }
            (reply, changed)
        };
        let not_found = Reply::fault("ERR Function not found");
        assert_eq!(commit(&["FCALL", "count", "1", "n", "5"]), (not_found.clone(), false));
        assert_eq!(commit(&["FUNCTION", "LOAD", COUNTER]), (Reply::text("counter"), true));
        // The variables of the library begin anew in each call, so a call that is executed twice counts once.
        assert_eq!(commit(&["FCALL", "count", "1", "n", "5"]), (Reply::Integer(51), true));
        assert_eq!(commit(&["FCALL", "COUNT", "1", "n", "5"]), (Reply::Integer(101), true));
        assert_eq!(commit(&["FLUSHALL"]), (Reply::OK, true));
        assert_eq!(commit(&["FCALL_RO", "peek", "1", "n"]), (Reply::Null, false));
        let (stopped, changed) = commit(&["FCALL", "wild", "1", "n"]);
        assert!(is_stopped(&stopped) && !changed, "{stopped:?}");
        assert_eq!(commit(&["FCALL_RO", "count", "1", "n", "5"]), (WRITES_REFUSED, false));
        let replaced = "#!lua name=counter\nredis.register_function('other', function() return 3 end)";
        assert_eq!(commit(&["FUNCTION", "LOAD", "REPLACE", replaced]), (Reply::text("counter"), true));
        assert_eq!(commit(&["FCALL", "count", "1", "n", "5"]), (not_found.clone(), false));
        assert_eq!(commit(&["FCALL", "other", "0"]), (Reply::Integer(3), false));
        assert_eq!(commit(&["SCRIPT", "FLUSH"]), (Reply::OK, false));
        assert_eq!(commit(&["FCALL", "other", "0"]), (Reply::Integer(3), false));
        assert_eq!(commit(&["FUNCTION", "FLUSH"]), (Reply::OK, true));
        assert_eq!(commit(&["FUNCTION", "FLUSH"]), (Reply::OK, false));
        assert_eq!(commit(&["FCALL", "other", "0"]), (not_found, false));
    }

    #[test]
    fn what_a_library_does_while_it_loads_counts_for_each_call() {
        let database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, None, 1000);
        let code = "#!lua name=slow\nfor i = 1, 1000000 do end redis.register_function('one', function() return 1 end)";
        assert_eq!(execute(&mut draft, &["FUNCTION", "LOAD", code]), Reply::text("slow"));
        draft.begin_unit(true);
        assert_eq!(execute(&mut draft, &["FCALL", "one", "0"]), Reply::Integer(1));
        let once = draft.labour_of_unit().instructions;
        assert!((1_000_000..3_000_000).contains(&once), "{once}");
        assert_eq!(execute(&mut draft, &["FCALL", "none", "0"]), Reply::fault("ERR Function not found"));
        assert_eq!(draft.labour_of_unit().instructions, once);
        let calls = LIMITS.instructions / once;
        let replies: Vec<Reply> = (0..calls).map(|_| execute(&mut draft, &["FCALL", "one", "0"])).collect();
        let stopped = replies.iter().position(is_stopped);
        assert!(stopped.is_some(), "{calls} more calls of {once} instructions went through");
    }

    #[test]
    fn a_unit_that_has_spent_its_bounds_compiles_nothing_more() {
        let database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, None, 1000);
        let compile = |draft: &mut Draft<'_>| {
            [["EVAL", "no lua", "0"], ["SCRIPT", "LOAD", "no lua"]].map(|words| is_stopped(&execute(draft, &words)))
        };
        draft.begin_unit(true);
        assert_eq!(compile(&mut draft), [false; 2]);
        assert!(is_stopped(&execute(&mut draft, &["EVAL", "while true do end", "0"])));
        assert_eq!(compile(&mut draft), [true; 2]);
        draft.begin_unit(true);
        assert_eq!(compile(&mut draft), [false; 2]);
    }

    #[test]
    fn a_restore_with_a_mistake_changes_nothing() {
        let database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, None, 1000);
        execute(&mut draft, &["FUNCTION", "LOAD", COUNTER]);
        let before = (draft.system(), draft.made());
        let fine = Bytes::from("#!lua name=a\nredis.register_function('a', function() return 1 end)");
        let endless = Bytes::from("#!lua name=b\nwhile true do end");
        let broken = Bytes::from("#!lua name=b\nreturn =");
        let taken = Bytes::from("#!lua name=b\nredis.register_function('PEEK', function() return 1 end)");
        for wrong in [endless, broken, taken, fine.clone(), Bytes::from(COUNTER)] {
            let texts = [fine.clone(), wrong.clone()];
            draft.begin_unit(true);
            assert!(library::restore(&mut draft, &texts, library::Policy::Append).is_err(), "{wrong:?}");
            assert_eq!((draft.system(), draft.made()), before, "{wrong:?}");
        }
        draft.begin_unit(true);
        library::restore(&mut draft, &[fine], library::Policy::Flush).expect("nothing is wrong");
        assert_eq!(library::count(&draft), (1, 1));
    }

    #[test]
    fn a_flushed_script_is_unknown_on_every_server_that_knows_the_version() {
        let mut database = Database::unborn(Id::default(), Salt(1));
        let sha = valthree_script::sha1_hex(b"return 5");
        let mut commit = |words: &[&str]| {
            let mut draft = Draft::new(&database, None, 1000);
            let reply = execute(&mut draft, words);
            let changed = draft.made() > 0;
            if changed {
                let finished = draft.finish(Id::default());
                database.apply(&finished);
            }
            (reply, changed)
        };
        assert_eq!(commit(&["EVALSHA", &sha, "0"]), (text::UNKNOWN, false));
        assert_eq!(commit(&["EVAL", "return 5", "0"]), (Reply::Integer(5), true));
        assert_eq!(commit(&["EVAL", "return 5", "0"]), (Reply::Integer(5), false));
        assert_eq!(commit(&["EVALSHA", &sha, "0"]), (Reply::Integer(5), false));
        assert_eq!(commit(&["FLUSHALL"]), (Reply::OK, false));
        assert_eq!(commit(&["EVALSHA_RO", &sha, "0"]), (Reply::Integer(5), false));
        assert_eq!(commit(&["SCRIPT", "FLUSH"]), (Reply::OK, true));
        assert_eq!(commit(&["SCRIPT", "FLUSH"]), (Reply::OK, false));
        assert_eq!(commit(&["EVALSHA", &sha, "0"]), (text::UNKNOWN, false));
    }
}
