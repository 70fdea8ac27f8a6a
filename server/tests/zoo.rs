//! Planted bugs are in the build that asks for them, and in no other.

/// The list of all of them; server and laboratory share no code but what is under test.
const LIST: &str = include_str!("../../lab/src/zoo.rs");

/// What follows each `bug(` as its first word.
fn names() -> Vec<&'static str> {
    let list = LIST.split_once("BUGS: &[Bug]").expect("the list").1;
    list.split("bug(").skip(1).filter_map(|rest| rest.split('"').nth(1)).collect()
}

#[test]
fn no_planted_bug_is_left_in_an_ordinary_build() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_valthree")).expect("the binary is there");
    let holds = |text: &str| memchr::memmem::find(&binary, text.as_bytes()).is_some();
    assert!(holds("the store keeps its conditions"), "a search finds what is there");
    assert!(names().len() > 20, "{:?}", names());
    for name in names() {
        assert_eq!(holds(name), cfg!(feature = "bug-zoo"), "{name}");
    }
    assert_eq!(holds("VALTHREE_BUG"), cfg!(feature = "bug-zoo"));
}
