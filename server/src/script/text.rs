//! The texts of scripts, which EVALSHA finds by their SHA-1.
//!
//! A text is a row of the database that no command on keys reaches: `script:` and the SHA-1. So a script that one server has
//! learned runs on every server from the same version on, outlives all of them, and after SCRIPT FLUSH runs on none. Objects
//! of their own, with an epoch in `db.json`, would take a request to the store before a script can run, somebody who waits
//! for it outside of the batch, and a sweep. Rows have all of that already. The price is that each server holds the texts in
//! memory, so their number and their size have bounds.
//!
//! Texts of SCRIPT LOAD stay until SCRIPT FLUSH. EVAL keeps the newest [`MOST_OF_EVAL`] of its own: a client that meets
//! NOSCRIPT falls back to EVAL, and must not have to do so for ever.
//!
//! | row | value |
//! |---|---|
//! | `script:` SHA-1 | a text of SCRIPT LOAD |
//! | `eval:` SHA-1 | a text of EVAL |
//! | `turn:` number | the SHA-1 of the text that EVAL kept in this turn |
//! | `turns` | the oldest turn, the next one, and the bytes of the texts |
//!
//! The turns are a ring of rows, so a new text costs three rows and takes away the oldest, however many there are. Every server
//! sees the same ring, so all forget the same text. Valkey moves a text to the end whenever it runs. That would be a
//! write for each run here, so texts go in the order in which they came.

use bytes::Bytes;

use crate::resp::Reply;
use crate::row::Row;
use crate::script::system_names;
use crate::state::Draft;
use crate::zoo::planted;

/// The length of a SHA-1 in hexadecimal.
pub const SHA_LENGTH: usize = 40;

const LOADED: &[u8] = b"script:";
const OF_EVAL: &[u8] = b"eval:";
const TURN: &[u8] = b"turn:";
const TURNS: &[u8] = b"turns";

/// How many texts of EVAL there are at the most: as many as Valkey keeps.
const MOST_OF_EVAL: u64 = 500;
/// How large the texts of EVAL may become together, in bytes.
const MOST_BYTES_OF_EVAL: u64 = 16 << 20;
/// EVAL keeps no text beyond this size, in bytes: each costs memory on every server.
const LONGEST_OF_EVAL: usize = 256 << 10;
/// How many rows of the system SCRIPT LOAD and FUNCTION LOAD fill. Applications load some dozens.
pub(super) const MOST: u64 = 10_000;
/// How large the rows of the system may become by SCRIPT LOAD and FUNCTION LOAD together, in bytes.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// What EVALSHA and SCRIPT SHOW say of a script that nobody has loaded.
pub const UNKNOWN: Reply = Reply::fault("NOSCRIPT No matching script.");

/// The name of the row of a script. The letters of a SHA-1 may be of any case.
fn row(kind: &[u8], sha: &[u8]) -> Bytes {
    [kind, &sha.to_ascii_lowercase()].concat().into()
}

fn value(draft: &Draft<'_>, name: &[u8]) -> Option<Bytes> {
    draft.find_system(name)?.value().cloned()
}

/// The text of a script. Most have come by EVAL.
fn stored(draft: &Draft<'_>, sha: &[u8]) -> Option<Bytes> {
    value(draft, &row(OF_EVAL, sha)).or_else(|| value(draft, &row(LOADED, sha)))
}

/// The text of a script.
pub fn find(draft: &Draft<'_>, sha: &[u8]) -> Option<Bytes> {
    if sha.len() != SHA_LENGTH {
        return None;
    }
    let found = stored(draft, sha);
    planted!("flushed-script-runs" => return crate::zoo::script::find_or_recall(&row(LOADED, sha), found));
    found
}

/// The texts that EVAL has kept, from the oldest to the newest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Turns {
    oldest: u64,
    next: u64,
    /// The bytes of the texts.
    size: u64,
}

