//! The checker agrees with a plain search on every history that a plain search can decide.

mod plain;
mod sample;

use std::collections::BTreeMap;

use sample::{Dice, FAULTS, Fault, Shape};
use valthree_workload::check::{Budget, Verdict, check};
use valthree_workload::history::History;

fn lines(history: &History) -> String {
    let mut bytes = Vec::new();
    valthree_workload::history::write(history, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
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
    let asked = histories(2_000);
    let (decided, _) = compare(seed(), asked, None);
    println!("{decided} of {asked} decided");
    assert!(decided > asked * 9 / 10);
}

#[test]
fn the_checker_agrees_with_a_plain_search_about_every_kind_of_fault() {
    let asked = histories(2_000);
    let mut table = BTreeMap::new();
    for (number, fault) in FAULTS.into_iter().enumerate() {
        table.insert(fault, compare(seed() + 1 + number as u64, asked, Some(fault)));
    }
    println!("fault: (decided, violations): {table:?}");
    for (fault, (decided, violations)) in table {
        assert!(decided > asked * 9 / 10 && violations > asked / 50, "{fault:?}: {decided}, {violations}");
    }
}
