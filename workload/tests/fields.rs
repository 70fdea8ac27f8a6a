//! Small histories about the lives of fields, written by hand: right ones that the checker accepts, and wrong ones that it
//! refuses. `lines` says how a line is read.

mod lines;

use lines::{accepted, refused};
use valthree_workload::operation::Command;
use valthree_workload::word::Word;

/// A hash of two fields. The life of one of them ends after a second.
const LIMITED: &str = "1 1 HSET h f a g b -> :2\n3 1 HPEXPIRE h 1000 FIELDS 1 f -> [:1]\n";

#[test]
fn the_life_of_a_field_ends_in_time_and_once() {
    for (claim, lines) in [
        ("alive before", "400 2 HGET h f -> a"),
        ("free between", "900 2 HGET h f -> a\n1200 2 HGET h f -> nil"),
        ("gone after", "1600 2 HGET h f -> nil\n1602 2 HGETALL h -> [g b]\n1604 2 HLEN h -> :1"),
        ("the others stay", "1600 2 HGET h g -> b"),
        ("written again", "900 2 HGET h f -> nil\n950 3 HSET h f c -> :1\n9000 2 HGET h f -> c"),
        ("deleted and set", "10 1 HDEL h f -> :1\n12 1 HSET h f c -> :1\n9000 2 HGET h f -> c"),
    ] {
        accepted(claim, &format!("{LIMITED}{lines}"));
    }
    for (claim, lines) in [
        ("gone too early", "400 2 HGET h f -> nil"),
        ("alive too late", "1600 2 HGET h f -> a"),
        ("shown too late", "1600 2 HGETALL h -> [f a g b]"),
        ("HLEN counts a dead field", "1600 2 HLEN h -> :2"),
        ("a dead field is deleted", "1600 2 HDEL h f -> :1"),
        ("a dead field is overwritten", "1600 2 HSET h f c -> :0"),
        ("revived after it was seen gone", "900 2 HGET h f -> nil\n950 3 HGET h f -> a"),
        ("shown after HLEN did not count it", "900 2 HLEN h -> :1\n950 3 HGET h f -> a"),
        ("counted after HGETALL did not show it", "900 2 HGETALL h -> [g b]\n950 3 HLEN h -> :2"),
        ("another field ends with it", "1600 2 HGET h g -> nil"),
        (
            "the life hits a field that was set anew",
            "10 1 HDEL h f -> :1\n12 1 HSET h f c -> :1\n9000 2 HGET h f -> nil",
        ),
    ] {
        refused(claim, &format!("{LIMITED}{lines}"));
    }
}

#[test]
fn a_hash_goes_with_its_last_field() {
    let last = "1 1 HSET h f a g b -> :2\n3 1 HPEXPIRE h 1000 FIELDS 2 f g -> [:1 :1]\n";
    accepted("gone", &format!("{last}1600 2 EXISTS h -> :0\n1602 2 HSET h f c -> :1\n9000 2 HGETALL h -> [f c]"));
    accepted("the type is free", &format!("{last}1600 2 RPUSH h x -> :1"));
    refused("an empty hash stays", &format!("{last}1600 2 EXISTS h -> :1"));
    refused("a new field brings an old one back", &format!("{last}1600 2 HSET h x c -> :1\n1602 2 HLEN h -> :2"));
    accepted("both are there", &format!("{last}900 2 HGETALL h -> [f a g b]"));
    accepted("both are gone", &format!("{last}900 2 HGETALL h -> []"));
    refused("what one command limits ends at once", &format!("{last}900 2 HGETALL h -> [g b]"));
    let two =
        "1 1 HSET h f a g b -> :2\n3 1 HPEXPIRE h 1000 FIELDS 1 f -> [:1]\n5 1 HPEXPIRE h 1000 FIELDS 1 g -> [:1]\n";
    accepted("what two commands limit need not", &format!("{two}900 2 HGETALL h -> [g b]"));
    accepted("the key ends first", &format!("{LIMITED}10 1 PEXPIRE h 100 -> :1\n900 2 HLEN h -> :0"));
}

