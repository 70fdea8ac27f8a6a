//! Commands that keep libraries of functions, and call their functions.

use bytes::Bytes;

use super::script::{READ, RUN, SCRIPTING, key_count};
use crate::command::arguments::{error_about, exactly};
use crate::command::flag::{
    Category::Scripting,
    Flag::{AllowBusy, Denyoom, Noscript, Write},
};
use crate::command::glob::{self, Case};
use crate::command::introspect::HELP;
use crate::command::spec::{CommandTable, Meaning, Program, Spec};
use crate::resp::Reply;
use crate::script;
use crate::script::library::{self, Policy, Stored};
use crate::state::Draft;
use crate::value::payload::{decode_libraries, encode_libraries};

const NOT_FOUND: Reply = Reply::fault("ERR Function not found");

/// How much memory the texts of a payload may take, in bytes.
const MOST_RESTORED: usize = 64 << 20;

/// The rows.
pub static ROWS: &[Spec] = &[
    Spec {
        name: "fcall",
        syntax: "function numkeys [key [key ...]] [arg [arg ...]]",
        since: "7.0.0",
        summary: "Calls a function of a library that some server has loaded.",
        meaning: Meaning::Script(|table, draft, words| call(table, draft, words, true)),
        program: Some(Program::Function),
        ..RUN
    },
    Spec {
        name: "fcall_ro",
        syntax: "function numkeys [key [key ...]] [arg [arg ...]]",
        summary: "Calls a function that has the flag no-writes.",
        meaning: Meaning::Script(|table, draft, words| call(table, draft, words, false)),
        program: Some(Program::Function),
        ..READ
    },
    Spec {
        name: "function",
        arity: -2,
        since: "7.0.0",
        complexity: "Depends on subcommand.",
        summary: "Contains the commands about libraries of functions.",
        categories: &[],
        subcommands: FUNCTION,
        ..SCRIPTING
    },
];

const OF_LIBRARIES: Spec = Spec { flags: &[Noscript], since: "7.0.0", ..SCRIPTING };
const CHANGING: Spec = Spec {
    flags: &[Write, Noscript],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    ..OF_LIBRARIES
};

static FUNCTION: &[Spec] = &[
    Spec {
        name: "function|delete",
        syntax: "library-name",
        arity: 3,
        complexity: "O(N) where N is the number of functions",
        summary: "Deletes a library and its functions.",
        meaning: Meaning::Data(delete),
        ..CHANGING
    },
    Spec {
        name: "function|dump",
        arity: 2,
        complexity: "O(N) where N is the length of all libraries",
        summary: "Returns all libraries in one text for FUNCTION RESTORE.",
        meaning: Meaning::Data(|draft, _| {
            Ok(Reply::bulk(encode_libraries(library::all(draft).iter().map(|library| &library.text))))
        }),
        ..OF_LIBRARIES
    },
    Spec {
        name: "function|flush",
        syntax: "[ASYNC | SYNC]",
        arity: -2,
        complexity: "O(N) where N is the number of functions",
        summary: "Deletes all libraries.",
        meaning: Meaning::Data(flush),
        check: Some(check_flush),
        ..CHANGING
    },
    Spec { name: "function|help", group: "scripting", categories: &[Scripting], since: "7.0.0", ..HELP },
    Spec {
        name: "function|kill",
        arity: 2,
        flags: &[Noscript, AllowBusy],
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        summary: "Fails, because functions end by themselves.",
        meaning: Meaning::Session(|_, _| Err(script::NOT_BUSY)),
        ..OF_LIBRARIES
    },
    Spec {
        name: "function|list",
        syntax: "[LIBRARYNAME library-name-pattern] [WITHCODE]",
        arity: -2,
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the number of functions",
        summary: "Describes the libraries whose names match a pattern, or all.",
        meaning: Meaning::Data(list),
        check: Some(|words| LibraryListing::of(words).map(drop)),
        ..OF_LIBRARIES
    },
    Spec {
        name: "function|load",
        syntax: "[REPLACE] function-code",
        arity: -3,
        flags: &[Write, Denyoom, Noscript],
        complexity: "O(N) where N is the length of the library",
        summary: "Loads a library for all servers, and returns its name.",
        meaning: Meaning::Data(load),
        check: Some(|words| replaces(words).map(drop)),
        ..CHANGING
    },
    Spec {
        name: "function|restore",
        syntax: "serialized-value [FLUSH | APPEND | REPLACE]",
        arity: -3,
        flags: &[Write, Denyoom, Noscript],
        complexity: "O(N) where N is the length of all libraries",
        summary: "Loads the libraries in a text of FUNCTION DUMP: all of them or, if there is a mistake, none.",
        meaning: Meaning::Data(restore),
        check: Some(|words| policy(words).map(drop)),
        ..CHANGING
    },
    Spec {
        name: "function|stats",
        arity: 2,
        flags: &[Noscript, AllowBusy],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        complexity: "O(N) where N is the number of functions",
        summary: "Counts the libraries and their functions.",
        meaning: Meaning::Data(stats),
        ..OF_LIBRARIES
    },
];

