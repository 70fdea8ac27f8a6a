//! The simulation repeats a seed exactly, is hard on servers, and finds nothing wrong with these.

use std::ops::ControlFlow;
use std::process::Command;
use std::time::Duration;

use valthree_lab::sim::plan::{Clocks, Plan};
use valthree_lab::sim::{run, seeds};
use valthree_workload::contents::Contents;

/// A seed whose plan crashes serving servers, which is the hardest to repeat.
const SEED: u64 = 8;

#[test]
fn a_seed_has_the_same_trace_alone_beside_others_and_in_another_process() {
    let alone = run(SEED, true);
    let text = alone.trace.expect("it was to be readable");
    assert_eq!(text.lines().count() as u64, alone.lines);
    let (first, mut beside) = (SEED - 3, None);
    seeds::each(first, 6, 3, |outcome| {
        if outcome.plan.seed == SEED {
            beside = Some(outcome);
        }
        ControlFlow::Continue(())
    });
    let beside = beside.expect("it was among them");
    assert_eq!((beside.lines, &beside.digest), (alone.lines, &alone.digest));
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_valthree-lab-sim"))
        .args(["--seed", &SEED.to_string(), "--artifacts"])
        .arg(folder.path())
        .output()
        .expect("the command starts");
    let elsewhere = std::fs::read_to_string(folder.path().join(format!("seed-{SEED}.trace"))).expect("its trace");
    let difference = text.lines().zip(elsewhere.lines()).find(|(here, there)| here != there);
    assert_eq!(difference, None, "the first lines that differ");
    assert_eq!(text.len(), elsewhere.len());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn another_seed_has_another_plan_and_another_trace() {
    assert_ne!(Plan::draw(1), Plan { seed: 1, ..Plan::draw(2) });
    assert_ne!(run(1, false).digest, run(2, false).digest);
}

#[test]
fn a_seed_alone_decides_the_plan_and_it_prints_as_one_line() {
    for seed in 0..1000 {
        let plan = Plan::draw(seed);
        assert_eq!(plan, Plan::draw(seed));
        assert_eq!(plan.to_string().lines().count(), 1, "{plan}");
        assert!(plan.faults.is_sorted_by_key(|fault| fault.at));
        assert!(plan.faults.iter().all(|fault| fault.end() <= plan.calm()));
    }
}

#[test]
fn plans_draw_every_kind_of_value_and_clocks_years_apart() {
    let plans: Vec<Plan> = (0..1000).map(Plan::draw).collect();
    let count = |holds: &dyn Fn(&Plan) -> bool| plans.iter().filter(|plan| holds(plan)).count();
    assert!((400..600).contains(&count(&|plan| plan.draws.contents.is_empty())));
    for kind in Contents::ALL {
        assert!(count(&|plan| plan.draws.contents.contains(&kind)) > 100, "{kind:?}");
    }
    assert!(count(&|plan| plan.draws.lives) > 150);
    assert!(count(&|plan| plan.draws.databases) > 150);
    let years = |plan: &Plan| (0..3).any(|server| plan.lead(server, 0, Duration::ZERO).abs() > 365 * 86_400_000);
    assert!(count(&years) > 200);
    let begins = |plan: &Plan, life| plan.lead(0, life, Duration::ZERO);
    let differs = |plan: &Plan| (begins(plan, 0) - begins(plan, 1)).abs() > 3_600_000;
    assert!(count(&differs) > 100, "a clock shows another time after a restart");
    let jumps = |plan: &Plan| (begins(plan, 0) - plan.lead(0, 0, Duration::from_secs(1))).abs() > 3_600_000;
    assert!(count(&jumps) > 100, "a clock jumps while its server runs");
    assert!(count(&|plan| plan.clocks == Clocks::Near) > 400);
}

#[test]
fn clients_see_a_serializable_history_and_every_situation_comes_up() {
    const SEEDS: u64 = 24;
    let folder = tempfile::tempdir().expect("a folder");
    let assertions = folder.path().join("assertions.jsonl");
    // This needs a process of its own: the SDK of Antithesis reads the name of its output only once.
    let ran = Command::new(env!("CARGO_BIN_EXE_valthree-lab-sim"))
        .args(["--from", "3000", "--seeds", &SEEDS.to_string(), "--artifacts"])
        .arg(folder.path())
        .env("ANTITHESIS_SDK_LOCAL_OUTPUT", &assertions)
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    let counting = said.split(" of them count").next().and_then(|said| said.rsplit(' ').next());
    let counting: u64 = counting.and_then(|count| count.parse().ok()).expect("how many seeds count");
    assert!(counting * 10 >= SEEDS * 8, "only {counting} of {SEEDS} seeds show enough to count");
    let judged = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/judge-assertions"))
        .args(["--no-setup", "simulation"])
        .arg(&assertions)
        .output()
        .expect("there is a Python");
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}