#[test]
fn a_command_limits_fields_as_its_options_say() {
    for (claim, lines) in [
        ("HSET lifts the limit", "10 1 HSET h f c -> :0\n9000 2 HGET h f -> c"),
        ("HPERSIST lifts it", "10 1 HPERSIST h FIELDS 3 f g x -> [:1 :-1 :-2]\n9000 2 HGET h f -> a"),
        ("HPERSIST of a dead field", "1600 2 HPERSIST h FIELDS 1 f -> [:-2]"),
        ("HPTTL", "10 1 HPTTL h FIELDS 3 f g x -> [:990 :-1 :-2]"),
        ("HTTL", "10 1 HTTL h FIELDS 1 f -> [:1]"),
        ("HGETEX prolongs it", "10 1 HGETEX h EX 60 FIELDS 2 f x -> [a nil]\n9000 2 HGET h f -> a"),
        ("HGETEX leaves it", "10 1 HGETEX h FIELDS 1 f -> [a]\n1600 2 HGET h f -> nil"),
        ("HGETEX lifts it", "10 1 HGETEX h PERSIST FIELDS 1 f -> [a]\n9000 2 HGET h f -> a"),
        ("HSETEX keeps it", "10 1 HSETEX h KEEPTTL FIELDS 1 f c -> :1\n12 1 HGET h f -> c\n1600 2 HGET h f -> nil"),
        ("HSETEX lifts it", "10 1 HSETEX h FIELDS 1 f c -> :1\n9000 2 HGET h f -> c"),
        ("HSETEX sets it", "10 1 HSETEX h PX 100 FIELDS 2 x c y d -> :1\n900 2 HGETALL h -> [f a g b]"),
        ("FNX", "10 1 HSETEX h FNX FIELDS 2 f c x c -> :0\n12 2 HGET h x -> nil\n14 1 HSETEX h FNX FIELDS 1 x c -> :1"),
        ("FXX", "10 1 HSETEX h FXX FIELDS 2 f c x c -> :0\n12 2 HGET h f -> a\n14 1 HSETEX h FXX FIELDS 1 f c -> :1"),
        ("FNX takes a dead field for absent", "1600 1 HSETEX h FNX FIELDS 1 f c -> :1"),
        ("HGETDEL", "10 1 HGETDEL h FIELDS 2 f x -> [a nil]\n12 2 HLEN h -> :1"),
        ("a moment that is over", "10 1 HEXPIREAT h 1 FIELDS 2 g x -> [:2 :-2]\n12 2 HGETALL h -> [f a]"),
        ("a far moment", "10 1 HPEXPIREAT h 4100000000000 FIELDS 1 f -> [:1]\n9000 2 HGET h f -> a"),
        ("an unknown one may have happened", "10 1 HPEXPIRE h 100 FIELDS 1 g -> ?\n900 2 HGET h g -> nil"),
    ] {
        accepted(claim, &format!("{LIMITED}{lines}"));
    }
    for (claim, lines) in [
        ("HSET keeps the limit", "10 1 HSET h f c -> :0\n9000 2 HGET h f -> nil"),
        ("HPERSIST revives a field", "900 2 HGET h f -> nil\n910 2 HPERSIST h FIELDS 1 f -> [:1]"),
        ("HPERSIST changes nothing", "10 1 HPERSIST h FIELDS 1 f -> [:1]\n9000 2 HGET h f -> nil"),
        ("HPTTL above the life", "10 1 HPTTL h FIELDS 1 f -> [:1001]"),
        ("HTTL above the life", "10 1 HTTL h FIELDS 1 f -> [:2]"),
        ("HPTTL far below what is left", "10 1 HPTTL h FIELDS 1 f -> [:480]"),
        ("HTTL far below what is left", "10 1 HEXPIRE h 60 FIELDS 1 f -> [:1]\n12 1 HTTL h FIELDS 1 f -> [:58]"),
        ("HPTTL above what is left", "10 1 HEXPIRE h 60 FIELDS 1 f -> [:1]\n5000 1 HPTTL h FIELDS 1 f -> [:56000]"),
        ("HTTL above what is left", "10 1 HEXPIRE h 60 FIELDS 1 f -> [:1]\n5000 1 HTTL h FIELDS 1 f -> [:57]"),
        (
            "HPTTL far below what is left of a far moment",
            "10 1 HPEXPIREAT h 4100000000000 FIELDS 1 f -> [:1]\n12 1 HPTTL h FIELDS 1 f -> [:90000000000]",
        ),
        ("HPTTL too low in EXEC", "10 1 MULTI; HGET h g; HPTTL h FIELDS 2 f g; EXEC -> [b [:480 :-1]]"),
        ("HPTTL of a lasting field", "10 1 HPTTL h FIELDS 1 g -> [:5]"),
        ("HPTTL of a dead field", "1600 1 HPTTL h FIELDS 1 f -> [:1]"),
        ("HGETEX without an option lifts it", "10 1 HGETEX h FIELDS 1 f -> [a]\n9000 2 HGET h f -> a"),
        ("HSETEX renews it", "400 1 HSETEX h KEEPTTL FIELDS 1 f c -> :1\n1700 2 HGET h f -> c"),
        ("FNX sets one of two", "10 1 HSETEX h FNX FIELDS 2 f c x c -> :0\n12 2 HGET h x -> c"),
        ("HGETDEL leaves the field", "10 1 HGETDEL h FIELDS 1 f -> [a]\n12 2 HLEN h -> :2"),
        ("a moment that is over leaves the field", "10 1 HEXPIREAT h 1 FIELDS 1 g -> [:2]\n12 2 HLEN h -> :2"),
        ("a far moment is taken for over", "10 1 HEXPIREAT h 4100000000 FIELDS 1 f -> [:1]\n12 2 HGET h f -> nil"),
        ("an array of another length", "10 1 HTTL h FIELDS 2 f g -> [:1]"),
    ] {
        refused(claim, &format!("{LIMITED}{lines}"));
    }
}

