//! The checker can judge every round that the workload draws: on a right database each is serializable, and none is
//! undecided.
//!
//! `SEED=7 ROUNDS=3000` judges more rounds, drawn from another seed.

mod sample;

use sample::Dice;
use valthree_workload::carried::{Carried, FIRST_CARRIED};
use valthree_workload::chance::Source;
use valthree_workload::check::{Budget, Verdict, check, is_serializable_by_cycles};
use valthree_workload::class::Class;
use valthree_workload::configuration::{Bounds, Configuration};
use valthree_workload::contents::Contents;
use valthree_workload::round::Round;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The rounds of one run. Later rounds carry what earlier ones left open.
const RUN: u64 = 30;

#[test]
fn every_round_on_a_right_database_is_serializable_and_none_undecided() {
    let seed = number("SEED", 1);
    let (mut dice, source) = (Dice::new(seed), Source::Seed(seed));
    let bounds = Bounds { servers: 3, own_database: true, longest_value: 2000, ..Bounds::default() };
    let (mut carried, mut undecided) = (Carried::default(), 0);
    let (mut logs, mut decided) = (0, 0);
    for number in 0..number("ROUNDS", 300) {
        if number % RUN == 0 {
            carried = Carried::default();
        }
        let mut chance = source.chance(number, 0);
        let configuration = Configuration::draw(&mut chance, &bounds, carried.may_flush(), &carried);
        let round = Round { number, prefix: format!("{number}"), configuration, source };
        let given = carried.commands(round.configuration.has(Class::DbSize), round.configuration.has(Class::EvalSha));
        let unknown = [0, 1, 3, 10][dice.below(4)];
        let history = sample::round(&mut dice, &round, &given, unknown);
        let verdict = check(&history, Budget::default());
        let about = || format!("{}, {unknown} % unknown, {} carried", round.about(), given.len());
        if let Verdict::Undecided(_) = verdict {
            println!("undecided: {}", about());
            undecided += 1;
        } else if verdict != Verdict::Serializable {
            let mut lines = Vec::new();
            valthree_workload::history::write(&history, &mut lines).unwrap();
            println!("{}", String::from_utf8(lines).unwrap());
            panic!("{}: {verdict:?}", about());
        }
        let log = round.configuration.contents == [Contents::Log];
        if log && !history.operations.iter().any(|operation| operation.client >= FIRST_CARRIED) {
            logs += 1;
            decided += u64::from(is_serializable_by_cycles(&history) == Some(true));
        }
        carried.add(&history);
    }
    println!("of {logs} rounds of lists that only grow, the judge of cycles decided {decided}");
    assert_eq!(undecided, 0, "rounds without a verdict");
    assert!(decided > 0 && decided * 10 >= logs * 9, "{decided} of {logs}");
}
