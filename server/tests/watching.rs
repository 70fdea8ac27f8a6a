//! WATCH under random schedules: no EXEC goes on over a change of a watched key, whichever server made the change.
//!
//! Servers share one history of versions. They lag, skip versions, start again, fold, squash and merge, and lose batches. A plain
//! history beside them notes each change of a key at the moment at which it happens. Whenever an EXEC is executed, in a batch
//! or on a stored version, the test asks the plain history whether a watched key has changed since its WATCH.

#[path = "watching/plain.rs"]
mod plain;
#[path = "watching/world.rs"]
mod world;

use world::World;

const SEEDS: u64 = 120;
const STEPS: usize = 250;

#[test]
fn no_transaction_goes_on_over_a_change_and_none_is_refused_without_a_cause() {
    let mut happened = std::collections::BTreeMap::<&str, u64>::new();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.happened.into_iter().for_each(|(what, count)| *happened.entry(what).or_default() += count);
    }
    println!("{happened:?}");
    for what in [
        "folds",
        "squashes",
        "merges",
        "restarts",
        "followed over a gap",
        "followed into a squash",
        "lost batches",
        "touched",
        "ended",
        "remapped",
        "forgotten",
        "went on",
        "went on over a fold",
        "went on over a squash",
        "refused by its own batch",
        "watched in a batch",
        "watched an old version",
        "asked a stored version",
        "came and went",
    ] {
        assert!(happened.get(what).is_some_and(|count| *count > 20), "{what} hardly happened: {happened:?}");
    }
}
