//! `DEBUG`: tools for tests. A server refuses them unless it was started with `--debug-commands true`: some of them stop
//! it for a while, or read the whole database.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use valthree_script::sha1_hex;

use super::key::encoding;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer};
use crate::command::flag::Flag::{Admin, Loading, Noscript, Stale};
use crate::command::glob::{self, Case};
use crate::command::introspect::HELP;
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::root::DATABASES;
use crate::session::caller::Caller;
use crate::state::{By, Draft};
use crate::value::payload::encode;
use crate::value::{Kind, string_row, whole};

const SERVER: Spec = Spec { group: "server", ..Spec::BLANK };
const TOOL: Spec = Spec { flags: &[Admin, Noscript, Loading, Stale], ..SERVER };
/// Tools that need the database.
const LOOK: Spec = Spec { flags: &[Admin, Noscript], ..SERVER };
/// Tools that change how a Valkey works inside.
const IDLE: Spec = Spec {
    syntax: "[argument]",
    arity: -2,
    summary: "Does nothing: this server has nothing of that kind.",
    meaning: Meaning::Session(|_, _| Ok(Reply::OK)),
    ..TOOL
};

/// The rows.
pub static ROWS: &[Spec] = &[Spec {
    name: "debug",
    arity: -2,
    flags: &[Admin, Noscript, Loading, Stale],
    complexity: "Depends on subcommand.",
    summary: "Contains tools for tests, which need the flag --debug-commands.",
    subcommands: SUBCOMMANDS,
    ..SERVER
}];

static SUBCOMMANDS: &[Spec] = &[
    Spec { name: "debug|client-enforce-reply-list", ..IDLE },
    Spec { name: "debug|dict-resizing", ..IDLE },
    Spec {
        name: "debug|digest",
        arity: 2,
        complexity: "O(N) where N is the size of all databases",
        summary: "Returns a checksum of all databases.",
        meaning: Meaning::Data(digest),
        ..LOOK
    },
    Spec {
        name: "debug|digest-value",
        syntax: "key [key ...]",
        arity: -2,
        complexity: "O(N) where N is the size of the keys",
        summary: "Returns a checksum of the content of each key.",
        meaning: Meaning::Data(|draft, words| {
            let digests = words[2..].iter().map(|key| Reply::bulk(hexadecimal(content(draft, key))));
            Ok(Reply::Array(digests.collect()))
        }),
        ..LOOK
    },
    Spec {
        name: "debug|error",
        syntax: "message",
        arity: 3,
        summary: "Returns the message as an error.",
        meaning: Meaning::Session(|_, words| Err(Reply::error(words[2].to_vec()))),
        ..TOOL
    },
    Spec { name: "debug|help", group: "server", ..HELP },
    Spec { name: "debug|jmap", ..IDLE },
    Spec { name: "debug|loadaof", ..IDLE },
    Spec {
        name: "debug|log",
        syntax: "message",
        arity: 3,
        summary: "Writes the message to the log.",
        meaning: Meaning::Session(|_, words| {
            tracing::info!("DEBUG LOG: {}", String::from_utf8_lossy(&words[2]));
            Ok(Reply::OK)
        }),
        ..TOOL
    },
    Spec {
        name: "debug|object",
        syntax: "key [FAST]",
        arity: -3,
        complexity: "O(N) where N is the size of the key",
        summary: "Describes what is behind a key.",
        meaning: Meaning::Data(object),
        ..LOOK
    },
    Spec { name: "debug|pause-cron", ..IDLE },
    Spec {
        name: "debug|populate",
        syntax: "count [prefix [size]]",
        arity: -3,
        complexity: "O(N) where N is the number of keys",
        summary: "Sets keys that are absent to strings.",
        meaning: Meaning::Data(populate),
        writes_unflagged: true,
        ..LOOK
    },
    Spec {
        name: "debug|protocol",
        syntax: "<STRING | INTEGER | DOUBLE | NULL | ARRAY | SET | MAP | VERBATIM | TRUE | FALSE | BIGNUM>",
        arity: 3,
        summary: "Returns a reply of a type.",
        meaning: Meaning::Session(protocol),
        ..TOOL
    },
    Spec { name: "debug|quicklist-packed-threshold", ..IDLE },
    Spec { name: "debug|reload", ..IDLE },
    Spec { name: "debug|replybuffer", ..IDLE },
    Spec { name: "debug|set-active-expire", ..IDLE },
    Spec {
        name: "debug|sleep",
        syntax: "seconds",
        arity: 3,
        summary: "Stops the server: no connection has a reply to its next request until the time is over.",
        meaning: Meaning::Session(sleep),
        ..TOOL
    },
    Spec {
        name: "debug|stringmatch-len",
        syntax: "length pattern",
        arity: 4,
        complexity: "O(N) where N is the length",
        summary: "Compares a string of zeros with a glob pattern.",
        meaning: Meaning::Session(|_, words| {
            let length = integer(&words[2]).and_then(|length| usize::try_from(length).ok()).ok_or(NOT_AN_INTEGER)?;
            let text = vec![0; length.min(LONGEST_MATCHED)];
            Ok(Reply::Integer(glob::matches(&words[3], &text, Case::Sensitive).into()))
        }),
        ..TOOL
    },
];

