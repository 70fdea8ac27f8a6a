//! The functions of `string` that Lua's own library does not bound: they match patterns, or build large strings at once.

use bytes::Bytes;
use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::args::{Args, argument_error, display, results, to_bytes, type_name};
use crate::number::truncate;
use crate::pattern::{Capture, Matcher, PatternError};
use crate::run::{call, raise_here, run_of};

/// Copying so many bytes counts as one step.
const BYTES_PER_STEP: usize = 64;
/// The characters that mean something in a pattern.
const SPECIAL: &[u8] = b"^$*+?.([%-";

/// Turns an error of the matcher into one of Lua.
fn raised(lua: &Lua, error: PatternError) -> mlua::Error {
    match error {
        PatternError::Malformed(text) => raise_here(lua, text),
        PatternError::Stopped(error) => error,
    }
}

/// The value of a capture. A pattern without captures captures the whole match.
fn capture(
    lua: &Lua,
    subject: &[u8],
    captures: &[Capture],
    index: usize,
    whole: (usize, usize),
) -> mlua::Result<Value> {
    match captures.get(index) {
        Some(Capture::Part { start, end }) => Ok(Value::String(lua.create_string(&subject[*start..*end])?)),
        Some(Capture::Position { start }) => Ok(Value::Integer(*start as i64 + 1)),
        Some(Capture::Open { .. }) => Err(raise_here(lua, "unfinished capture")),
        None if index == 0 => Ok(Value::String(lua.create_string(&subject[whole.0..whole.1])?)),
        None => Err(raise_here(lua, "invalid capture index")),
    }
}

/// All captures of a match.
fn captures(lua: &Lua, subject: &[u8], found: &[Capture], whole: Option<(usize, usize)>) -> mlua::Result<Vec<Value>> {
    let count = if found.is_empty() && whole.is_some() { 1 } else { found.len() };
    (0..count).map(|index| capture(lua, subject, found, index, whole.unwrap_or_default())).collect()
}

/// `string.find`
pub(crate) fn find(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    search(lua, &args, true)
}

/// `string.match`
pub(crate) fn match_(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    search(lua, &args, false)
}

fn search(lua: &Lua, args: &Args, find: bool) -> mlua::Result<MultiValue> {
    let (subject, pattern) = (args.string(lua, 1)?, args.string(lua, 2)?);
    let length = subject.len() as i64;
    let start = args.integer_or(lua, 3, 1)?;
    let start = if start < 0 { (length + start).max(-1) } else { start - 1 };
    let start = start.clamp(0, length) as usize;
    let run = run_of(lua);
    let plain = !matches!(args.value(4), Value::Nil | Value::Boolean(false));
    let until_zero = until_zero(&pattern);
    if find && (plain || !until_zero.iter().any(|byte| SPECIAL.contains(byte))) {
        run.charge(((subject.len() - start) / BYTES_PER_STEP) as u64 * (1 + pattern.len() / BYTES_PER_STEP) as u64)?;
        let found = find_plain(&subject[start..], &pattern, &|steps| run.charge(steps))?;
        return Ok(match found {
            Some(at) => results([(start + at + 1) as i64, (start + at + pattern.len()) as i64].map(Value::Integer)),
            None => results([Value::Nil]),
        });
    }
    let anchored = until_zero.first() == Some(&b'^');
    let pay = |steps| run.charge(steps);
    let mut matcher = Matcher::new(&subject, &until_zero[usize::from(anchored)..], &pay);
    for at in start..=subject.len() {
        if let Some(end) = matcher.match_at(at).map_err(|error| raised(lua, error))? {
            let found = matcher.captures();
            if !find {
                return Ok(results(captures(lua, &subject, found, Some((at, end)))?));
            }
            let mut values = vec![Value::Integer(at as i64 + 1), Value::Integer(end as i64)];
            values.extend(captures(lua, &subject, found, None)?);
            return Ok(results(values));
        }
        if anchored {
            break;
        }
    }
    Ok(results([Value::Nil]))
}

/// A zero byte ends a pattern, as in Lua.
fn until_zero(pattern: &[u8]) -> &[u8] {
    pattern.split(|&byte| byte == 0).next().unwrap_or(pattern)
}

/// Finds a part without patterns. It pays for the comparisons that repetitive texts need.
fn find_plain(subject: &[u8], part: &[u8], pay: &dyn Fn(u64) -> mlua::Result<()>) -> mlua::Result<Option<usize>> {
    let Some(&first) = part.first() else { return Ok(Some(0)) };
    let mut at = 0;
    let mut compared = 0;
    while at + part.len() <= subject.len() {
        let Some(next) = subject[at..=subject.len() - part.len()].iter().position(|&byte| byte == first) else {
            return Ok(None);
        };
        at += next;
        if subject[at..].starts_with(part) {
            return Ok(Some(at));
        }
        at += 1;
        compared += 1 + part.len() / BYTES_PER_STEP;
        if compared > BYTES_PER_STEP * BYTES_PER_STEP {
            pay(compared as u64)?;
            compared = 0;
        }
    }
    Ok(None)
}