#[test]
fn a_number_keeps_the_life_of_its_field() {
    let number = "1 1 HSET h n 1 -> :1\n3 1 HPEXPIRE h 1000 FIELDS 1 n -> [:1]\n5 1 HINCRBY h n 5 -> :6\n";
    accepted("it ends", &format!("{number}1600 2 HGET h n -> nil"));
    accepted("and begins anew", &format!("{number}1600 2 HINCRBY h n 5 -> :5\n9000 2 HGET h n -> 5"));
    refused("it stays", &format!("{number}1600 2 HGET h n -> 6"));
    refused("a dead number counts", &format!("{number}1600 2 HINCRBY h n 5 -> :11"));
}

#[test]
fn a_script_limits_the_life_of_a_field() {
    let script = "1 1 HSET h g b -> :1\n3 1 EVAL set-field-for r 1 h f a 1000 -> :1\n";
    accepted("it ends", &format!("{script}400 2 HGETALL h -> [f a g b]\n1700 2 HGETALL h -> [g b]"));
    accepted("and is new again", &format!("{script}1700 1 EVAL set-field-for r 1 h f c 1000 -> :1"));
    accepted("it is there", &format!("{script}400 1 EVAL set-field-for r 1 h f c 60000 -> :0\n1700 2 HGET h f -> c"));
    accepted("an unknown one", "1 1 HSET h f a -> :1\n3 1 EVAL set-field-for r 1 h f b 100 -> ?\n900 2 EXISTS h -> :0");
    refused("it ends too early", &format!("{script}400 2 HGET h f -> nil"));
    refused("it stays", &format!("{script}1700 2 HGET h f -> a"));
    refused("half of the script", &format!("{script}10 2 HPTTL h FIELDS 1 f -> [:-1]"));
    refused("a dead field counts", &format!("{script}1700 1 EVAL set-field-for r 1 h f c 1000 -> :0"));
}

