//! Wrong versions of the steps. The exploration must catch each of them, which shows that its rules are strict enough.

use std::io;
use std::path::Path;

use super::model::{self, Answer, Fault, Step, Value};
use super::process::{Process, Program};
use super::{B, C, DATABASE, NO_RUN, ROOT, explore};
use crate::store::directory::steps;

/// A mistake in the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    NeverSyncsTheFile,
    NeverSyncsTheFolder,
    RenamesBeforeTheSync,
    ReadsWithoutSync,
    NeverLocks,
    SyncsOnlyTheInnermostFolder,
    TakesAFailedFileSyncForDone,
    RepeatsAFailedFileSync,
    TakesAFailedFolderSyncForDone,
    TakesABrokenRenameForARefusal,
}

/// Takes the step, or the wrong step of the mutant.
pub(super) fn perform(
    disk: &mut model::Disk,
    process: &Process,
    step: &Step,
    fault: Option<Fault>,
    mutant: Option<Mutant>,
) -> Answer {
    let root = Path::new(ROOT);
    match (mutant, step) {
        (Some(Mutant::NeverSyncsTheFile), Step::SyncFile(_))
        | (Some(Mutant::NeverSyncsTheFolder), Step::SyncFolder(_)) => Ok(Value::Nothing),
        (Some(Mutant::ReadsWithoutSync), Step::SyncFolder(_)) if process.program == Program::Get => Ok(Value::Nothing),
        (Some(Mutant::SyncsOnlyTheInnermostFolder), Step::SyncFolder(folder)) if folder == root => Ok(Value::Nothing),
        (Some(Mutant::RenamesBeforeTheSync), Step::SyncFile(_)) => {
            let from = root.join(steps::TEMPORARY);
            disk.perform(&Step::Rename(from, root.join("db.json")), fault)
        }
        (Some(Mutant::RenamesBeforeTheSync), Step::Rename(..)) => {
            let written = process.past.iter().rev().find_map(|answer| match answer {
                Ok(Value::File(id)) => Some(*id),
                _ => None,
            });
            disk.perform(&Step::SyncFile(written.expect("a rename follows a write")), fault)
        }
        (Some(Mutant::TakesAFailedFileSyncForDone), Step::SyncFile(_))
        | (Some(Mutant::TakesAFailedFolderSyncForDone), Step::SyncFolder(_)) => {
            disk.perform(step, fault).or(Ok(Value::Nothing))
        }
        (Some(Mutant::RepeatsAFailedFileSync), Step::SyncFile(_)) => {
            disk.perform(step, fault).or_else(|_| disk.perform(step, None))
        }
        (Some(Mutant::TakesABrokenRenameForARefusal), Step::Rename(..)) => {
            disk.perform(step, fault).map_err(|_| io::ErrorKind::PermissionDenied)
        }
        _ => disk.perform(step, fault),
    }
}

#[test]
fn every_mutant_of_the_steps_is_caught() {
    let caught = |mutant, object, programs: &[Program], faults| {
        let verdict = explore(Some(mutant), object, programs, faults);
        verdict.expect_err(&format!("{mutant:?} was not caught"))
    };
    for (mutant, how) in [
        (Mutant::NeverSyncsTheFile, "after a crash there was"),
        (Mutant::NeverSyncsTheFolder, "after a crash there was"),
        (Mutant::RenamesBeforeTheSync, "after a crash there was"),
        (Mutant::ReadsWithoutSync, "after a crash there was"),
        (Mutant::NeverLocks, "was followed by"),
    ] {
        let text = caught(mutant, DATABASE, &[B, C, Program::Get], 0);
        assert!(text.contains(how), "{mutant:?}: {text}");
    }
    for (mutant, how) in [
        (Mutant::NeverSyncsTheFolder, "after a crash there was Some"),
        (Mutant::ReadsWithoutSync, "after a crash there was Some"),
        (Mutant::NeverLocks, "was followed by"),
    ] {
        let text = caught(mutant, DATABASE, &[B, Program::Delete, Program::Get], 0);
        assert!(text.contains(how), "{mutant:?}: {text}");
    }
    let text = caught(Mutant::SyncsOnlyTheInnermostFolder, NO_RUN, &[B], 0);
    assert!(text.contains("after a crash there was None"), "{text}");
    for (mutant, how) in [
        (Mutant::TakesAFailedFileSyncForDone, "after a crash there was"),
        (Mutant::RepeatsAFailedFileSync, "after a crash there was"),
        (Mutant::TakesAFailedFolderSyncForDone, "after a crash there was"),
        (Mutant::TakesABrokenRenameForARefusal, "DidNotHappen, but it happened"),
    ] {
        let text = caught(mutant, DATABASE, &[B], 1);
        assert!(text.contains(how), "{mutant:?}: {text}");
    }
}
