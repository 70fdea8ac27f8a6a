//! Small histories of every type, written by hand: right ones that the checker accepts, and wrong ones that it refuses.
//!
//! `lines` says how a line is read.

mod lines;

use lines::{accepted, refused, undecided};
use valthree_workload::check::Budget;
use valthree_workload::operation::Command;
use valthree_workload::word::Word;

#[test]
fn lists_lose_and_double_nothing() {
    accepted(
        "a queue",
        "1 1 RPUSH k a b -> :2\n3 2 LPOP k -> a\n5 1 LRANGE k 0 -1 -> [b]\n7 1 RPOP k -> b\n9 1 LLEN k -> :0",
    );
    accepted("pushes overlap", "1-9 1 RPUSH k a -> :2\n2-8 2 RPUSH k b -> :1\n10 1 LRANGE k 0 -1 -> [b a]");
    refused("a lost element", "1 1 RPUSH k a -> :1\n3 1 RPUSH k b -> :2\n5 2 LRANGE k 0 -1 -> [b]");
    refused("a doubled pop", "1 1 RPUSH k a b -> :2\n3-9 2 LPOP k -> a\n4-8 3 LPOP k -> a");
    refused("a wrong order", "1 1 RPUSH k a -> :1\n3 1 LPUSH k b -> :2\n5 2 LRANGE k 0 -1 -> [a b]");
    refused("a popped element comes back", "1 1 RPUSH k a -> :1\n3 2 LPOP k -> a\n5 1 LRANGE k 0 -1 -> [a]");
    refused("an element of a failed push", "1 1 RPUSH k a -> failed\n3 2 LRANGE k 0 -1 -> [a]");
    refused("a wrong length", "1 1 RPUSH k a -> :1\n3 1 RPUSH k b -> :3");
}

#[test]
fn an_unknown_pop_removed_one_element_or_none() {
    accepted("it removed one", "1 1 RPUSH k a b -> :2\n3 2 LPOP k -> ?\n5 3 LRANGE k 0 -1 -> [b]");
    accepted("it removes late", "1 1 RPUSH k a b -> :2\n3 2 LPOP k -> ?\n5 3 LRANGE k 0 -1 -> [a b]\n7 3 LLEN k -> :1");
    refused("it removed two", "1 1 RPUSH k a b -> :2\n3 2 LPOP k -> ?\n5 3 LRANGE k 0 -1 -> []");
    accepted("any member", "1 1 SADD s a b -> :2\n3 2 SPOP s -> ?\n5 3 SMEMBERS s -> [a]");
    refused("two members", "1 1 SADD s a b c -> :3\n3 2 SPOP s -> ?\n5 3 SMEMBERS s -> [a]");
}

#[test]
fn counters_lose_and_double_nothing() {
    accepted("sums", "1-9 1 INCRBY n 5 -> :12\n2-8 2 INCRBY n 7 -> :7\n10 1 GET n -> 12");
    accepted("an unknown increment happened", "1 1 INCRBY n 5 -> ?\n3 2 INCRBY n 7 -> :12");
    refused("a lost increment", "1 1 INCRBY n 5 -> :5\n3 2 INCRBY n 7 -> :7");
    refused("an unknown increment happened twice", "1 1 INCRBY n 5 -> ?\n3 2 INCRBY n 7 -> :17");
    refused("an unknown increment is unseen again", "1 1 INCRBY n 5 -> ?\n3 2 GET n -> 5\n5 2 INCRBY n 7 -> :7");
    refused("a failed increment", "1 1 INCRBY n 5 -> failed\n3 2 INCRBY n 7 -> :12");
}

#[test]
fn strings_change_in_place() {
    accepted("appends", "1-9 1 APPEND k ab -> :2\n2-8 2 APPEND k c -> :3\n10 1 GET k -> abc\n12 1 STRLEN k -> :3");
    refused("a torn append", "1-9 1 APPEND k ab -> :2\n2-8 2 APPEND k c -> :3\n10 1 GET k -> cab");
    refused("two SETNX succeed", "1 1 SETNX k a -> :1\n3 2 SETNX k b -> :1");
    refused("a value is taken twice", "1 1 GETSET k a -> nil\n3-9 2 GETDEL k -> a\n4-8 3 GETDEL k -> a");
    accepted("WRONGTYPE", "1 1 RPUSH k a -> :1\n3 1 GET k -> WRONGTYPE Operation\n5 1 SADD k a -> WRONGTYPE Operation");
    refused("a wrong WRONGTYPE", "1 1 RPUSH k a -> :1\n3 1 LLEN k -> WRONGTYPE Operation");
}

