//! The arguments of a native function, read as Lua's own library reads them, with the same errors.

use bytes::Bytes;
use mlua::string::BorrowedBytes;
use mlua::{Lua, MultiValue, Table, Value};

use crate::caught::raise_here;
use crate::number;
use crate::run::run_of;

/// The arguments of one call.
pub(crate) struct Args(Vec<Value>);

impl Args {
    pub(crate) fn new(values: Vec<Value>) -> Args {
        Args(values)
    }

    /// Takes the first argument away.
    pub(crate) fn take_first(&mut self) -> Option<Value> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes of all strings.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(string_length).sum()
    }

    /// The argument at a position, which counts from one. Nothing stands for an argument that was not given.
    pub(crate) fn get(&self, position: usize) -> Option<&Value> {
        self.0.get(position.wrapping_sub(1))
    }

    /// The argument, or nil.
    pub(crate) fn value(&self, position: usize) -> Value {
        self.get(position).cloned().unwrap_or(Value::Nil)
    }

    /// All arguments from a position on.
    pub(crate) fn from(&self, position: usize) -> &[Value] {
        self.0.get(position - 1..).unwrap_or(&[])
    }

    fn given(&self, position: usize) -> bool {
        !matches!(self.get(position), None | Some(Value::Nil))
    }

    pub(crate) fn any(&self, lua: &Lua, position: usize) -> mlua::Result<Value> {
        self.get(position).cloned().ok_or_else(|| argument_error(lua, position, "value expected"))
    }

    pub(crate) fn number(&self, lua: &Lua, position: usize) -> mlua::Result<f64> {
        self.get(position)
            .and_then(|value| to_number(lua, value))
            .ok_or_else(|| self.type_error(lua, position, "number"))
    }

    /// A number cut to an integer, as a C compiler on x86-64 does it.
    pub(crate) fn integer(&self, lua: &Lua, position: usize) -> mlua::Result<i64> {
        Ok(number::truncate(self.number(lua, position)?))
    }

    pub(crate) fn integer_or(&self, lua: &Lua, position: usize, other: i64) -> mlua::Result<i64> {
        if self.given(position) { self.integer(lua, position) } else { Ok(other) }
    }

    /// A string, which stays where Lua keeps it: a copy would be outside of Lua's memory.
    pub(crate) fn string(&self, lua: &Lua, position: usize) -> mlua::Result<BorrowedBytes> {
        match self.get(position).map_or(Ok(None), |value| text_of(lua, value))? {
            Some(text) => Ok(text),
            None => Err(self.type_error(lua, position, "string")),
        }
    }

    pub(crate) fn table(&self, lua: &Lua, position: usize) -> mlua::Result<Table> {
        match self.get(position) {
            Some(Value::Table(table)) => Ok(table.clone()),
            _ => Err(self.type_error(lua, position, "table")),
        }
    }

    pub(crate) fn type_error(&self, lua: &Lua, position: usize, expected: &str) -> mlua::Error {
        let actual = self.get(position).map_or("no value", type_name);
        argument_error(lua, position, &format!("{expected} expected, got {actual}"))
    }
}

/// The error about an argument. It names the function as the caller calls it.
pub(crate) fn argument_error(lua: &Lua, position: usize, text: &str) -> mlua::Error {
    let (name, method) = lua
        .inspect_stack(0, |frame| {
            let names = frame.names();
            (names.name.map(|name| name.into_owned()), names.name_what == Some("method"))
        })
        .unwrap_or_default();
    let name = name.as_deref().unwrap_or("?");
    match position {
        1 if method => raise_here(lua, format!("calling '{name}' on bad self ({text})")),
        _ => raise_here(
            lua,
            format!("bad argument #{} to '{name}' ({text})", position - usize::from(method && position > 0)),
        ),
    }
}

/// Lua's name of a type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}

/// The number that a value is, or that its text says.
pub(crate) fn to_number(lua: &Lua, value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(_) => lua.coerce_number(value.clone()).ok().flatten(),
        _ => None,
    }
}

/// The length of a string. Other values have none.
pub(crate) fn string_length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_bytes().len(),
        _ => 0,
    }
}

/// The text of a string or a number, where Lua keeps it.
pub(crate) fn text_of(lua: &Lua, value: &Value) -> mlua::Result<Option<BorrowedBytes>> {
    Ok(match value {
        Value::String(text) => Some(text.as_bytes()),
        Value::Integer(_) | Value::Number(_) => match to_bytes(value) {
            Some(digits) => Some(lua.create_string(digits)?.as_bytes()),
            None => None,
        },
        _ => None,
    })
}

/// A copy of the bytes of a string or a number. Whoever calls this has paid by [`crate::run::Run::carry`] if a script
/// chooses how many copies there are.
pub(crate) fn to_bytes(value: &Value) -> Option<Bytes> {
    match value {
        Value::String(text) => Some(Bytes::copy_from_slice(&text.as_bytes())),
        Value::Integer(integer) => Some(number::general(*integer as f64, number::DIGITS).into()),
        Value::Number(float) => Some(number::general(*float, number::DIGITS).into()),
        _ => None,
    }
}

/// What `tostring` says without asking metatables.
pub(crate) fn display(lua: &Lua, value: &Value) -> mlua::Result<Bytes> {
    run_of(lua).charge(1)?;
    Ok(match value {
        Value::Nil => Bytes::from_static(b"nil"),
        Value::Boolean(true) => Bytes::from_static(b"true"),
        Value::Boolean(false) => Bytes::from_static(b"false"),
        other => match to_bytes(other) {
            Some(bytes) => bytes,
            None => format!("{}: {:p}", type_name(other), other.to_pointer()).into(),
        },
    })
}

/// Builds the results of a native function.
pub(crate) fn results(values: impl IntoIterator<Item = Value>) -> MultiValue {
    values.into_iter().collect()
}
