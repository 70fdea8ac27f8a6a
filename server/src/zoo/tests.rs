//! Unit tests notice the bugs that they have to.

#[allow(dead_code, reason = "tests of other programs have a table of their own")]
#[path = "../../../lab/src/zoo/caught.rs"]
mod caught;
#[path = "../../tests/zoo/rerun.rs"]
mod rerun;

#[test]
fn each_bug_of_the_table_makes_its_unit_test_fail() {
    rerun::all_are_caught(caught::IN_UNITS);
}
