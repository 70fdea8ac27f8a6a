//! The library `struct`: C structures in strings.

use mlua::{Lua, MultiValue, Value};

use crate::args::{Args, argument_error, results, to_number};
use crate::caught::raise_here;
use crate::number::truncate;
use crate::output::Output;
use crate::run::{STEPS_PER_VALUE, run_of};
use crate::world::Native;

/// The greatest size of an integer, in bytes.
const MOST_INTEGER: usize = 32;
/// What `!` without a number aligns to.
const NATIVE_ALIGNMENT: usize = 8;
/// How many values one call may return: what Lua allows a native function.
const MOST_VALUES: usize = 7900;

/// The functions of the library.
pub(crate) const FUNCTIONS: &[(&str, Native)] = &[("pack", pack), ("unpack", unpack), ("size", size)];

/// Reads a format.
struct Format<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    little: bool,
    align: usize,
}

/// One element of a structure.
struct Element {
    option: u8,
    /// Its bytes. For strings of a length that the data decide it is zero.
    size: usize,
    /// The bytes before it.
    padding: usize,
}

impl<'a> Format<'a> {
    fn new(lua: &'a Lua, text: &'a [u8]) -> Format<'a> {
        Format { lua, text, at: 0, little: true, align: 1 }
    }

    /// The number at the present position.
    fn number(&mut self) -> mlua::Result<Option<usize>> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap_or_default();
        self.at += digits;
        match text.parse::<i32>() {
            Ok(number) => Ok(Some(number as usize)),
            Err(_) => Err(raise_here(self.lua, "integral size overflow")),
        }
    }

    /// The next element, whose data would begin at an offset.
    fn next(&mut self, offset: usize) -> mlua::Result<Option<Element>> {
        let Some(&option) = self.text.get(self.at) else { return Ok(None) };
        // A zero byte ends a format.
        if option == 0 {
            return Ok(None);
        }
        self.at += 1;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.number()?.unwrap_or(1),
            b'i' | b'I' => {
                let size = self.number()?.unwrap_or(4);
                if size > MOST_INTEGER {
                    let text = format!("integral size {size} is larger than limit of {MOST_INTEGER}");
                    return Err(raise_here(self.lua, text));
                }
                size
            }
            _ => 0,
        };
        let mut padding = 0;
        if size > 0 && !matches!(option, b'c' | b'x' | b's') {
            let align = size.min(self.align);
            if align > 1 {
                padding = (align - (offset & (align - 1))) & (align - 1);
            }
        }
        Ok(Some(Element { option, size, padding }))
    }

    /// Follows an option that describes no data.
    fn control(&mut self, option: u8) -> mlua::Result<()> {
        match option {
            b' ' => {}
            b'>' => self.little = false,
            b'<' => self.little = true,
            b'!' => {
                let align = self.number()?.unwrap_or(NATIVE_ALIGNMENT);
                if align == 0 || !align.is_power_of_two() {
                    return Err(raise_here(self.lua, format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            other => {
                let text = format!("invalid format option '{}'", char::from(other));
                return Err(argument_error(self.lua, 1, &text));
            }
        }
        Ok(())
    }
}

fn pack(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let text = args.string(lua, 1)?;
    let run = run_of(lua);
    let mut format = Format::new(lua, &text);
    let (mut out, mut position) = (Output::new(lua), 1);
    while let Some(element) = format.next(out.len())? {
        run.charge(STEPS_PER_VALUE)?;
        out.repeat(&[0], element.padding)?;
        let Element { option, size, .. } = element;
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                position += 1;
                let number = number(lua, &args, position)?;
                let bits = if number < 0.0 { truncate(number) as u64 } else { unsigned(number) };
                integer_bytes(bits, size, format.little, &mut out)?;
            }
            b'x' => out.push(0)?,
            b'f' => {
                position += 1;
                let number = number(lua, &args, position)? as f32;
                out.append(&if format.little { number.to_le_bytes() } else { number.to_be_bytes() })?;
            }
            b'd' => {
                position += 1;
                let number = number(lua, &args, position)?;
                out.append(&if format.little { number.to_le_bytes() } else { number.to_be_bytes() })?;
            }
            b'c' | b's' => {
                position += 1;
                let bytes = args.string(lua, position)?;
                let size = if size == 0 { bytes.len() } else { size };
                if bytes.len() < size {
                    return Err(argument_error(lua, position + 1, "string too short"));
                }
                out.append(&bytes[..size])?;
                if option == b's' {
                    out.push(0)?;
                }
            }
            other => format.control(other)?,
        }
    }
    Ok(results([out.finish()?]))
}

/// An argument that is a number. An absent one counts as nil here.
fn number(lua: &Lua, args: &Args, position: usize) -> mlua::Result<f64> {
    match args.get(position) {
        None => Err(argument_error(lua, position, "number expected, got nil")),
        Some(value) => to_number(lua, value).ok_or_else(|| args.type_error(lua, position, "number")),
    }
}

/// Cuts a positive double to 64 bits.
fn unsigned(number: f64) -> u64 {
    if number < 9_223_372_036_854_775_808.0 { truncate(number) as u64 } else { number as u64 }
}

fn integer_bytes(bits: u64, size: usize, little: bool, out: &mut Output<'_>) -> mlua::Result<()> {
    let byte = |index: usize| if index < 8 { (bits >> (8 * index)) as u8 } else { 0 };
    (0..size).try_for_each(|index| out.push(byte(if little { index } else { size - 1 - index })))
}

/// Reads an integer. Only its low 64 bits count.
fn read_integer(bytes: &[u8], little: bool, signed: bool) -> f64 {
    let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    let bits = if little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) };
    if !signed {
        return bits as f64;
    }
    match bytes.len() {
        0 => 0.0,
        size @ 1..8 => {
            let unused = 64 - 8 * size as u32;
            ((bits << unused) as i64 >> unused) as f64
        }
        _ => bits as i64 as f64,
    }
}

