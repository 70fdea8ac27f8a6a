//! A database that is known to be right. The workload finds nothing wrong with it, and covers everything it can show.

#[path = "../../server/tests/peer/redis_server.rs"]
mod redis_server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use redis_server::RedisServer;

/// With this seed, the run draws each class of commands often enough.
const SEED: &str = "5";

struct Workload<'a> {
    address: String,
    folder: &'a Path,
    outputs: Vec<PathBuf>,
}

impl Workload<'_> {
    fn new<'a>(server: &RedisServer, folder: &'a Path) -> Workload<'a> {
        Workload { address: server.address.to_string(), folder, outputs: Vec::new() }
    }

    fn run(&mut self, arguments: &[&str]) -> Output {
        let output = self.folder.join(format!("{}-{}.jsonl", arguments[0], self.outputs.len()));
        let ran = Command::new(env!("CARGO_BIN_EXE_valthree-workload"))
            .args(arguments)
            .args(["--addrs", &self.address])
            .current_dir(self.folder)
            .env("ANTITHESIS_SDK_LOCAL_OUTPUT", &output)
            .output()
            .expect("the workload can be started");
        self.outputs.push(output);
        ran
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn nothing_is_wrong_with_redis() {
    let server = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let mut workload = Workload::new(&server, folder.path());
    let waited = workload.run(&["wait", "--once"]);
    assert!(waited.status.success(), "{}", text(&waited));
    let arguments = ["run", "--rounds", "200", "--operations", "300", "--own-database", "--histories", "histories"];
    let ran = workload.run(&[arguments.as_slice(), &["--seed", SEED]].concat());
    assert!(ran.status.success(), "{}", text(&ran));
    assert!(!text(&ran).contains("nobody can have touched"), "it remembers every touch: {}", text(&ran));
    let recovered = workload.run(&["recover", "--histories", "histories"]);
    assert!(recovered.status.success(), "{}", text(&recovered));

    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/judge-assertions");
    let judged = Command::new(judge).arg("redis").args(&workload.outputs).output().expect("the judge can be started");
    assert!(judged.status.success(), "{}", text(&judged));
}

#[test]
fn a_database_that_has_lost_its_keys_does_not_fit_what_a_run_has_left() {
    let server = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let mut workload = Workload::new(&server, folder.path());
    // Only strings: the question whether a database of all types fits can take minutes to answer.
    let run = ["run", "--commands", "get,set,del,mset", "--rounds", "4", "--operations", "200"];
    let ran = workload.run(&[&run[..], &["--histories", "histories", "--seed", SEED]].concat());
    assert!(matches!(ran.status.code(), Some(0 | 3)), "{}", text(&ran));
    let port = server.address.port().to_string();
    let flushed = Command::new("redis-cli").args(["-p", &port, "FLUSHALL"]).output().expect("redis-cli is there");
    assert!(flushed.status.success());
    let recovered = workload.run(&["recover", "--histories", "histories"]);
    assert_eq!(recovered.status.code(), Some(1), "{}", text(&recovered));
    assert!(text(&recovered).contains("the database does not fit"), "{}", text(&recovered));
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("there is a README");
    let commands: Vec<Vec<&str>> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("$ cargo run --release -p valthree-workload -- "))
        .map(|arguments| arguments.split(' ').collect())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let statuses: Vec<Option<i32>> =
        commands.iter().map(|command| as_the_readme_says(command, folder.path())).collect();
    assert_eq!(statuses, [Some(0), Some(1)], "a run that finds nothing, and a history that is a violation");
    assert!(folder.path().join("valthree-evidence/evidence.html").exists());
}

/// Runs a command of the README against a local server, for fewer rounds than a minute has.
fn as_the_readme_says(command: &[&str], folder: &Path) -> Option<i32> {
    let server = RedisServer::start();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace");
    let arguments = command.iter().map(|argument| match *argument {
        "127.0.0.1:6379,127.0.0.1:6380" => format!("{},{}", server.address, server.address),
        "--duration" => "--rounds".into(),
        "1m" => "60".into(),
        file if file.ends_with(".jsonl") => repository.join(file).display().to_string(),
        other => other.to_owned(),
    });
    let ran = Command::new(env!("CARGO_BIN_EXE_valthree-workload"))
        .args(arguments)
        .env("VALTHREE_WORKLOAD_SEED", SEED)
        .current_dir(folder)
        .output()
        .expect("the workload can be started");
    ran.status.code()
}
