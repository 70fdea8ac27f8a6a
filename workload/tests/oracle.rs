//! The checker agrees with a plain search on every history that a plain search can decide.

mod plain;
mod sample;

use std::collections::BTreeMap;

use sample::{Dice, FAULTS, Fault, Shape};
use valthree_workload::check::{Budget, Verdict, Violation, check, shrink};
use valthree_workload::history::History;
use valthree_workload::model::{self, State};

fn lines(history: &History) -> String {
    let mut bytes = Vec::new();
    valthree_workload::history::write(history, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Whether the operations before a violation can have taken effect in the order that it gives: the model says what was
/// answered before the reply that cannot be explained, and none was called after the end of one that comes later.
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
        let reply = model::apply(&mut state, &operation.command);
        in_time && answered(place).is_none_or(|(_, seen)| *seen == reply)
    })
}

/// Compares the two on so many histories, and says how many were decided, and how many of those were violations.
fn compare(seed: u64, histories: usize, fault: Option<Fault>) -> (usize, usize) {
    let mut dice = Dice::new(seed);
    let (mut decided, mut violations) = (0, 0);
    for number in 0..histories {
        let shape = Shape::small(&mut dice).prone_to(fault);
        let (history, _) = sample::history(&mut dice, &shape, fault);
        let Some(expected) = plain::explains(&history) else { continue };
        let verdict = check(&history, Budget::default());
        let agrees = matches!((&verdict, expected), (Verdict::Serializable, true) | (Verdict::Violation(_), false));
        assert!(agrees, "{number}: a plain search says {expected}, the checker {verdict:?}\n{}", lines(&history));
        assert!(fault.is_some() || expected, "{number}: the simulated database is wrong\n{}", lines(&history));
        if let Verdict::Violation(violation) = &verdict {
            let seen = lines(&history);
            assert!(is_explained(&history, violation), "{number}: {violation:?}\n{seen}");
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

fn seed() -> u64 {
    std::env::var("SEED").map_or(1, |seed| seed.parse().expect("SEED is a number"))
}

fn histories(usual: usize) -> usize {
    std::env::var("HISTORIES").map_or(usual, |number| number.parse().expect("HISTORIES is a number"))
}

#[test]
fn the_checker_accepts_what_a_right_database_does() {
    let asked = histories(5_000);
    let (decided, _) = compare(seed(), asked, None);
    println!("{decided} of {asked} decided");
    assert!(decided > asked * 9 / 10);
}

#[test]
fn the_checker_agrees_with_a_plain_search_about_every_kind_of_fault() {
    let asked = histories(3_000);
    let mut table = BTreeMap::new();
    for (number, fault) in FAULTS.into_iter().enumerate() {
        table.insert(fault, compare(seed() + 1 + number as u64, asked, Some(fault)));
    }
    println!("fault: (decided, violations): {table:?}");
    for (fault, (decided, violations)) in table {
        assert!(decided > asked * 9 / 10 && violations > asked / 100, "{fault:?}: {decided}, {violations}");
    }
}
