//! `db.json`: the one object that decides, as a value and as bytes.
//!
//! ```json
//! {"format":2,"id":"51b0…","generation":18,"by":"9f2c…","hint":"9f2c…","now":1764380000123,"secret":"…","scripts":0,
//!  "settings":{},"writers":{"9f2c…":{"own":18,"in":0,"offers":0,"had":0,"at":"10.0.0.5:6379"}},
//!  "databases":[{"id":"0.0","keys":1,"since":0},{"id":"9.1","keys":0,"since":9},…],
//!  "base":0,"swept":0,"runs":[],"kept":[],"recent":[
//! {"generation":17,"by":"9f2c…","keys":{"0.0":{"greeting":"hello","user:1":{"hash":"17.1","fields":1,"size":107}}},
//!  "in":{"17.1":{"name":"Ann"}}},
//! {"generation":18,"by":"9f2c…","of":{"77aa…":{"3":["+OK\r\n"]}},"said":[["message","news","hi"]],
//!  "keys":{"0.0":{"greeting":null}}}
//! ]}
//! ```
//!
//! It is JSON so that people can look at it. The header is one line, and each entry of `recent` is another.
//!
//! `recent` is a log. Each commit appends one entry ([`EntryParts`]), and no commit edits an older one. Older entries are in
//! `runs` ([`crate::run`]), each of which covers the generations after `from` up to `to`. So the database is what the runs
//! say, one laid over the other in their order, and the entries over them. If the entries of the log say much of the same, a
//! commit may put one entry in the place of the oldest ones. `kept` holds what servers may still need of the entries that
//! are gone.
//!
//! | module | what it knows |
//! |---|---|
//! | `header` | the fields that do not grow, and the table of writers |
//! | `opening` | the first five fields, by which a server sees whether a version is still the current one |
//! | `version` | one version as a value |
//! | `parts`, `entry`, `entry_text` | an entry: what it says, writing it once, and reading it |
//! | `rows`, `rows_text`, `heads` | rows as JSON: writing them, and reading them |
//! | `told` | replies, messages and the clients of keys |
//! | `remnants` | what a fold or a squash keeps of these |
//! | `runs` | the table of runs |
//! | `file`, `first` | the fields of format 2, and those of format 1 |
//! | `format`, `limits` | the formats, and how much a version may hold |
//! | `check` | the invariants |
//! | `text`, `number`, `strict`, `pretty` | spellings |
//!
//! Invariants of every version that is stored:
//!
//! - `generation` is one more than that of the version it replaced, so no two versions have the same bytes, an ETag
//!   never comes back, and a conditional PUT that was overtaken can never land late.
//! - `by` made this version. Its row in `writers` says so, and so does the newest entry.
//! - `writers` has at most [`WRITERS`] rows. One more pushes out the row whose newest commit (the later of `own` and `in`)
//!   is the oldest. Nothing else removes a row.
//! - The runs follow each other without a gap, from `base` on. The entries follow the runs: each generation from the next one
//!   up to `generation` has exactly one entry, even if its commit changed no row. Only the oldest entry may stand for several
//!   generations, from its `from` on: a squash has made it, or the takeover of a database of format 1.
//! - The id of a database or a collection is not from a later generation than the entry that names it. No two numbers map
//!   to the same database, and none maps to the database of the system.
//! - `kept` tells only of generations that have no entry of their own any more, and takes at most [`KEPT`] bytes.
//! - `id` and `swept` survive everything, FLUSHALL included; `swept` and `base` never exceed `generation`.
//! - The first five fields stand in this order, without white space, in the first [`Opening::BYTES`] bytes.
//!
//! Reading is strict. What this server does not understand completely it must not replace, because the replacement
//! would lose what it skipped: unknown fields, kinds of values and formats are errors, never defaults. Each meaning has one
//! spelling. Rows, keys and clients stand in the order of their bytes.

use std::sync::Arc;