/// `string.gmatch`, whose older name is `string.gfind`
pub(crate) fn gmatch(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (subject, pattern) = (args.string(lua, 1)?, args.string(lua, 2)?);
    let position = std::sync::atomic::AtomicUsize::new(0);
    let next = lua.create_function(move |lua, _: MultiValue| {
        let run = run_of(lua);
        let pay = |steps| run.charge(steps);
        let mut matcher = Matcher::new(&subject, until_zero(&pattern), &pay);
        let mut at = position.load(std::sync::atomic::Ordering::Relaxed);
        while at <= subject.len() {
            if let Some(end) = matcher.match_at(at).map_err(|error| raised(lua, error))? {
                // An empty match must not be found again.
                position.store(if end == at { end + 1 } else { end }, std::sync::atomic::Ordering::Relaxed);
                return Ok(results(captures(lua, &subject, matcher.captures(), Some((at, end)))?));
            }
            at += 1;
        }
        Ok(MultiValue::new())
    })?;
    Ok(results([Value::Function(next)]))
}

/// What `string.gsub` puts in place of a match.
enum Replacement {
    Text(Bytes),
    Table(Table),
    Function(Function),
}

/// `string.gsub`
pub(crate) fn gsub(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (subject, pattern) = (args.string(lua, 1)?, args.string(lua, 2)?);
    let replacement = match args.get(3) {
        Some(Value::Function(function)) => Replacement::Function(function.clone()),
        Some(Value::Table(table)) => Replacement::Table(table.clone()),
        Some(other) => match to_bytes(other) {
            Some(text) => Replacement::Text(text),
            None => return Err(argument_error(lua, 3, "string/function/table expected")),
        },
        None => return Err(argument_error(lua, 3, "string/function/table expected")),
    };
    let most = args.integer_or(lua, 4, subject.len() as i64 + 1)?;
    let pattern = until_zero(&pattern);
    let anchored = pattern.first() == Some(&b'^');
    let run = run_of(lua);
    let pay = |steps| run.charge(steps);
    let mut matcher = Matcher::new(&subject, &pattern[usize::from(anchored)..], &pay);
    let (mut out, mut at, mut count) = (Vec::new(), 0, 0);
    while count < most {
        let found = matcher.match_at(at).map_err(|error| raised(lua, error))?;
        if let Some(end) = found {
            count += 1;
            replace(lua, &subject, matcher.captures(), (at, end), &replacement, &mut out)?;
            run.reserve(lua, out.capacity())?;
        }
        match found {
            Some(end) if end > at => at = end,
            _ if at < subject.len() => {
                out.push(subject[at]);
                at += 1;
            }
            _ => break,
        }
        if anchored {
            break;
        }
    }
    out.extend_from_slice(&subject[at.min(subject.len())..]);
    run.reserve(lua, out.len())?;
    run.charge((out.len() / BYTES_PER_STEP) as u64)?;
    Ok(results([Value::String(lua.create_string(out)?), Value::Integer(count)]))
}

/// The name in Lua's registry of a function that reads a field with the help of metatables.
pub(crate) const INDEX: &str = "valthree.index";

fn first(mut values: MultiValue) -> Value {
    values.pop_front().unwrap_or(Value::Nil)
}

/// Appends what replaces one match.
fn replace(
    lua: &Lua,
    subject: &[u8],
    found: &[Capture],
    whole: (usize, usize),
    replacement: &Replacement,
    out: &mut Vec<u8>,
) -> mlua::Result<()> {
    let value = match replacement {
        Replacement::Text(text) => return expand(lua, subject, found, whole, text, out),
        Replacement::Table(table) => {
            let key = capture(lua, subject, found, 0, whole)?;
            match table.raw_get::<Value>(&key)? {
                // Only a metatable may know more.
                Value::Nil if table.has_metatable() => {
                    let index: Function = lua.named_registry_value(INDEX)?;
                    first(call(lua, &index, vec![Value::Table(table.clone()), key])?)
                }
                value => value,
            }
        }
        Replacement::Function(function) => {
            let arguments = captures(lua, subject, found, Some(whole))?;
            first(call(lua, function, arguments)?)
        }
    };
    match value {
        Value::Nil | Value::Boolean(false) => out.extend_from_slice(&subject[whole.0..whole.1]),
        other => match to_bytes(&other) {
            Some(text) => out.extend_from_slice(&text),
            None => return Err(raise_here(lua, format!("invalid replacement value (a {})", type_name(&other)))),
        },
    }
    Ok(())
}

/// Appends a text in which `%1` stands for a capture.
fn expand(
    lua: &Lua,
    subject: &[u8],
    found: &[Capture],
    whole: (usize, usize),
    text: &[u8],
    out: &mut Vec<u8>,
) -> mlua::Result<()> {
    let run = run_of(lua);
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'0') => out.extend_from_slice(&subject[whole.0..whole.1]),
            Some(digit) if digit.is_ascii_digit() => {
                let value = capture(lua, subject, found, usize::from(digit - b'1'), whole)?;
                out.extend_from_slice(&display(lua, &value)?);
                run.reserve(lua, out.capacity())?;
            }
            Some(&other) => out.push(other),
            // Lua copies the zero byte that ends the text.
            None => out.push(0),
        }
    }
    Ok(())
}

