//! Executes a command on a draft, for a client or for a script.

use bytes::Bytes;

use super::flag::Flag;
use super::spec::{CommandTable, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;

/// The refusal of a full server, in the words of Valkey.
pub const FULL: Reply = Reply::fault("OOM command not allowed when used memory > 'maxmemory'.");

/// The reply to a unit whose effects are larger than [`crate::state::MOST_EFFECTS`].
pub const TOO_LARGE: Reply =
    Reply::fault("ERR This would change more than 64 MiB at once, so nothing was changed. Do it in several steps");

/// The refusal of a command that does not work on the database. The session answers such commands itself.
const NO_DATA: Reply = Reply::fault("ERR This command is not about the data");

/// The reply to TIME: seconds and microseconds. Expiries count from the same time, so it has milliseconds only.
pub fn time(now: u64) -> Reply {
    let parts = [now / 1000, now % 1000 * 1000];
    Reply::Array(parts.map(|part| Reply::bulk(part.to_string())).into())
}

/// Executes a command, whatever the size of the database. A script may call the commands of the table.
pub fn execute(table: &'static CommandTable, spec: &Spec, draft: &mut Draft<'_>, words: &[Bytes]) -> Reply {
    draft.count_lookups(spec.is(Flag::Readonly) && !spec.keys.is_empty());
    match spec.meaning {
        Meaning::Data(act) => act(draft, words).unwrap_or_else(|error| error),
        Meaning::Script(run) => run(table, draft, words).unwrap_or_else(|error| error),
        Meaning::Select(choose, _) => match choose(words) {
            Ok(number) => {
                draft.select(number);
                Reply::OK
            }
            Err(error) => error,
        },
        Meaning::Time => time(draft.present()),
        Meaning::Watch => {
            words[1..].iter().for_each(|key| draft.note_watched(key));
            Reply::OK
        }
        Meaning::Container
        | Meaning::Session(_)
        | Meaning::Reset(_)
        | Meaning::Transaction(_)
        | Meaning::Exec
        | Meaning::Table(_) => NO_DATA,
    }
}
