//! Runs tests of this program again, each on a server with a planted bug that the test has to notice.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;
use std::{env, thread};

use super::caught::Caught;

/// How many run at a time.
const AT_ONCE: usize = 2;

/// The exit status of a program with tests that have failed.
const FAILED: i32 = 101;

/// Longer than any of these tests takes. A test that hangs has noticed nothing.
const MOST: Duration = Duration::from_secs(180);

/// Runs the test of each bug, which has to fail, and each of these tests once without a bug.
pub fn all_are_caught(bugs: &[Caught]) {
    let sound: BTreeSet<&str> = bugs.iter().map(|bug| bug.test).collect();
    let sound = sound.into_iter().map(|test| ("", test));
    let runs = Mutex::new(sound.chain(bugs.iter().map(|bug| (bug.name, bug.test))));
    let next = || runs.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).filter_map(|(bug, test)| mistake(bug, test)).collect::<Vec<String>>();
    let mistakes: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it ran its tests")).collect()
    });
    assert!(mistakes.is_empty(), "of {} bugs:\n{}", bugs.len(), mistakes.join("\n"));
}

/// Runs a test with a bug, or with none. Returns what is wrong, if the bug escapes or a sound server does not pass.
fn mistake(bug: &str, test: &str) -> Option<String> {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args([test, "--exact", "--test-threads=1"]).env("VALTHREE_BUG", bug);
    command.env_remove("VALTHREE_SEEDS").env_remove("VALTHREE_SEED").env("RUST_BACKTRACE", "0");
    // A property that fails for a planted bug is no example to keep, and nobody reads the smallest one.
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut stdout = child.stdout.take().expect("it is a pipe");
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let mut said = String::new();
        let read = stdout.read_to_string(&mut said);
        let _ = ended.send(read.map(|_| said)); // nobody listens any more if it took too long
    });
    let name = if bug.is_empty() { "no bug" } else { bug };
    let Ok(said) = end.recv_timeout(MOST) else {
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        return Some(format!("{name}: {test} hangs"));
    };
    let status = child.wait().expect("it ends");
    let said = said.expect("text");
    let (code, result) = match bug {
        "" => (0, "test result: ok. 1 passed; 0 failed"),
        _ => (FAILED, "test result: FAILED. 0 passed; 1 failed"),
    };
    let as_wanted = status.code() == Some(code) && said.contains(result);
    (!as_wanted).then(|| {
        let last = said.trim().lines().last().unwrap_or("nothing");
        format!("{name}: {test} ends with {status}, and says {last}")
    })
}
