//! Libraries of functions, which FCALL finds by the names of their functions.
//!
//! Like the texts of scripts, libraries are rows of the database that no command on keys reaches:
//!
//! | row | value |
//! |---|---|
//! | `library:` and the name of the library | its text |
//! | `function:` and the name of a function in lower case | the library, the name, the flags and the description |
//!
//! So a library that was loaded through one server runs on all of them from the same version on, and FLUSHALL leaves it
//! alone. The rows of the functions say what the library said when it was loaded. A call runs the text of the library again
//! ([`valthree_script::Engine::call`]), and then the function that the text registers under that name.

use std::collections::BTreeMap;
use std::slice;

use bytes::Bytes;
use valthree_script::{Engine, FunctionFacts, Library, Limits, ScriptFlags};

use super::reply::to_client;
use super::text::{MOST, MOST_BYTES, besides_eval};
use super::{note_labour, rest_of, system_names, with_engine};
use crate::resp::Reply;
use crate::row::Row;
use crate::state::Draft;
use crate::zoo::planted;

const LIBRARY: &[u8] = b"library:";
const FUNCTION: &[u8] = b"function:";

/// What loading all libraries of a FUNCTION RESTORE may take together: as much as one script may.
const RESTORING: Limits =
    Limits { instructions: super::LIMITS.instructions, time: super::LIMITS.time, memory: Limits::LOADING.memory };

const TOO_MANY: Reply = Reply::fault("OOM too many libraries are loaded. FUNCTION DELETE makes room");

/// A function of a library in the database.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// The name of its library.
    pub library: Bytes,
    /// What the library says about it.
    pub facts: FunctionFacts,
}

/// A library in the database.
pub struct Stored {
    /// Its name.
    pub name: Bytes,
    /// Its text.
    pub text: Bytes,
    /// Its functions, sorted by name.
    pub functions: Vec<FunctionFacts>,
}

fn library_row(name: &[u8]) -> Bytes {
    [LIBRARY, name].concat().into()
}

fn function_row(name: &[u8]) -> Bytes {
    [FUNCTION, &name.to_ascii_lowercase()].concat().into()
}

impl Function {
    /// The value of the row. Names and flags have no spaces, and the description comes last.
    fn encode(&self) -> Bytes {
        let FunctionFacts { name, description, flags } = &self.facts;
        let mut value = [&self.library[..], name, flags.names().join(",").as_bytes()].join(&b' ');
        if let Some(description) = description {
            value.push(b' ');
            value.extend_from_slice(description);
        }
        value.into()
    }

    fn decode(value: &Bytes) -> Option<Function> {
        let mut parts = value.splitn(4, |&byte| byte == b' ').map(|part| value.slice_ref(part));
        let (library, name, names) = (parts.next()?, parts.next()?, parts.next()?);
        let mut flags = ScriptFlags { declared: true, ..ScriptFlags::default() };
        let mut names = names.split(|&byte| byte == b',').filter(|name| !name.is_empty());
        let facts = names.all(|name| flags.set(name)).then(|| FunctionFacts { name, description: parts.next(), flags });
        Some(Function { library, facts: facts? })
    }
}

fn find_row(draft: &Draft<'_>, row: &[u8]) -> Option<Function> {
    Function::decode(draft.find_system(row)?.value()?)
}

/// The function that has this name in any case, and the text of its library.
pub fn find(draft: &Draft<'_>, name: &[u8]) -> Option<(FunctionFacts, Bytes)> {
    let Function { library, facts } = find_row(draft, &function_row(name))?;
    let row = library_row(&library);
    let text = draft.find_system(&row)?.value()?.clone();
    planted!("replaced-library-still-runs" => return Some((facts, crate::zoo::script::first_text(&row, text))));
    Some((facts, text))
}

/// What the function declares that has this name in any case.
pub fn flags(draft: &Draft<'_>, name: &[u8]) -> Option<ScriptFlags> {
    find_row(draft, &function_row(name)).map(|function| function.facts.flags)
}

/// All libraries, sorted by name.
pub fn all(draft: &Draft<'_>) -> Vec<Stored> {
    let mut functions: BTreeMap<Bytes, Vec<FunctionFacts>> = BTreeMap::new();
    let mut rows = system_names(draft, FUNCTION);
    rows.sort_unstable();
    for function in rows.iter().filter_map(|row| find_row(draft, row)) {
        functions.entry(function.library).or_default().push(function.facts);
    }
    let mut rows = system_names(draft, LIBRARY);
    rows.sort_unstable();
    let stored = |row: Bytes| {
        let text = draft.find_system(&row)?.value()?.clone();
        let name = row.slice(LIBRARY.len()..);
        let functions = functions.remove(&name).unwrap_or_default();
        Some(Stored { name, text, functions })
    };
    rows.into_iter().filter_map(stored).collect()
}

/// How many libraries and functions there are.
pub fn count(draft: &Draft<'_>) -> (usize, usize) {
    (system_names(draft, LIBRARY).len(), system_names(draft, FUNCTION).len())
}

/// What becomes of the libraries that are there when others are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They all go.
    Flush,
    /// They stay, and a name that is taken is an error.
    Append,
    /// They stay, unless another library has their name.
    Replace,
}