#[test]
fn a_script_puts_a_member_at_a_place_and_searches() {
    let first = "1 1 EVAL put-and-search r 1 z 13.361389 38.115556 f 10 -> [f]\n";
    accepted("near", &format!("{first}3 2 EVAL put-and-search r 1 z 13.289300 38.081800 g 10 -> [g f]"));
    accepted("far", &format!("{first}3 2 EVAL put-and-search r 1 z 15.087269 37.502669 g 10 -> [g]"));
    accepted(
        "over the date line",
        "1 1 GEOADD z 179.999900 -16.500000 f -> :1\n3 1 EVAL put-and-search r 1 z -180.000000 -16.500000 g 10 -> [f g]",
    );
    refused("a near one is missing", &format!("{first}3 2 EVAL put-and-search r 1 z 13.289300 38.081800 g 10 -> [g]"));
    refused("it is not put there", &format!("{first}3 2 GEOPOS z f -> [nil]"));
}

#[test]
fn a_condition_of_hexpire_decides_for_each_field() {
    let both = "1 1 HSET h f a g b -> :2\n3 1 HEXPIRE h 60 FIELDS 1 f -> [:1]\n";
    for (claim, lines) in [
        ("NX", "5 1 HEXPIRE h 1 NX FIELDS 3 f g x -> [:0 :1 :-2]\n1700 2 HGETALL h -> [f a]"),
        ("XX", "5 1 HEXPIRE h 1 XX FIELDS 2 f g -> [:1 :0]\n1700 2 HGETALL h -> [g b]"),
        ("GT", "5 1 HEXPIRE h 600 GT FIELDS 2 f g -> [:1 :0]\n7 1 HPTTL h FIELDS 1 f -> [:599998]"),
        ("LT", "5 1 HEXPIRE h 1 LT FIELDS 2 f g -> [:1 :1]\n1700 2 HLEN h -> :0"),
        ("an equal life may be longer", "5 1 HEXPIRE h 60 GT FIELDS 1 f -> [:1]"),
        ("or end in the same millisecond", "5 1 HEXPIRE h 60 GT FIELDS 1 f -> [:0]"),
        ("an unknown one happened", "5 1 HEXPIRE h 1 LT FIELDS 2 f g -> ?\n1700 2 HLEN h -> :0"),
        ("an unknown one did not", "5 1 HEXPIRE h 1 LT FIELDS 2 f g -> ?\n1700 2 HLEN h -> :2"),
    ] {
        accepted(claim, &format!("{both}{lines}"));
    }
    for (claim, lines) in [
        ("NX over a limit", "5 1 HEXPIRE h 1 NX FIELDS 1 f -> [:1]"),
        ("XX without one", "5 1 HEXPIRE h 1 XX FIELDS 1 g -> [:1]"),
        ("GT without one", "5 1 HEXPIRE h 1 GT FIELDS 1 g -> [:1]"),
        ("GT refuses a longer life", "5 1 HEXPIRE h 600 GT FIELDS 1 f -> [:0]"),
        ("LT takes a longer life", "5 1 HEXPIRE h 600 LT FIELDS 1 f -> [:1]"),
        ("a refused one shortens the life", "5 1 HEXPIRE h 1 GT FIELDS 1 g -> [:0]\n1700 2 HGET h g -> nil"),
    ] {
        refused(claim, &format!("{both}{lines}"));
    }
}

