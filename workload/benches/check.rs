//! The cost of a verdict. Run it with `cargo bench -p valthree-workload`.
//!
//! The histories come from `tests/sample` and are the same on every machine.

#[path = "../tests/sample/mod.rs"]
mod sample;

use divan::{Bencher, black_box};
use sample::{Dice, Shape, spoil};
use valthree_workload::check::{Budget, is_serializable};
use valthree_workload::history::History;

const SEEDS: [u64; 3] = [1, 2, 3];

fn main() {
    divan::main();
}

fn legal(shape: &Shape, seed: u64) -> History {
    sample::history(&mut Dice::new(seed), shape, None).0
}

fn illegal(shape: &Shape, seed: u64) -> History {
    let mut dice = Dice::new(seed);
    let (mut history, _) = sample::history(&mut dice, shape, None);
    spoil(&mut history);
    history
}

fn judge(bencher: Bencher, history: &History, legal: bool) {
    let verdict = is_serializable(history, Budget::default());
    assert_eq!(verdict, Some(legal));
    bencher.bench(|| is_serializable(black_box(history), Budget::default()));
}

#[divan::bench(args = SEEDS)]
fn a_register_4x255_legal(bencher: Bencher, seed: u64) {
    judge(bencher, &legal(&Shape::register(4, 255), seed), true);
}

#[divan::bench(args = SEEDS)]
fn a_register_4x255_illegal(bencher: Bencher, seed: u64) {
    judge(bencher, &illegal(&Shape::register(4, 255), seed), false);
}

#[divan::bench(args = SEEDS)]
fn b_register_16x255_legal(bencher: Bencher, seed: u64) {
    judge(bencher, &legal(&Shape::register(16, 255), seed), true);
}

#[divan::bench(args = SEEDS)]
fn b_register_16x255_illegal(bencher: Bencher, seed: u64) {
    judge(bencher, &illegal(&Shape::register(16, 255), seed), false);
}

#[divan::bench(args = SEEDS, sample_count = 3)]
fn c_million_one_key(bencher: Bencher, seed: u64) {
    judge(bencher, &legal(&Shape::register(4, 250_000), seed), true);
}

#[divan::bench(args = SEEDS, sample_count = 3)]
fn c_million_10000_keys(bencher: Bencher, seed: u64) {
    judge(bencher, &legal(&Shape { keys: 10_000, ..Shape::register(16, 62_500) }, seed), true);
}

#[divan::bench(args = SEEDS)]
fn d_joined_8_keys_16x100_legal(bencher: Bencher, seed: u64) {
    judge(bencher, &legal(&Shape::joined(16, 100, 8), seed), true);
}

#[divan::bench(args = SEEDS)]
fn d_joined_8_keys_16x100_illegal(bencher: Bencher, seed: u64) {
    judge(bencher, &illegal(&Shape::joined(16, 100, 8), seed), false);
}

#[divan::bench(args = SEEDS)]
fn e_flushed_6x100_legal(bencher: Bencher, seed: u64) {
    judge(bencher, &legal(&Shape::flushed(6, 100, 6), seed), true);
}

#[divan::bench(args = SEEDS)]
fn e_flushed_6x100_illegal(bencher: Bencher, seed: u64) {
    judge(bencher, &illegal(&Shape::flushed(6, 100, 6), seed), false);
}
