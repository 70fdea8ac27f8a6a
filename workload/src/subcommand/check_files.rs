//! `check`: judges recorded histories.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context as _;
use valthree_workload::check::{Verdict, check as judge};
use valthree_workload::{evidence, folder};

use crate::flags::CheckFlags;
use crate::status::Status;

/// Judges every file and returns the gravest status.
pub fn check(flags: &CheckFlags) -> Status {
    let (mut gravest, mut stems) = (Status::Fine, HashMap::new());
    for path in &flags.histories {
        let stem = path.file_stem().unwrap_or(OsStr::new("history")).to_string_lossy();
        // Files of the same name in different folders leave evidence of different names.
        let times = stems.entry(stem.clone()).and_modify(|times| *times += 1).or_insert(1);
        let name = if *times == 1 { stem.into_owned() } else { format!("{stem}-{times}") };
        let status = check_file(path, &name, flags).unwrap_or_else(|error| {
            tracing::error!("{error:#}");
            Status::NotDone
        });
        gravest = gravest.max(status);
    }
    gravest
}

fn check_file(path: &Path, name: &str, flags: &CheckFlags) -> anyhow::Result<Status> {
    let history = folder::read(path)?.with_context(|| format!("{} holds no operation", path.display()))?;
    let operations = history.operations.len();
    let budget = flags.budget.budget();
    match judge(&history, budget) {
        Verdict::Serializable => {
            println!("{}: serializable, {operations} operations", path.display());
            Ok(Status::Fine)
        }
        Verdict::Undecided(why) => {
            println!("{}: undecided, {operations} operations: {why}", path.display());
            Ok(Status::ShowsLittle)
        }
        Verdict::Malformed(why) => anyhow::bail!("{} breaks the rules of histories: {why}", path.display()),
        Verdict::Violation(violation) => {
            println!("{}: violation, {operations} operations: {}", path.display(), violation.why);
            println!("{}", evidence::of_violation(&flags.artifacts, name, &history, &violation, budget));
            Ok(Status::Wrong)
        }
    }
}
