//! What is behind a key: `OBJECT` and `MEMORY`.

use bytes::Bytes;

use super::encoding;
use super::template::GENERIC;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, exactly, integer, is};
use crate::command::flag::{Category::Keyspace, Flag::Readonly};
use crate::command::introspect::HELP;
use crate::command::keys::Begin;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::row::size;
use crate::session::caller::Caller;
use crate::state::Draft;

pub(super) const OBJECT: Spec = Spec {
    name: "object",
    arity: -2,
    group: "generic",
    since: "2.2.3",
    complexity: "Depends on subcommand.",
    summary: "Contains the commands about what is behind a key.",
    subcommands: OBJECT_SUBCOMMANDS,
    ..Spec::BLANK
};

pub(super) const MEMORY: Spec = Spec {
    name: "memory",
    arity: -2,
    group: "server",
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    summary: "Contains the commands about memory.",
    subcommands: MEMORY_SUBCOMMANDS,
    ..Spec::BLANK
};

const OF_KEY: Spec = Spec {
    syntax: "key",
    arity: 3,
    flags: &[Readonly],
    keys: &[Keys { begin: Begin::At(2), access: &["RO"], ..Keys::ONE }],
    tips: &["nondeterministic_output"],
    since: "2.2.3",
    ..GENERIC
};

const OBJECT_SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "object|encoding",
        complexity: "O(N) where N is the number of elements, up to some thousands",
        summary: "Returns the encoding that Valkey would choose for a key.",
        meaning: Meaning::Data(|draft, words| {
            let [_, _, key] = exactly(words)?;
            Ok(draft.find(key).map_or(Reply::Null, |row| Reply::text(encoding::of(draft, key, &row))))
        }),
        ..OF_KEY
    },
    Spec {
        name: "object|freq",
        since: "4.0.0",
        summary: "Is an error: the server evicts no key, so it does not note how often keys are used.",
        meaning: Meaning::Data(|draft, words| tell(draft, words, &Err(NO_FREQUENCIES))),
        ..OF_KEY
    },
    Spec { name: "object|help", group: "generic", categories: &[Keyspace], since: "6.2.0", ..HELP },
    Spec {
        name: "object|idletime",
        summary: "Returns 0 for every key: the server does not note when keys are used.",
        meaning: Meaning::Data(|draft, words| tell(draft, words, &Ok(Reply::Integer(0)))),
        ..OF_KEY
    },
    Spec {
        name: "object|refcount",
        summary: "Returns 1 for every key.",
        meaning: Meaning::Data(|draft, words| tell(draft, words, &Ok(Reply::Integer(1)))),
        ..OF_KEY
    },
];

/// What concerns the memory of this server.
const OF_SERVER: Spec = Spec {
    arity: 2,
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    group: "server",
    since: "4.0.0",
    ..Spec::BLANK
};

const MEMORY_SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "memory|doctor",
        summary: "Returns a remark on the memory of this server.",
        meaning: Meaning::Session(|caller, _| {
            let memory = CountedMemory::of(caller);
            let text = match memory.limit {
                Some(limit) if memory.dataset > limit / 10 * 9 => {
                    "Sam, the database has almost reached its limit. See maxmemory in INFO.\n"
                }
                _ => "Hi Sam, I can't find any memory issue in this server.\n",
            };
            Ok(Reply::Verbatim(text.into()))
        }),
        ..OF_SERVER
    },
    Spec { name: "memory|help", group: "server", since: "4.0.0", ..HELP },
    Spec {
        name: "memory|malloc-stats",
        summary: "Returns that the server does not ask its allocator.",
        meaning: Meaning::Session(|_, _| Ok(Reply::Verbatim("Stats not supported for the current allocator\n".into()))),
        ..OF_SERVER
    },
    Spec {
        name: "memory|purge",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        summary: "Does nothing: the allocator gives memory back by itself.",
        meaning: Meaning::Session(|_, _| Ok(Reply::OK)),
        ..OF_SERVER
    },
    Spec {
        name: "memory|stats",
        summary: "Returns the bytes that the server counts.",
        meaning: Meaning::Session(|caller, _| Ok(CountedMemory::of(caller).told())),
        ..OF_SERVER
    },
    Spec {
        name: "memory|usage",
        syntax: "key [SAMPLES count]",
        arity: -3,
        flags: &[Readonly],
        keys: &[Keys { begin: Begin::At(2), access: &["RO"], ..Keys::ONE }],
        group: "server",
        since: "4.0.0",
        summary: "Returns the bytes that a key counts with all its elements. It needs no samples.",
        meaning: Meaning::Data(usage),
        check: Some(|words| check_samples(&words[3..])),
        ..Spec::BLANK
    },
];

const NO_FREQUENCIES: Reply = Reply::fault(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);

/// The bytes that the server counts.
struct CountedMemory {
    dataset: u64,
    clients: u64,
    keys: u64,
    limit: Option<u64>,
}

impl CountedMemory {
    fn of(caller: &Caller) -> CountedMemory {
        let instance = &caller.instance;
        CountedMemory {
            dataset: instance.stats.database_bytes.get(),
            clients: instance.budget.held() as u64,
            keys: instance.stats.keys.get(),
            limit: instance.knobs.max_memory(),
        }
    }

    fn told(&self) -> Reply {
        let fields = [
            ("total.allocated", self.dataset + self.clients),
            ("clients.normal", self.clients),
            ("keys.count", self.keys),
            ("keys.bytes-per-key", self.dataset / self.keys.max(1)),
            ("dataset.bytes", self.dataset),
        ];
        Reply::Map(fields.map(|(name, number)| (Reply::text(name), Reply::Integer(number.cast_signed()))).into())
    }
}

/// Answers the same for every key, and null if there is none.
fn tell(draft: &Draft<'_>, words: &[Bytes], answer: &Result<Reply, Reply>) -> Result<Reply, Reply> {
    let [_, _, key] = exactly(words)?;
    if draft.find(key).is_some() { answer.clone() } else { Ok(Reply::Null) }
}

fn usage(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let key = &words[2];
    let row = draft.find(key);
    Ok(row.map_or(Reply::Null, |row| Reply::Integer(size(key, &row).cast_signed())))
}

fn check_samples(mut options: &[Bytes]) -> Result<(), Reply> {
    while let [option, rest @ ..] = options {
        let [count, rest @ ..] = rest else { return Err(SYNTAX) };
        if !is(option, "SAMPLES") {
            return Err(SYNTAX);
        }
        if integer(count).ok_or(NOT_AN_INTEGER)? < 0 {
            return Err(SYNTAX);
        }
        options = rest;
    }
    Ok(())
}
