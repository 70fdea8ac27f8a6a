//! What a session has to know of a command before anybody executes it: whether it may let a full database grow, and whether
//! it may write during a pause.

mod network;

use network::*;
use valthree::settings::Settings;
use valthree::store::memory::{Memory, Script};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/// The script `return 1`.
const PLAIN: &str = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

/// A server with a limit on a store that answers everything.
async fn limited(number: u8, store: &Memory, max_memory: u64) -> Network {
    let settings = Settings { max_memory: Some(max_memory), ..Settings::default() };
    let (network, script) = Network::numbered(number, store, settings);
    tokio::spawn(answer_everything(script));
    settle().await;
    network
}

async fn answer_everything(mut script: Script) {
    while let Some(held) = script.next().await {
        held.answer();
    }
}

#[tokio::test(start_paused = true)]
async fn a_size_that_another_server_has_changed_refuses_no_command_and_hides_none() {
    let store = Memory::new();
    let (small, large) = (limited(1, &store, 1000).await, limited(2, &store, 1 << 30).await);
    let (mut client, mut other) = (small.connect(), large.connect());
    let filler = format!("SET filler {}\r\n", "x".repeat(1000));
    client.send(format!("{filler}MULTI\r\n")).await;
    client.expect("+OK\r\n+OK\r\n").await;
    client.send("SET k 1\r\n").await;
    client.expect(OOM).await;
    client.send("DISCARD\r\nMULTI\r\n").await;
    client.expect("+OK\r\n+OK\r\n").await;
    // What the server knows is too large. It does not know yet that there is room again.
    other.send("DEL filler\r\n").await;
    other.expect(":1\r\n").await;
    client.send("SET k 1\r\nEXEC\r\n").await;
    client.expect("+QUEUED\r\n*1\r\n+OK\r\n").await;
    // Now what it knows is too small. EXEC looks at the newest version.
    other.send(filler).await;
    other.expect("+OK\r\n").await;
    client.send("MULTI\r\nSET k 1\r\nEXEC\r\n").await;
    let aborted = format!("-EXECABORT Transaction discarded because of: {}", &OOM[1..]);
    client.expect(format!("+OK\r\n+QUEUED\r\n{aborted}")).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_makes_room_in_a_pipeline_has_it() {
    let network = limited(1, &Memory::new(), 1000).await;
    let mut client = network.connect();
    client.send(format!("SET filler {}\r\n", "x".repeat(1000))).await;
    client.expect("+OK\r\n").await;
    client.send("DEL filler\r\nMULTI\r\nSET k 1\r\nGET k\r\nEXEC\r\nGET k\r\n").await;
    client.expect(":1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\n1\r\n$1\r\n1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_finds_no_room_counts_as_refused_and_a_queued_one_counts_with_its_exec() {
    let network = limited(1, &Memory::new(), 1000).await;
    let mut client = network.connect();
    client.send(format!("SET filler {}\r\n", "x".repeat(1000))).await;
    client.expect("+OK\r\n").await;
    client.send("MULTI\r\nSET k 1\r\nDISCARD\r\n").await;
    client.expect(format!("+OK\r\n{OOM}+OK\r\n")).await;
    let told = async |client: &mut Client, calls: u32| {
        let text = client.text("INFO commandstats\r\n").await;
        let line = text.lines().find(|line| line.starts_with("cmdstat_set:")).expect("SET was called");
        assert!(line.starts_with(&format!("cmdstat_set:calls={calls},")), "{line}");
        assert!(line.contains(",rejected_calls=1,"), "{line}");
    };
    told(&mut client, 1).await;
    client.send("DEL filler\r\nMULTI\r\nSET k 1\r\nEXEC\r\n").await;
    client.expect(":1\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n").await;
    told(&mut client, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_writes_holds_scripts_that_may_write_and_no_others() {
    let network = limited(1, &Memory::new(), 1 << 30).await;
    let mut client = network.connect();
    client.send("*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$8\r\nreturn 1\r\n").await;
    client.expect(format!("$40\r\n{PLAIN}\r\n")).await;
    let load = "#!lua name=l\nredis.register_function('write', function() return 1 end)\n\
                redis.register_function{function_name='look', callback=function() return 1 end, flags={'no-writes'}}";
    client.send(format!("*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n${}\r\n{load}\r\n", load.len())).await;
    client.expect("$1\r\nl\r\n").await;
    client.send("CLIENT PAUSE 100000 WRITE\r\n").await;
    client.expect("+OK\r\n").await;
    let held = [
        (format!("EVALSHA {PLAIN} 0\r\n"), ":1\r\n"),
        ("EVALSHA x 0\r\n".to_owned(), "-NOSCRIPT No matching script.\r\n"),
        ("EVAL \"return 1\" 0\r\n".to_owned(), ":1\r\n"),
        ("FCALL write 0\r\n".to_owned(), ":1\r\n"),
        ("FCALL none 0\r\n".to_owned(), "-ERR Function not found\r\n"),
        ("FCALL_RO write 0\r\n".to_owned(), "-ERR Can not execute a script with write flag using *_ro command.\r\n"),
        ("SET k v\r\n".to_owned(), "+OK\r\n"),
        ("PFCOUNT none\r\n".to_owned(), ":0\r\n"),
        ("MULTI\r\nFCALL write 0\r\nEXEC\r\n".to_owned(), "+QUEUED\r\n*1\r\n:1\r\n"),
        ("MULTI\r\nSET k v\r\nEXEC\r\n".to_owned(), "+QUEUED\r\n*1\r\n+OK\r\n"),
    ];
    let mut waiting = Vec::new();
    for (request, reply) in held {
        let mut held = network.connect();
        held.send(&request).await;
        if request.starts_with("MULTI") {
            held.expect("+OK\r\n").await;
        }
        held.expect_silence().await;
        waiting.push((held, reply));
    }
    assert_eq!(client.info("blocked_clients").await, waiting.len());
    let mut queued = network.connect();
    queued.send(format!("MULTI\r\nEVALSHA_RO {PLAIN} 0\r\nFCALL look 0\r\nEXEC\r\n")).await;
    queued.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:1\r\n").await;
    client.send("CLIENT UNPAUSE\r\n").await;
    client.expect("+OK\r\n").await;
    for (mut held, reply) in waiting {
        held.expect(reply).await;
    }
    assert_eq!(client.info("blocked_clients").await, 0);
}