#[test]
fn a_field_that_ends_touches_its_key() {
    let watched = format!("{LIMITED}5 1 WATCH h -> OK\n");
    accepted("EXEC is refused", &format!("{watched}1600 2 HGET h f -> nil\n1602 1 MULTI; HSET h x c; EXEC h -> nil"));
    accepted("EXEC comes first", &format!("{watched}900 1 MULTI; HSET h x c; HLEN h; EXEC h -> [:1 :3]"));
    refused("EXEC goes on", &format!("{watched}1600 1 MULTI; HSET h x c; HLEN h; EXEC h -> [:1 :2]"));
    refused(
        "EXEC goes on over a change of a life",
        &format!("{watched}7 2 HPERSIST h FIELDS 1 f -> [:1]\n9 1 MULTI; HSET h x c; EXEC h -> [:1]"),
    );
}

#[test]
fn the_life_of_a_field_follows_its_key_to_another_database() {
    let other = "0 2 SELECT 1 -> OK\n2 1 HSET h f a g b -> :2\n4 1 HPEXPIRE h 1000 FIELDS 1 f -> [:1]\n";
    accepted("MOVE", &format!("{other}10 1 MOVE h 1 -> :1\n1600 2 HGETALL h -> [g b]"));
    refused("MOVE lifts it", &format!("{other}10 1 MOVE h 1 -> :1\n1600 2 HGETALL h -> [f a g b]"));
    refused("COPY lifts it", &format!("{other}10 1 COPY h h DB 1 -> :1\n1600 2 HLEN h -> :2"));
}

#[test]
fn an_iteration_need_not_show_a_field_that_may_end() {
    accepted("it has ended", &format!("{LIMITED}1600 2 HSCAN h 0 COUNT 10 -> [0 [g b]]"));
    accepted("it may have ended", &format!("{LIMITED}900 2 HSCAN h 0 COUNT 10 -> [0 [g b]]"));
    refused("it ended before", &format!("{LIMITED}1600 2 HSCAN h 0 COUNT 10 -> [0 [f a g b]]"));
    refused("it was seen gone", &format!("{LIMITED}900 2 HGET h f -> nil\n902 2 HSCAN h 0 COUNT 1 -> [7 [f a]]"));
    refused("another value", &format!("{LIMITED}900 2 HSCAN h 0 COUNT 1 -> [7 [g a]]"));
    accepted("a part", &format!("{LIMITED}900 2 HSCAN h 0 COUNT 1 -> [7 [g b]]"));
    refused("a lasting one is missing", &format!("{LIMITED}900 2 HSCAN h 0 COUNT 10 -> [0 [f a]]"));
    let late = "1 1 HSET h f a g b -> :2\n3 1 HSETEX h EX 3600 FIELDS 1 f c -> :1";
    let calls = "5 2 HSCAN h 0 COUNT 1 -> [7 [g b]]\n7 2 HSCAN h 7 COUNT 1 -> [0 []]";
    refused("one that ends much later is missing", &format!("{late}\n{calls}"));
    let refusal = "1 1 MULTI; HSET h a 1; HSETEX h FXX FIELDS 1 f x; EXEC -> [:1 :0]";
    accepted("a condition refused it", &format!("{refusal}\n3 2 HSCAN h 0 COUNT 100 -> [0 [a 1]]"));
}

