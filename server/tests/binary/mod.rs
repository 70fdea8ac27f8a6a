//! The server as a process with its log, signals and exit status, and a plain client.

#![allow(dead_code, reason = "each test file uses its part of this")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Longer than any answer takes. A server that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, without the settings in the environment of the test.
pub fn valthree() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valthree"));
    for (name, _) in std::env::vars_os() {
        if name == "RUST_LOG" || name.to_string_lossy().starts_with("VALTHREE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary with arguments with which it exits by itself.
pub fn ends(arguments: &[&str]) -> Output {
    valthree().args(arguments).output().expect("it can be run")
}

/// A running server. It is killed when this is dropped.
pub struct Server {
    process: Child,
    log: Receiver<String>,
    /// The log so far.
    pub lines: Vec<String>,
    pub address: SocketAddr,
}

impl Server {
    /// Starts on a free port with a database in this folder. The deadline is too long to pass by accident.
    pub fn on(folder: &Path) -> Server {
        Server::start(valthree().args(["--listen", "127.0.0.1:0", "--deadline-ms", "600000", "--store"]).arg(folder))
    }

    pub fn start(command: &mut Command) -> Server {
        let server = Server::begin(command);
        let mut client = server.client();
        while client.call("PING") != "+PONG" {}
        server
    }

    /// Starts, and does not wait until the database is read.
    pub fn begin(command: &mut Command) -> Server {
        let mut process = command.spawn().expect("it can be run");
        let stderr = BufReader::new(process.stderr.take().expect("it was piped"));
        let (sender, log) = channel();
        // The thread reads to the end: a full pipe would stop the server.
        thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut server = Server { process, log, lines: Vec::new(), address: ([127, 0, 0, 1], 0).into() };
        let line = server.says("listening on ");
        let (_, rest) = line.split_once("listening on ").expect("it was just found");
        let end =
            rest.find(|letter: char| !(letter.is_ascii_hexdigit() || ".:[]".contains(letter))).unwrap_or(rest.len());
        server.address = rest[..end].parse().expect("an address");
        server
    }

    /// Waits for a line of the log that contains this text.
    pub fn says(&mut self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.lines));
            self.lines.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out that is not zero");
        stream.set_nodelay(true).expect("it is open");
        Client(BufReader::new(stream))
    }

    /// The resident memory of the process, in bytes.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory that the process ever had, in bytes.
    pub fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells it");
        let kibibytes = line.trim().strip_suffix(" kB").expect("in this unit");
        kibibytes.parse::<u64>().expect("a number") << 10
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process.id())]).status();
        assert!(sent.expect("there is a shell").success());
    }

    /// Waits for the process to exit, and reads the rest of its log.
    pub fn ended(&mut self) -> ExitStatus {
        // The log ends when the process exits.
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.lines.push(line);
        }
        self.process.wait().expect("it was started")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection to a server.
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Sends inline commands. The caller ends each line.
    pub fn send(&mut self, commands: &str) {
        self.try_send(commands).expect("the connection is open");
    }

    /// The same to a server that may have exited.
    pub fn try_send(&mut self, commands: &str) -> io::Result<()> {
        self.0.get_mut().write_all(commands.as_bytes())
    }

    /// The next reply of a server that may exit. `None` if it has.
    pub fn try_reply(&mut self) -> Option<String> {
        self.0.fill_buf().is_ok_and(|bytes| !bytes.is_empty()).then(|| self.reply()).flatten()
    }

    /// The next reply: its line, or the content of a bulk string. `None` if the server has closed the connection.
    pub fn reply(&mut self) -> Option<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line).expect("it ends in peace") == 0 {
            return None;
        }
        let line = line.strip_suffix("\r\n").expect("no reply is cut off");
        let Some(length) = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) else {
            return Some(line.to_owned());
        };
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).expect("no reply is cut off");
        text.truncate(length);
        Some(String::from_utf8(text).expect("text"))
    }

    pub fn call(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n"));
        self.reply().expect("the connection is open")
    }

    /// A line of INFO.
    pub fn info(&mut self, name: &str) -> String {
        let info = self.call("INFO");
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("{name} is not in {info}")).to_owned()
    }
}
