//! The functions of `string` that Lua's own library does not bound: they match patterns, or build large strings at once.

use mlua::string::BorrowedBytes;
use mlua::{Function, Lua, LuaString, MultiValue, Table, Value};

use crate::args::{Args, argument_error, display, results, text_of, type_name};
use crate::caught::{call, raise_here};
use crate::number::truncate;
use crate::output::Output;
use crate::pattern::{Capture, Matcher, PatternError};
use crate::run::{BYTES_PER_STEP, run_of};

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

/// All captures of a match. They pay for their bytes, because each can be as long as the subject.
fn captures(lua: &Lua, subject: &[u8], found: &[Capture], whole: Option<(usize, usize)>) -> mlua::Result<Vec<Value>> {
    let count = if found.is_empty() && whole.is_some() { 1 } else { found.len() };
    let bytes = |capture: &Capture| if let Capture::Part { start, end } = capture { end - start } else { 0 };
    let whole_bytes = whole.map_or(0, |(start, end)| end - start);
    run_of(lua).charge_bytes(found.iter().map(bytes).sum::<usize>() + whole_bytes)?;
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
            matcher.settle()?;
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
    matcher.settle()?;
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

/// The name in Lua's registry of the function that makes the iterator of [`gmatch`].
pub(crate) const WORDS: &str = "valthree.words";

/// `string.gmatch`, whose older name is `string.gfind`
pub(crate) fn gmatch(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (subject, pattern) = (args.string(lua, 1)?, args.string(lua, 2)?);
    let words: Function = lua.named_registry_value(WORDS)?;
    // The present function has paid for the bytes, but each step would pay for those after a zero again.
    let pattern = until_zero(&pattern);
    words.call((lua.create_string(&subject[..])?, lua.create_string(pattern)?))
}

/// Finds the next match for an iterator of `string.gmatch`. Returns where to look after it, and the captures.
pub(crate) fn next_match(
    lua: &Lua,
    (subject, pattern, from): (LuaString, LuaString, usize),
) -> mlua::Result<MultiValue> {
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let run = run_of(lua);
    let pay = |steps| run.charge(steps);
    let mut matcher = Matcher::new(&subject, &pattern, &pay);
    for at in from..=subject.len() {
        if let Some(end) = matcher.match_at(at).map_err(|error| raised(lua, error))? {
            matcher.settle()?;
            let mut values = captures(lua, &subject, matcher.captures(), Some((at, end)))?;
            // An empty match must not be found again.
            values.insert(0, Value::Integer(if end == at { end + 1 } else { end } as i64));
            return Ok(results(values));
        }
    }
    matcher.settle()?;
    Ok(results([Value::Integer(subject.len() as i64 + 1)]))
}

/// What `string.gsub` puts in place of a match.
enum Replacement {
    Text(BorrowedBytes),
    Table(Table),
    Function(Function),
}

/// `string.gsub`
pub(crate) fn gsub(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (subject, pattern) = (args.string(lua, 1)?, args.string(lua, 2)?);
    let replacement = match args.get(3) {
        Some(Value::Function(function)) => Replacement::Function(function.clone()),
        Some(Value::Table(table)) => Replacement::Table(table.clone()),
        Some(other) => match text_of(lua, other)? {
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
    let (mut out, mut at, mut count) = (Output::new(lua), 0, 0);
    while count < most {
        let found = matcher.match_at(at).map_err(|error| raised(lua, error))?;
        if let Some(end) = found {
            count += 1;
            matcher.settle()?;
            replace(lua, &subject, matcher.captures(), (at, end), &replacement, &mut out)?;
        }
        match found {
            Some(end) if end > at => at = end,
            _ if at < subject.len() => {
                out.push(subject[at])?;
                at += 1;
            }
            _ => break,
        }
        if anchored {
            break;
        }
    }
    matcher.settle()?;
    out.append(&subject[at.min(subject.len())..])?;
    Ok(results([out.finish()?, Value::Integer(count)]))
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
    out: &mut Output<'_>,
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
        Value::Nil | Value::Boolean(false) => out.append(&subject[whole.0..whole.1]),
        other => match text_of(lua, &other)? {
            Some(text) => out.append(&text),
            None => Err(raise_here(lua, format!("invalid replacement value (a {})", type_name(&other)))),
        },
    }
}

/// Appends a text in which `%1` stands for a capture.
fn expand(
    lua: &Lua,
    subject: &[u8],
    found: &[Capture],
    whole: (usize, usize),
    text: &[u8],
    out: &mut Output<'_>,
) -> mlua::Result<()> {
    let mut bytes = text.iter();
    run_of(lua).charge_bytes(text.len())?;
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte)?;
            continue;
        }
        match bytes.next() {
            Some(b'0') => out.append(&subject[whole.0..whole.1])?,
            Some(digit) if digit.is_ascii_digit() => match found.get(usize::from(digit - b'1')) {
                Some(Capture::Part { start, end }) => out.append(&subject[*start..*end])?,
                _ => {
                    let value = capture(lua, subject, found, usize::from(digit - b'1'), whole)?;
                    out.append(&display(lua, &value)?)?;
                }
            },
            Some(&other) => out.push(other)?,
            // Lua copies the zero byte that ends the text.
            None => out.push(0)?,
        }
    }
    Ok(())
}

/// `string.rep`
pub(crate) fn rep(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (text, times) = (args.string(lua, 1)?, args.integer(lua, 2)?);
    // Lua keeps the count in 32 bits.
    let times = usize::try_from(times as i32).unwrap_or(0);
    let mut out = Output::new(lua);
    out.repeat(&text, times)?;
    Ok(results([out.finish()?]))
}

/// Makes a string of the same length.
fn mapped(lua: &Lua, args: &Args, map: fn(&mut [u8])) -> mlua::Result<MultiValue> {
    let mut out = Output::new(lua);
    out.append(&args.string(lua, 1)?)?;
    map(out.bytes_mut());
    Ok(results([out.finish()?]))
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
