//! SIGKILL ends servers of one database at any moment, and no acknowledged write is lost.
//!
//! Each client has a server of its own. It sets numbered keys, and overwrites one more key with the number. It kills its
//! server and starts another. The moments of the kills decide which case a run tries; the claim holds for all of them.

mod bucket;

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use bucket::Bucket;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

const CLIENTS: usize = 3;

/// Each client kills its server this often. On a real S3 server each kill takes longer.
const KILLS_PER_CLIENT: usize = 40;
const KILLS_PER_CLIENT_ON_A_REAL_SERVER: usize = 4;

/// Longer than any answer takes. A server that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause before a client repeats a command. Without it, the clients would take the processors from the servers that
/// they wait for.
const PAUSE: Duration = Duration::from_millis(2);

/// The store of the servers.
enum Location {
    Folder(TempDir),
    Bucket(Bucket),
}

#[test]
fn a_killed_server_on_a_folder_loses_no_acknowledged_write() {
    nothing_is_lost(&Location::Folder(tempfile::tempdir().unwrap()), KILLS_PER_CLIENT);
}

#[test]
fn a_killed_server_on_s3_loses_no_acknowledged_write() {
    let (bucket, kills) = match Bucket::on_a_real_server() {
        Some(bucket) => (bucket, KILLS_PER_CLIENT_ON_A_REAL_SERVER),
        None => (Bucket::on_a_stand_in(), KILLS_PER_CLIENT),
    };
    nothing_is_lost(&Location::Bucket(bucket), kills);
}

fn nothing_is_lost(location: &Location, kills: usize) {
    let clients: Vec<Client> = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|id| scope.spawn(move || Client::new(id).outlive(location, kills))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });

    let (_server, mut connection) = start(location);
    for client in &clients {
        assert!(client.acknowledged.len() >= kills, "too few writes to prove anything");
        for number in &client.acknowledged {
            let reply = connection.call(&["GET", &client.key(*number)]).unwrap();
            assert_eq!(reply, Some(number.to_string()), "client {} lost write {number}", client.id);
        }
        let last = connection.call(&["GET", &client.counter()]).unwrap().unwrap();
        let last: usize = last.parse().unwrap();
        let bounds = client.counted..=client.next;
        assert!(bounds.contains(&last), "client {} counted {bounds:?}, but {last} is stored", client.id);
    }
}

struct Client {
    id: usize,
    next: usize,
    acknowledged: Vec<usize>,
    /// The last value of the counter that a server acknowledged.
    counted: usize,
}

impl Client {
    fn new(id: usize) -> Client {
        Client { id, next: 0, acknowledged: Vec::new(), counted: 0 }
    }

    fn key(&self, number: usize) -> String {
        format!("client:{}:{number}", self.id)
    }

    fn counter(&self) -> String {
        format!("client:{}", self.id)
    }

    /// Writes to one server after another, and kills each during a write or shortly after one.
    fn outlive(mut self, location: &Location, kills: usize) -> Client {
        let mut random = StdRng::seed_from_u64(self.id as u64);
        for _ in 0..kills {
            let (mut server, mut connection) = start(location);
            for _ in 0..random.random_range(1..5) {
                self.write(&mut connection).unwrap();
            }
            // A time-out of zero would mean no time-out.
            connection.wait_at_most(Duration::from_micros(random.random_range(1..8_000)));
            match self.write(&mut connection) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                result => result.unwrap(),
            }
            server.kill();
        }
        self
    }

    fn write(&mut self, connection: &mut Connection) -> io::Result<()> {
        self.next += 1;
        let (key, number) = (self.key(self.next), self.next.to_string());
        if connection.set(&key, &number)? {
            self.acknowledged.push(self.next);
        }
        if connection.set(&self.counter(), &number)? {
            self.counted = self.next;
        }
        Ok(())
    }
}

struct Server(Child);

impl Server {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server on a port that the system chooses, and connects to it.
fn start(location: &Location) -> (Server, Connection) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valthree"));
    command.args(["--listen", "127.0.0.1:0"]);
    match location {
        Location::Folder(folder) => command.arg("--store").arg(folder.path()),
        Location::Bucket(bucket) => bucket.arguments(&mut command),
    };
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let server = Server(child);
    let (found, address) = channel();
    // The thread reads to the end: a full pipe would stop the server.
    thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            match listening_on(&line) {
                Some(address) => drop(found.send(address)),
                None => eprintln!("{line}"),
            }
        }
    });
    let address = address.recv_timeout(PATIENCE).expect("the server does not say where it listens");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let connection = Connection { stream: BufReader::new(stream) };
    connection.wait_at_most(PATIENCE);
    (server, connection)
}

fn listening_on(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let end = rest.find(|letter: char| !(letter.is_ascii_digit() || ".:".contains(letter))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn wait_at_most(&self, patience: Duration) {
        self.stream.get_ref().set_read_timeout(Some(patience)).unwrap();
    }

    /// Sets a key. False if the outcome is uncertain.
    fn set(&mut self, key: &str, value: &str) -> io::Result<bool> {
        match self.call(&["SET", key, value]) {
            Ok(reply) => {
                assert_eq!(reply.as_deref(), Some("OK"));
                Ok(true)
            }
            Err(error) if error.to_string().starts_with("UNCERTAIN") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Repeats the command while the server says that it did not happen.
    fn call(&mut self, command: &[&str]) -> io::Result<Option<String>> {
        loop {
            match self.call_once(command) {
                Err(error) if ["LOADING", "TRYAGAIN"].iter().any(|word| error.to_string().starts_with(word)) => {
                    thread::park_timeout(PAUSE);
                }
                result => return result,
            }
        }
    }

    /// Sends a command and reads a simple or bulk string. An error reply becomes an error of the kind `Other`.
    fn call_once(&mut self, command: &[&str]) -> io::Result<Option<String>> {
        let mut request = format!("*{}\r\n", command.len());
        for part in command {
            request += &format!("${}\r\n{part}\r\n", part.len());
        }
        self.stream.get_mut().write_all(request.as_bytes())?;
        let line = self.line()?;
        match line.split_at(1) {
            ("+", text) => Ok(Some(text.to_owned())),
            ("-", text) => Err(io::Error::other(text)),
            ("$", "-1") => Ok(None),
            ("_", "") => Ok(None),
            ("$", _) => self.line().map(Some),
            _ => panic!("{command:?} was answered {line:?}"),
        }
    }

    /// Reads up to the next line break. The values of this test contain none.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) if !line.is_empty() => Ok(line.to_owned()),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}