#[test]
fn sets_hashes_and_sorted_sets_count_what_is_new() {
    accepted(
        "overwrites count 0",
        "1 1 HSET h f 1 g 2 -> :2\n3 2 HSET h f 3 -> :0\n5 1 HGETALL h -> [g 2 f 3]\n7 1 HLEN h -> :2",
    );
    refused("a counted overwrite", "1 1 HSET h f 1 -> :1\n3 2 HSET h f 3 -> :1");
    refused("HLEN counts an overwrite", "1 1 HSET h f 1 -> :1\n3 2 HSET h f 3 -> :0\n5 1 HLEN h -> :2");
    refused(
        "a deleted field comes back",
        "1 1 HSET h f 1 -> :1\n3 1 DEL h -> :1\n5 1 HSET h g 2 -> :1\n7 2 HGETALL h -> [f 1 g 2]",
    );
    refused("a lost HINCRBY", "1 1 HINCRBY h n 5 -> :5\n3 2 HINCRBY h n 7 -> :7");
    refused("a lost member", "1 1 SADD s a -> :1\n3 1 SADD s b -> :1\n5 2 SMEMBERS s -> [b]");
    refused("a doubled SPOP", "1 1 SADD s a b -> :2\n3-9 2 SPOP s -> a\n4-8 3 SPOP s -> a");
    refused("two SREM of one member", "1 1 SADD s a b -> :2\n3-9 2 SREM s a -> :1\n4-8 3 SREM s a -> :1");
    accepted("scores", "1 1 ZADD z 2 a 1 b -> :2\n3 1 ZINCRBY z 5 b -> 6\n5 2 ZRANGE z 0 -1 WITHSCORES -> [a 2 b 6]");
    refused(
        "the old score stays in the order",
        "1 1 ZADD z 2 a 1 b -> :2\n3 1 ZADD z 9 b -> :0\n5 2 ZRANGE z 0 -1 WITHSCORES -> [b 9 a 2]",
    );
    refused("a lost ZINCRBY", "1 1 ZADD z 2 a -> :1\n3-9 1 ZINCRBY z 5 a -> 7\n4-8 2 ZINCRBY z 3 a -> 5");
}

#[test]
fn databases_are_apart() {
    let selects = "1 1 SELECT 1 -> OK\n3 2 SELECT 2 -> OK\n";
    accepted("two numbers", &format!("{selects}5 1 RPUSH k a -> :1\n7 2 RPUSH k b -> :1\n9 1 LRANGE k 0 -1 -> [a]"));
    refused("one leaks", &format!("{selects}5 1 RPUSH k a -> :1\n7 2 LRANGE k 0 -1 -> [a]"));
    accepted("a swap", &format!("{selects}5 1 RPUSH k a -> :1\n7 1 SWAPDB 1 2 -> OK\n9 2 LRANGE k 0 -1 -> [a]"));
    refused("a torn swap", &format!("{selects}5 1 RPUSH k a -> :1\n7 1 SWAPDB 1 2 -> OK\n9 1 LLEN k -> :1"));
    refused(
        "FLUSHDB empties a neighbour",
        &format!("{selects}5 1 RPUSH k a -> :1\n7 2 FLUSHDB -> OK\n9 1 LLEN k -> :0"),
    );
}