/// The longest string that a pattern is compared with, in bytes.
const LONGEST_MATCHED: usize = 16 << 20;
/// The longest sleep. A typing error must not cost the server.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The most keys and the longest value that are made at once: a commit may write no more than 64 MiB.
const MOST_POPULATED: i64 = 100_000;
const LONGEST_POPULATED: i64 = 1 << 20;
const MOST_POPULATED_BYTES: i64 = 64 << 20;

/// A checksum.
type Digest = [u8; 20];

/// What a SHA-1 says, in bytes.
fn digest_of(parts: &[&[u8]]) -> Digest {
    let text = sha1_hex(&parts.concat());
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap_or_default())
}

fn hexadecimal(digest: Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A checksum of the type and the elements of a key. It is all zeros if there is none.
fn content(draft: &Draft<'_>, key: &[u8]) -> Digest {
    whole::gather(draft, key).map_or([0; 20], |whole| digest_of(&[&encode(&whole)]))
}

fn digest(draft: &mut Draft<'_>, _: &[Bytes]) -> Result<Reply, Reply> {
    let selected = draft.selected();
    let mut sum = [0; 20];
    for number in 0..DATABASES {
        draft.select(number);
        let order = draft.order(draft.keys_table(), By::Hash);
        for place in order.iter() {
            let name = place.name();
            let Some(row) = draft.find(&name) else { continue };
            let end = row.end().unwrap_or_default().to_le_bytes();
            let parts = [&[number as u8][..], &content(draft, &name), &end, &name];
            let digest = digest_of(&parts);
            sum.iter_mut().zip(digest).for_each(|(sum, byte)| *sum ^= byte);
        }
    }
    draft.select(selected);
    Ok(Reply::Simple(hexadecimal(sum).into()))
}

fn object(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let key = &words[2];
    let row = draft.find(key).ok_or(Reply::fault("ERR no such key"))?;
    let encoding = encoding::of(draft, key, &row);
    // A payload has a type in front, and a version and a checksum at its end.
    let length = whole::gather(draft, key).map_or(0, |whole| encode(&whole).len().saturating_sub(11));
    let list = match (Kind::of(&row), encoding) {
        (Kind::List, "quicklist") => {
            " ql_nodes:1 ql_avg_node:1.00 ql_listpack_max:-2 ql_compressed:0 ql_uncompressed_size:0"
        }
        _ => "",
    };
    Ok(Reply::simple(format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:0 lru_seconds_idle:0{list}"
    )))
}

fn populate(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let number = |at: usize| words.get(at).map(|word| integer(word).ok_or(NOT_AN_INTEGER)).transpose();
    let count = number(2)?.unwrap_or(0);
    let prefix = words.get(3).map_or(&b"key"[..], |prefix| &prefix[..]);
    let size = number(4)?;
    let is_too_much = count.saturating_mul(size.unwrap_or(16)) > MOST_POPULATED_BYTES;
    if !(0..=MOST_POPULATED).contains(&count)
        || size.is_some_and(|size| !(0..=LONGEST_POPULATED).contains(&size))
        || is_too_much
    {
        return Err(Reply::fault("ERR this is more than one commit may write"));
    }
    for number in 0..count {
        let key = Bytes::from([prefix, b":", number.to_string().as_bytes()].concat());
        if draft.find(&key).is_some() {
            continue;
        }
        let mut value = format!("value:{number}").into_bytes();
        if let Some(size) = size.filter(|size| *size > 0) {
            value.resize(size as usize, 0);
        }
        draft.put(key, string_row(value.into(), None));
    }
    Ok(Reply::OK)
}

fn protocol(_: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let numbers = || (0..3).map(Reply::Integer);
    match words[2].to_ascii_lowercase().as_slice() {
        b"string" => Ok(Reply::text("Hello World")),
        b"integer" => Ok(Reply::Integer(12345)),
        b"double" => Ok(Reply::Decimal("3.141".into())),
        b"null" => Ok(Reply::Null),
        b"array" => Ok(Reply::Array(numbers().collect())),
        b"set" => Ok(Reply::Set(numbers().collect())),
        b"map" => Ok(Reply::Map(
            numbers().map(|number| (number.clone(), Reply::Boolean(number == Reply::Integer(1)))).collect(),
        )),
        b"verbatim" => Ok(Reply::Verbatim("This is a verbatim\nstring".into())),
        b"true" => Ok(Reply::Boolean(true)),
        b"false" => Ok(Reply::Boolean(false)),
        b"bignum" => Ok(Reply::BigNumber("1234567999999999999999999999999999999".into())),
        _ => Err(Reply::fault(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|null|array|set|map|verbatim|true|false|bignum",
        )),
    }
}

/// The connection itself has its reply when the time is over.
fn sleep(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let seconds = std::str::from_utf8(&words[2]).ok().and_then(|text| text.parse::<f64>().ok()).ok_or(SYNTAX)?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| SYNTAX)?.min(LONGEST_SLEEP);
    let until = Instant::now() + time;
    caller.instance.clients.pause(until, true);
    caller.sleep(until);
    Ok(Reply::OK)
}