fn unpack(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let (text, data) = (args.string(lua, 1)?, args.string(lua, 2)?);
    let start = args.integer_or(lua, 3, 1)?;
    if start == 0 {
        return Err(argument_error(lua, 3, "offset must be 1 or greater"));
    }
    let run = run_of(lua);
    let mut at = usize::try_from(start - 1).unwrap_or(usize::MAX / 2);
    let mut format = Format::new(lua, &text);
    let mut values: Vec<Value> = Vec::new();
    while let Some(element) = format.next(at)? {
        run.charge(STEPS_PER_VALUE)?;
        at += element.padding;
        let Element { option, mut size, .. } = element;
        let end = at.saturating_add(size);
        if end > data.len() {
            return Err(argument_error(lua, 2, "data string too short"));
        }
        if values.len() >= MOST_VALUES {
            return Err(raise_here(lua, "too many results to unpack"));
        }
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = read_integer(&data[at..end], format.little, option.is_ascii_lowercase());
                values.push(Value::Number(number));
            }
            b'x' => {}
            b'f' => {
                let bits = read_integer(&data[at..end], format.little, false) as u32;
                values.push(Value::Number(f64::from(f32::from_bits(bits))));
            }
            b'd' => {
                let bytes: [u8; 8] = data[at..end].try_into().expect("a double has eight bytes");
                let number = if format.little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) };
                values.push(Value::Number(number));
            }
            b'c' => {
                if size == 0 {
                    let Some(length) = values.pop().and_then(|value| to_number(lua, &value)) else {
                        return Err(raise_here(lua, "format 'c0' needs a previous size"));
                    };
                    size = usize::try_from(truncate(length)).unwrap_or(usize::MAX);
                    if at.saturating_add(size) > data.len() {
                        return Err(argument_error(lua, 2, "data string too short"));
                    }
                }
                values.push(Value::String(lua.create_string(&data[at..at + size])?));
            }
            b's' => {
                let Some(length) = data[at..].iter().position(|&byte| byte == 0) else {
                    return Err(raise_here(lua, "unfinished string in data"));
                };
                values.push(Value::String(lua.create_string(&data[at..at + length])?));
                size = length + 1;
            }
            other => format.control(other)?,
        }
        run.charge_bytes(size)?;
        at += size;
    }
    values.push(Value::Integer(at as i64 + 1));
    Ok(results(values))
}

fn size(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let text = args.string(lua, 1)?;
    let mut format = Format::new(lua, &text);
    let mut total = 0;
    while let Some(element) = format.next(total)? {
        run_of(lua).charge(1)?;
        total += element.padding;
        match element.option {
            b's' => return Err(argument_error(lua, 1, "option 's' has no fixed size")),
            b'c' if element.size == 0 => return Err(argument_error(lua, 1, "option 'c0' has no fixed size")),
            option if !option.is_ascii_alphanumeric() => format.control(option)?,
            _ => {}
        }
        total += element.size;
    }
    Ok(results([Value::Integer(total as i64)]))
}
