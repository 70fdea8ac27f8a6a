//! Commands that run and keep scripts.

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, exactly, integer};
use crate::command::flag::{
    Category::Scripting,
    Flag::{AllowBusy, MovableKeys, NoMandatoryKeys, Noscript, Readonly, SkipMonitor, Stale},
};
use crate::command::introspect::HELP;
use crate::command::keys::{Begin, Find};
use crate::command::spec::{CommandTable, Keys, Meaning, Program, Spec};
use crate::resp::Reply;
use crate::script::text::SHA_LENGTH;
use crate::script::{self, text};
use crate::session::caller::Caller;
use crate::state::Draft;

const RUN_NOTES: &str = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE";
const READ_NOTES: &str = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS";

/// What all commands about scripts and functions have in common.
pub(super) const SCRIPTING: Spec = Spec { group: "scripting", categories: &[Scripting], ..Spec::BLANK };

/// A command that runs a script or a function.
pub(super) const RUN: Spec = Spec {
    arity: -3,
    flags: &[Noscript, Stale, SkipMonitor, NoMandatoryKeys, MovableKeys],
    keys: &[Keys { begin: Begin::At(2), find: Find::Counted, access: &["RW", "access", "update"], notes: RUN_NOTES }],
    since: "2.6.0",
    complexity: "Depends on the script",
    writes_unflagged: true,
    ..SCRIPTING
};

/// A command that runs a script or a function that may not write.
pub(super) const READ: Spec = Spec {
    flags: &[Readonly, Noscript, Stale, SkipMonitor, NoMandatoryKeys, MovableKeys],
    keys: &[Keys { begin: Begin::At(2), find: Find::Counted, notes: READ_NOTES, ..Keys::READ }],
    since: "7.0.0",
    writes_unflagged: false,
    ..RUN
};

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "eval",
        syntax: "script numkeys [key [key ...]] [arg [arg ...]]",
        summary: "Runs a Lua script, and keeps it for EVALSHA.",
        meaning: Meaning::Script(|table, draft, words| eval(table, draft, words, true)),
        check: Some(|words| Parts::of(words).map(drop)),
        program: Some(Program::Text),
        ..RUN
    },
    Spec {
        name: "eval_ro",
        syntax: "script numkeys [key [key ...]] [arg [arg ...]]",
        summary: "Runs a Lua script that may not write, and keeps it for EVALSHA.",
        meaning: Meaning::Script(|table, draft, words| eval(table, draft, words, false)),
        check: Some(|words| Parts::of(words).map(drop)),
        program: Some(Program::Text),
        ..READ
    },
    Spec {
        name: "evalsha",
        syntax: "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        summary: "Runs a Lua script that some server has learned.",
        meaning: Meaning::Script(|table, draft, words| eval_known(table, draft, words, true)),
        check: Some(check_known),
        program: Some(Program::Sha),
        ..RUN
    },
    Spec {
        name: "evalsha_ro",
        syntax: "sha1 numkeys [key [key ...]] [arg [arg ...]]",
        summary: "Runs a Lua script that some server has learned, and that may not write.",
        meaning: Meaning::Script(|table, draft, words| eval_known(table, draft, words, false)),
        check: Some(check_known),
        program: Some(Program::Sha),
        ..READ
    },
    Spec {
        name: "script",
        arity: -2,
        since: "2.6.0",
        complexity: "Depends on subcommand.",
        summary: "Contains the commands about known scripts.",
        categories: &[],
        subcommands: SCRIPT,
        ..SCRIPTING
    },
];

const OF_SCRIPTS: Spec = Spec { flags: &[Noscript], since: "2.6.0", ..SCRIPTING };

