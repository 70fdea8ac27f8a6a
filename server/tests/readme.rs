//! The documents are true: the README's commands run, links lead somewhere, and tables say what the code says.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use valthree_lab::s3::{Config, Keys, Stand, serve};

/// The port of a server that is started without `--listen`.
const DEFAULT_PORT: &str = "6379";

/// Stands for any text without white space in the outputs that the README shows.
const ANYTHING: char = '…';

/// The README is short enough to be read. In lines.
const LONGEST: usize = 200;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A command that a document shows after `$`, and the lines below it.
struct Step {
    command: String,
    output: String,
}

fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
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

/// A server of the README, on a free port. The test kills it in the end.
struct Server(Child, String);

/// Starts the stand-in for S3, with the keys that its binary has by default.
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

/// Whether `actual` is `expected`, apart from [`ANYTHING`].
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
    for Step { command, output } in steps(&read("README.md")) {
        let words = shell_words(&command);
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["cargo", "run", "--release", "-p", "valthree-lab", "--bin", "valthree-lab-s3"] => {
                assert!(root().join("lab/src/bin/valthree-lab-s3.rs").is_file());
            }
            ["export", ref variables @ ..] => {
                let pairs = variables.iter().map(|variable| variable.split_once('=').unwrap());
                exported.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            // The tests of the workload run these.
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
                // The README shows what redis-cli prints to a terminal.
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
            // scripts/test-containers runs these.
            ["docker", "compose", "up", "--build"] => assert!(root().join("docker-compose.yaml").is_file()),
            ["docker", "cp", from, "."] => {
                let (container, folder) = from.split_once(':').unwrap();
                let compose = std::fs::read_to_string(root().join("docker-compose.yaml")).unwrap();
                assert!(compose.contains(&format!("container_name: {container}\n")), "{container}");
                assert!(compose.contains(&format!("VALTHREE_WORKLOAD_ARTIFACTS: {folder}\n")), "{folder}");
            }
            // It runs this test.
            ["scripts/test"] => assert!(root().join("scripts/test").is_file()),
            _ => panic!("no test runs `{command}`"),
        }
    }
    assert_eq!((servers.len(), shown), (3, 5), "the README shows three servers and their replies");
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
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines < LONGEST, "the README has {lines} lines");
}

/// The paths of all files below a folder whose names end like this, without hidden folders and build results.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|its| its == extension) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut links = 0;
    for document in files(&root(), "md") {
        let text = std::fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            links += 1;
            assert!(leads_somewhere(&document, target), "{}: {target}", document.display());
        }
    }
    assert!(links > 50, "only {links} links were found");
}

fn leads_somewhere(document: &Path, target: &str) -> bool {
    if target.starts_with("https://") {
        // The test cannot look there. It knows these pages, and those of the systems in the zoo.
        let known = [
            "https://antithesis.com/docs/",
            "https://github.com/etcd-io/etcd/",
            "https://github.com/microsoft/garnet/pull/903",
        ];
        let in_zoo = include_str!("../../lab/src/zoo/counted.rs").contains(&format!("]({target})"));
        return in_zoo || known.iter().any(|page| target.starts_with(page));
    }
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let linked = if path.is_empty() { document.to_owned() } else { document.parent().unwrap().join(path) };
    let Some(heading) = heading else { return linked.exists() };
    let text = std::fs::read_to_string(&linked).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading)
}

/// The name of a heading in links.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// The claims of a source file: the first string of each assertion that must always hold, or must never be reached.
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
fn the_properties_in_the_documents_are_those_of_the_code() {
    let mut rows = Vec::new();
    for folder in ["workload/src", "server/src"] {
        for path in files(&root().join(folder), "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            let source = std::fs::read_to_string(&path).unwrap();
            rows.extend(claims(&source).iter().map(|claim| format!("| {claim} | [{name}](../{name}) |")));
        }
    }
    // The workload's claims come first, since they are about what clients see.
    rows.sort_by_key(|row| (row.contains("(../server"), row.clone()));
    let table = format!("| property | | where |\n|---|---|---|\n{}", rows.join("\n"));
    let document = read("antithesis/README.md");
    let listed = document.split("<!-- properties").nth(1).and_then(|rest| rest.split("-->\n").nth(1));
    let listed = listed.and_then(|rest| rest.split("<!-- end").next()).expect("the document marks its table");
    assert!(rows.len() > 5);
    assert_eq!(listed.trim(), table, "paste this between the marks:\n{table}");
}
