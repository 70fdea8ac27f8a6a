//! Keys as payloads that other servers of this kind read.

use bytes::Bytes;

use super::template::GENERIC;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, exactly, integer, is};
use crate::command::flag::{
    Category::{Dangerous, Keyspace},
    Flag::{Denyoom, Readonly, Write},
};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::payload::{decode, encode};
use crate::value::whole;

pub(super) const DUMP: Spec = Spec {
    name: "dump",
    syntax: "key",
    arity: 2,
    flags: &[Readonly],
    keys: &[Keys::READ],
    tips: &["nondeterministic_output"],
    since: "2.6.0",
    complexity: "O(N) where N is the size of the key",
    summary: "Returns a key with all its elements, in the format of Redis 7.0.",
    meaning: Meaning::Data(dump),
    ..GENERIC
};

pub(super) const RESTORE: Spec = Spec {
    name: "restore",
    syntax: "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
    arity: -4,
    flags: &[Write, Denyoom],
    categories: &[Keyspace, Dangerous],
    keys: &[Keys::REPLACED],
    since: "2.6.0",
    complexity: "O(N) where N is the size of the key",
    summary: "Creates a key from what DUMP returned.",
    meaning: Meaning::Data(restore),
    check: Some(|words| RestoreOptions::parse(&words[4..]).map(drop)),
    ..GENERIC
};

/// The memory that a restored key may take, in bytes. A commit may write no more than that.
const LARGEST: usize = 64 << 20;

fn dump(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    Ok(whole::gather(draft, key).map_or(Reply::Null, |whole| Reply::bulk(encode(&whole))))
}

/// The options of a `RESTORE`. How long the key was idle or how often it was used does not matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RestoreOptions {
    replace: bool,
    absolute: bool,
}

impl RestoreOptions {
    fn parse(mut options: &[Bytes]) -> Result<RestoreOptions, Reply> {
        let mut parsed = RestoreOptions::default();
        let (mut idle, mut frequency) = (false, false);
        loop {
            options = match options {
                [] => return Ok(parsed),
                [option, rest @ ..] if is(option, "REPLACE") => {
                    parsed.replace = true;
                    rest
                }
                [option, rest @ ..] if is(option, "ABSTTL") => {
                    parsed.absolute = true;
                    rest
                }
                [option, number, rest @ ..] if is(option, "IDLETIME") && !frequency => {
                    if integer(number).ok_or(NOT_AN_INTEGER)? < 0 {
                        return Err(Reply::fault("ERR Invalid IDLETIME value, must be >= 0"));
                    }
                    idle = true;
                    rest
                }
                [option, number, rest @ ..] if is(option, "FREQ") && !idle => {
                    if !(0..=255).contains(&integer(number).ok_or(NOT_AN_INTEGER)?) {
                        return Err(Reply::fault("ERR Invalid FREQ value, must be >= 0 and <= 255"));
                    }
                    frequency = true;
                    rest
                }
                _ => return Err(SYNTAX),
            };
        }
    }
}

/// The errors come in the order of Valkey: options, a key in the way, the time, the payload.
fn restore(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, ttl, payload, options @ ..] = words else { return Err(SYNTAX) };
    let options = RestoreOptions::parse(options)?;
    if !options.replace && draft.find(key).is_some() {
        return Err(Reply::fault("BUSYKEY Target key name already exists."));
    }
    let ttl = integer(ttl).ok_or(NOT_AN_INTEGER)?;
    let ttl = u64::try_from(ttl).map_err(|_| Reply::fault("ERR Invalid TTL value, must be >= 0"))?;
    let whole = decode(payload, LARGEST).map_err(|error| Reply::error(format!("ERR {error}")))?;
    let start = if options.absolute { 0 } else { draft.now() };
    let until = (ttl > 0).then(|| ttl.saturating_add(start));
    // A moment beyond 63 bits has passed: Valkey's arithmetic wraps there.
    if until.is_some_and(|until| until <= draft.now() || i64::try_from(until).is_err()) {
        draft.delete(key);
    } else {
        whole::put(draft, key, whole, until);
    }
    Ok(Reply::OK)
}
