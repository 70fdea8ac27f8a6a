//! The checker agrees with a plain search on every history that the plain search can decide.

mod plain;
mod sample;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use sample::{Dice, FAULTS, Fault, Shape};
use valthree_workload::check::{
    Budget, Verdict, Violation, check, is_serializable_by_cycles, is_serializable_by_search, shrink,
};
use valthree_workload::history::{History, Operation};
use valthree_workload::model::{self, Site, State};

fn lines(history: &History) -> String {
    let mut bytes = Vec::new();
    valthree_workload::history::write(history, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Whether the prefix of a violation is an order that explains the beginning: the model gives every reply that came
/// before the unexplained one, and no operation was called after the end of a later one.
fn is_explained(history: &History, violation: &Violation) -> bool {
    let limit = history.operations[violation.operation].end.as_ref().map(|(end, _)| end.event);
    let answered = |place: &usize| {
        let operation = &history.operations[*place];
        let (end, _) = operation.end.as_ref().filter(|(end, _)| Some(end.event) < limit)?;
        operation.reply().map(|reply| (end.event, reply))
    };
    let mut state = State::new();
    violation.prefix.iter().enumerate().all(|(index, place)| {
        let operation = &history.operations[*place];
        let ends = violation.prefix[index..].iter().filter_map(answered).map(|(end, _)| end);
        let in_time = ends.min().is_none_or(|end| end > operation.call.event);
        let seen = answered(place).map(|(_, seen)| seen);
        let after = model::step(
            &state,
            Site { stamp: *place as u32, client: operation.client, ..Site::default() },
            &operation.command,
            seen,
        );
        // An open SPOP removed any member, so a replay may have to choose as the checker did.
        after.into_iter().flatten().next().is_some_and(|after| {
            state = after;
            in_time
        })
    })
}

/// Compares the two searches on some histories. Returns how many the plain one decided, and how many of these are
/// violations.
fn compare(seed: u64, histories: usize, fault: Option<Fault>, kind: Option<usize>) -> (usize, usize) {
    let mut dice = Dice::new(seed);
    let (mut decided, mut violations) = (0, 0);
    for number in 0..histories {
        let mut shape = Shape::small(&mut dice).prone_to(fault);
        if let Some(kind) = kind {
            // An EXEC is sent after its WATCH was answered.
            let pipeline = if kind == 6 { 1 } else { shape.pipeline };
            shape = Shape { typed: 100, kind, whole: 0, pipeline, ..shape };
        }
        let (history, _) = sample::history(&mut dice, &shape, fault);
        let Some(expected) = plain::explains(&history) else { continue };
        let verdict = check(&history, Budget::default());
        if kind == Some(5) {
            agree_on_log(&history, expected);
        }
        let agrees = matches!((&verdict, expected), (Verdict::Serializable, true) | (Verdict::Violation(_), false));
        assert!(agrees, "{number}: a plain search says {expected}, the checker {verdict:?}\n{}", lines(&history));
        assert!(fault.is_some() || expected, "{number}: the simulated database is wrong\n{}", lines(&history));
        if let Verdict::Violation(violation) = &verdict {
            let seen = lines(&history);
            assert!(kind.is_some() || is_explained(&history, violation), "{number}: {violation:?}\n{seen}");
            if number % 8 == 0 {
                let small = shrink(&history, Budget::default());
                assert_eq!(plain::explains(&small), Some(false), "{number}: {small:?}\n{seen}");
            }
        }
        decided += 1;
        violations += usize::from(!expected);
    }
    (decided, violations)
}

/// Checks that the judge of cycles and the judge that searches agree with the plain search, as far as they decide.
fn agree_on_log(history: &History, expected: bool) {
    let by_search = is_serializable_by_search(history, Budget::default());
    assert!(
        by_search.is_none_or(|found| found == expected),
        "a plain search says {expected}, not the other\n{}",
        lines(history)
    );
    let by_cycles = is_serializable_by_cycles(history);
    assert!(
        by_cycles.is_none_or(|found| found == expected),
        "a plain search says {expected}, not the cycles\n{}",
        lines(history)
    );
    let has_effect = |operation: &Operation| operation.reply().is_some() && !operation.command.parts().is_empty();
    let mut operations = history.operations.iter();
    let decidable = operations.clone().any(has_effect) && !operations.any(Operation::is_open);
    assert!(!decidable || by_cycles.is_some(), "nothing is open, so the cycles decide\n{}", lines(history));
    DECIDED_BY_CYCLES.fetch_add(usize::from(by_cycles.is_some()), Ordering::Relaxed);
}

/// How many histories of lists that only grow the judge of cycles decided.
static DECIDED_BY_CYCLES: AtomicUsize = AtomicUsize::new(0);

fn seed() -> u64 {
    std::env::var("SEED").map_or(1, |seed| seed.parse().expect("SEED is a number"))
}

fn histories(usual: usize) -> usize {
    std::env::var("HISTORIES").map_or(usual, |number| number.parse().expect("HISTORIES is a number"))
}

#[test]
fn the_checker_accepts_what_a_right_database_does() {
    let asked = histories(5_000);
    let (decided, _) = compare(seed(), asked, None, None);
    println!("{decided} of {asked} decided");
    assert!(decided > asked * 9 / 10);
}

#[test]
fn the_checker_agrees_with_a_plain_search_about_every_kind_of_fault() {
    let asked = histories(3_000);
    let mut table = BTreeMap::new();
    for (number, fault) in FAULTS.into_iter().enumerate() {
        table.insert(fault, compare(seed() + 1 + number as u64, asked, Some(fault), None));
    }
    println!("fault: (decided, violations): {table:?}");
    for (fault, (decided, violations)) in table {
        assert!(decided > asked * 9 / 10 && violations > asked / 100, "{fault:?}: {decided}, {violations}");
    }
}

#[test]
fn the_checker_agrees_with_a_plain_search_about_every_type() {
    let asked = histories(600);
    for kind in 0..5 {
        let (decided, violations) = compare(seed() + 100, asked, None, Some(kind));
        assert!(decided > asked * 8 / 10 && violations == 0, "type {kind}: {decided}, {violations}");
        for fault in [Fault::StaleRead, Fault::LostWrite, Fault::Phantom, Fault::Twice, Fault::WrongCount] {
            let (decided, violations) = compare(seed() + 200 + fault as u64, asked, Some(fault), Some(kind));
            println!("type {kind}, {fault:?}: {decided} decided, {violations} violations");
            assert!(
                decided > asked * 8 / 10 && violations > asked / 100,
                "type {kind}, {fault:?}: {decided}, {violations}"
            );
        }
    }
}

#[test]
fn both_judges_agree_with_a_plain_search_about_lists_that_only_grow() {
    let asked = histories(2_000);
    let (decided, violations) = compare(seed() + 300, asked, None, Some(5));
    assert!(decided > asked * 8 / 10 && violations == 0, "{decided}, {violations}");
    let mut compared = decided;
    let faults = [Fault::StaleRead, Fault::LostWrite, Fault::Phantom, Fault::Twice, Fault::WrongCount, Fault::TornExec];
    for fault in faults {
        let (decided, violations) = compare(seed() + 400 + fault as u64, asked, Some(fault), Some(5));
        println!("{fault:?}: {decided} decided, {violations} violations");
        assert!(decided > asked * 8 / 10 && violations > asked / 100, "{fault:?}: {decided}, {violations}");
        compared += decided;
    }
    let by_cycles = DECIDED_BY_CYCLES.load(Ordering::Relaxed);
    println!("the judge of cycles decided {by_cycles} of {compared}");
    assert!(by_cycles > compared * 7 / 10, "{by_cycles} of {compared}");
}

#[test]
fn the_checker_agrees_with_a_plain_search_about_lives_and_databases() {
    let asked = histories(2_000);
    let (decided, violations) = compare(seed() + 700, asked, None, Some(7));
    assert!(decided > asked * 8 / 10 && violations == 0, "{decided}, {violations}");
    for fault in [Fault::StaleRead, Fault::LostWrite, Fault::Twice, Fault::WrongCount, Fault::TornExec] {
        let (decided, violations) = compare(seed() + 800 + fault as u64, asked, Some(fault), Some(7));
        println!("{fault:?}: {decided} decided, {violations} violations");
        assert!(decided > asked * 8 / 10 && violations > asked / 200, "{fault:?}: {decided}, {violations}");
    }
}

#[test]
fn the_checker_agrees_with_a_plain_search_about_lives_of_fields_and_about_places() {
    let asked = histories(1_000);
    for kind in [8, 9] {
        let (decided, violations) = compare(seed() + 900, asked, None, Some(kind));
        assert!(decided > asked * 8 / 10 && violations == 0, "type {kind}: {decided}, {violations}");
        for fault in [Fault::StaleRead, Fault::LostWrite, Fault::Phantom, Fault::Twice, Fault::WrongCount] {
            let (decided, violations) = compare(seed() + 1000 + fault as u64, asked, Some(fault), Some(kind));
            println!("type {kind}, {fault:?}: {decided} decided, {violations} violations");
            assert!(
                decided > asked * 8 / 10 && violations > asked / 500,
                "type {kind}, {fault:?}: {decided}, {violations}"
            );
        }
    }
}

#[test]
fn the_checker_agrees_with_a_plain_search_about_transactions_and_scripts() {
    let asked = histories(2_000);
    let (decided, violations) = compare(seed() + 500, asked, None, Some(6));
    assert!(decided > asked * 8 / 10 && violations == 0, "{decided}, {violations}");
    for fault in [Fault::StaleRead, Fault::LostWrite, Fault::WrongCount, Fault::TornExec, Fault::BlindExec] {
        let (decided, violations) = compare(seed() + 600 + fault as u64, asked, Some(fault), Some(6));
        println!("{fault:?}: {decided} decided, {violations} violations");
        assert!(decided > asked * 7 / 10 && violations > asked / 200, "{fault:?}: {decided}, {violations}");
    }
}
