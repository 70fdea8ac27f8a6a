//! The bodies of the mistakes that are planted in the commit core.

use bytes::Bytes;
use tokio::time::{Duration, Instant};

use crate::command::Command;
use crate::commit::Sheet;
use crate::commit::answer::Refusal;
use crate::commit::arrival::Arrival;
use crate::commit::core::{Core, Effect};
use crate::commit::freshness::Check;
use crate::commit::queue::Unit;
use crate::commit::sending::{Commit, Executed};
use crate::root::Root;
use crate::state::{Database, Runs};
use crate::store::{ETag, StoreError};
use crate::upkeep::Uploaded;

/// Far longer than a request to the store takes.
const LATER: Duration = Duration::from_secs(10);

/// Answers a commit with success before its fate is known.
pub fn acknowledge(core: &mut Core, commit: &mut Commit) {
    let answers = commit.units.drain(..);
    core.effects.extend(answers.map(|unit| Effect::Answer(unit.arrival.unit.answer, Ok(unit.result))));
}

/// Answers the reads at the head of a batch from a version that is not stored yet.
pub fn answer_dirty_reads(core: &mut Core, commit: &mut Commit) {
    while let Some(read) = commit.units.pop_front_if(|executed| !executed.changed) {
        core.effects.push(Effect::Answer(read.arrival.unit.answer, Ok(read.result)));
    }
}

/// Takes a lost answer for success.
pub fn take_for_success(core: &mut Core, commit: &mut Commit, error: &StoreError) {
    if matches!(error, StoreError::Unclear(_)) {
        acknowledge(core, commit);
    }
}

/// Takes a lost answer for failure.
pub fn take_for_failure(core: &mut Core, commit: &mut Commit, error: &StoreError) {
    if matches!(error, StoreError::Unclear(_)) {
        let answers = commit.units.drain(..);
        let failed = |unit: Executed| Effect::Answer(unit.arrival.unit.answer, Err(Refusal::NothingHappened.into()));
        core.effects.extend(answers.map(failed));
    }
}

/// Gives the first client of a batch the last one's replies.
pub fn swap_replies(commit: &mut Commit) {
    if commit.is_shared() {
        let last = commit.units.len() - 1;
        let result = commit.units[0].result.clone();
        commit.units[0].result = std::mem::replace(&mut commit.units[last].result, result);
    }
}

/// Tells a client that nothing happened, and executes its command later.
pub fn execute_later(core: &mut Core, late: Arrival, now: Instant) {
    let Unit { client, database, commands, watched, answer, held } = late.unit;
    core.effects.push(Effect::Answer(answer, Err(Refusal::NothingHappened.into())));
    let unit = Unit { client, database, commands, watched, answer: Sheet::default().promise().0, held };
    core.waiting.append(Arrival { deadline: now + LATER, unit, ..late });
}

/// Takes a landed PUT for a proof that serves every read that has arrived, also those that came after it was sent.
pub fn prove_everything(core: &mut Core, now: Instant) {
    let mark = core.waiting.arrivals();
    core.checks.prove(&Check { number: 0, mark, generation: 0, etag: None, sent: now });
}

/// Takes in a version that is older than the known one.
pub fn go_back(core: &mut Core, root: Root, runs: Runs, etag: ETag) {
    if let Ok(database) = Database::new(root, runs) {
        core.known.database = database;
        core.known.etag = Some(etag);
        core.waiting.test_again();
    }
}

/// `lost-effects-used-again`: keeps the run of effects that was stored for a unit.
pub fn remember(core: &mut Core, uploaded: Option<&Uploaded>) {
    let oldest = core.attempts.held.as_ref().and_then(|held| held.oldest);
    core.attempts.remembered = oldest.zip(uploaded.cloned());
}

/// `lost-effects-used-again`: does not upload the effects of a unit again.
pub fn use_again(core: &mut Core) {
    let Some(held) = &mut core.attempts.held else { return };
    let same = core.attempts.remembered.take_if(|(oldest, _)| held.oldest == Some(*oldest));
    if let Some((_, uploaded)) = same {
        held.uploaded = Some(uploaded);
        core.effects.pop();
    }
}

/// `expiry-made-absolute-twice`: the execution that was lost has put moments in the place of relative expiries. The next one
/// takes them for relative expiries.
pub fn make_absolute(commit: &mut Commit) {
    let now = commit.finished.root.header.now;
    for executed in &mut commit.units {
        let later = |command: &Command| {
            let mut words = command.words().to_vec();
            let (at, unit) = match command.spec().name {
                "expire" => (2, 1000),
                "pexpire" => (2, 1),
                "set" => (1 + words.iter().position(|word| word.eq_ignore_ascii_case(b"ex"))?, 1000),
                _ => return None,
            };
            let relative: u64 = std::str::from_utf8(&words[at]).ok()?.parse().ok()?;
            words[at] = Bytes::from((now / unit + relative).to_string());
            Command::new(command.spec(), words).ok()
        };
        let commands = executed.arrival.unit.commands.iter();
        executed.arrival.unit.commands = commands.map(|one| later(one).unwrap_or_else(|| one.clone())).collect();
    }
}
