//! `--commands`: clients send nothing else, and everything in it that can be sent.

mod sample;

use std::collections::BTreeSet;

use sample::Dice;
use valthree_workload::carried::Carried;
use valthree_workload::chance::Source;
use valthree_workload::class::{Class, ClassSet};
use valthree_workload::configuration::{Bounds, Configuration};
use valthree_workload::contents::Contents;
use valthree_workload::generator::{self, Generator};
use valthree_workload::operation::Command;

/// The most turns of a client that are looked at.
const TURNS: usize = 30;

fn bounds(classes: ClassSet) -> Bounds {
    Bounds { servers: 3, own_database: true, classes, ..Bounds::default() }
}

/// The classes of a command and of the commands in it. A client that meets NOSCRIPT goes on with EVAL.
fn classes_of(command: &Command) -> Vec<Class> {
    let queued = command.transaction().map(|transaction| transaction.queued()).unwrap_or_default();
    let mut classes: Vec<Class> = queued.iter().flat_map(classes_of).chain([Class::from(command)]).collect();
    if classes.contains(&Class::EvalSha) {
        classes.push(Class::Eval);
    }
    classes
}

/// The classes that the clients of so many rounds send.
fn sent(bounds: &Bounds, seed: u64, rounds: u64) -> BTreeSet<Class> {
    let source = Source::Seed(seed);
    let mut sent = BTreeSet::new();
    for number in 0..rounds {
        let configuration = Configuration::draw(&mut source.chance(number, 0), bounds, true, &Carried::default());
        let keys = generator::keys(configuration.keys, configuration.binary, "k");
        for actor in 0..configuration.clients {
            let mut generator = Generator::new(&configuration, actor, &keys, source.chance(number, actor as u64 + 1));
            for _ in 0..configuration.steps.min(TURNS) {
                let batches = generator.turn().batches;
                sent.extend(batches.iter().flat_map(|batch| &batch.commands).flat_map(classes_of));
            }
            if Generator::database(&configuration, actor) > 0 {
                sent.insert(Class::Select);
            }
        }
        let looks = keys
            .iter()
            .enumerate()
            .filter_map(|(number, key)| generator::last_look(&configuration, number, key.clone()));
        sent.extend(looks.map(|look| Class::from(&look)));
        if configuration.owns_database {
            sent.insert(Class::FlushAll);
        }
    }
    sent
}

/// Asserts that clients send every class that can be drawn, and no other one than those allowed.
fn is_exact(classes: &BTreeSet<Class>, seed: u64, rounds: u64) {
    let bounds = bounds(classes.iter().copied().collect());
    let sent = sent(&bounds, seed, rounds);
    let others: Vec<&Class> = sent.difference(classes).collect();
    assert!(others.is_empty(), "of {classes:?} it sends {others:?}");
    let missing: Vec<Class> = bounds.drawable().into_iter().filter(|class| !sent.contains(class)).collect();
    assert!(missing.is_empty(), "of {classes:?} it never sends {missing:?}");
}

/// A class that writes and one that shows what it wrote, for every kind of key and for registers.
fn pairs() -> Vec<[Class; 2]> {
    let of_registers = [[Class::Set, Class::Get], [Class::MSet, Class::MGet], [Class::SetGet, Class::SetGet]];
    let typed = Contents::ALL.map(|contents| [contents.classes()[0], contents.classes()[1]]);
    of_registers.into_iter().chain(typed).collect()
}

#[test]
fn everything_is_sent_if_everything_is_allowed() {
    let all = BTreeSet::from(Class::ALL);
    assert_eq!(bounds(ClassSet::ALL).drawable(), Class::ALL);
    is_exact(&all, 1, 1500);
}

#[test]
fn each_class_is_sent_beside_a_pair_that_writes_and_shows() {
    for class in Class::ALL {
        // Each class stands beside a third of the pairs, which would take too long otherwise.
        for (number, pair) in (0..).zip(pairs()).filter(|(number, _)| (number + class as u64).is_multiple_of(3)) {
            is_exact(&pair.into_iter().chain([class]).collect(), number, 300);
        }
    }
}

#[test]
fn no_class_but_one_is_left_out() {
    for class in Class::ALL {
        let others = Class::ALL.into_iter().filter(|other| *other != class).collect();
        assert!(!sent(&bounds(others), 3, 250).contains(&class), "{class}");
    }
}

#[test]
fn any_selection_is_exact() {
    let mut dice = Dice::new(5);
    for number in 0..60 {
        let pairs = pairs();
        let mut classes = BTreeSet::from(pairs[dice.below(pairs.len())]);
        for _ in 0..dice.below(12) {
            classes.insert(Class::ALL[dice.below(Class::ALL.len())]);
        }
        is_exact(&classes, number, 600);
    }
}