#[test]
fn a_life_ends_in_time_and_once() {
    let set = "1 1 SET k a -> OK\n3 1 PEXPIRE k 1000 -> :1\n";
    accepted("alive before", &format!("{set}400 2 GET k -> a"));
    refused("gone too early", &format!("{set}400 2 GET k -> nil"));
    accepted("free between", &format!("{set}900 2 GET k -> a\n1200 2 GET k -> nil"));
    refused("alive too late", &format!("{set}1600 2 GET k -> a"));
    accepted("gone after", &format!("{set}1600 2 GET k -> nil"));
    refused("revived after it was seen gone", &format!("{set}900 2 GET k -> nil\n950 3 GET k -> a"));
    accepted("written again", &format!("{set}900 2 GET k -> nil\n950 3 SET k b -> OK\n960 2 GET k -> b"));
    accepted("PERSIST", &format!("{set}10 1 PERSIST k -> :1\n9000 2 GET k -> a"));
    refused(
        "EXPIRE hits a key that was created anew",
        &format!("{set}10 1 DEL k -> :1\n12 1 SET k b -> OK\n9000 2 GET k -> nil"),
    );
    accepted("PTTL", &format!("{set}10 1 PTTL k -> :990\n12 1 PERSIST k -> :1\n14 1 PTTL k -> :-1"));
    refused("a PTTL above the life", &format!("{set}10 1 PTTL k -> :1001"));
    accepted("clocks differ", &format!("{set}10 1 PTTL k -> :500"));
    refused("a PTTL far below what is left", &format!("{set}10 1 PTTL k -> :480"));
    let minute = "1 1 SET k a EX 60 -> OK\n";
    accepted("less is left", &format!("{minute}5000 1 PTTL k -> :55001"));
    refused("a PTTL above what is left", &format!("{minute}5000 1 PTTL k -> :56000"));
    accepted("an unknown EXPIRE may come late", "1 1 SET k a -> OK\n3 2 EXPIRE k 60 -> ?\n5000 1 PTTL k -> :59000");
    accepted("an unknown EXPIRE may have happened", "1 1 SET k a -> OK\n3 1 PEXPIRE k 100 -> ?\n900 2 GET k -> nil");
    refused("and does not revive", "1 1 SET k a -> OK\n3 1 PEXPIRE k 100 -> ?\n900 2 GET k -> nil\n9000 2 GET k -> a");
}

#[test]
fn a_command_limits_a_life_as_its_options_say() {
    let set = "1 1 SET k a PX 1000 -> OK\n";
    accepted("KEEPTTL keeps it", &format!("{set}10 1 SET k b KEEPTTL -> OK\n12 1 PTTL k -> :980\n1600 2 GET k -> nil"));
    refused("KEEPTTL lifts it", &format!("{set}10 1 SET k b KEEPTTL -> OK\n12 1 PTTL k -> :-1"));
    refused("KEEPTTL renews it", &format!("{set}400 1 SET k b KEEPTTL GET -> a\n1700 2 GET k -> b"));
    accepted("SET lifts it", &format!("{set}10 1 SET k b GET -> a\n12 1 PTTL k -> :-1\n1600 2 GET k -> b"));
    refused("SET keeps it", &format!("{set}10 1 SET k b -> OK\n1600 2 GET k -> nil"));
    accepted("a lock", "1 1 SET k a NX PX 1000 -> OK\n3 2 SET k b NX PX 1000 -> nil\n1700 2 SET k b NX PX 1000 -> OK");
    refused("two locks", "1 1 SET k a NX EX 1 -> OK\n3 2 SET k b NX EX 1 -> OK");
    refused("a lock that stays", "1 1 SET k a NX EX 1 -> OK\n1700 2 SET k b NX EX 1 -> nil");
    accepted("GETEX", &format!("{set}10 1 GETEX k EX 60 -> a\n12 1 PTTL k -> :59990\n1600 2 GET k -> a"));
    refused("GETEX changes nothing", &format!("{set}10 1 GETEX k EX 60 -> a\n1600 2 GET k -> nil"));
    refused("GETEX without an option lifts it", &format!("{set}10 1 GETEX k -> a\n12 1 PTTL k -> :-1"));
    refused("GETEX PERSIST does not", &format!("{set}10 1 GETEX k PERSIST -> a\n12 1 PTTL k -> :900"));
    accepted(
        "a moment that is over",
        "1 1 SET k a EXAT 1 -> OK\n3 1 GET k -> nil\n5 1 SET k b -> OK\n7 1 GETEX k EXAT 1 -> b\n9 1 GET k -> nil",
    );
    refused("a moment that is over leaves the key", "1 1 SET k a EXAT 1 -> OK\n3 1 GET k -> a");
    refused("a far moment is taken for over", "1 1 SET k a EXAT 4100000000 -> OK\n3 1 GET k -> nil");
}

