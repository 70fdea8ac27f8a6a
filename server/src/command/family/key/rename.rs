//! Keys under other names, and in other databases.
//!
//! A rename or a move takes the row of a key to its new place. The elements stay where they are, because the row names them
//! by an id. A copy gets elements of its own.

use bytes::Bytes;

use super::database::database_number;
use super::template::GENERIC;
use crate::command::arguments::{SYNTAX, exactly, is};
use crate::command::flag::Flag::{Denyoom, Fast, Write};
use crate::command::keys::Begin;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::row::Row;
use crate::state::Draft;
use crate::value::whole;
use crate::zoo::planted;

/// The error for two names of one key.
const SAME_OBJECT: Reply = Reply::fault("ERR source and destination objects are the same");

pub(super) const RENAME: Spec = Spec {
    name: "rename",
    syntax: "key newkey",
    arity: 3,
    flags: &[Write],
    keys: &[Keys::TAKEN, Keys { begin: Begin::At(2), ..Keys::REPLACED }],
    summary: "Renames a key, whatever the new name had before.",
    meaning: Meaning::Data(|draft, words| rename(draft, words, true).map(|_| Reply::OK)),
    ..GENERIC
};

pub(super) const RENAME_IF_ABSENT: Spec = Spec {
    name: "renamenx",
    flags: &[Write, Fast],
    keys: &[Keys::TAKEN, Keys { begin: Begin::At(2), access: &["OW", "insert"], ..Keys::ONE }],
    summary: "Renames a key if the new name is free.",
    meaning: Meaning::Data(|draft, words| Ok(Reply::Integer(rename(draft, words, false)?.into()))),
    ..RENAME
};

pub(super) const MOVE: Spec = Spec {
    name: "move",
    syntax: "key db",
    arity: 3,
    flags: &[Write, Fast],
    keys: &[Keys { access: &["RW", "access", "update"], ..Keys::ONE }],
    summary: "Moves a key to another database, if it is free there.",
    meaning: Meaning::Data(relocate),
    check: Some(|words| database_number(&words[2]).map(drop)),
    ..GENERIC
};

pub(super) const COPY: Spec = Spec {
    name: "copy",
    syntax: "source destination [DB destination-db] [REPLACE]",
    arity: -3,
    flags: &[Write, Denyoom],
    keys: &[Keys::READ, Keys { begin: Begin::At(2), ..Keys::REPLACED }],
    since: "6.2.0",
    complexity: "O(N) where N is the number of elements, or O(1) for a string",
    summary: "Copies a key, to another database if a number is given.",
    meaning: Meaning::Data(copy),
    check: Some(|words| CopyOptions::parse(&words[3..]).map(drop)),
    ..GENERIC
};

/// Renames a key. Returns false if the new name is taken and may not be replaced.
///
/// A key that gets its own name stays as it is. For RENAMENX its name is taken.
fn rename(draft: &mut Draft<'_>, words: &[Bytes], may_replace: bool) -> Result<bool, Reply> {
    let [_, from, to] = exactly(words)?;
    let row = draft.find(from).ok_or(Reply::fault("ERR no such key"))?;
    planted!("rename-onto-itself-deletes" => if from == to {
        return Ok(draft.delete(from));
    });
    if from == to || !may_replace && draft.find(to).is_some() {
        return Ok(may_replace);
    }
    if !planted!("rename-leaves-the-old-name") {
        draft.delete(from);
    }
    draft.put(to.clone(), row);
    Ok(true)
}

/// Does something in another database.
fn within<T>(draft: &mut Draft<'_>, number: usize, act: impl FnOnce(&mut Draft<'_>) -> T) -> T {
    let selected = draft.selected();
    draft.select(number);
    let result = act(draft);
    draft.select(selected);
    result
}

fn relocate(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, number] = exactly(words)?;
    let number = database_number(number)?;
    if number == draft.selected() {
        return Err(SAME_OBJECT);
    }
    let Some(row) = draft.find(key) else { return Ok(Reply::Integer(0)) };
    if within(draft, number, |draft| draft.find(key).is_some()) {
        return Ok(Reply::Integer(0));
    }
    draft.delete(key);
    within(draft, number, |draft| draft.put(key.clone(), row));
    Ok(Reply::Integer(1))
}

/// The options of a `COPY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CopyOptions {
    database: Option<usize>,
    replace: bool,
}

impl CopyOptions {
    fn parse(mut options: &[Bytes]) -> Result<CopyOptions, Reply> {
        let mut parsed = CopyOptions::default();
        loop {
            options = match options {
                [] => return Ok(parsed),
                [option, rest @ ..] if is(option, "REPLACE") => {
                    parsed.replace = true;
                    rest
                }
                [option, number, rest @ ..] if is(option, "DB") => {
                    parsed.database = Some(database_number(number)?);
                    rest
                }
                _ => return Err(SYNTAX),
            };
        }
    }
}

fn copy(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, from, to, options @ ..] = words else { return Err(SYNTAX) };
    let CopyOptions { database, replace } = CopyOptions::parse(options)?;
    let number = database.unwrap_or(draft.selected());
    if number == draft.selected() && from == to {
        return Err(SAME_OBJECT);
    }
    let Some(row) = draft.find(from) else { return Ok(Reply::Integer(0)) };
    if !replace && within(draft, number, |draft| draft.find(to).is_some()) {
        return Ok(Reply::Integer(0));
    }
    let copy: Row = whole::copy(draft, row);
    within(draft, number, |draft| draft.put(to.clone(), copy));
    Ok(Reply::Integer(1))
}
