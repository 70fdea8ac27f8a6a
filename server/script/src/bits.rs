//! The library `bit`: operations on 32 bit integers.

use mlua::{Lua, MultiValue, Value};

use crate::args::{Args, results};

/// A sum with this number has the integer in its low 32 bits, rounded to even.
const INTEGER_BIAS: f64 = 6_755_399_441_055_744.0; // 2^52 + 2^51
/// The digits of a 32 bit integer.
const HEX_DIGITS: u32 = 8;

fn operand(lua: &Lua, args: &Args, position: usize) -> mlua::Result<u32> {
    Ok((args.number(lua, position)? + INTEGER_BIAS).to_bits() as u32)
}

fn answer(bits: u32) -> mlua::Result<MultiValue> {
    Ok(results([Value::Integer(i64::from(bits as i32))]))
}

fn fold(lua: &Lua, args: &Args, operation: fn(u32, u32) -> u32) -> mlua::Result<MultiValue> {
    let mut bits = operand(lua, args, 1)?;
    for position in 2..=args.len() {
        bits = operation(bits, operand(lua, args, position)?);
    }
    answer(bits)
}

fn shift(lua: &Lua, args: &Args, operation: fn(u32, u32) -> u32) -> mlua::Result<MultiValue> {
    let bits = operand(lua, args, 1)?;
    answer(operation(bits, operand(lua, args, 2)? & 31))
}

/// The functions of the library.
pub(crate) const FUNCTIONS: &[(&str, crate::world::Native)] = &[
    ("tobit", |lua, args| answer(operand(lua, &args, 1)?)),
    ("bnot", |lua, args| answer(!operand(lua, &args, 1)?)),
    ("band", |lua, args| fold(lua, &args, |a, b| a & b)),
    ("bor", |lua, args| fold(lua, &args, |a, b| a | b)),
    ("bxor", |lua, args| fold(lua, &args, |a, b| a ^ b)),
    ("lshift", |lua, args| shift(lua, &args, |bits, by| bits << by)),
    ("rshift", |lua, args| shift(lua, &args, |bits, by| bits >> by)),
    ("arshift", |lua, args| shift(lua, &args, |bits, by| ((bits as i32) >> by) as u32)),
    ("rol", |lua, args| shift(lua, &args, u32::rotate_left)),
    ("ror", |lua, args| shift(lua, &args, u32::rotate_right)),
    ("bswap", |lua, args| answer(operand(lua, &args, 1)?.swap_bytes())),
    ("tohex", tohex),
];

/// `bit.tohex`. A negative number of digits asks for capitals. The least integer has no opposite, so we never negate.
fn tohex(lua: &Lua, args: Args) -> mlua::Result<MultiValue> {
    let bits = operand(lua, &args, 1)?;
    let digits = if args.len() >= 2 { operand(lua, &args, 2)? as i32 } else { HEX_DIGITS as i32 };
    let count = digits.unsigned_abs().min(HEX_DIGITS) as usize;
    let hex = if digits < 0 { format!("{bits:08X}") } else { format!("{bits:08x}") };
    Ok(results([Value::String(lua.create_string(&hex[hex.len() - count..])?)]))
}
