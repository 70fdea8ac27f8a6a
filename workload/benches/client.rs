//! The cost of a client of the workload beyond its client library, for one SET. It is the difference between the first
//! figure and the others. The server runs in the same thread and does next to nothing.

use std::io;
use std::time::Duration;

use divan::Bencher;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use valthree_workload::client::Client;
use valthree_workload::connection::{Cluster, Connect, Connection};
use valthree_workload::history::{Journal, Recorder};
use valthree_workload::operation::{Command, StringCommand};
use valthree_workload::word::Word;

fn main() {
    divan::main();
}

/// A server that answers OK to every request that ends with [`END`], as our SET does.
#[derive(Clone, Copy)]
struct Okay;

const END: &[u8] = b"value\r\n";

impl Connect for Okay {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        let (ours, mut theirs) = duplex(1 << 16);
        tokio::spawn(async move {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(read @ 1..) = theirs.read(&mut bytes).await {
                // The library opens a connection with two commands, sent at once.
                let replies: &[u8] = if bytes[..read].ends_with(END) { b"+OK\r\n" } else { b"+OK\r\n+OK\r\n" };
                if theirs.write_all(replies).await.is_err() {
                    break;
                }
            }
        });
        Ok(ours)
    }
}

fn cluster() -> Cluster<Okay> {
    Cluster { connect: Okay, servers: vec!["okay".into()], patience: Duration::from_secs(5) }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn set() -> Command {
    let (key, value) = (Word::from("0123456789:0"), Word::from("1.1 value"));
    Command::String(StringCommand::Set { key, value, condition: None, get: false })
}

#[divan::bench]
fn the_library_alone(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let cluster = cluster();
    let mut connection = runtime.block_on(Connection::open(&cluster, "okay", false)).expect("it answers");
    bencher.bench_local(|| runtime.block_on(connection.send(&[set()])));
}

fn client(bencher: Bencher<'_, '_>, journal: Option<Journal>) {
    let runtime = runtime();
    let cluster = cluster();
    let recorder = Recorder::new("a benchmark".into(), journal);
    let mut client = Client::new(&cluster, &recorder, false, 0, 1);
    assert!(runtime.block_on(client.connect(|| 0)));
    bencher.bench_local(|| {
        let outcomes = runtime.block_on(client.send(vec![set()]));
        assert_eq!(outcomes.len(), 1);
    });
}

#[divan::bench]
fn a_client(bencher: Bencher<'_, '_>) {
    client(bencher, None);
}

#[divan::bench]
fn a_client_with_a_journal(bencher: Bencher<'_, '_>) {
    let file = tempfile::tempfile().expect("a temporary file");
    client(bencher, Some(Box::new(file)));
}