#[test]
fn a_condition_of_expire_decides_as_far_as_the_time_is_known() {
    let (lasting, limited) = ("1 1 SET k a -> OK\n", "1 1 SET k a EX 60 -> OK\n");
    for (claim, lines) in [
        ("NX", format!("{lasting}3 1 EXPIRE k 1 NX -> :1\n1700 2 GET k -> nil")),
        ("LT without a limit", format!("{lasting}3 1 EXPIRE k 1 LT -> :1\n1700 2 GET k -> nil")),
        ("XX", format!("{limited}3 1 EXPIRE k 1 XX -> :1\n1700 2 GET k -> nil")),
        ("GT", format!("{limited}3 1 EXPIRE k 600 GT -> :1\n5 1 PTTL k -> :599998")),
        ("an equal life may be longer", format!("{limited}3 1 EXPIRE k 60 GT -> :1")),
        ("or end in the same millisecond", format!("{limited}3 1 EXPIRE k 60 GT -> :0")),
        ("LT", format!("{limited}3 1 EXPIRE k 1 LT -> :1\n1700 2 GET k -> nil")),
        ("an unknown one happened", format!("{limited}3 1 EXPIRE k 1 LT -> ?\n1700 2 GET k -> nil")),
        ("an unknown one did not", format!("{limited}3 1 EXPIRE k 1 LT -> ?\n1700 2 GET k -> a")),
    ] {
        accepted(claim, &lines);
    }
    for (claim, lines) in [
        ("NX over a limit", format!("{limited}3 1 EXPIRE k 1 NX -> :1")),
        ("XX without one", format!("{lasting}3 1 EXPIRE k 1 XX -> :1")),
        ("GT without one", format!("{lasting}3 1 EXPIRE k 1 GT -> :1")),
        ("GT refuses a longer life", format!("{limited}3 1 EXPIRE k 600 GT -> :0")),
        ("LT takes a longer life", format!("{limited}3 1 EXPIRE k 600 LT -> :1")),
        ("LT refuses over no limit", format!("{lasting}3 1 EXPIRE k 600 LT -> :0")),
        ("a refused one shortens the life", format!("{lasting}3 1 EXPIRE k 1 XX -> :0\n1700 2 GET k -> nil")),
        ("an absent key", "1 1 EXPIRE k 1 LT -> :1".into()),
    ] {
        refused(claim, &lines);
    }
}

#[test]
fn copies_and_moves_take_the_life_along() {
    let other = "1 2 SELECT 1 -> OK\n";
    let set = format!("{other}3 1 SET k a PX 1000 -> OK\n");
    accepted("MOVE", &format!("{set}5 1 MOVE k 1 -> :1\n7 1 GET k -> nil\n9 2 GET k -> a\n1700 2 GET k -> nil"));
    refused("the key stays", &format!("{set}5 1 MOVE k 1 -> :1\n7 1 GET k -> a"));
    refused("the key is lost", &format!("{set}5 1 MOVE k 1 -> :1\n7 2 GET k -> nil"));
    refused("MOVE lifts the limit", &format!("{set}5 1 MOVE k 1 -> :1\n1700 2 GET k -> a"));
    refused("MOVE overwrites", &format!("{set}5 2 SET k b -> OK\n7 1 MOVE k 1 -> :1"));
    accepted("COPY", &format!("{set}5 1 COPY k k DB 1 -> :1\n7 1 GET k -> a\n9 2 GET k -> a\n1700 2 GET k -> nil"));
    refused("COPY lifts the limit", &format!("{set}5 1 COPY k k DB 1 -> :1\n7 2 PTTL k -> :-1"));
    refused("COPY overwrites", &format!("{set}5 2 SET k b -> OK\n7 1 COPY k k DB 1 -> :1"));
    accepted("REPLACE", &format!("{set}5 2 SET k b -> OK\n7 1 COPY k k DB 1 REPLACE -> :1\n9 2 GET k -> a"));
    accepted("another name", "1 1 RPUSH k a -> :1\n3 1 COPY k j -> :1\n5 1 RPUSH k b -> :2\n7 1 LRANGE j 0 -1 -> [a]");
    refused("one value", "1 1 RPUSH k a -> :1\n3 1 COPY k j -> :1\n5 1 RPUSH k b -> :2\n7 1 LRANGE j 0 -1 -> [a b]");
}

