//! Small histories of every type, written by hand: right ones that the checker accepts, and wrong ones that it refuses.
//!
//! `lines` says how a line is read.

mod lines;

use lines::{accepted, refused};

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
