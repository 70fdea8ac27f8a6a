//! What an entry says.

use bytes::Bytes;
use serde::Deserialize;

use super::limits::LAST_GENERATION;
use super::rows::Placed;
use super::told::{OfferAnswers, Said, Toucher};
use crate::id::Id;
use crate::row::{Made, Row, Table};
use crate::run::Name;

/// What a commit changed, and what it said.
///
/// A key row of `rows` overrides `expired`, and both override `run`.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryParts {
    /// The first generation that the entry stands for. It is `generation`, except in an entry that a squash has put in the
    /// place of several, and in the one that took over the changes of a database of format 1.
    pub from: u64,
    /// The last generation that the entry stands for.
    pub generation: u64,
    /// The server that made the commit.
    pub by: Id,
    /// Rows that were uploaded before, because they are many or long.
    pub run: Option<Upload>,
    /// Replies to the offers of other servers.
    pub of: OfferAnswers,
    /// Messages, in the order in which they were published.
    pub said: Vec<Said>,
    /// Keys that were removed because they had expired, by the id of their database, in ascending order. That does not
    /// count as a touch.
    pub expired: Vec<(Made, Bytes)>,
    /// All keys that the commit touched and all elements that it changed, in ascending order; `None` is a removal.
    pub rows: Vec<Placed>,
    /// The clients that touched keys, by the id of the database and the key, in ascending order.
    pub clients: Vec<(Made, Bytes, Toucher)>,
}

/// A run that was uploaded before the commit that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The object.
    pub name: Name,
    /// How many rows it has, removals included.
    pub rows: u64,
    /// How long the object is.
    pub bytes: u64,
}

impl EntryParts {
    /// An entry of this generation that changes nothing.
    pub fn new(generation: u64, by: Id) -> EntryParts {
        EntryParts {
            from: generation,
            generation,
            by,
            run: None,
            of: OfferAnswers::new(),
            said: Vec::new(),
            expired: Vec::new(),
            rows: Vec::new(),
            clients: Vec::new(),
        }
    }

    /// Looks for contradictions within an entry.
    pub fn check(&self) -> Result<(), String> {
        let EntryParts { from, generation, run, rows, expired, clients, .. } = self;
        if *from == 0 || from > generation || *generation > LAST_GENERATION {
            return Err(format!("an entry stands for generations {from} to {generation}"));
        }
        if let Some(run) = run.filter(|run| run.name.generation > *generation) {
            return Err(format!("{} was uploaded after generation {generation}", run.name));
        }
        ascend(rows.iter().map(|(table, name, _)| (*table, name)))?;
        ascend(expired.iter().map(|(id, key)| (Table::Keys(*id), key)))?;
        ascend(clients.iter().map(|(id, key, _)| (Table::Keys(*id), key)))?;
        rows.iter().try_for_each(fits)?;
        let named = rows.iter().flat_map(|(table, _, row)| row.iter().flat_map(Row::collections).chain([table.id()]));
        let databases = expired.iter().map(|(id, _)| *id).chain(clients.iter().map(|(id, ..)| *id));
        match named.chain(databases).find(|id| id.generation > *generation) {
            Some(id) => Err(format!("{id} is newer than the entry of generation {generation}")),
            None => Ok(()),
        }
    }
}

/// Makes sure that names stand in their order, and none of them twice.
fn ascend<'a>(names: impl Iterator<Item = (Table, &'a Bytes)>) -> Result<(), String> {
    let mut last = None;
    for name in names {
        if last >= Some(name) {
            return Err(format!("{} stands there twice or out of order", quoted(name.1)));
        }
        last = Some(name);
    }
    Ok(())
}

/// Makes sure that a row may stand in its table.
fn fits((table, name, row): &Placed) -> Result<(), String> {
    let fits = match table {
        Table::Keys(_) => !matches!(row, Some(Row::Member | Row::Fields(_) | Row::Group(_))),
        Table::Elements(id) => *id != Made::SYSTEM && !matches!(row, Some(Row::Head(_))),
    };
    if !fits {
        return Err(format!("{} is not what may stand in {table:?}", quoted(name)));
    }
    if row.iter().flat_map(Row::collections).any(|id| id == Made::SYSTEM) {
        return Err(format!("{} names the system as a collection", quoted(name)));
    }
    Ok(())
}

fn quoted(name: &[u8]) -> String {
    format!("\"{}\"", name.escape_ascii())
}