#[test]
fn a_transaction_has_one_time() {
    let set = "1 1 SET k a -> OK\n3 1 PEXPIRE k 1000 -> :1\n";
    accepted("alive", &format!("{set}900 2 MULTI; GET k; PTTL k; EXEC -> [a :100]"));
    accepted("gone", &format!("{set}1200 2 MULTI; GET k; PTTL k; EXEC -> [nil :-2]"));
    refused("the life ends inside", &format!("{set}900 2 MULTI; GET k; GET k; EXEC -> [a nil]"));
    accepted(
        "two limits",
        "1 1 MULTI; SET k a PX 1; PEXPIRE k 5000; EXEC -> [OK :1]\n3000 2 GET k -> a\n6000 2 GET k -> nil",
    );
    refused("the first limit counts", "1 1 MULTI; SET k a PX 1; PEXPIRE k 5000; EXEC -> [OK :1]\n3000 2 GET k -> nil");
    accepted(
        "a null reply limits nothing",
        "1 1 SET k a -> OK\n3 1 WATCH k -> OK\n5 2 SET k b -> OK\n7 1 MULTI; PEXPIRE k 1; EXEC k -> nil\n900 2 GET k -> b",
    );
    refused(
        "unless it does",
        "1 1 SET k a -> OK\n3 1 WATCH k -> OK\n5 2 SET k b -> OK\n7 1 MULTI; PEXPIRE k 1; EXEC k -> nil\n900 2 GET k -> nil",
    );
}

#[test]
fn a_move_between_lists_loses_and_doubles_nothing() {
    let two = "1 1 RPUSH k a b -> :2\n3 1 RPUSH j c -> :1\n";
    accepted(
        "a move",
        &format!("{two}5 2 LMOVE k j LEFT RIGHT -> a\n7 1 LRANGE j 0 -1 -> [c a]\n9 1 LRANGE k 0 -1 -> [b]"),
    );
    accepted("a rotation", &format!("{two}5 2 LMOVE k k LEFT RIGHT -> a\n7 1 LRANGE k 0 -1 -> [b a]"));
    accepted("nothing to move", "1 1 LMOVE k j LEFT LEFT -> nil\n3 1 LLEN j -> :0");
    accepted(
        "an unknown move",
        &format!("{two}5 2 LMOVE k j RIGHT LEFT -> ?\n7 1 LRANGE j 0 -1 -> [b c]\n9 1 LLEN k -> :1"),
    );
    refused("a lost element", &format!("{two}5 2 LMOVE k j LEFT RIGHT -> a\n7 1 LRANGE j 0 -1 -> [c]"));
    refused("a doubled element", &format!("{two}5 2 LMOVE k j LEFT RIGHT -> a\n7 1 LLEN k -> :2"));
    refused(
        "half of a move",
        &format!("{two}5 2 LMOVE k j LEFT RIGHT -> ?\n7 1 LRANGE j 0 -1 -> [c a]\n9 1 LLEN k -> :2"),
    );
    refused(
        "two clients move one element",
        &format!("{two}5-12 2 LMOVE k j LEFT RIGHT -> a\n6-11 3 LMOVE k j LEFT RIGHT -> a"),
    );
    refused("the wrong end", &format!("{two}5 2 LMOVE k j RIGHT RIGHT -> a"));
}

#[test]
fn lists_change_and_show_their_elements_by_index() {
    let list = "1 1 RPUSH k a b c d -> :4\n";
    accepted("LMPOP takes the first list that has any", &format!("{list}3 2 LMPOP 2 j k RIGHT COUNT 3 -> [k [d c b]]"));
    accepted("LMPOP finds nothing", "1 1 LMPOP 2 j k LEFT COUNT 1 -> nil");
    refused("LMPOP takes too many", &format!("{list}3 2 LMPOP 1 k LEFT COUNT 1 -> [k [a b]]"));
    refused("LMPOP passes a list", &format!("{list}3 1 RPUSH j e -> :1\n5 2 LMPOP 2 j k LEFT COUNT 1 -> [k [a]]"));
    accepted(
        "LSET, LTRIM, LINDEX and LPOS",
        &format!(
            "{list}3 1 LSET k -1 e -> OK\n5 1 LTRIM k 1 -1 -> OK\n7 1 LRANGE k 0 -1 -> [b c e]\n\
             9 1 LINDEX k -1 -> e\n11 1 LPOS k c -> :1\n13 1 LPOS k a -> nil\n15 1 LINDEX k 3 -> nil"
        ),
    );
    accepted(
        "no such element",
        &format!("{list}3 1 LSET k 4 e -> ERR index out of range\n5 1 LSET j 0 e -> ERR no such key"),
    );
    refused("an element that is there", &format!("{list}3 1 LSET k 3 e -> ERR index out of range"));
    accepted("a trim of everything", &format!("{list}3 1 LTRIM k 1 0 -> OK\n5 1 EXISTS k -> :0"));
    refused("a replaced element is left", &format!("{list}3 1 LSET k 0 e -> OK\n5 2 LINDEX k 0 -> a"));
}