fn call(table: &'static CommandTable, draft: &mut Draft<'_>, words: &[Bytes], writes: bool) -> Result<Reply, Reply> {
    // Like Valkey, it looks for the function before it looks at the number.
    let (function, text) = library::find(draft, &words[1]).ok_or(NOT_FOUND)?;
    let (keys, arguments) = key_count(words, Reply::fault("ERR Bad number of keys provided"))?;
    script::call(table, draft, &text, &function, keys, arguments, writes)
}

fn delete(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, _, name] = exactly(words)?;
    if library::delete(draft, name) { Ok(Reply::OK) } else { Err(Reply::fault("ERR Library not found")) }
}

/// The error for words behind the last one that the subcommand takes.
fn too_many(words: &[Bytes]) -> Reply {
    let before = "ERR unknown subcommand or wrong number of arguments for '";
    error_about(before, &words[1], "'. Try FUNCTION HELP.")
}

fn check_flush(words: &[Bytes]) -> Result<(), Reply> {
    match &words[2..] {
        [] => Ok(()),
        [word] if word.eq_ignore_ascii_case(b"sync") || word.eq_ignore_ascii_case(b"async") => Ok(()),
        [_] => Err(Reply::fault("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
        _ => Err(too_many(words)),
    }
}

fn flush(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    check_flush(words)?;
    library::flush(draft);
    Ok(Reply::OK)
}

/// Which libraries FUNCTION LIST describes, and how.
#[derive(Default)]
struct LibraryListing<'a> {
    pattern: Option<&'a Bytes>,
    with_code: bool,
}

impl LibraryListing<'_> {
    fn of(words: &[Bytes]) -> Result<LibraryListing<'_>, Reply> {
        let mut listing = LibraryListing::default();
        let mut words = words[2..].iter();
        while let Some(word) = words.next() {
            if !listing.with_code && word.eq_ignore_ascii_case(b"withcode") {
                listing.with_code = true;
            } else if listing.pattern.is_none() && word.eq_ignore_ascii_case(b"libraryname") {
                let missing = Reply::fault("ERR library name argument was not given");
                listing.pattern = Some(words.next().ok_or(missing)?);
            } else {
                return Err(error_about("ERR Unknown argument ", word, ""));
            }
        }
        Ok(listing)
    }

    fn describe(&self, library: Stored) -> Reply {
        let functions = library.functions.into_iter().map(|function| {
            let flags = function.flags.names().into_iter().map(Reply::status).collect();
            Reply::Map(vec![
                (Reply::text("name"), Reply::Bulk(function.name)),
                (Reply::text("description"), function.description.map_or(Reply::Null, Reply::Bulk)),
                (Reply::text("flags"), Reply::Set(flags)),
            ])
        });
        let mut fields = vec![
            (Reply::text("library_name"), Reply::Bulk(library.name)),
            (Reply::text("engine"), Reply::text("LUA")),
            (Reply::text("functions"), Reply::Array(functions.collect())),
        ];
        if self.with_code {
            fields.push((Reply::text("library_code"), Reply::Bulk(library.text)));
        }
        Reply::Map(fields)
    }
}

fn list(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let listing = LibraryListing::of(words)?;
    let matches = |name: &[u8]| listing.pattern.is_none_or(|it| glob::matches(it, name, Case::Insensitive));
    let libraries = library::all(draft).into_iter().filter(|library| matches(&library.name));
    Ok(Reply::Array(libraries.map(|library| listing.describe(library)).collect()))
}

/// Whether FUNCTION LOAD may replace a library.
fn replaces(words: &[Bytes]) -> Result<Policy, Reply> {
    let options = &words[2..words.len() - 1];
    match options.iter().find(|word| !word.eq_ignore_ascii_case(b"replace")) {
        Some(unknown) => Err(error_about("ERR Unknown option given: ", unknown, "")),
        None if options.is_empty() => Ok(Policy::Append),
        None => Ok(Policy::Replace),
    }
}

fn load(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    library::load(draft, &words[words.len() - 1], replaces(words)?)
}

fn policy(words: &[Bytes]) -> Result<Policy, Reply> {
    match &words[3..] {
        [] => Ok(Policy::Append),
        [word] if word.eq_ignore_ascii_case(b"append") => Ok(Policy::Append),
        [word] if word.eq_ignore_ascii_case(b"flush") => Ok(Policy::Flush),
        [word] if word.eq_ignore_ascii_case(b"replace") => Ok(Policy::Replace),
        [_] => {
            let text = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
            Err(Reply::fault(text))
        }
        _ => Err(too_many(words)),
    }
}

fn restore(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let policy = policy(words)?;
    let texts = decode_libraries(&words[2], MOST_RESTORED).map_err(|error| Reply::error(format!("ERR {error}")))?;
    library::restore(draft, &texts, policy)?;
    Ok(Reply::OK)
}

fn stats(draft: &mut Draft<'_>, _: &[Bytes]) -> Result<Reply, Reply> {
    let (libraries, functions) = library::count(draft);
    let counts = vec![
        (Reply::text("libraries_count"), Reply::count(libraries)),
        (Reply::text("functions_count"), Reply::count(functions)),
    ];
    Ok(Reply::Map(vec![
        // While a function runs, its server answers nobody.
        (Reply::text("running_script"), Reply::Null),
        (Reply::text("engines"), Reply::Map(vec![(Reply::text("LUA"), Reply::Map(counts))])),
    ]))
}