/// `string.rep`
pub(crate) fn rep(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (text, times) = (args.string(lua, 1)?, args.integer(lua, 2)?);
    // Lua keeps the count in 32 bits.
    let times = usize::try_from(times as i32).unwrap_or(0);
    let size = text.len().saturating_mul(times);
    let run = run_of(lua);
    run.reserve(lua, size)?;
    run.charge((size / BYTES_PER_STEP) as u64)?;
    Ok(results([Value::String(lua.create_string(text.repeat(times))?)]))
}

/// Makes a string of the same length and pays for it.
fn mapped(lua: &Lua, args: &Args, map: fn(&mut [u8])) -> mlua::Result<MultiValue> {
    let mut text = args.string(lua, 1)?.to_vec();
    run_of(lua).charge((text.len() / BYTES_PER_STEP) as u64)?;
    map(&mut text);
    Ok(results([Value::String(lua.create_string(text)?)]))
}

/// `string.upper`
pub(crate) fn upper(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    mapped(lua, &args, <[u8]>::make_ascii_uppercase)
}

/// `string.lower`
pub(crate) fn lower(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    mapped(lua, &args, <[u8]>::make_ascii_lowercase)
}

/// `string.reverse`
pub(crate) fn reverse(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    mapped(lua, &args, <[u8]>::reverse)
}

/// `table.concat`
pub(crate) fn concat(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let separator = if args.value(2).is_nil() { Bytes::new() } else { args.string(lua, 2)? };
    let table = args.table(lua, 1)?;
    let first = i64::from(args.integer_or(lua, 3, 1)? as i32);
    let last = i64::from(args.integer_or(lua, 4, table.raw_len() as i64)? as i32);
    let run = run_of(lua);
    let mut out = Vec::new();
    let mut paid = 0;
    for index in first..=last {
        let value: Value = table.raw_get(index)?;
        let Some(text) = to_bytes(&value) else {
            let text = format!("invalid value ({}) at index {index} in table for 'concat'", type_name(&value));
            return Err(raise_here(lua, text));
        };
        out.extend_from_slice(&text);
        if index < last {
            out.extend_from_slice(&separator);
        }
        if (index - first) % BYTES_PER_STEP as i64 == 0 || out.len() > paid + BYTES_PER_STEP * BYTES_PER_STEP {
            run.charge((BYTES_PER_STEP + (out.len() - paid) / BYTES_PER_STEP) as u64)?;
            run.reserve(lua, out.capacity())?;
            paid = out.len();
        }
    }
    run.reserve(lua, out.len())?;
    Ok(results([Value::String(lua.create_string(out)?)]))
}

/// The name in Lua's registry of Lua's own `table.sort`.
pub(crate) const SORT: &str = "valthree.sort";
/// The text of the error about a comparator that contradicts itself.
const BAD_ORDER: &[u8] = b"invalid order function for sorting";

/// `table.sort`. It pays first, because no hook interrupts a sort without a comparator.
pub(crate) fn sort(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let table = args.table(lua, 1)?;
    if !matches!(args.value(2), Value::Nil | Value::Function(_)) {
        return Err(args.type_error(lua, 2, "function"));
    }
    let length = table.raw_len() as u64;
    run_of(lua).charge(length / 4 * u64::from(length.max(1).ilog2()))?;
    let own: Function = lua.named_registry_value(SORT)?;
    call(lua, &own, vec![Value::Table(table), args.value(2)]).map_err(|error| {
        match crate::run::visible(lua, &error) {
            Ok(Value::String(text)) if text.as_bytes() == BAD_ORDER => raise_here(lua, BAD_ORDER),
            _ => error,
        }
    })?;
    Ok(MultiValue::new())
}

/// `string.dump`: there is no bytecode.
pub(crate) fn dump(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    if !matches!(args.get(1), Some(Value::Function(_))) {
        return Err(args.type_error(lua, 1, "function"));
    }
    Err(raise_here(lua, "unable to dump given function"))
}

/// `math.random`
pub(crate) fn random(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let run = run_of(lua);
    let fraction = crate::run::lock(&run.random).fraction();
    let number = match args.len() {
        0 => fraction,
        1 => {
            let upper = args.integer(lua, 1)?;
            if upper < 1 {
                return Err(argument_error(lua, 1, "interval is empty"));
            }
            (fraction * upper as f64).floor() + 1.0
        }
        2 => {
            let (lower, upper) = (args.integer(lua, 1)?, args.integer(lua, 2)?);
            if lower > upper {
                return Err(argument_error(lua, 2, "interval is empty"));
            }
            (fraction * (upper as f64 - lower as f64 + 1.0)).floor() + lower as f64
        }
        _ => return Err(raise_here(lua, "wrong number of arguments")),
    };
    Ok(results([Value::Number(number)]))
}

/// `math.randomseed`
pub(crate) fn randomseed(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let seed = truncate(args.number(lua, 1)?) as i32;
    crate::run::lock(&run_of(lua).random).seed(seed);
    Ok(MultiValue::new())
}
