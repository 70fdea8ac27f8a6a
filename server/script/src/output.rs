//! A string that a native function builds.

use std::sync::Arc;

use mlua::{Lua, Value};

use crate::run::{Run, run_of};

/// The room that the first byte makes.
const LEAST: usize = 64;

/// A string outside of Lua. It pays for its bytes and makes sure that the run has the memory *before* it grows: a replacement
/// of a few bytes can stand for gigabytes. While it grows, it counts against the memory of the run. When it is complete,
/// Lua's copy counts in its place, so for a moment both are there.
pub(crate) struct Output<'a> {
    lua: &'a Lua,
    run: Arc<Run>,
    bytes: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(lua: &'a Lua) -> Output<'a> {
        Output { lua, run: run_of(lua), bytes: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(&mut self, byte: u8) -> mlua::Result<()> {
        self.make_room(1)?;
        self.bytes.push(byte);
        Ok(())
    }

    pub(crate) fn append(&mut self, text: &[u8]) -> mlua::Result<()> {
        self.make_room(text.len())?;
        self.bytes.extend_from_slice(text);
        Ok(())
    }

    /// Appends a text several times.
    pub(crate) fn repeat(&mut self, text: &[u8], times: usize) -> mlua::Result<()> {
        self.make_room(text.len().saturating_mul(times))?;
        (0..times).for_each(|_| self.bytes.extend_from_slice(text));
        Ok(())
    }

    /// Makes room for more bytes.
    pub(crate) fn make_room(&mut self, more: usize) -> mlua::Result<()> {
        match self.bytes.len().saturating_add(more) {
            wanted if wanted > self.bytes.capacity() => self.grow(wanted),
            _ => Ok(()),
        }
    }

    #[cold]
    fn grow(&mut self, wanted: usize) -> mlua::Result<()> {
        let before = self.bytes.capacity();
        // It doubles, so that each byte moves only a few times. The last time it takes what is left.
        let most = self.run.room(self.lua).saturating_add(before);
        let capacity = wanted.max(before.saturating_mul(2).max(LEAST).min(most));
        self.run.reserve(self.lua, capacity - before)?;
        self.run.charge_bytes(capacity - before)?;
        self.bytes.reserve_exact(capacity - self.bytes.len());
        self.run.hold(self.bytes.capacity(), before);
        Ok(())
    }

    /// Changes what is there.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Hands the string to Lua.
    pub(crate) fn finish(mut self) -> mlua::Result<Value> {
        let bytes = std::mem::take(&mut self.bytes);
        self.run.hold(0, bytes.capacity());
        self.run.reserve(self.lua, bytes.len())?;
        Ok(Value::String(self.lua.create_string(&bytes)?))
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        self.run.hold(0, self.bytes.capacity());
    }
}