#[test]
fn sets_move_members_and_make_other_sets() {
    let two = "1 1 SADD k a b -> :2\n3 1 SADD j b c -> :2\n";
    accepted("SMOVE", &format!("{two}5 2 SMOVE k j a -> :1\n7 1 SMEMBERS j -> [a b c]\n9 1 SMEMBERS k -> [b]"));
    accepted("no member", &format!("{two}5 2 SMOVE k j x -> :0\n7 1 SCARD j -> :2"));
    accepted("an unknown SMOVE", &format!("{two}5 2 SMOVE k j a -> ?\n7 1 SCARD j -> :3\n9 1 SISMEMBER k a -> :0"));
    refused(
        "a torn SMOVE",
        &format!("{two}5-12 2 SMOVE k j a -> :1\n6 1 SISMEMBER k a -> :0\n8 1 SISMEMBER j a -> :0"),
    );
    accepted(
        "SMOVE from a set that somebody empties does not look at the target",
        "1 1 SADD a x -> :1\n3 1 RPUSH b e -> :1\n5-12 1 SREM a x -> :1\n6-10 2 SMOVE a b m -> :0",
    );
    accepted("a union", &format!("{two}5 1 SUNIONSTORE i k j -> :3\n7 1 SMEMBERS i -> [a b c]"));
    accepted("an intersection", &format!("{two}5 1 SINTERSTORE i k j -> :1\n7 1 SMEMBERS i -> [b]"));
    accepted(
        "a difference over a string",
        &format!("{two}5 1 SET i x -> OK\n7 1 SDIFFSTORE i k j -> :1\n9 1 SMEMBERS i -> [a]"),
    );
    accepted("an empty one deletes", &format!("{two}5 1 SDIFFSTORE k k k -> :0\n7 1 EXISTS k -> :0"));
    refused("an old member", &format!("{two}5 1 SREM k a -> :1\n7 1 SUNIONSTORE i k j -> :3"));
    accepted("two members", &format!("{two}5 1 SUNIONSTORE i k j -> :3\n7 2 SPOP i 2 -> [c a]\n9 1 SMEMBERS i -> [b]"));
    accepted("all members", &format!("{two}5 2 SPOP k 100 -> [b a]\n7 1 SPOP k 1 -> []"));
    refused("too few", &format!("{two}5 2 SPOP k 2 -> [a]"));
    refused("a member twice", &format!("{two}5 2 SPOP k 2 -> [a a]"));
    refused("a member that comes back", &format!("{two}5 2 SPOP k 1 -> [a]\n7 1 SISMEMBER k a -> :1"));
    accepted("an unknown SPOP of two", &format!("{two}5 1 SADD k d -> :1\n7 2 SPOP k 2 -> ?\n9 1 SMEMBERS k -> [d]"));
    refused("an unknown SPOP of three", &format!("{two}5 1 SADD k d -> :1\n7 2 SPOP k 2 -> ?\n9 1 SCARD k -> :0"));
}

#[test]
fn more_choices_than_anybody_can_try_are_no_violation() {
    let members: Vec<String> = (1..=105).map(|number| format!("e{number}")).collect();
    let set = format!("1 1 SADD s {} -> :105\n", members.join(" "));
    let unknown = format!("{set}3 2 SPOP s 100 -> ?\n5 1 SCARD s -> :5");
    undecided("an unknown SPOP of most", &unknown, Budget::default().steps, "more than 10000 choices");
    undecided("the same with little time", &unknown, 1, "within 1 search states");
    let small = format!("1 1 SADD s {} -> :20\n", members[..20].join(" "));
    undecided(
        "their number multiplies in a transaction",
        &format!("{small}3 2 MULTI; SPOP s 3; SPOP s 3; EXEC -> ?\n5 1 SCARD s -> :14"),
        Budget::default().steps,
        "more than 10000 choices",
    );
    accepted("it did not happen", &format!("{set}3 2 SPOP s 100 -> ?\n5 1 SCARD s -> :105"));
    accepted("an unknown SPOP of all", &format!("{set}3 2 SPOP s 10000 -> ?\n5 1 SCARD s -> :0"));
    refused("all but one", &format!("{set}3 2 SPOP s 10000 -> ?\n5 1 SCARD s -> :1"));
}

