//! What the README shows is what happens: its commands run, its links lead somewhere, its table is the server's.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use valthree::command::table;
use valthree_lab::s3::{Config, Keys, Stand, serve};

/// Where the README's first server listens unless it is told otherwise.
const DEFAULT_PORT: &str = "6379";

/// Stands for anything in the README's outputs.
const ANYTHING: char = '…';

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("there is a README")
}

/// A line after `$`, and the lines below it.
struct Step {
    command: String,
    output: String,
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (inside, line.strip_prefix("$ ")) {
            (false, _) => inside = line == "```console",
            (true, _) if line == "```" => inside = false,
            (true, Some(command)) => steps.push(Step { command: command.to_owned(), output: String::new() }),
            (true, None) => {
                let step = steps.last_mut().expect("a block begins with a command");
                step.output += line;
                step.output += "\n";
            }
        }
    }
    steps
}

/// A server of the README, on a port of its own. It is killed when the test ends, as any server may be.
struct Server(Child, String);

/// The stand-in for S3, with the keys that its binary has by default.
fn stand_in() -> (Runtime, String) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let keys = Keys { access_key: "valthree".into(), secret_key: "valthree-secret".into() };
    #[expect(clippy::disallowed_methods, reason = "a server that is another process signs by the machine's clock")]
    let started = std::time::SystemTime::now();
    let config = Config { keys: Some(keys), region: "us-east-1".into(), buckets: Vec::new(), started };
    runtime.spawn(serve(listener, Stand::new(config), std::future::pending()));
    (runtime, url)
}

impl Server {
    fn start(arguments: &[String], exported: &BTreeMap<String, String>, folder: &Path) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_valthree"))
            .args(arguments)
            .envs(exported)
            .env("VALTHREE_LISTEN", "127.0.0.1:0")
            .env("VALTHREE_DEADLINE_MS", "600000")
            .current_dir(folder)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server is there");
        let log = BufReader::new(child.stderr.take().expect("it was piped"));
        let mut lines = log.lines().map(|line| line.expect("the log is text"));
        let listening = lines.find(|line| line.contains("listening on")).expect("it says where it listens");
        let port = listening.split("127.0.0.1:").nth(1).and_then(|rest| rest.split_whitespace().next());
        let port = port.expect("the line names the port").to_owned();
        assert!(lines.any(|line| line.contains("serving")), "it says when it is ready");
        std::thread::spawn(move || lines.for_each(drop));
        Server(child, port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }
}

/// Whether `actual` is `expected`, where [`ANYTHING`] stands for any text without white space.
fn fits(expected: &str, actual: &str) -> bool {
    let mut rest = actual;
    expected.split(ANYTHING).enumerate().all(|(index, part)| {
        let Some(at) = rest.find(part).filter(|&at| if index == 0 { at == 0 } else { !rest[..at].contains(' ') })
        else {
            return false;
        };
        rest = &rest[at + part.len()..];
        true
    }) && rest.is_empty()
}

#[test]
fn the_commands_of_the_readme_do_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    let (_runtime, url) = stand_in();
    let mut exported = BTreeMap::new();
    let mut shown = 0;
    for Step { command, output } in steps(&readme()) {
        let words = shell_words(&command);
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["cargo", "run", "--release", "-p", "valthree-lab", "--bin", "valthree-lab-s3"] => {
                assert!(root().join("lab/src/bin/valthree-lab-s3.rs").is_file());
            }
            ["export", ref variables @ ..] => {
                let pairs = variables.iter().map(|variable| variable.split_once('=').unwrap());
                exported.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            // The workload's own tests run these.
            ["cargo", "run", "--release", "-p", "valthree-workload", ..] => {}
            ["cargo", "run", "--release", ref flags @ ..] => {
                assert!(output.is_empty(), "{command}");
                let at = flags.iter().position(|flag| *flag == "--listen");
                let port = at.map_or(DEFAULT_PORT, |at| flags[at + 1].rsplit(':').next().unwrap());
                let moved = |flag: &str| {
                    flag.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:0").replace("http://127.0.0.1:9000", &url)
                };
                let flags: Vec<String> = flags.iter().skip(1).map(|flag| moved(flag)).collect();
                servers.insert(port.to_owned(), Server::start(&flags, &exported, folder.path()));
            }
            ["redis-cli", ref arguments @ ..] => {
                let (port, arguments) = match *arguments {
                    ["-p", port, ref rest @ ..] => (port, rest),
                    ref rest => (DEFAULT_PORT, rest),
                };
                // As on a terminal, where people read it.
                let arguments = ["--no-raw", "-p", &servers[port].1].into_iter().chain(arguments.iter().copied());
                let ran = Command::new("redis-cli").args(arguments).output().expect("redis-cli is installed");
                let actual = String::from_utf8(ran.stdout).unwrap();
                assert!(fits(&output, &actual), "{command}\nshown: {output}\ngot: {actual}");
                shown += 1;
            }
            ["cat", file] => {
                let actual = std::fs::read_to_string(folder.path().join(file)).unwrap();
                assert!(fits(&output, &actual), "{command}\nshown: {output}\ngot: {actual}");
                shown += 1;
            }
            // scripts/test-containers does what they say.
            ["docker", "compose", "up", "--build"] => assert!(root().join("docker-compose.yaml").is_file()),
            ["docker", "cp", from, "."] => {
                let (container, folder) = from.split_once(':').unwrap();
                let compose = std::fs::read_to_string(root().join("docker-compose.yaml")).unwrap();
                assert!(compose.contains(&format!("container_name: {container}\n")), "{container}");
                assert!(compose.contains(&format!("VALTHREE_WORKLOAD_ARTIFACTS: {folder}\n")), "{folder}");
            }
            // This very test is run by it.
            ["scripts/test"] => assert!(root().join("scripts/test").is_file()),
            _ => panic!("nobody checks `{command}`"),
        }
    }
    assert_eq!((servers.len(), shown), (3, 6), "the README shows three servers and what they answer");
}

