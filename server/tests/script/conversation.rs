//! Runs one script over sockets.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::pattern::{Fit, Pattern, escaped};
use super::{Exchange, Expected, Script, Step};
use crate::peer::Kind;

/// How long a peer may think. Only a guard: a script that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of what was received, so many bytes are shown when it is not what was expected.
const SHOWN_BYTES: usize = 600;

/// What a script found out.
pub struct Failure {
    script: String,
    line: usize,
    peer: Kind,
    protocol: u8,
    expected: String,
    got: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let Failure { script, line, peer, protocol, expected, got } = self;
        writeln!(out, "golden/{script}.txt:{line} ({peer:?}, RESP{protocol})")?;
        writeln!(out, "    expected: {expected}")?;
        write!(out, "    got:      {got}")
    }
}

struct Connection {
    stream: TcpStream,
    /// Received and not yet expected by a line.
    received: Vec<u8>,
    ended: bool,
}

/// Runs a script from its first line to its last, or to the first line that does not hold.
pub fn on_an_empty_database(script: &Script, peer: Kind, address: SocketAddr, protocol: u8) -> Result<(), Failure> {
    let mut line = 0;
    let run = flush(address).and_then(|()| converse(script, peer, address, protocol, &mut line));
    run.map_err(|(expected, got)| Failure { script: script.name.clone(), line, peer, protocol, expected, got })
}

/// What was expected, and what was seen instead.
type Mismatch = (String, String);

fn flush(address: SocketAddr) -> Result<(), Mismatch> {
    let mut connection = Connection::open(address, 2)?;
    connection.send(b"FLUSHALL\r\n", false)?;
    let flushed = Pattern::parse("+OK").expect("it is bytes alone");
    connection.expect("+OK to FLUSHALL", &flushed)?;
    connection.close()
}

fn converse(script: &Script, peer: Kind, address: SocketAddr, protocol: u8, line: &mut usize) -> Result<(), Mismatch> {
    let mut connections = BTreeMap::new();
    let mut current = "first";
    let mut trickle = false;
    for step in &script.steps {
        match step {
            Step::Connection(name) => current = name,
            Step::Trickle => trickle = true,
            Step::Exchange(exchange) => {
                if !connections.contains_key(current) {
                    connections.insert(current, Connection::open(address, protocol)?);
                }
                let connection = connections.get_mut(current).expect("it was opened above");
                connection.send(&exchange.sent, trickle)?;
                connection.check(exchange, peer, protocol, line)?;
            }
        }
    }
    connections.into_values().try_for_each(Connection::close)
}

impl Connection {
    fn open(address: SocketAddr, protocol: u8) -> Result<Connection, Mismatch> {
        let stream = TcpStream::connect(address).map_err(|error| ("a connection".into(), error.to_string()))?;
        stream.set_nodelay(true).expect("a socket takes options");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes options");
        let mut connection = Connection { stream, received: Vec::new(), ended: false };
        if protocol == 3 {
            // The echo tells where the answer to HELLO ends.
            connection.send(b"HELLO 3\r\nECHO hello-was-answered\r\n", false)?;
            let mark = b"$18\r\nhello-was-answered\r\n";
            let expected = "an answer to HELLO 3";
            while !connection.received.ends_with(mark) {
                connection.receive(expected)?;
                if connection.ended {
                    return Err(connection.mismatch(expected));
                }
            }
            connection.received.clear();
        }
        Ok(connection)
    }

    fn send(&mut self, bytes: &[u8], trickle: bool) -> Result<(), Mismatch> {
        let pieces = bytes.chunks(if trickle { 1 } else { bytes.len().max(1) });
        for piece in pieces {
            let sent = self.stream.write_all(piece);
            sent.map_err(|error| ("to be able to send".to_owned(), error.to_string()))?;
        }
        Ok(())
    }

    fn check(&mut self, exchange: &Exchange, peer: Kind, protocol: u8, line: &mut usize) -> Result<(), Mismatch> {
        let mut answer = Vec::new();
        for expected in exchange.expected(peer, protocol) {
            *line = expected.line;
            answer.extend(self.expect(&expected.text, &expected.pattern)?);
        }
        if peer == Kind::Redis && exchange.redis_differs(protocol) {
            let ours = exchange.expected(Kind::Valthree, protocol);
            if fits(&ours, &answer, self.ended) {
                return Err((
                    "a difference".into(),
                    format!("what the script expects of Valthree: {}", escaped(&answer)),
                ));
            }
        }
        Ok(())
    }

    /// Receives until one expected line is there, and takes it.
    fn expect(&mut self, text: &str, pattern: &Pattern) -> Result<Vec<u8>, Mismatch> {
        loop {
            match pattern {
                Pattern::Closed if !self.received.is_empty() => return Err(self.mismatch(text)),
                Pattern::Closed if self.ended => return Ok(Vec::new()),
                Pattern::Closed => {}
                Pattern::Bytes(elements) => match elements.fit(&self.received) {
                    Fit::Whole(length) => return Ok(self.received.drain(..length).collect()),
                    Fit::Partial if !self.ended => {}
                    Fit::Partial | Fit::Not => return Err(self.mismatch(text)),
                },
            }
            self.receive(text)?;
        }
    }

    /// Waits for more bytes, or for the end of the connection.
    fn receive(&mut self, expected: &str) -> Result<(), Mismatch> {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            // A peer that closes while bytes are under way to it resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.ended = true,
            Err(error) => {
                let waited = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                let then = if waited { format!("nothing for {PATIENCE:?}") } else { error.to_string() };
                let (expected, got) = self.mismatch(expected);
                return Err((expected, format!("{got}, and then {then}")));
            }
        }
        Ok(())
    }

    /// Says that nothing more will be sent, and makes sure that the peer has nothing more to say either.
    fn close(mut self) -> Result<(), Mismatch> {
        let nothing_more = "nothing after the last line";
        // The peer may have closed the connection already, which is no less an end.
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.received.is_empty() && !self.ended {
            self.receive(nothing_more)?;
        }
        if self.received.is_empty() { Ok(()) } else { Err(self.mismatch(nothing_more)) }
    }

    fn mismatch(&self, expected: &str) -> Mismatch {
        let cut = &self.received[..self.received.len().min(SHOWN_BYTES)];
        let more = if cut.len() < self.received.len() { "..." } else { "" };
        let end = if self.ended { ", and then the end of the connection" } else { "" };
        (expected.to_owned(), format!("{}{more}{end}", escaped(cut)))
    }
}

/// Whether a whole answer is what these lines expect.
fn fits(lines: &[&Expected], mut answer: &[u8], ended: bool) -> bool {
    let ends = lines.iter().any(|line| matches!(line.pattern, Pattern::Closed));
    for line in lines {
        if let Pattern::Bytes(elements) = &line.pattern {
            let Fit::Whole(length) = elements.fit(answer) else {
                return false;
            };
            answer = &answer[length..];
        }
    }
    answer.is_empty() && ends == ended
}
