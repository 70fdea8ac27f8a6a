//! The script engine: any text runs within its bounds, its reply too, and the engine works afterwards. What the
//! codecs have read survives a round trip. `scripts/fuzz` bounds the memory of the process.
//!
//! The first byte of the input chooses what the rest is: a script, a library, or the input of one of the codecs.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use valthree_script::resp::Reply;
use valthree_script::{Engine, Host, Identity, Limits, LogLevel};

/// Few instructions, so that many inputs run.
const LIMITS: Limits = Limits { instructions: 200_000, time: Duration::from_secs(5), memory: 4 << 20 };

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new({
        let identity =
            Identity { name: "valthree".into(), redis_version: "7.2.4".into(), valkey_version: "8.0.1".into() };
        // Time stands still: only instructions and memory bound a run, so that it ends in the same way each time.
        Engine::new(Arc::new(|| Duration::ZERO), identity)
    });
}

/// A server that answers each command with its words.
struct Echo;

impl Host for Echo {
    fn call(&mut self, words: Vec<Bytes>) -> Reply {
        Reply::Array(words.into_iter().map(Reply::Bulk).collect())
    }

    fn permits(&mut self, words: Vec<Bytes>) -> Option<bool> {
        (words.len() > 1).then_some(true)
    }

    fn log(&mut self, _: LogLevel, _: Bytes) {}
}

/// Reads a value, writes it, and does both again. Each codec says which values it cannot keep. Lua orders the fields of a
/// table as it likes, so only the lengths of what was written have to be equal.
const ROUND_TRIP: &str = "
    local function refused(...) return not pcall(...) end
    if refused(read, ARGV[1]) then return 'refused' end
    local once = read(ARGV[1])
    if refused(write, once) then return 'refused' end
    if loses(once, 1) then return 'refused' end
    local text = write(once)
    local again = write(read(text))
    if #again == #text then return 'kept' end
    return 'read ' .. text .. ' and then ' .. again";
const JSON: &str = "local read, write = cjson.decode, cjson.encode
    local function loses() return false end";
const MESSAGE_PACK: &str = "local read, write = cmsgpack.unpack_one, function(value) return cmsgpack.pack(value) end
    local unpack_one = read
    read = function(text) local _, value = unpack_one(text) return value end
    -- Tables that are nested deeper than 16 levels are packed as nil, as in Valkey. A key must not be nil, and a field
    -- whose value is nil is none.
    local function loses(value, level)
        if type(value) ~= 'table' then return false end
        if level > 16 then return true end
        for key, field in pairs(value) do
            if loses(key, level + 1) or loses(field, level + 1) then return true end
        end
        return false
    end";
/// A format, a NUL, and bytes.
const STRUCT: &str = "local format, bytes = string.match(ARGV[1], '^([^%z]*)%z?(.*)$')
    pcall(struct.unpack, format, bytes)
    pcall(struct.pack, format, 1, 2, 'abc', 4)
    pcall(struct.size, format)
    return 'kept'";
/// A pattern, a NUL, and a subject.
const PATTERN: &str = "local pattern, subject = string.match(ARGV[1], '^([^%z]*)%z?(.*)$')
    pcall(string.find, subject, pattern)
    pcall(string.gsub, subject, pattern, '%1%0')
    pcall(string.format, pattern, subject, 1)
    return 'kept'";

/// The bytes of all texts in a reply.
fn size(reply: &Reply) -> usize {
    match reply {
        Reply::Simple(text) | Reply::Error(text) | Reply::Bulk(text) | Reply::Verbatim(text) => text.len(),
        Reply::VerbatimAs(_, text) | Reply::BigNumber(text) | Reply::Decimal(text) => text.len(),
        Reply::Integer(_) | Reply::Double(_) | Reply::Boolean(_) | Reply::Null | Reply::NullArray => 0,
        Reply::Array(replies) | Reply::Set(replies) => replies.iter().map(size).sum(),
        Reply::Map(pairs) | Reply::Pairs(pairs) => pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
    }
}

/// Runs the input as what its first byte says.
pub fn check(data: &[u8]) {
    let [kind, text @ ..] = data else { return };
    let argument = [Bytes::copy_from_slice(text)];
    ENGINE.with_borrow_mut(|engine| {
        let mut eval = |script: &[u8]| engine.eval(script, &argument, &argument, &LIMITS, &mut Echo);
        let codec = match kind % 6 {
            0 => {
                let size = size(&eval(text));
                assert!(size <= LIMITS.memory, "a reply of {size} bytes");
                None
            }
            1 => {
                if let Ok(library) = engine.library(text, &mut { LIMITS }) {
                    for function in library.functions.values() {
                        engine.call(text, &function.name, &argument, &argument, &LIMITS, &mut Echo);
                    }
                }
                None
            }
            2 => Some(format!("{JSON}{ROUND_TRIP}")),
            3 => Some(format!("{MESSAGE_PACK}{ROUND_TRIP}")),
            4 => Some(STRUCT.to_owned()),
            _ => Some(PATTERN.to_owned()),
        };
        let mut eval = |script: &[u8]| engine.eval(script, &argument, &argument, &LIMITS, &mut Echo);
        match codec.map(|script| eval(script.as_bytes())) {
            None => {}
            Some(Reply::Bulk(told)) => assert!(matches!(&told[..], b"kept" | b"refused"), "{}", told.escape_ascii()),
            Some(Reply::Error(told)) => assert!(told.starts_with(b"ERR Script stopped"), "{}", told.escape_ascii()),
            Some(other) => panic!("{other:?}"),
        }
        assert_eq!(eval(b"return 7"), Reply::Integer(7), "the engine works afterwards");
    });
}