/// Adds a library, and returns its name.
pub fn load(draft: &mut Draft<'_>, text: &Bytes, policy: Policy) -> Result<Reply, Reply> {
    let name = Engine::library_name(text).map_err(to_client)?;
    if policy == Policy::Append && draft.find_system(&library_row(&name)).is_some() {
        return Err(already_exists(&[b"Library '", &name, b"'"]));
    }
    let mut arrivals = Arrivals::default();
    arrivals.add_all(draft, slice::from_ref(text), &Limits::LOADING)?;
    arrivals.install(draft, policy)?;
    Ok(Reply::Bulk(name))
}

/// Adds several libraries, or none if there is a mistake in one of them.
pub fn restore(draft: &mut Draft<'_>, texts: &[Bytes], policy: Policy) -> Result<(), Reply> {
    let mut arrivals = Arrivals::default();
    arrivals.add_all(draft, texts, &RESTORING)?;
    arrivals.install(draft, policy)
}

/// Libraries that were loaded and are not stored yet.
#[derive(Default)]
struct Arrivals {
    libraries: BTreeMap<Bytes, (Library, Bytes)>,
    /// The names of all functions in lower case.
    functions: BTreeMap<Bytes, FunctionFacts>,
}

impl Arrivals {
    fn add_all(&mut self, draft: &mut Draft<'_>, texts: &[Bytes], limits: &Limits) -> Result<(), Reply> {
        let limits = rest_of(limits, draft)?;
        let mut left = limits;
        let added = texts.iter().try_for_each(|text| self.add(text, &mut left));
        note_labour(draft, &limits, (left.instructions, left.time));
        added
    }

    fn add(&mut self, text: &Bytes, limits: &mut Limits) -> Result<(), Reply> {
        let name = Engine::library_name(text).map_err(to_client)?;
        if self.libraries.contains_key(&name) {
            return Err(already_exists(&[b"Library '", &name, b"'"]));
        }
        let library = with_engine(|engine| engine.library(text, limits)).map_err(to_client)?;
        for (lower, facts) in &library.functions {
            if self.functions.insert(lower.clone(), facts.clone()).is_some() {
                return Err(already_exists(&[b"Function ", &facts.name]));
            }
        }
        self.libraries.insert(name, (library, text.clone()));
        Ok(())
    }

    fn install(self, draft: &mut Draft<'_>, policy: Policy) -> Result<(), Reply> {
        let exists = |name: &Bytes| draft.find_system(&library_row(name)).is_some();
        if policy == Policy::Append
            && let Some(name) = self.libraries.keys().find(|&name| exists(name))
        {
            return Err(already_exists(&[b"Library ", name]));
        }
        let stays = |library: &Bytes| policy != Policy::Flush && !self.libraries.contains_key(library);
        for (lower, facts) in &self.functions {
            if find_row(draft, &function_row(lower)).is_some_and(|other| stays(&other.library)) {
                return Err(already_exists(&[b"Function ", &facts.name]));
            }
        }
        let (rows, size) = besides_eval(draft);
        let texts: usize = self.libraries.values().map(|(_, text)| text.len()).sum();
        let more = self.libraries.len() + self.functions.len();
        if rows.saturating_add(more as u64) > MOST || size.saturating_add(texts as u64) > MOST_BYTES {
            return Err(TOO_MANY);
        }
        match policy {
            Policy::Flush => flush(draft),
            Policy::Append => {}
            Policy::Replace => {
                for name in self.libraries.keys() {
                    delete(draft, name);
                }
            }
        }
        for (name, (library, text)) in self.libraries {
            draft.set_system(library_row(&name), Some(Row::Value(text)));
            for (lower, facts) in library.functions {
                let function = Function { library: name.clone(), facts };
                draft.set_system(function_row(&lower), Some(Row::Value(function.encode())));
            }
        }
        Ok(())
    }
}

fn already_exists(what: &[&[u8]]) -> Reply {
    Reply::error([b"ERR ", &what.concat()[..], b" already exists"].concat())
}

/// Removes a library with its functions. Returns whether there was one.
pub fn delete(draft: &mut Draft<'_>, name: &[u8]) -> bool {
    let row = library_row(name);
    if draft.find_system(&row).is_none() {
        return false;
    }
    for function in system_names(draft, FUNCTION) {
        if find_row(draft, &function).is_some_and(|function| function.library == name) {
            draft.set_system(function, None);
        }
    }
    draft.set_system(row, None);
    true
}

/// Removes all libraries.
pub fn flush(draft: &mut Draft<'_>) {
    for prefix in [FUNCTION, LIBRARY] {
        system_names(draft, prefix).into_iter().for_each(|name| draft.set_system(name, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_function_says_all_that_the_library_said() {
        for flags in [&[][..], &["no-writes"], &["no-writes", "allow-stale"]] {
            for description in [None, Some(""), Some("a text"), Some(" a b c ")] {
                let mut set = ScriptFlags { declared: true, ..ScriptFlags::default() };
                assert!(flags.iter().all(|flag| set.set(flag.as_bytes())));
                let description = description.map(Bytes::from);
                let facts = FunctionFacts { name: "Name_1".into(), description, flags: set };
                let function = Function { library: "lib".into(), facts };
                assert_eq!(Function::decode(&function.encode()), Some(function));
            }
        }
        for damaged in ["", "lib", "lib name", "lib name no-such-flag text"] {
            assert_eq!(Function::decode(&damaged.into()), None, "{damaged}");
        }
    }
}
