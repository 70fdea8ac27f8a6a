//! Histories as stories: a file each in `stories/`, whose name is the claim.
//!
//! The first line of a refused story names the unexplained operation and quotes a part of the sentence that says why.

use std::fs;
use std::io::BufReader;
use std::path::Path;

use valthree_workload::check::{Budget, Verdict, check, shrink};
use valthree_workload::history::{self, History};

/// The stories of a folder, with their names.
fn stories(folder: &str) -> Vec<(String, History)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let story = |path: &Path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let history = history::read(BufReader::new(fs::File::open(path).unwrap()));
        (name.clone(), history.unwrap_or_else(|broken| panic!("{name} {broken}")))
    };
    let stories: Vec<_> = files.iter().map(|path| story(path)).collect();
    assert!(stories.len() > 2, "the stories are gone");
    stories
}

#[test]
fn what_can_be_explained_is_accepted() {
    for (name, history) in stories("accepted") {
        assert_eq!(check(&history, Budget::default()), Verdict::Serializable, "{name}");
    }
}

#[test]
fn what_cannot_be_explained_is_refused_with_the_operation_and_the_reason() {
    for (name, history) in stories("refused") {
        let (operation, why) =
            history.about.strip_prefix("operation ").and_then(|about| about.split_once(": ")).unwrap();
        let verdict = check(&history, Budget::default());
        let Verdict::Violation(violation) = verdict else { panic!("{name}: {verdict:?}") };
        assert_eq!(history.operations[violation.operation].id.to_string(), operation, "{name}: {}", violation.why);
        assert!(violation.why.contains(why), "{name}: {}", violation.why);
    }
}

#[test]
fn what_is_no_history_of_clients_gets_no_judgement() {
    for (name, history) in stories("malformed") {
        let verdict = check(&history, Budget::default());
        let Verdict::Malformed(why) = verdict else { panic!("{name}: {verdict:?}") };
        assert!(why.contains(&history.about), "{name}: {why}");
    }
}

#[test]
fn a_shrunk_story_is_still_refused_and_no_longer_than_it_was() {
    for (name, history) in stories("refused") {
        let small = shrink(&history, Budget::default());
        assert!(matches!(check(&small, Budget::default()), Verdict::Violation(_)), "{name}");
        assert!(small.operations.len() <= history.operations.len(), "{name}");
        let in_order = |operation| history.operations.contains(operation);
        assert!(small.operations.iter().all(in_order), "{name}: shrinking makes nothing up");
    }
}