static SCRIPT: &[Spec] = &[
    Spec {
        name: "script|debug",
        syntax: "<YES | SYNC | NO>",
        arity: 3,
        since: "3.2.0",
        summary: "Fails, because there is no debugger, unless it is to be off.",
        meaning: Meaning::Session(debug),
        ..OF_SCRIPTS
    },
    Spec {
        name: "script|exists",
        syntax: "sha1 [sha1 ...]",
        arity: -3,
        tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
        complexity: "O(N) where N is the number of scripts",
        summary: "Tells which of these scripts EVALSHA would find.",
        meaning: Meaning::Data(exists),
        ..OF_SCRIPTS
    },
    Spec {
        name: "script|flush",
        syntax: "[ASYNC | SYNC]",
        arity: -2,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the number of known scripts",
        summary: "Has all servers forget all scripts.",
        meaning: Meaning::Data(flush),
        check: Some(check_flush),
        writes_unflagged: true,
        ..OF_SCRIPTS
    },
    Spec { name: "script|help", group: "scripting", categories: &[Scripting], ..HELP },
    Spec {
        name: "script|kill",
        arity: 2,
        flags: &[Noscript, AllowBusy],
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        summary: "Fails, because scripts end by themselves.",
        meaning: Meaning::Session(|_, _| Err(script::NOT_BUSY)),
        ..OF_SCRIPTS
    },
    Spec {
        name: "script|load",
        syntax: "script",
        arity: 3,
        flags: &[Noscript, Stale],
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the length of the script",
        summary: "Keeps a script for EVALSHA on all servers, and returns its SHA-1.",
        meaning: Meaning::Data(load),
        writes_unflagged: true,
        ..OF_SCRIPTS
    },
    Spec {
        name: "script|show",
        syntax: "sha1",
        arity: 3,
        since: "8.0.0",
        summary: "Returns the text of a script.",
        meaning: Meaning::Data(|draft, words| text::find(draft, &words[2]).map(Reply::Bulk).ok_or(text::UNKNOWN)),
        ..OF_SCRIPTS
    },
];

/// The keys and the arguments of a script.
struct Parts<'a> {
    keys: &'a [Bytes],
    arguments: &'a [Bytes],
}

impl Parts<'_> {
    fn of(words: &[Bytes]) -> Result<Parts<'_>, Reply> {
        let (keys, arguments) = key_count(words, NOT_AN_INTEGER)?;
        Ok(Parts { keys, arguments })
    }
}

/// Splits what follows the number of keys into keys and other arguments.
pub(super) fn key_count(words: &[Bytes], no_number: Reply) -> Result<(&[Bytes], &[Bytes]), Reply> {
    let number = integer(&words[2]).ok_or(no_number)?;
    let number = usize::try_from(number).map_err(|_| Reply::fault("ERR Number of keys can't be negative"))?;
    words[3..].split_at_checked(number).ok_or(Reply::fault("ERR Number of keys can't be greater than number of args"))
}

fn eval(table: &'static CommandTable, draft: &mut Draft<'_>, words: &[Bytes], writes: bool) -> Result<Reply, Reply> {
    let Parts { keys, arguments } = Parts::of(words)?;
    let text = &words[1];
    let sha = script::check(draft, text)?;
    let reply = script::run(table, draft, text, keys, arguments, writes);
    text::remember(draft, &sha, text);
    reply
}

fn check_known(words: &[Bytes]) -> Result<(), Reply> {
    // Like Valkey, it looks at the length first.
    if words[1].len() != SHA_LENGTH {
        return Err(text::UNKNOWN);
    }
    Parts::of(words).map(drop)
}

fn eval_known(
    table: &'static CommandTable,
    draft: &mut Draft<'_>,
    words: &[Bytes],
    writes: bool,
) -> Result<Reply, Reply> {
    check_known(words)?;
    let Parts { keys, arguments } = Parts::of(words)?;
    let text = text::find(draft, &words[1]).ok_or(text::UNKNOWN)?;
    script::run(table, draft, &text, keys, arguments, writes)
}

fn exists(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let known = words[2..].iter().map(|sha| Reply::Integer(text::find(draft, sha).is_some().into()));
    Ok(Reply::Array(known.collect()))
}

fn load(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, _, text] = exactly(words)?;
    let sha = script::check(draft, text)?;
    text::load(draft, &sha, text)
}

fn check_flush(words: &[Bytes]) -> Result<(), Reply> {
    let is_known = |word: &Bytes| word.eq_ignore_ascii_case(b"sync") || word.eq_ignore_ascii_case(b"async");
    match &words[2..] {
        [] => Ok(()),
        [word] if is_known(word) => Ok(()),
        _ => Err(Reply::fault("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    }
}

fn flush(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    check_flush(words)?;
    text::flush(draft);
    script::flush();
    Ok(Reply::OK)
}

fn debug(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    if caller.is_in_exec() {
        return Err(Reply::fault("ERR SCRIPT DEBUG must be called outside a pipeline"));
    }
    let is = |word: &[u8]| words[2].eq_ignore_ascii_case(word);
    if is(b"no") {
        Ok(Reply::OK)
    } else if is(b"yes") || is(b"sync") {
        Err(Reply::fault("ERR This server has no debugger for scripts"))
    } else {
        Err(Reply::fault("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
    }
}