#[test]
fn sorted_sets_pop_and_show_their_ends() {
    let three = "1 1 ZADD z 1 a 2 b 3 c -> :3\n";
    accepted("the lowest", &format!("{three}3 2 ZPOPMIN z 2 -> [a 1 b 2]\n5 1 ZCARD z -> :1"));
    accepted(
        "the highest",
        &format!("{three}3 2 ZPOPMAX z 2 -> [c 3 b 2]\n5 2 ZPOPMAX z 2 -> [a 1]\n7 1 ZPOPMAX z 1 -> []"),
    );
    refused("not the lowest", &format!("{three}3 2 ZPOPMIN z 1 -> [b 2]"));
    refused("two clients pop one", &format!("{three}3-9 2 ZPOPMIN z 1 -> [a 1]\n4-8 3 ZPOPMIN z 1 -> [a 1]"));
    accepted("an unknown pop", &format!("{three}3 2 ZPOPMIN z 1 -> ?\n5 1 ZRANGE z 0 -1 WITHSCORES -> [b 2 c 3]"));
    accepted("the top two", &format!("{three}3 1 ZRANGE z 0 1 REV WITHSCORES -> [c 3 b 2]"));
    accepted("by score", &format!("{three}3 1 ZRANGE z (1 +inf BYSCORE LIMIT 0 1 WITHSCORES -> [b 2]"));
    accepted("by score from above", &format!("{three}3 1 ZRANGE z 2 -inf BYSCORE REV WITHSCORES -> [b 2 a 1]"));
    refused("a bound that is left out", &format!("{three}3 1 ZRANGE z (1 +inf BYSCORE WITHSCORES -> [a 1 b 2 c 3]"));
    accepted(
        "a stored range",
        &format!("{three}3 1 ZRANGESTORE y z -2 -1 -> :2\n5 1 ZRANGE y 0 -1 WITHSCORES -> [b 2 c 3]"),
    );
    accepted(
        "the higher score of two",
        &format!(
            "{three}3 1 ZADD y 5 a 1 c -> :2\n5 1 ZUNIONSTORE x 2 y z AGGREGATE MAX -> :3\n7 1 ZRANGE x 0 -1 WITHSCORES -> [b 2 c 3 a 5]"
        ),
    );
    accepted("a set counts 1", "1 1 SADD s a -> :1\n3 1 ZUNIONSTORE z 1 s AGGREGATE MIN -> :1\n5 1 ZSCORE z a -> 1");
    refused(
        "an old score",
        &format!("{three}3 1 ZINCRBY z 5 a -> 6\n5 1 ZUNIONSTORE x 1 z AGGREGATE MAX -> :3\n7 1 ZSCORE x a -> 1"),
    );
}

#[test]
fn every_new_command_is_read_as_it_is_written() {
    for line in [
        "LMOVE a b LEFT RIGHT",
        "LMPOP 2 a b RIGHT COUNT 3",
        "LSET k -1 e",
        "LTRIM k 0 -2",
        "LINDEX k 3",
        "LPOS k e",
        "SPOP k 2",
        "SMOVE a b m",
        "SUNIONSTORE a b c",
        "SINTERSTORE a b",
        "SDIFFSTORE a b c",
        "ZPOPMIN k 1",
        "ZPOPMAX k 2",
        "ZRANGE k 0 1 REV WITHSCORES",
        "ZRANGE k (5 +inf BYSCORE LIMIT 0 2 WITHSCORES",
        "ZRANGE k 9 (5 BYSCORE REV WITHSCORES",
        "ZRANGESTORE a b -2 -1",
        "ZUNIONSTORE a 2 b c AGGREGATE MIN",
        "HSCAN h 0 COUNT 2",
        "SSCAN s 17 COUNT 2",
        "ZSCAN z 0 COUNT 9",
    ] {
        let words: Vec<Word> = line.split(' ').map(Word::from).collect();
        assert_eq!(Command::try_from(words).expect(line).to_string(), line);
    }
}