/// Splits at spaces, except within double quotes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("there is one from the start").push(character),
        }
    }
    words
}

#[test]
fn the_links_of_the_readme_lead_somewhere() {
    let readme = readme();
    let targets: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(targets.len() > 5);
    let headings: Vec<String> = readme.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    for target in targets {
        if let Some(heading) = target.strip_prefix('#') {
            assert!(headings.iter().any(|known| known == heading), "there is no heading {target}");
        } else if target.starts_with("https://") {
            // Out of the repository, where nothing can be checked, lie only these, and what the zoo has seen.
            let known = ["https://antithesis.com/docs/", "https://github.com/etcd-io/etcd/"];
            let in_zoo = include_str!("../../lab/src/zoo.rs").contains(&format!("]({target})"));
            assert!(in_zoo || known.iter().any(|place| target.starts_with(place)), "{target}");
        } else {
            assert!(root().join(target).exists(), "{target} is not there");
        }
    }
}

/// What a heading is called in links.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn the_commands_listed_in_the_readme_are_those_of_the_table() {
    let readme = readme();
    let listed = readme.split("<!-- commands").nth(1).and_then(|rest| rest.split("-->\n").nth(1));
    let listed = listed.and_then(|rest| rest.split("<!-- end").next()).expect("the README marks its list");
    assert_eq!(listed.trim(), table::markdown().trim(), "paste this between the marks:\n{}", table::markdown());
}

/// Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// What must always hold according to a file, and what must never be reached: the first literal of each such assertion.
fn claims(source: &str) -> Vec<String> {
    let macros = [
        ("assert_always!(", "always"),
        ("assert_always_or_unreachable!(", "always"),
        ("assert_unreachable!(", "never"),
    ];
    let calls = macros.iter().flat_map(|(name, must)| source.split(name).skip(1).map(move |call| (call, must)));
    let claims = calls.map(|(call, must)| (call.split('"').nth(1).expect("an assertion has a message"), must));
    claims.map(|(claim, must)| format!("{claim} | {must}")).collect()
}

#[test]
fn the_properties_listed_in_the_readme_are_those_of_the_code() {
    let mut rows = Vec::new();
    for folder in ["workload/src", "server/src"] {
        for path in sources(&root().join(folder)) {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            let source = std::fs::read_to_string(&path).unwrap();
            rows.extend(claims(&source).iter().map(|claim| format!("| {claim} | [{name}]({name}) |")));
        }
    }
    // The workload's first: what clients see is what counts.
    rows.sort_by_key(|row| (row.contains("(server"), row.clone()));
    let table = format!("| property | | where |\n|---|---|---|\n{}", rows.join("\n"));
    let readme = readme();
    let listed = readme.split("<!-- properties").nth(1).and_then(|rest| rest.split("-->\n").nth(1));
    let listed = listed.and_then(|rest| rest.split("<!-- end").next()).expect("the README marks its list");
    assert!(rows.len() > 5);
    assert_eq!(listed.trim(), table, "paste this between the marks:\n{table}");
}
