//! Runs the target that the variable `VALTHREE_FUZZ_TARGET` names, under libFuzzer.

#![no_main]

use std::sync::LazyLock;

use valthree_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("VALTHREE_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.into_iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("VALTHREE_FUZZ_TARGET names no target: {wanted:?}")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
