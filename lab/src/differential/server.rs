//! One of the two servers: where it listens, how it is started, and the connections to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::wire::{Connection, Reply, Words, words};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);

/// The pause between two tries to connect.
const RETRY: Duration = Duration::from_millis(2);

/// A scan that takes more calls never ends.
const CALLS: usize = 10_000;

/// A server.
pub struct Server {
    address: SocketAddr,
    line: Option<String>,
    child: Option<Child>,
    /// The connections of the test, and the one that looks at the state.
    connections: Vec<Connection>,
    /// What it stores, if it stores anything. It goes with the server.
    folder: Option<TempDir>,
}

/// How many clients take turns.
pub const CLIENTS: usize = 3;

/// The place of the observer's connection.
pub const OBSERVER: usize = CLIENTS;

/// The databases that the pools of words name.
pub const DATABASES: u32 = 3;

impl Server {
    /// A server that somebody else started.
    pub fn at(address: SocketAddr) -> Server {
        Server { address, line: None, child: None, connections: Vec::new(), folder: None }
    }

    /// A server that this command line starts, and starts again.
    pub fn of_line(address: SocketAddr, line: String) -> io::Result<Server> {
        let mut server = Server::at(address);
        server.line = Some(line);
        server.start()?;
        Ok(server)
    }

    /// A real server, on a free port, that stores nothing.
    pub fn of_binary(binary: &Path) -> io::Result<Server> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let flags = "--bind 127.0.0.1 --save '' --appendonly no --daemonize no --loglevel warning";
        Server::of_line(address, format!("'{}' --port {} {flags}", binary.display(), address.port()))
    }

    /// Valthree on a free port and an empty folder: see [`super::valthree`]. This very program is the server.
    pub fn of_valthree() -> io::Result<Server> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let (program, folder) = (std::env::current_exe()?, TempDir::new()?);
        let quoted = |path: PathBuf| format!("'{}'", path.display());
        let line = format!("{} serve {} {address}", quoted(program), quoted(folder.path().join("store")));
        let mut server = Server::of_line(address, line)?;
        server.folder = Some(folder);
        Ok(server)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it and starts it again.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        self.start()
    }

    fn start(&mut self) -> io::Result<()> {
        let Some(line) = &self.line else { return Ok(()) };
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {line}")]).env("LC_ALL", "C").current_dir(std::env::temp_dir());
        let output = Stdio::null;
        self.child = Some(shell.stdin(Stdio::null()).stdout(output()).stderr(Stdio::inherit()).spawn()?);
        let tries = START.as_millis() / RETRY.as_millis();
        for _ in 0..tries {
            if Connection::open(self.address).is_ok_and(|mut connection| !connection.call(&words("PING")).is_error()) {
                return Ok(());
            }
            pause(RETRY);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no server at {} after {START:?}", self.address)))
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill(); // it may be dead already
            let _ = child.wait();
        }
    }

    /// Opens new connections. Starts the server again if it is gone.
    pub fn connect(&mut self, protocol: u8) -> io::Result<()> {
        match self.greet(protocol) {
            Err(_) if self.line.is_some() => {
                self.restart()?;
                self.greet(protocol)
            }
            greeted => greeted,
        }
    }

    fn greet(&mut self, protocol: u8) -> io::Result<()> {
        self.connections.clear();
        for nth in 0..=OBSERVER {
            let mut connection = Connection::open(self.address)?;
            let version = if nth == OBSERVER { 2 } else { protocol };
            let greeting = connection.call(&words(&format!("HELLO {version}")));
            if greeting.is_error() {
                return Err(io::Error::other(format!("{} refuses HELLO {version}: {greeting}", self.address)));
            }
            self.connections.push(connection);
        }
        Ok(())
    }

    /// One of the connections.
    pub fn connection(&mut self, nth: usize) -> &mut Connection {
        &mut self.connections[nth]
    }

    /// Calls a command on the observer's connection.
    pub fn observe(&mut self, words: &Words) -> Reply {
        self.connections[OBSERVER].call(words)
    }

    /// Calls a scan again until its cursor is 0. The reply to the first call becomes that to the last, with all elements.
    /// `at` is the place of the cursor in the command.
    pub fn cycle(&mut self, nth: usize, command: &Words, at: usize, reply: &mut Reply) {
        let (mut words, mut found) = (command.clone(), Vec::new());
        for _ in 0..CALLS {
            let [cursor, elements] = reply.items.as_mut_slice() else { return };
            found.append(&mut elements.items);
            if cursor.text == b"0" {
                elements.items = found;
                return;
            }
            words[at].clone_from(&cursor.text);
            *reply = self.connections[nth].call(&words);
        }
        *reply = Reply::lost("this scan does not end");
    }

    /// Its name and version, as it says.
    pub fn identity(&mut self) -> (String, String) {
        let hello = self.observe(&words("HELLO 2"));
        let of = |name: &str| {
            let pair = hello.items.chunks(2).find(|pair| pair[0].text == name.as_bytes());
            pair.and_then(|pair| pair.get(1))
                .map_or_else(String::new, |text| String::from_utf8_lossy(&text.text).into_owned())
        };
        (of("server"), of("version"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "the servers are processes, and their time is the machine's")]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
