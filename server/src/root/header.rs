//! Everything in `db.json` that does not grow with use.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits::{DATABASES, WRITERS};
use super::strict::{self, spelled};
use crate::id::Id;
use crate::row::Made;

/// The header of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The database's identity, drawn when it was created.
    pub id: Id,
    /// Counts the versions. 0 is the database that has not been stored yet.
    pub generation: u64,
    /// The server that made this version.
    pub by: Id,
    /// The last committer that has an address: others hand it their batches.
    pub hint: Option<Id>,
    /// The time of the database, in milliseconds since 1970. It only grows. 0 in a database of format 1, which has none.
    pub now: u64,
    /// What the links between servers prove that they know.
    pub secret: Option<Secret>,
    /// The epoch of script texts: SCRIPT FLUSH begins the next one.
    pub scripts: u64,
    /// Settings that hold for all servers.
    pub settings: BTreeMap<String, String>,
    /// The servers that committed, or whose offers were committed, most recently.
    pub writers: BTreeMap<Id, Writer>,
    /// The databases that SELECT knows, by their numbers.
    pub databases: [Numbered; DATABASES],
    /// Runs and `recent` cover the generations after this one.
    pub base: u64,
    /// The sweeper may delete unreferenced runs from before this generation.
    pub swept: u64,
}

/// What the table of writers says of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    /// The generation of its own last commit, or 0. Only the server itself writes it, so it tells the fate of that commit.
    pub own: u64,
    /// The generation of the last commit that included an offer of it, or 0.
    #[serde(rename = "in")]
    pub included: u64,
    /// The number of its newest offer that has landed, or can never land any more.
    pub offers: u64,
    /// It has the replies to its offers up to this number.
    pub had: u64,
    /// Where other servers reach it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "strict::present")]
    pub at: Option<String>,
}

/// A database that SELECT knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbered {
    /// Names its keys.
    #[serde(with = "spelled")]
    pub id: Made,
    /// How many keys are alive at `now`.
    pub keys: u64,
    /// The generation in which the number got this id.
    pub since: u64,
}

/// A secret that servers of a database share. Neither `inspect` nor a log shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes the text of a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Gives the text away, for a proof.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Writer {
    /// The newer of its two generations.
    pub fn newest(&self) -> u64 {
        self.own.max(self.included)
    }
}

impl Header {
    /// The header of a database before its first version.
    pub fn unborn(id: Id) -> Header {
        Header {
            id,
            generation: 0,
            by: id, // nobody yet
            hint: None,
            now: 0,
            secret: None,
            scripts: 0,
            settings: BTreeMap::new(),
            writers: BTreeMap::new(),
            databases: first_databases(0),
            base: 0,
            swept: 0,
        }
    }

    /// Notes that `server` made this version, and lets the oldest rows of the table go if it is too long.
    pub fn sign(&mut self, server: Id) {
        self.by = server;
        self.writers.entry(server).or_default().own = self.generation;
        while self.writers.len() > WRITERS {
            // A commit can include offers of so many servers that all rows are as new as its own, which has to stay.
            let others = self.writers.iter().filter(|(id, _)| **id != server);
            let oldest = others.min_by_key(|(_, writer)| writer.newest());
            let oldest = *oldest.expect("a table over its limit has other rows").0;
            self.writers.remove(&oldest);
        }
    }
}

/// The databases of a database that was just created; the one with number 0 has this many keys.
pub(super) fn first_databases(keys: u64) -> [Numbered; DATABASES] {
    std::array::from_fn(|number| {
        let id = Made::first(u32::try_from(number).expect("there are few databases"));
        Numbered { id, keys: if number == 0 { keys } else { 0 }, since: 0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Id {
        Id::parse(&format!("{number:032x}")).unwrap()
    }

    fn header(generation: u64, writers: impl IntoIterator<Item = (u64, u64, u64)>) -> Header {
        let writer = |(number, own, included)| (id(number), Writer { own, included, ..Writer::default() });
        Header { generation, writers: writers.into_iter().map(writer).collect(), ..Header::unborn(id(0)) }
    }

    #[test]
    fn a_server_that_signs_again_keeps_the_rest_of_its_row() {
        let mut header = header(9, [(1, 7, 8), (2, 8, 0)]);
        header.writers.get_mut(&id(1)).unwrap().at = Some("10.0.0.5:6379".into());
        header.sign(id(1));
        let at = Some("10.0.0.5:6379".into());
        assert_eq!(header.writers[&id(1)], Writer { own: 9, included: 8, at, ..Writer::default() });
        assert_eq!((header.by, header.writers[&id(2)].own), (id(1), 8));
    }

    #[test]
    fn the_row_whose_newer_number_is_oldest_leaves_a_full_table_first() {
        // The ids ascend while the generations descend, so that the order of neither can stand in for the other. The
        // oldest own commit has a new offer.
        let full = (0..WRITERS as u64).map(|nth| (nth, 200 - nth, if nth == WRITERS as u64 - 1 { 200 } else { 0 }));
        let mut header = header(201, full);
        header.sign(id(1 << 60));
        assert_eq!(header.writers.len(), WRITERS);
        assert!(!header.writers.contains_key(&id(WRITERS as u64 - 2)));
        assert_eq!(header.writers[&id(1 << 60)].own, 201);
    }

    #[test]
    fn a_signature_stays_where_every_row_is_as_new() {
        let mut header = header(201, (1..=WRITERS as u64).map(|nth| (nth, 0, 201)));
        header.sign(id(0));
        assert_eq!(header.writers.len(), WRITERS);
        assert_eq!(header.writers[&id(0)].own, 201);
    }

    #[test]
    fn a_server_that_signs_again_pushes_nobody_out() {
        let mut header = header(300, (0..WRITERS as u64).map(|nth| (nth, 100 + nth, 0)));
        let before: Vec<Id> = header.writers.keys().copied().collect();
        header.sign(id(0));
        assert!(header.writers.keys().eq(&before));
    }

    #[test]
    fn a_log_does_not_show_the_secret() {
        let header = Header { secret: Some(Secret::new("hidden")), ..Header::unborn(id(0)) };
        assert!(!format!("{header:?}").contains("hidden"));
    }
}
