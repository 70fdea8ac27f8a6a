//! What a whole server owes to its connections.

mod network;

use std::fmt::Write as _;
use std::time::Duration;

use network::*;
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use valthree::store::StoreError;
use valthree::store::memory::{Memory, Request, Script};

async fn answer_everything(mut script: Script) {
    while let Some(held) = script.next().await {
        held.answer();
    }
}

#[tokio::test(start_paused = true)]
async fn until_the_store_has_answered_only_commands_that_need_no_database_are_executed() {
    let (network, mut script) = Network::scripted(&Memory::new(), 100);
    let (mut client, mut quitter) = (network.connect(), network.connect());
    for command in ["PING", "*1\r\n$4\r\nPING", "GET k", "SET k 1", "FLUSHALL"] {
        client.send(format!("{command}\r\n")).await;
        client.expect_line("-LOADING ").await;
    }
    // An operator looks at a server that does not come up, as in Valkey.
    client.send("INFO persistence\r\nINFO store\r\nNO-SUCH-COMMAND\r\nCLIENT ID\r\n").await;
    client.until_line("loading:1").await;
    client.until_line("# Store").await;
    client.until_line("-ERR unknown command").await;
    client.expect_line(":").await;
    quitter.send("PING\r\nQUIT\r\nPING\r\n").await;
    quitter.expect_line("-LOADING ").await;
    quitter.expect("+OK\r\n").await;
    quitter.expect_end().await;
    settle_loading(&mut script).await;
    client.send("PING\r\nHELLO\r\n").await;
    client.expect("+PONG\r\n*14\r\n").await;
    client.send("INFO persistence\r\n").await;
    client.until_line("loading:0").await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_costs_one_put_and_is_answered_in_order() {
    let (network, record) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    let (mut commands, mut replies) = (String::new(), String::new());
    for number in 0..1_000 {
        write!(commands, "GET k{number}\r\nSET k{number} {number}\r\nGET k{number}\r\nECHO {number}\r\n").unwrap();
        let text = number.to_string();
        let bulk = format!("${}\r\n{text}\r\n", text.len());
        write!(replies, "$-1\r\n+OK\r\n{bulk}{bulk}").unwrap();
    }
    assert!(commands.len() < BUFFER, "it is sent at once");
    client.send(commands).await;
    client.expect(replies).await;
    assert_eq!(record.puts(), 1);
    client.send("DEL k1 k2 no\r\nDBSIZE\r\nFLUSHALL\r\nGET k3\r\nNO\r\n").await;
    client.expect(":2\r\n:998\r\n+OK\r\n$-1\r\n-ERR unknown command 'NO', with args beginning with: \r\n").await;
    assert_eq!(record.puts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_longer_than_every_buffer_is_answered_though_the_replies_are_taken_at_the_end() {
    let (network, record) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    let value = "v".repeat(1 << 10);
    let (sets, gets) = (200_000, 30_000);
    let mut commands = "SET k v\r\n".repeat(sets);
    write!(commands, "SET k {value}\r\n").unwrap();
    commands.push_str(&"GET k\r\n".repeat(gets));
    client.send(commands).await;
    client.expect("+OK\r\n".repeat(sets + 1)).await;
    client.expect(format!("$1024\r\n{value}\r\n").repeat(gets)).await;
    assert!(record.puts() < sets / 100, "{} PUTs", record.puts());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_said_everything_still_gets_every_reply() {
    let (network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    // Some of these fill the buffer that they are read into to the last byte.
    for commands in [1, 1023, 1024, 1025, 2048, 4096, 65536] {
        let mut client = network.connect();
        client.send("SET key 1234\r\n\r\n".repeat(commands)).await;
        client.finish().await;
        client.expect("+OK\r\n".repeat(commands)).await;
        client.expect_end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn tryagain_and_uncertain_are_errors_that_leave_the_connection_usable() {
    let (network, mut script) = Network::loaded(&Memory::new()).await;
    let mut client = network.connect();
    client.send("SET k 1\r\n").await;
    let put = script.next().await.unwrap();
    assert!(matches!(put.request, Request::Put { .. }));
    client.send("SET k 2\r\nPING\r\n").await;
    client.expect_line("-UNCERTAIN ").await;
    client.expect_line("-TRYAGAIN ").await;
    client.expect("+PONG\r\n").await;
    put.answer();
    client.send("GET k\r\n").await;
    tokio::spawn(answer_everything(script));
    client.expect("$1\r\n1\r\n").await;
    client.send("SET k 3 GET\r\n").await;
    client.expect("$1\r\n1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn replies_that_are_not_wanted_leave_the_others_in_order() {
    let (network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    client.send("SET a 1\r\nPING\r\nCLIENT REPLY SKIP\r\nSET b 2\r\nGET b\r\nCLIENT REPLY SKIP\r\nPING\r\n").await;
    client.send("PING 1\r\nCLIENT REPLY OFF\r\nSET c 3\r\nPING\r\nNO\r\nCLIENT REPLY ON\r\nGET c\r\n").await;
    client.expect("+OK\r\n+PONG\r\n$1\r\n2\r\n$1\r\n1\r\n+OK\r\n$1\r\n3\r\n").await;
    client.send("CLIENT REPLY OFF\r\nSET d 4\r\nQUIT\r\n").await;
    client.expect_end().await;
    let mut other = network.connect();
    other.send("GET d\r\n").await;
    other.expect("$1\r\n4\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn each_reply_is_in_the_protocol_that_was_spoken_when_its_request_came() {
    let (network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    client.send("SET k v\r\nGET no\r\nHELLO 3\r\nGET no\r\nRESET\r\nGET no\r\n").await;
    client.expect("+OK\r\n$-1\r\n%7\r\n").await;
    while client.expect_line("").await != "*0\r\n" {}
    client.expect("_\r\n+RESET\r\n$-1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_protocol_error_comes_after_the_replies_before_it() {
    let (network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    client.send("SET k v\r\nGET k\r\n*x\r\nSET k w\r\n").await;
    client.expect("+OK\r\n$1\r\nv\r\n-ERR Protocol error: invalid multibulk length\r\n").await;
    client.expect_end().await;
    let mut other = network.connect();
    other.send("GET k\r\n").await;
    other.expect("$1\r\nv\r\n").await;
}

#[tokio::test]
async fn a_protocol_error_reaches_a_client_that_goes_on_sending() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = valthree::settings::Settings { deadline: Duration::from_secs(60), ..Default::default() };
    let config = valthree::server::Config { seed: [7; 32], wall: std::time::SystemTime::UNIX_EPOCH.into(), settings };
    tokio::spawn(valthree::server::run(listener, Memory::new(), config, std::future::pending()));
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        writer.write_all(b"*x\r\n").await.unwrap();
        while writer.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let mut received = Vec::new();
    // In the end the server hangs up, and what the client has sent since may make the system say so as an error.
    let _ = reader.read_to_end(&mut received).await;
    assert_eq!(String::from_utf8_lossy(&received), "-ERR Protocol error: invalid multibulk length\r\n");
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_answers_what_was_submitted_and_takes_no_more() {
    let store = Memory::new();
    let (mut network, mut script) = Network::loaded(&store).await;
    let (mut client, mut idle, mut half) = (network.connect(), network.connect(), network.connect());
    half.send("*2\r\n$3\r\nGET\r\n").await;
    client.send("SET k 1\r\nGET k\r\n").await;
    let put = script.next().await.unwrap();
    assert!(matches!(put.request, Request::Put { .. }));
    network.stop();
    idle.expect_end().await;
    half.expect_end().await;
    assert!(!network.takes_connections());
    assert!(!network.server.is_finished());
    put.answer();
    client.expect("+OK\r\n$1\r\n1\r\n").await;
    client.expect_end().await;
    network.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_while_the_server_stops_is_answered() {
    let (mut network, mut script) = Network::loaded(&Memory::new()).await;
    let (mut waiting, mut silent, mut late) = (network.connect(), network.connect(), network.connect());
    waiting.send("SET k 1\r\n").await;
    let put = script.next().await.unwrap();
    late.send("PING\r\n").await;
    late.expect("+PONG\r\n").await;
    network.stop();
    // It was on its way while the server began to stop.
    silent.send("PING\r\n").await;
    late.send("ECHO ").await;
    waiting.send("PING\r\n").await;
    silent.expect("+PONG\r\n").await;
    late.send("hello\r\n").await;
    late.expect("$5\r\nhello\r\n").await;
    silent.expect_end().await;
    late.expect_end().await;
    put.answer();
    waiting.expect("+OK\r\n+PONG\r\n").await;
    waiting.expect_end().await;
    network.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_pauses_does_not_keep_a_server_from_stopping() {
    let (mut network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    client.send("*2\r\n$4\r\nECHO\r\n$1000000\r\n").await;
    settle().await;
    network.stop();
    let start = Instant::now();
    while client.0.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(7)).await;
        assert!(start.elapsed() < Duration::from_secs(1));
    }
    assert!(start.elapsed() > Duration::from_millis(100), "it was read for a while: {:?}", start.elapsed());
    network.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_while_its_store_is_silent_tells_everybody_by_the_deadline() {
    let (mut network, mut script) = Network::loaded(&Memory::new()).await;
    let (mut writer, mut reader) = (network.connect(), network.connect());
    let start = Instant::now();
    writer.send("SET k 1\r\n").await;
    reader.send("GET k\r\n").await;
    settle().await;
    network.stop();
    writer.expect_line("-UNCERTAIN ").await;
    reader.expect_line("-TRYAGAIN ").await;
    assert!(start.elapsed() <= DEADLINE + Duration::from_millis(10), "{:?}", start.elapsed());
    network.ended().await;
    assert!(start.elapsed() <= DEADLINE + Duration::from_millis(1100), "{:?}", start.elapsed());
    assert!(script.next().await.is_some(), "it was asked");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_does_not_wait_for_clients_that_take_no_replies() {
    let (mut network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    client.send(format!("SET k {}\r\n", "v".repeat(1 << 16))).await;
    client.send("GET k\r\n".repeat(10)).await;
    settle().await;
    let start = Instant::now();
    network.stop();
    network.ended().await;
    assert!(start.elapsed() <= DEADLINE + Duration::from_millis(1100), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_while_it_is_loading_is_gone_at_once() {
    for clients in [0, 3] {
        let (mut network, mut script) = Network::scripted(&Memory::new(), 100);
        let mut clients: Vec<Client> = (0..clients).map(|_| network.connect()).collect();
        for client in &mut clients {
            client.send("GET k\r\n").await;
            client.expect_line("-LOADING ").await;
        }
        let request = script.next().await.unwrap();
        let start = Instant::now();
        network.stop();
        for mut client in clients {
            client.expect_end().await;
        }
        network.ended().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        drop(request);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disappears_harms_nobody() {
    let (network, mut script) = Network::loaded(&Memory::new()).await;
    let mut bystander = network.connect();
    bystander.send("SET k 1\r\n").await;
    let put = script.next().await.unwrap();
    for last_words in ["", "PI", "*2\r\n$3\r\nGET\r\n$5\r\nab", "SET gone 1\r\n", "GET k\r\n", "*x\r\n", "QUIT\r\n"] {
        let mut client = network.connect();
        client.send(last_words).await;
        drop(client);
        let mut client = network.connect();
        client.send(last_words).await;
        settle().await;
        drop(client);
    }
    put.answer();
    tokio::spawn(answer_everything(script));
    bystander.send("SET k 2\r\nGET gone\r\n").await;
    bystander.expect("+OK\r\n+OK\r\n$1\r\n1\r\n").await;
    settle().await;
    assert_eq!(bystander.info("connected_clients").await, 1);
}

#[tokio::test(start_paused = true)]
async fn one_client_too_many_is_told_so_and_its_place_is_free_again_when_another_leaves() {
    let (network, _) = Network::honest(&Memory::new(), 2);
    settle().await;
    let (first, mut second) = (network.connect(), network.connect());
    for _ in 0..3 {
        let mut third = network.connect();
        third.send("PING\r\n").await;
        third.expect("-ERR max number of clients reached\r\n").await;
        third.expect_end().await;
    }
    // Those that are being turned away take nobody's place, however many they are.
    let turned_away: Vec<Client> = (0..1_000).map(|_| network.connect()).collect();
    settle().await;
    drop(first);
    settle().await;
    let mut newcomer = network.connect();
    newcomer.send("PING\r\n").await;
    newcomer.expect("+PONG\r\n").await;
    second.send("PING\r\n").await;
    second.expect("+PONG\r\n").await;
    drop(turned_away);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_before_it_is_one_is_passed_over() {
    let (network, _) = Network::honest(&Memory::new(), 100);
    network.fail_to_connect();
    network.fail_to_connect();
    let mut client = network.connect();
    settle().await;
    client.send("PING\r\n").await;
    client.expect("+PONG\r\n").await;
}

/// Sends a request over and over without taking a reply: some are executed, then no more, and then it is cut off.
async fn take_no_replies(request: &str, at_most: usize) {
    let (network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    let (mut glutton, mut bystander) = (network.connect(), network.connect());
    bystander.send(format!("SET k {}\r\n", "v".repeat(60_000))).await;
    bystander.expect("+OK\r\n").await;
    let requests = request.repeat((4 << 20) / request.len());
    let sent = glutton.send_what_is_taken(requests.as_bytes()).await;
    assert!(sent < requests.len(), "{request:?}: all was taken");
    let executed = bystander.info("total_commands_processed").await;
    assert!(executed < at_most, "{request:?}: {executed} were executed");
    assert_eq!(bystander.info("connected_clients").await, 2, "{request:?}");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(bystander.info("connected_clients").await, 1, "{request:?}");
    assert!(glutton.0.write_all(b"PING\r\n").await.is_err(), "{request:?}: it is not cut off");
    bystander.send("PING\r\n").await;
    bystander.expect("+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_replies_is_cut_off_before_they_fill_the_memory() {
    // The size of what a read answers is known only later, so of these there may be more; they share their value.
    take_no_replies("GET k\r\n", 1 << 18).await;
    take_no_replies("COMMAND\r\n", 1 << 16).await;
    take_no_replies("PING\r\nCOMMAND DOCS\r\n", 1 << 16).await;
}

#[tokio::test(start_paused = true)]
async fn replies_behind_one_that_is_missing_do_not_fill_the_memory() {
    let (network, _script) = Network::loaded(&Memory::new()).await;
    let (mut glutton, mut bystander) = (network.connect(), network.connect());
    let requests = format!("GET k\r\n{}", "COMMAND\r\n".repeat(1 << 19));
    let sent = glutton.send_what_is_taken(requests.as_bytes()).await;
    assert!(sent < requests.len(), "all was taken");
    let executed = bystander.info("total_commands_processed").await;
    assert!(executed < 1 << 16, "{executed} were executed");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_much_lets_the_others_have_their_turn() {
    let (network, _) = Network::honest(&Memory::new(), 100);
    settle().await;
    let (mut glutton, mut bystander) = (network.connect(), network.connect());
    bystander.send("PING\r\n").await;
    bystander.expect("+PONG\r\n").await;
    glutton.send("COMMAND DOCS\r\n".repeat(2_000)).await;
    bystander.send("INFO\r\n").await;
    let line = bystander.expect_line("$").await;
    let mut info = vec![0; line[1..].trim_end().parse().unwrap()];
    bystander.0.read_exact(&mut info).await.unwrap();
    let info = String::from_utf8(info).unwrap();
    let executed = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:")).unwrap();
    assert!(executed.parse::<usize>().unwrap() < 500, "{executed} were executed before the bystander's");
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_not_answered_do_not_fill_the_memory() {
    let (network, _script) = Network::loaded(&Memory::new()).await;
    let (mut glutton, mut bystander) = (network.connect(), network.connect());
    let requests = format!("SET k {}\r\n", "v".repeat(60_000)).repeat(2_000);
    let sent = glutton.send_what_is_taken(requests.as_bytes()).await;
    assert!(sent < 80 << 20, "{sent} bytes were taken");
    assert!(bystander.info("total_commands_processed").await > 100, "a pipeline of that size is no hardship");
    glutton.expect_line("-UNCERTAIN ").await;
    glutton.expect_line("-").await;
    assert!(glutton.send_what_is_taken(b"PING\r\n").await > 0, "it is read on");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_finds_its_database_damaged_says_so_to_everybody() {
    let store = Memory::new();
    let (network, _) = Network::honest(&store, 100);
    settle().await;
    let mut client = network.connect();
    client.send("SET k 1\r\n").await;
    client.expect("+OK\r\n").await;
    store.plant("db.json", "{");
    client.send("GET k\r\n").await;
    client.expect_line("-ERR The database cannot be used: memory:db.json is cut short: ").await;
    for command in ["SET k 2\r\n", "PING\r\n"] {
        client.send(command).await;
        client.expect_line("-ERR The database cannot be used: memory:db.json is cut short: ").await;
    }
    client.send("QUIT\r\n").await;
    client.expect("+OK\r\n").await;
    client.expect_end().await;
    assert_eq!(store.peek("db.json").unwrap(), "{");
}

/// Several clients, a store that fails and is slow in places, a client that goes: the requests that come of it.
async fn eventful_run() -> Vec<Request> {
    let (mut network, mut script) = Network::scripted(&Memory::new(), 4);
    let serving = tokio::spawn(async move {
        let mut requests = Vec::new();
        while let Some(mut held) = script.next().await {
            requests.push(held.request.clone());
            match requests.len() % 7 {
                3 => held.fail(StoreError::Unclear("lost".into())),
                5 => {
                    held.perform();
                    held.fail(StoreError::Unclear("lost after it was done".into()));
                }
                number => {
                    tokio::time::sleep(Duration::from_millis(10 * number as u64)).await;
                    held.answer();
                }
            }
        }
        requests
    });
    let mut clients: Vec<Client> = (0..6).map(|_| network.connect()).collect();
    for round in 0..20 {
        for (number, client) in clients.iter_mut().enumerate() {
            let commands = format!("SET k{number} {round}\r\nGET k{}\r\nDEL k{round}\r\n", round % 5);
            let _ = client.0.write_all(commands.as_bytes()).await; // two were too many
        }
        if round == 10 {
            drop(clients.remove(0));
            clients.push(network.connect());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    network.stop();
    network.ended().await;
    timeout(Duration::from_secs(60), serving).await.expect("the server is gone").unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_the_same_events_make_the_same_requests() {
    let requests = eventful_run().await;
    assert!(requests.len() > 20, "only {} requests", requests.len());
    for _ in 0..3 {
        assert!(requests == eventful_run().await, "a run differs");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_server_asks_nothing_of_its_store() {
    let (network, record) = Network::honest(&Memory::new(), 100);
    settle().await;
    let mut client = network.connect();
    client.send("SET k 1\r\nGET k\r\n").await;
    client.expect("+OK\r\n$1\r\n1\r\n").await;
    settle().await;
    let before = record.all().len();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    client.send("PING\r\n").await;
    client.expect("+PONG\r\n").await;
    assert_eq!(record.all().len(), before);
}

#[tokio::test]
async fn small_replies_leave_at_once_and_vanished_clients_are_noticed() {
    let mut listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer, local) = valthree::net::Listener::accept(&mut listener).await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap().to_string());
    assert_eq!(local, client.peer_addr().unwrap().to_string());
    assert!(stream.nodelay().unwrap());
    assert!(SockRef::from(&stream).keepalive().unwrap());
}
