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