impl Turns {
    fn of(draft: &Draft<'_>) -> Turns {
        let text = value(draft, TURNS).unwrap_or_default();
        let mut numbers = text.split(|&byte| byte == b' ').map(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let mut number = || numbers.next().flatten().unwrap_or(0);
        Turns { oldest: number(), next: number(), size: number() }
    }

    fn save(&self, draft: &mut Draft<'_>) {
        let Turns { oldest, next, size } = self;
        draft.set_system(Bytes::from_static(TURNS), Some(Row::Value(format!("{oldest} {next} {size}").into())));
    }

    fn row(turn: u64) -> Bytes {
        row(TURN, (turn % MOST_OF_EVAL).to_string().as_bytes())
    }

    /// Takes a text away, if SCRIPT LOAD has not taken it over.
    fn remove(&mut self, draft: &mut Draft<'_>, sha: &[u8]) {
        let name = row(OF_EVAL, sha);
        if let Some(text) = value(draft, &name) {
            self.size = self.size.saturating_sub(text.len() as u64);
            draft.set_system(name, None);
        }
    }

    fn remove_oldest(&mut self, draft: &mut Draft<'_>) {
        let turn = Turns::row(self.oldest);
        if let Some(sha) = value(draft, &turn) {
            self.remove(draft, &sha);
            draft.set_system(turn, None);
        }
        self.oldest += 1;
    }

    fn add(&mut self, draft: &mut Draft<'_>, sha: &str, text: &Bytes) {
        let size = text.len() as u64;
        while self.oldest < self.next
            && (self.next - self.oldest >= MOST_OF_EVAL || self.size + size > MOST_BYTES_OF_EVAL)
        {
            self.remove_oldest(draft);
        }
        draft.set_system(row(OF_EVAL, sha.as_bytes()), Some(Row::Value(text.clone())));
        draft.set_system(Turns::row(self.next), Some(Row::Value(Bytes::copy_from_slice(sha.as_bytes()))));
        self.next += 1;
        self.size += size;
    }
}

/// Keeps the text of a script with this SHA-1 that EVAL has run. It may take the place of the oldest one.
pub fn remember(draft: &mut Draft<'_>, sha: &str, text: &Bytes) {
    if text.len() > LONGEST_OF_EVAL || draft.is_full() {
        return;
    }
    if !draft.has_system(row(OF_EVAL, sha.as_bytes())) && value(draft, &row(LOADED, sha.as_bytes())).is_none() {
        let mut turns = Turns::of(draft);
        turns.add(draft, sha, text);
        turns.save(draft);
    }
}

/// How many rows of the system there are besides those of EVAL, and how large they are together.
pub(super) fn besides_eval(draft: &Draft<'_>) -> (u64, u64) {
    let (rows, size) = draft.system();
    let turns = Turns::of(draft);
    (rows.saturating_sub(2 * turns.next.saturating_sub(turns.oldest)), size.saturating_sub(turns.size))
}

/// Keeps the text of a script with this SHA-1 for SCRIPT LOAD, and returns the SHA-1.
pub fn load(draft: &mut Draft<'_>, sha: &str, text: &Bytes) -> Result<Reply, Reply> {
    let name = row(LOADED, sha.as_bytes());
    if draft.find_system(&name).is_none() {
        let (rows, size) = besides_eval(draft);
        if rows >= MOST || size.saturating_add(text.len() as u64) > MOST_BYTES {
            return Err(Reply::fault("OOM too many scripts are loaded. SCRIPT FLUSH makes room"));
        }
        if draft.find_system(&row(OF_EVAL, sha.as_bytes())).is_some() {
            let mut turns = Turns::of(draft);
            turns.remove(draft, sha.as_bytes());
            turns.save(draft);
        }
        draft.set_system(name, Some(Row::Value(text.clone())));
    }
    Ok(Reply::bulk(sha.to_owned()))
}

/// Forgets all scripts.
pub fn flush(draft: &mut Draft<'_>) {
    for kind in [LOADED, OF_EVAL, TURN, TURNS] {
        system_names(draft, kind).into_iter().for_each(|name| draft.set_system(name, None));
    }
}

#[cfg(test)]
mod tests {
    use valthree_script::sha1_hex;

    use super::*;
    use crate::id::Id;
    use crate::run::Salt;
    use crate::state::Database;

    fn text(number: u64) -> Bytes {
        format!("return {number}").into()
    }

    fn remember(draft: &mut Draft<'_>, text: &Bytes) {
        super::remember(draft, &sha1_hex(text), text);
    }

    fn load(draft: &mut Draft<'_>, text: &Bytes) -> Result<Reply, Reply> {
        super::load(draft, &sha1_hex(text), text)
    }

    fn is_known(draft: &Draft<'_>, text: &Bytes) -> bool {
        find(draft, sha1_hex(text).as_bytes()).as_ref() == Some(text)
    }

    #[test]
    fn eval_forgets_the_oldest_text_and_never_one_that_was_loaded() {
        let database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, None, 1000);
        (0..10).for_each(|number| remember(&mut draft, &text(number)));
        load(&mut draft, &text(3)).expect("there is room");
        load(&mut draft, &text(2000)).expect("there is room");
        (10..1100).for_each(|number| remember(&mut draft, &text(number)));
        let known: Vec<u64> = (0..2100).filter(|&number| is_known(&draft, &text(number))).collect();
        let expected: Vec<u64> = [3].into_iter().chain(600..1100).chain([2000]).collect();
        assert_eq!(known, expected);
        assert_eq!(besides_eval(&draft).0, 3);
        let bytes = (600..1100).map(|number| text(number).len() as u64).sum();
        assert_eq!(Turns::of(&draft), Turns { oldest: 600, next: 1100, size: bytes });
        // A text that has gone comes back as the newest.
        remember(&mut draft, &text(7));
        assert!(is_known(&draft, &text(7)) && !is_known(&draft, &text(600)) && is_known(&draft, &text(601)));
        flush(&mut draft);
        assert_eq!(draft.system(), (0, 0));
    }

    #[test]
    fn texts_of_eval_have_their_own_share_of_rows_and_bytes() {
        let database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, None, 1000);
        for number in 0..600 {
            draft.set_system(format!("library:{number}").into(), Some(Row::Value("text".into())));
        }
        let large = |number: u64| Bytes::from(format!("return {number} --{}", "x".repeat(200_000)));
        (0..100).for_each(|number| remember(&mut draft, &large(number)));
        let known: Vec<u64> = (0..100).filter(|&number| is_known(&draft, &large(number))).collect();
        let most = MOST_BYTES_OF_EVAL / large(10).len() as u64;
        assert_eq!(known, (100 - most..100).collect::<Vec<_>>());
        remember(&mut draft, &Bytes::from("x".repeat(LONGEST_OF_EVAL + 1)));
        assert_eq!(known.len() as u64, most);
        assert_eq!(besides_eval(&draft).0, 601);
    }
}
