//! What an earlier round left open may land in a later one that counts keys, and the key may vanish again.

mod lines;

use lines::history;
use valthree_workload::carried::{Carried, FIRST_CARRIED};
use valthree_workload::check::{Budget, Verdict, check};
use valthree_workload::history::{History, Moment, Operation};
use valthree_workload::operation::{Command, ServerCommand};

/// What a round leaves open whose history has these lines.
fn carried(lines: &str) -> Carried {
    let mut carried = Carried::default();
    carried.add(&history(lines));
    carried
}

/// A later round: it empties the database and then counts its keys.
fn counting(carried: &Carried, counts: &[usize]) -> History {
    let lines: Vec<String> =
        (0..).zip(counts).map(|(number, count)| format!("{} 1 DBSIZE -> :{count}", 1000 + 2 * number)).collect();
    let mut later = history(&format!("900 1 FLUSHALL -> OK\n{}", lines.join("\n")));
    let operation = |(number, command): (u64, Command)| Operation {
        id: FIRST_CARRIED + number,
        client: FIRST_CARRIED + number,
        server: String::new(),
        command,
        call: Moment { event: number, at: std::time::Duration::ZERO },
        end: None,
    };
    let open: Vec<Operation> = (0..).zip(carried.commands(true, false)).map(operation).collect();
    later.operations.splice(0..0, open);
    later
}

fn is_right(lines: &str, counts: &[usize]) -> bool {
    match check(&counting(&carried(lines), counts), Budget::default()) {
        Verdict::Serializable => true,
        Verdict::Violation(_) => false,
        Verdict::Undecided(why) | Verdict::Malformed(why) => panic!("{lines}: {why}"),
    }
}

#[test]
fn a_key_that_a_late_write_brings_may_vanish_again_once() {
    for lines in [
        "1 1 SET k a PX 100 -> ?",
        "1 1 SET k a -> ?\n3 2 PEXPIRE k 100 -> ?",
        "1 1 SET k a -> ?\n3 2 GETEX k EX 1 -> ?",
        "1 1 SET k a -> ?\n3 2 DEL k -> ?",
        "1 1 HSETEX h PX 100 FIELDS 1 f a -> ?",
        "1 1 HSET h f a -> ?\n3 2 HPEXPIRE h 100 FIELDS 1 f -> ?",
        "1 1 RPUSH k a -> ?\n3 2 LPOP k -> ?",
        "1 1 SADD k a -> ?\n3 2 SREM k a -> ?",
        "1 1 MULTI; SET k a; PEXPIRE k 100; EXEC -> ?",
    ] {
        assert!(is_right(lines, &[0, 1, 0]), "{lines}");
        assert!(!is_right(lines, &[1, 0, 1, 0, 1, 0, 1]), "{lines}");
        assert!(!is_right(lines, &[0, 3]), "{lines}");
    }
    assert!(!is_right("1 1 SET k a PX 100 -> ?", &[1, 0, 1]), "one write");
}

#[test]
fn a_key_that_nothing_removes_stays() {
    for lines in ["1 1 SET k a -> ?", "1 1 RPUSH k a -> ?\n3 2 RPUSH k b -> ?", "1 1 HINCRBY h n 5 -> ?"] {
        assert!(is_right(lines, &[0, 1, 1]), "{lines}");
        assert!(!is_right(lines, &[1, 0]), "{lines}");
    }
    assert!(!is_right("1 1 SET k a -> ?\n3 2 SET j b PX 100 -> ?", &[2, 0]), "another key vanishes");
}

#[test]
fn a_run_that_follows_reads_the_same_from_the_file() {
    let first = carried("1 1 SET k a PX 100 -> ?\n3 2 RPUSH l a -> ?");
    let commands = first.commands(true, true);
    let mut second = Carried::default();
    second.add(&first.into_history());
    assert_eq!(second.commands(true, true), commands);
}

#[test]
fn a_round_does_not_count_keys_that_a_swap_may_take_where_they_vanish() {
    let lasting = "1 1 SET k a -> ?\n3 2 SWAPDB 0 1 -> ?";
    assert!(carried(lasting).may_count(1));
    assert!(!carried(&lasting.replace("SET k a", "SET k a PX 100")).may_count(1));
    let swap = Command::Server(ServerCommand::SwapDb(0, 1));
    assert!(carried(lasting).commands(false, false).contains(&swap));
}
