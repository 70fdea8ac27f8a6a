//! What holds of the list of expected differences.

use super::super::check::Check;
use super::*;

#[test]
fn users_can_read_about_every_difference_that_stays() {
    let page = include_str!("../../../../DIFFERENCES.md");
    let missing: Vec<_> = EXPECTED.iter().map(|expected| expected.name).filter(|name| !page.contains(name)).collect();
    assert!(missing.is_empty(), "DIFFERENCES.md lacks {missing:?}");
}

#[test]
fn an_encoding_may_be_roomier_on_the_left_only() {
    let keeps = |left: &str, right: &str| keeps_room(&[left.to_owned(), right.to_owned()]);
    assert!(keeps("raw", "int") && keeps("hashtable", "intset") && keeps("quicklist", "listpack"));
    assert!(!keeps("int", "raw") && !keeps("raw", "listpack") && !keeps("raw", "raw"));
}

#[test]
fn a_client_of_valkey_8_0_may_read_half_an_error() {
    let error = |text: &str| Reply { mark: b'-', null: false, text: text.into(), items: Vec::new() };
    let accepts = |left: &str, level| {
        let (left, right) = (error(left), error("ERR a  b script: 0123, on @user_script:1."));
        let (words, place) = (Vec::new(), String::new());
        let found = Difference { step: 0, name: "EVAL".into(), words, place, check: Check::Exact, left, right };
        let mut tolerance = Tolerance { level, ..Tolerance::default() };
        (tolerance.accepts(&found), tolerance.parted)
    };
    assert_eq!(accepts("ERR a", V8_0), (true, true));
    assert_eq!(accepts("ERR a", V8_1), (false, false));
    assert_eq!(accepts("ERR ", V8_0), (false, false));
}
