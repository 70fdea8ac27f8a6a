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
use valthree_workload::generator::{self, Batch, Generator};
use valthree_workload::operation::{Command, TransactionCommand};
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

/// A server of ours has so many positions between two neighbours of a list.
const POSITIONS: usize = 16;

#[test]
fn rounds_stage_what_single_commands_hardly_ever_meet() {
    let source = Source::Seed(1);
    let bounds = Bounds { servers: 3, own_database: true, ..Bounds::default() };
    let (mut crowds, mut wanderings, mut forgotten, mut fields) = (0, 0, 0, 0);
    let inserts = |command: &Command| match command {
        Command::Transaction(TransactionCommand::Exec { commands, .. }) => {
            commands.iter().filter(|queued| Class::from(*queued) == Class::LInsert).count()
        }
        _ => 0,
    };
    let is_first = |batch: &Batch, class: Class| batch.commands.first().is_some_and(|one| Class::from(one) == class);
    for number in 0..600 {
        let configuration = Configuration::draw(&mut source.chance(number, 0), &bounds, true, &Carried::default());
        let keys = generator::keys(configuration.keys, configuration.binary, "k");
        let mut generator = Generator::new(&configuration, 0, &keys, source.chance(number, 1));
        for _ in 0..configuration.steps {
            let batches = generator.turn().batches;
            let mut commands = batches.iter().flat_map(|batch| &batch.commands);
            crowds += u32::from(commands.any(|command| inserts(command) > POSITIONS));
            let limited = batches[0].commands.iter().any(|command| Class::from(command) == Class::PExpire);
            wanderings += u32::from(limited && batches[1..].iter().any(|batch| batch.elsewhere));
            let has = |class: Class| batches[0].commands.iter().any(|command| Class::from(command) == class);
            fields += u32::from(has(Class::HPExpire) && batches.len() > 2);
            let follows = |pair: &[Batch]| is_first(&pair[0], Class::ScriptFlush) && is_first(&pair[1], Class::EvalSha);
            forgotten += u32::from(batches.windows(2).any(follows));
        }
    }
    let counted = format!("{crowds} {wanderings} {forgotten} {fields}");
    assert!(crowds > 5 && wanderings > 50 && forgotten > 2 && fields > 50, "{counted}");
}
