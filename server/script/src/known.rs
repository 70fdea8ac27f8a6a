//! The texts that the engine has compiled, so that it neither hashes nor parses a text again.
//!
//! Clients send the same few scripts over and over. To look a text up is much cheaper than its SHA-1.

use std::collections::HashMap;
use std::sync::Arc;

use mlua::{Function, Lua, Table};

/// So many texts are known. When there are more, all of them are forgotten.
const MOST_TEXTS: usize = 1000;
/// How large they may be together, in bytes. A single text may be larger.
const MOST_BYTES: usize = 16 << 20;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Script,
    Library,
}

/// A text that was compiled.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// Its SHA-1 in hexadecimal.
    pub sha: Arc<str>,
    /// Where its function is.
    slot: usize,
}

/// The texts and their functions.
pub(crate) struct Known {
    scripts: HashMap<Box<[u8]>, Compiled>,
    libraries: HashMap<Box<[u8]>, Compiled>,
    bytes: usize,
    /// The functions by their slots, which count from one. They are in a table because Lua 5.1 bounds how many references a
    /// host holds.
    functions: Table,
}

impl Known {
    pub(crate) fn new(lua: &Lua) -> mlua::Result<Known> {
        let (scripts, libraries) = (HashMap::new(), HashMap::new());
        Ok(Known { scripts, libraries, bytes: 0, functions: lua.create_table()? })
    }

    pub(crate) fn find(&self, kind: Kind, text: &[u8]) -> Option<&Compiled> {
        match kind {
            Kind::Script => self.scripts.get(text),
            Kind::Library => self.libraries.get(text),
        }
    }

    pub(crate) fn function(&self, compiled: &Compiled) -> mlua::Result<Function> {
        self.functions.raw_get(compiled.slot)
    }

    /// Adds a text, and forgets all others if they have become too many.
    pub(crate) fn add(&mut self, kind: Kind, text: &[u8], sha: Arc<str>, function: &Function) -> mlua::Result<()> {
        let count = self.scripts.len() + self.libraries.len();
        if count >= MOST_TEXTS || self.bytes.saturating_add(text.len()) > MOST_BYTES {
            self.forget()?;
        }
        let slot = 1 + self.scripts.len() + self.libraries.len();
        self.functions.raw_set(slot, function)?;
        self.bytes += text.len();
        let texts = match kind {
            Kind::Script => &mut self.scripts,
            Kind::Library => &mut self.libraries,
        };
        texts.insert(text.into(), Compiled { sha, slot });
        Ok(())
    }

    /// Forgets all texts.
    pub(crate) fn forget(&mut self) -> mlua::Result<()> {
        self.scripts.clear();
        self.libraries.clear();
        self.bytes = 0;
        self.functions.clear()
    }
}
