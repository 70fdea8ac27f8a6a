//! Planted bugs are in the build that asks for them, and in no other.

/// Names of planted bugs, from several modules.
const NAMES: [&str; 4] =
    ["if-match-left-out", "own-success-taken-for-conflict", "pipelined-replies-swapped", "flush-misses-its-batch"];

#[test]
fn no_planted_bug_is_left_in_an_ordinary_build() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_valthree")).expect("the binary is there");
    let holds = |text: &str| memchr::memmem::find(&binary, text.as_bytes()).is_some();
    assert!(holds("the store keeps its conditions"), "a search finds what is there");
    for name in NAMES {
        assert_eq!(holds(name), cfg!(feature = "bug-zoo"), "{name}");
    }
    assert_eq!(holds("VALTHREE_BUG"), cfg!(feature = "bug-zoo"));
}
