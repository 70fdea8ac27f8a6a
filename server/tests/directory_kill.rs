//! Processes that share a folder are killed with SIGKILL at any moment, and no write that one of them reported is lost.
//!
//! The test starts itself again as the processes to be killed. They append lines to one object by compare-and-swap and
//! report each line once it was stored. Nothing depends on when the kills come: they decide what is tried, not what holds.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use valthree::store::directory::Directory;
use valthree::store::{Condition, ETag, Got, Store, StoreError};

const PROCESSES: usize = 3;
const KILLS_PER_PROCESS: usize = 40;
const OBJECT: &str = "log";

/// Set for the processes that are to be killed: the folder, and the name that begins their lines.
const ROLE: &str = "VALTHREE_TEST_APPEND";

#[test]
fn a_killed_process_loses_no_write_that_it_reported() {
    if let Ok(role) = std::env::var(ROLE) {
        let (name, folder) = role.split_once(' ').unwrap();
        return append_until_killed(Path::new(folder), name);
    }
    let folder = tempfile::tempdir().unwrap();
    let reported: BTreeMap<String, usize> = thread::scope(|scope| {
        let path = folder.path();
        let slots: Vec<_> = (0..PROCESSES).map(|slot| scope.spawn(move || kill_again_and_again(path, slot))).collect();
        slots.into_iter().flat_map(|slot| slot.join().unwrap()).collect()
    });

    let store = Directory::open(folder.path()).unwrap();
    let (log, _) = wait_for(read(&store));
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines() {
        let (name, number) = line.split_once(' ').unwrap();
        let count = found.entry(name).or_default();
        assert_eq!(number.parse(), Ok(*count), "lost, doubled or out of order: {line}");
        *count += 1;
    }
    assert_eq!(reported.len(), PROCESSES * KILLS_PER_PROCESS);
    for (name, reported) in &reported {
        let stored = found.remove(name.as_str()).unwrap_or(0);
        let unreported = stored.checked_sub(*reported);
        assert!(unreported.is_some_and(|count| count <= 1), "{name} reported {reported} lines, {stored} are there");
    }
    assert_eq!(found, BTreeMap::new(), "nobody wrote these");
}

/// Starts and kills one process after another; gives how many lines each of them reported.
fn kill_again_and_again(folder: &Path, slot: usize) -> Vec<(String, usize)> {
    let mut random = StdRng::seed_from_u64(slot as u64);
    let mut run = |round| {
        let name = format!("{slot}.{round}");
        let (mut process, reports) = Process::start(folder, &name);
        let awaited = random.random_range(1..6_usize);
        for _ in 0..awaited {
            reports.recv().expect("a process ended by itself");
        }
        // The next report or a random moment within a few writes' time, whichever comes first.
        let patience = Duration::from_micros(random.random_range(0..5_000));
        let one_more = usize::from(reports.recv_timeout(patience).is_ok());
        process.kill();
        (name, awaited + one_more + reports.iter().count())
    };
    (0..KILLS_PER_PROCESS).map(&mut run).collect()
}

/// A process that is gone when this is.
struct Process(Child);

impl Process {
    /// Starts this test again in the other role. Reports come over its stderr, which the test harness leaves alone.
    fn start(folder: &Path, name: &str) -> (Process, Receiver<String>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_loses_no_write_that_it_reported", "--nocapture"])
            .env(ROLE, format!("{name} {}", folder.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (reports, received) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let expected = format!("{name} ");
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if !line.starts_with(&expected) {
                    eprintln!("{line}");
                } else if reports.send(line).is_err() {
                    break;
                }
            }
        });
        (Process(child), received)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn append_until_killed(folder: &Path, name: &str) {
    let store = Directory::open(folder).unwrap();
    wait_for(async {
        for number in 0.. {
            let line = format!("{name} {number}\n");
            append(&store, &line).await;
            if io::stderr().write_all(line.as_bytes()).is_err() {
                break; // Nobody is left to report to.
            }
        }
    });
}

async fn append(store: &Directory, line: &str) {
    loop {
        let (log, etag) = read(store).await;
        let condition = etag.map_or(Condition::Absent, Condition::Match);
        match store.put(OBJECT, Bytes::from(log + line), &condition).await {
            Ok(_) => return,
            Err(StoreError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn read(store: &Directory) -> (String, Option<ETag>) {
    match store.get(OBJECT, None).await.unwrap() {
        Got::Object { bytes, etag } => (String::from_utf8(bytes.into()).unwrap(), Some(etag)),
        Got::Absent => (String::new(), None),
        Got::Unchanged => panic!("unchanged, but no version was named"),
    }
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