#[test]
fn the_commands_are_read_as_they_are_written() {
    for line in [
        "HEXPIRE h 0 FIELDS 1 f",
        "HPEXPIRE h 5 LT FIELDS 2 f g",
        "HEXPIREAT h 1 FIELDS 1 f",
        "HPEXPIREAT h 4100000000000 NX FIELDS 1 f",
        "HPERSIST h FIELDS 1 f",
        "HTTL h FIELDS 2 f f",
        "HPTTL h FIELDS 1 f",
        "HGETEX h FIELDS 1 f",
        "HGETEX h PXAT 1000 FIELDS 1 f",
        "HGETEX h PERSIST FIELDS 1 f",
        "HSETEX h FIELDS 1 f a",
        "HSETEX h FNX EX 5 FIELDS 2 f a g b",
        "HSETEX h FXX KEEPTTL FIELDS 1 f a",
        "HGETDEL h FIELDS 1 f",
        "GEOADD z 13.361389 38.115556 f",
        "GEOPOS z f g",
        "GEODIST z f g",
        "GEOSEARCH z FROMMEMBER f BYRADIUS 200 km",
        "GEOSEARCHSTORE y z FROMLONLAT -0.500000 1.000000 BYRADIUS 10 km",
    ] {
        let words: Vec<Word> = line.split(' ').map(Word::from).collect();
        let command = Command::try_from(words.clone()).unwrap_or_else(|unknown| panic!("{unknown}"));
        assert_eq!(command.requests(), [words], "{line}");
    }
    for line in ["HTTL h FIELDS 2 f", "HSETEX h FIELDS 2 f a", "HEXPIRE h FIELDS 1 f", "HGETEX h EX 0 FIELDS 1 f"] {
        assert!(Command::try_from(line.split(' ').map(Word::from).collect::<Vec<_>>()).is_err(), "{line}");
    }
}

#[test]
fn places_are_members_whose_scores_say_where_they_are() {
    const PALERMO: &str = "1 1 GEOADD z 13.361389 38.115556 f -> :1\n3 1 GEOADD z 15.087269 37.502669 g -> :1\n";
    for (claim, lines) in [
        ("scores", "5 2 ZRANGE z 0 -1 WITHSCORES -> [f 3479099956230698 g 3479447370796909]"),
        ("a distance", "5 2 GEODIST z f g -> 166274.1516\n7 2 GEODIST z f x -> nil"),
        ("a position", "5 2 GEOPOS z f x -> [[13.36138933897018433 38.11555639549629859] nil]"),
        ("a far circle", "5 2 GEOSEARCH z FROMLONLAT 15.087269 37.502669 BYRADIUS 200 km -> [f g]"),
        ("a near circle", "5 2 GEOSEARCH z FROMMEMBER g BYRADIUS 10 km -> [g]"),
        (
            "an absent centre",
            "5 2 GEOSEARCH z FROMMEMBER x BYRADIUS 10 km -> ERR could not decode requested zset member",
        ),
        ("a move", "5 2 GEOADD z 15.087269 37.502669 f -> :0\n7 1 GEODIST z f g -> 0.0000"),
        ("a store", "5 1 GEOSEARCHSTORE y z FROMMEMBER f BYRADIUS 10 km -> :1\n7 2 ZSCORE y f -> 3479099956230698"),
        ("an empty store", "5 1 GEOSEARCHSTORE z y FROMMEMBER f BYRADIUS 10 km -> :0\n7 2 EXISTS z -> :0"),
    ] {
        accepted(claim, &format!("{PALERMO}{lines}"));
    }
    for (claim, lines) in [
        ("a wrong score", "5 2 ZSCORE z f -> 3479099956230699"),
        ("a wrong distance", "5 2 GEODIST z f g -> 166274.2516"),
        ("a wrong position", "5 2 GEOPOS z f -> [[13.361389 38.115556]]"),
        ("a place is missing", "5 2 GEOSEARCH z FROMMEMBER g BYRADIUS 200 km -> [g]"),
        ("a place too many", "5 2 GEOSEARCH z FROMMEMBER g BYRADIUS 10 km -> [f g]"),
        (
            "the old place stays",
            "5 2 GEOADD z 15.087269 37.502669 f -> :0\n7 1 GEOSEARCH z FROMMEMBER g BYRADIUS 10 km -> [g]",
        ),
        ("a lost place", "5 2 GEOPOS z g -> [nil]"),
        ("a store keeps too many", "5 1 GEOSEARCHSTORE y z FROMMEMBER f BYRADIUS 10 km -> :2"),
    ] {
        refused(claim, &format!("{PALERMO}{lines}"));
    }
}