use bytes::Bytes;

mod check;
mod damage;
mod entry;
mod entry_text;
mod file;
mod first;
mod format;
mod header;
mod heads;
mod limits;
mod number;
mod opening;
mod parts;
mod pretty;
mod remnants;
mod rows;
mod rows_text;
mod runs;
mod strict;
mod text;
mod told;
mod version;

pub use damage::Damage;
pub use entry::Entry;
pub use header::{Header, Numbered, Secret, Writer};
pub use limits::{DATABASES, KEPT, LAST_GENERATION, SAID_FOR, SETTING, SETTINGS, WRITERS};
pub use opening::Opening;
pub use parts::{EntryParts, Upload};
pub use remnants::remnants;
pub use rows::{PUNCTUATION, Placed, length, line};
pub use runs::{Run, covered};
pub use told::{Kept, OfferAnswer, OfferAnswers, Said, SaidKind, Toucher, kept_size};
pub use version::Root;

use format::{FIRST_FORMAT, FORMAT};

/// The object's name in the store.
pub const NAME: &str = "db.json";

impl Root {
    /// Reads the bytes of a stored version. Entries whose bytes are those of a known one are shared with it and not read
    /// again; `known` is in the order of the generations.
    ///
    /// A version of format 1 is read as if it were one of format 2. Its `now` is 0.
    pub fn decode(bytes: &[u8], known: &[Arc<Entry>]) -> Result<Root, Damage> {
        // Looked at here because serde would also take the fields from an array, by their order.
        match bytes.trim_ascii_start().first() {
            None => return Err(Damage::Empty),
            Some(b'{') => {}
            Some(_) => return Err(Damage::Foreign),
        }
        if bytes.starts_with(b"{\"format\":1,") {
            return first::read(bytes, known);
        }
        let file: file::File = match serde_json::from_slice(bytes) {
            Ok(file) => file,
            // Another format may have fields that this one does not know, which is not the thing to complain about.
            Err(error) => match serde_json::from_slice(bytes) {
                Ok(FormatOnly { format: FIRST_FORMAT }) => return first::read(bytes, known),
                Ok(FormatOnly { format }) if format != FORMAT => return Err(Damage::Format(format)),
                _ => return Err(Damage::of_json(error, bytes)),
            },
        };
        let root = file.open(known)?;
        check::root(&root)?;
        if Opening::read(bytes) != Some(Opening::from(&root.header)) {
            return damage::contradiction("it does not begin with format, id, generation, by and hint");
        }
        Ok(root)
    }

    /// Writes it.
    pub fn encode(&self) -> Bytes {
        Bytes::from(self.write(true))
    }

    /// The same JSON with more lines and without the secret, for people.
    pub fn to_text(&self) -> String {
        let text = pretty::pretty(&self.write(false));
        String::from_utf8(text).expect("all of it was text before")
    }

    fn write(&self, with_secret: bool) -> Vec<u8> {
        // About what it takes, so that it need not be moved while it grows.
        let recent: usize = self.recent.iter().map(|entry| entry.encoded().len() + 2).sum();
        let rest = self.runs.len() * RUN + self.header.writers.len() * WRITER + REST;
        let mut out = Vec::with_capacity(recent + rest);
        text::write_json(&file::FileRef::new(self, with_secret), &mut out);
        out.pop(); // the entries come before its closing brace
        out.extend_from_slice(b",\"recent\":[\n");
        for (nth, entry) in self.recent.iter().enumerate() {
            out.extend_from_slice(if nth > 0 { b",\n" } else { b"" });
            out.extend_from_slice(entry.encoded());
        }
        out.extend_from_slice(b"\n]}\n");
        out
    }
}

/// What a run, a writer, and everything else take beside the entries, in bytes.
const RUN: usize = 160;
const WRITER: usize = 128;
const REST: usize = 2048;

#[derive(serde::Deserialize)]
struct FormatOnly {
    format: u64,
}
