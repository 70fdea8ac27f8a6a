//! The first line of a script or a library, like `#!lua flags=no-writes`.

use bytes::Bytes;

use crate::resp::Reply;

/// What a script or a function declares about itself. The caller of the engine acts on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptFlags {
    /// The script has a first line at all. Scripts without one follow older rules.
    pub declared: bool,
    /// It never writes.
    pub no_writes: bool,
    /// It may run when memory is short.
    pub allow_oom: bool,
    /// It may run on stale data.
    pub allow_stale: bool,
    /// It must not run in a cluster.
    pub no_cluster: bool,
    /// It may use keys of several slots.
    pub allow_cross_slot_keys: bool,
}

impl ScriptFlags {
    const NAMES: [&'static str; 5] = ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"];

    /// Sets the flag of a name. Returns whether there is one.
    pub fn set(&mut self, name: &[u8]) -> bool {
        let field = match name {
            b"no-writes" => &mut self.no_writes,
            b"allow-oom" => &mut self.allow_oom,
            b"allow-stale" => &mut self.allow_stale,
            b"no-cluster" => &mut self.no_cluster,
            b"allow-cross-slot-keys" => &mut self.allow_cross_slot_keys,
            _ => return false,
        };
        *field = true;
        true
    }

    /// The names of the flags that are set.
    pub fn names(&self) -> Vec<&'static str> {
        let set = [self.no_writes, self.allow_oom, self.allow_stale, self.no_cluster, self.allow_cross_slot_keys];
        Self::NAMES.into_iter().zip(set).filter_map(|(name, set)| set.then_some(name)).collect()
    }
}

fn error(parts: &[&[u8]]) -> Reply {
    Reply::error(parts.concat())
}

/// Splits the first line from the rest, which keeps the line break so that line numbers stay right.
fn first_line(code: &[u8]) -> Option<(&[u8], usize)> {
    let end = code.iter().position(|&byte| byte == b'\n')?;
    Some((&code[..end], end))
}

/// The words of a line. A word may stand in quotes, or have a part in quotes.
fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    for &byte in line {
        match (quote, byte) {
            (Some(mark), _) if byte == mark => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(byte),
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None, _) if byte.is_ascii_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The flags of a script, and where its code begins.
pub(crate) fn script(code: &[u8]) -> Result<(ScriptFlags, usize), Reply> {
    if !code.starts_with(b"#!") {
        return Ok((ScriptFlags::default(), 0));
    }
    let (line, start) = first_line(code).ok_or_else(|| error(&[b"ERR Invalid script shebang"]))?;
    let words = words(line).ok_or_else(|| error(&[b"ERR Invalid script shebang"]))?;
    let engine = words.first().map_or(&b""[..], Vec::as_slice);
    if engine != b"#!lua" {
        return Err(error(&[b"ERR Unexpected engine in script shebang: ", engine]));
    }
    let mut flags = ScriptFlags { declared: true, ..ScriptFlags::default() };
    for word in &words[1..] {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err(error(&[b"ERR Unknown lua shebang option: ", word]));
        };
        for name in list.split(|&byte| byte == b',').filter(|_| !list.is_empty()) {
            if !flags.set(name) {
                return Err(error(&[b"ERR Unexpected flag in script shebang: ", name]));
            }
        }
    }
    Ok((flags, start))
}

/// The name of a library, and where its code begins.
pub(crate) fn library(code: &[u8]) -> Result<(Bytes, usize), Reply> {
    if !code.starts_with(b"#!") {
        return Err(error(&[b"ERR Missing library metadata"]));
    }
    let (line, start) = first_line(code).ok_or_else(|| error(&[b"ERR Invalid library metadata"]))?;
    let words = words(line).ok_or_else(|| error(&[b"ERR Invalid library metadata"]))?;
    let mut name: Option<&[u8]> = None;
    for word in words.iter().skip(1) {
        match word.get(..5) {
            Some(prefix) if prefix.eq_ignore_ascii_case(b"name=") => {
                if name.replace(&word[5..]).is_some() {
                    return Err(error(&[b"ERR Invalid metadata value, name argument was given multiple times"]));
                }
            }
            _ => return Err(error(&[b"ERR Invalid metadata value given: ", word])),
        }
    }
    let name = name.ok_or_else(|| error(&[b"ERR Library name was not given"]))?;
    if !is_name(name) {
        return Err(error(&[b"ERR ", BAD_NAME.as_bytes()]));
    }
    let engine = words.first().map_or(&b""[..], |word| &word[2..]);
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(error(&[b"ERR Engine '", engine, b"' not found"]));
    }
    Ok((Bytes::copy_from_slice(name), start))
}

/// The error about a name of a library or a function.
pub(crate) const BAD_NAME: &str =
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// Whether a library or a function may have this name.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}
