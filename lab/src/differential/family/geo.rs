//! Places. Their scores are exact, and so are distances, which have four digits.

use super::super::check::Check;
use super::super::grammar::Kind::Geo;
use super::super::grammar::{
    Part, Rule, command, draw, key, one_of, optional, options, repeat, seq, target, word, words,
};
use super::super::pool::Pool::{Count, Distance, Latitude, Longitude, Member};

/// All rules of the family.
pub fn rules() -> Vec<Rule> {
    let places = Check::Places;
    let radius = || seq([draw(Distance), unit()]);
    vec![
        command(
            "GEOADD",
            [target(Geo), options([words(["NX", "XX"]), word("CH")]), repeat(1, seq([place(), draw(Member)]))],
        )
        .often(3),
        command("GEODIST", [key(Geo), draw(Member), draw(Member), optional(unit())]),
        command("GEOHASH", [key(Geo), repeat(0, draw(Member))]),
        command("GEOPOS", [key(Geo), repeat(0, draw(Member))]),
        command("GEOSEARCH", [key(Geo), search(), options([order(), count(), with()])]).check(places),
        command("GEOSEARCHSTORE", [target(Geo), key(Geo), search(), options([order(), first(), word("STOREDIST")])]),
        command("GEORADIUS", [key(Geo), place(), radius(), options([order(), count(), with()])]).check(places),
        command("GEORADIUS", [key(Geo), place(), radius(), options([order(), first()]), store()]).check(places),
        command("GEORADIUS_RO", [key(Geo), place(), radius(), options([order(), count(), with()])]).check(places),
        command("GEORADIUSBYMEMBER", [key(Geo), draw(Member), radius(), options([order(), count(), with()])])
            .check(places),
        command("GEORADIUSBYMEMBER", [key(Geo), draw(Member), radius(), options([order(), first()]), store()])
            .check(places),
        command("GEORADIUSBYMEMBER_RO", [key(Geo), draw(Member), radius(), options([order(), count(), with()])])
            .check(places),
    ]
}

fn place() -> Part {
    seq([draw(Longitude), draw(Latitude)])
}

fn unit() -> Part {
    one_of([word("m"), word("km"), word("km"), word("km"), word("ft"), word("mi"), word("mi")])
}

/// Where to search, and how far.
fn search() -> Part {
    let from = one_of([seq([word("FROMMEMBER"), draw(Member)]), seq([word("FROMLONLAT"), place()])]);
    let by = one_of([
        seq([word("BYRADIUS"), draw(Distance), unit()]),
        seq([word("BYBOX"), draw(Distance), draw(Distance), unit()]),
    ]);
    seq([from, by])
}

fn order() -> Part {
    words(["ASC", "DESC"])
}

fn first() -> Part {
    seq([word("COUNT"), draw(Count)])
}

fn count() -> Part {
    seq([first(), optional(word("ANY"))])
}

fn with() -> Part {
    options([word("WITHCOORD"), word("WITHDIST"), word("WITHHASH")])
}

fn store() -> Part {
    seq([words(["STORE", "STOREDIST"]), target(Geo)])
}
