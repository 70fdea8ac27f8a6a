//! The rounds that the workload draws are rounds that the checker can judge: on a right database each is serializable, and
//! none is undecided.
//!
//! `SEED=7 ROUNDS=3000` judges more of them, and others.

mod sample;

use sample::Dice;
use valthree_workload::carried::Carried;
use valthree_workload::chance::Source;
use valthree_workload::check::{Budget, Verdict, check};
use valthree_workload::class::Class;
use valthree_workload::configuration::{Bounds, Configuration};
use valthree_workload::round::Round;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Rounds of one run: later ones are given what earlier ones have left open.
const RUN: u64 = 30;

#[test]
fn every_round_on_a_right_database_is_serializable_and_none_undecided() {
    let seed = number("SEED", 1);
    let (mut dice, source) = (Dice::new(seed), Source::Seed(seed));
    let bounds = Bounds { servers: 3, own_database: true, longest_value: 2000, ..Bounds::default() };
    let mut carried = Carried::default();
    for number in 0..number("ROUNDS", 300) {
        if number % RUN == 0 {
            carried = Carried::default();
        }
        let mut chance = source.chance(number, 0);
        let configuration = Configuration::draw(&mut chance, &bounds, carried.may_flush(), &carried);
        let round = Round { number, prefix: format!("{number}"), configuration, source };
        let given = carried.commands(round.configuration.has(Class::DbSize));
        let unknown = [0, 1, 3, 10][dice.below(4)];
        let history = sample::round(&mut dice, &round, &given, unknown);
        let verdict = check(&history, Budget::default());
        if verdict != Verdict::Serializable {
            let mut lines = Vec::new();
            valthree_workload::history::write(&history, &mut lines).unwrap();
            println!("{}", String::from_utf8(lines).unwrap());
            panic!("{}, {unknown} % unknown, {} carried: {verdict:?}", round.about(), given.len());
        }
        carried.add(&history);
    }
}
