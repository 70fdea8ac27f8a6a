//! The texts of scripts, which EVALSHA finds by their SHA-1.
//!
//! A text is a row of the database that no command on keys reaches: `script:` and the SHA-1. So a script that one server has
//! learned runs on every server from the same version on, outlives all of them, and after SCRIPT FLUSH runs on none. Objects
//! of their own, with an epoch in `db.json`, would take a request to the store before a script can run, somebody who waits
//! for it outside of the batch, and a sweep. Rows have all of that already. The price is that each server holds the texts in
//! memory, so their number and their size have bounds.
//!
//! Valkey forgets the oldest texts of EVAL beyond 500. Here EVAL keeps a text while there is room, and afterwards runs
//! without keeping it: clients that call EVALSHA first fall back to EVAL then, as they have to after a restart of Valkey.

use bytes::Bytes;
use valthree_script::sha1_hex;

use crate::resp::Reply;
use crate::row::Row;
use crate::script::system_names;
use crate::state::Draft;
use crate::zoo::planted;

/// The length of a SHA-1 in hexadecimal.
pub const SHA_LENGTH: usize = 40;

const PREFIX: &[u8] = b"script:";

/// How many rows of the system EVAL fills with texts: as many as Valkey keeps of it.
const MOST_OF_EVAL: u64 = 500;
/// EVAL keeps no text beyond this size, in bytes: each costs memory on every server.
const LONGEST_OF_EVAL: usize = 256 << 10;
/// How many rows of the system SCRIPT LOAD and FUNCTION LOAD fill. Applications load some dozens.
pub(super) const MOST: u64 = 10_000;
/// How large the rows of the system may become by scripts and libraries together, in bytes.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// What EVALSHA and SCRIPT SHOW say of a script that nobody has loaded.
pub const UNKNOWN: Reply = Reply::fault("NOSCRIPT No matching script.");

/// The name of the row of a script. The letters of a SHA-1 may be of any case.
fn name(sha: &[u8]) -> Option<Bytes> {
    (sha.len() == SHA_LENGTH).then(|| [PREFIX, &sha.to_ascii_lowercase()].concat().into())
}

/// The text of a script.
pub fn find(draft: &Draft<'_>, sha: &[u8]) -> Option<Bytes> {
    let name = name(sha)?;
    planted!("flushed-script-runs" => return crate::zoo::script::find_or_recall(draft, &name));
    draft.find_system(&name)?.value().cloned()
}

/// Keeps the text of a script that EVAL has run, if there is room.
pub fn remember(draft: &mut Draft<'_>, text: &Bytes) {
    let (rows, size) = draft.system();
    let has_room = rows < MOST_OF_EVAL && size < MOST_BYTES && !draft.is_full();
    if has_room && text.len() <= LONGEST_OF_EVAL {
        put(draft, sha1_hex(text).as_bytes(), text);
    }
}

/// Keeps the text of a script for SCRIPT LOAD, and returns its SHA-1.
pub fn load(draft: &mut Draft<'_>, text: &Bytes) -> Result<Reply, Reply> {
    let sha = sha1_hex(text);
    if find(draft, sha.as_bytes()).is_none() {
        let (rows, size) = draft.system();
        if rows >= MOST || size.saturating_add(text.len() as u64) > MOST_BYTES {
            return Err(Reply::fault("OOM too many scripts are loaded. SCRIPT FLUSH makes room"));
        }
        put(draft, sha.as_bytes(), text);
    }
    Ok(Reply::bulk(sha))
}

fn put(draft: &mut Draft<'_>, sha: &[u8], text: &Bytes) {
    if let Some(name) = name(sha)
        && draft.find_system(&name).is_none()
    {
        draft.set_system(name, Some(Row::Value(text.clone())));
    }
}

/// Forgets all scripts.
pub fn flush(draft: &mut Draft<'_>) {
    system_names(draft, PREFIX).into_iter().for_each(|name| draft.set_system(name, None));
}
