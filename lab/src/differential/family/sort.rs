//! SORT.

use super::super::check::Check;
use super::super::grammar::Kind::{Digits, List, Set, Sorted};
use super::super::grammar::{Part, Rule, command, draw, key, one_of, options, repeat, seq, target, word, words};
use super::super::pool::Pool::{Index, SortBy, SortGet};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    vec![
        command("SORT", [sorted(), sort_options()]).check(Check::Sorted),
        command("SORT", [sorted(), one_of([by(), alpha()]), word("STORE"), target(List)]),
        command("SORT_RO", [sorted(), sort_options()]).check(Check::Sorted),
    ]
}

fn sorted() -> Part {
    one_of([key(Digits), key(Digits), key(List), key(Set), key(Sorted)])
}

fn sort_options() -> Part {
    one_of([by(), alpha(), options([word("ALPHA"), seq([word("BY"), draw(SortBy)]), more()])])
}

/// By numbers, where the elements decide between equal weights.
fn by() -> Part {
    options([seq([word("BY"), draw(SortBy)]), more()])
}

/// By letters. With weights as well, nothing decides between equal ones, so the order of a set's elements would show.
fn alpha() -> Part {
    seq([word("ALPHA"), more()])
}

fn more() -> Part {
    options([
        words(["ASC", "DESC"]),
        seq([word("LIMIT"), draw(Index), draw(Index)]),
        repeat(1, seq([word("GET"), draw(SortGet)])),
    ])
}
