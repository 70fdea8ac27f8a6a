//! A client: sends the commands of its generator, records their outcomes, and never sends a command twice.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::sleep;

use crate::connection::{Cluster, Connect, Connection, whole_chain};
use crate::generator::{Batch, Generator};
use crate::history::Recorder;
use crate::operation::{Command, Outcome, Reply, ServerCommand, next_call};

/// The pause of a client after it failed to reach a server.
const BETWEEN_CONNECTIONS: Duration = Duration::from_millis(100);

/// The pause of a client after the server refused everything it sent. A server that is loading refuses at once, so without
/// a pause the client would use up its turns.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// The number of failed connections in a row after which a client gives up. With the time-outs this bounds a round.
const FAILED_CONNECTIONS: u32 = 20;

/// The most calls of an iteration. One that takes more shows nothing.
const CALLS: usize = 40;

/// A client of a round. It uses one connection after another, and each connection is a client of the history.
pub struct Client<'a, C> {
    cluster: &'a Cluster<C>,
    recorder: &'a Recorder,
    resp3: bool,
    /// The database that each connection selects first.
    database: u8,
    /// The servers over which its iterations and other turns go, as indexes in the list of servers.
    servers: Vec<usize>,
    /// The number of the next connection.
    number: u64,
    stride: u64,
    /// The open connection, its server and its number.
    connection: Option<(Connection, String, u64)>,
}

/// The EVAL that a client sends after the server did not know the digest of an EVALSHA.
pub fn by_text_instead((command, outcome): (&Command, &Outcome)) -> Option<Command> {
    match (command.script(), outcome) {
        (Some(script), Outcome::Reply(reply)) if script.is_unknown(reply) => script.by_text().map(Command::Script),
        _ => None,
    }
}

impl<'a, C: Connect> Client<'a, C> {
    /// A client whose connections are numbered from `number`, in steps of `stride`.
    pub fn new(
        cluster: &'a Cluster<C>,
        recorder: &'a Recorder,
        resp3: bool,
        number: u64,
        stride: u64,
    ) -> Client<'a, C> {
        Client { cluster, recorder, resp3, database: 0, servers: Vec::new(), number, stride, connection: None }
    }

    /// The same client, whose iterations and other turns go over these servers.
    pub fn among(self, servers: Vec<usize>) -> Client<'a, C> {
        Client { servers, ..self }
    }

    /// The same client, which works in a database other than the first.
    pub fn within(self, database: u8) -> Client<'a, C> {
        Client { database, ..self }
    }

    /// Takes so many turns. Ends early if it can reach no server.
    pub async fn run(&mut self, generator: &mut Generator<'_>, turns: usize) {
        for _ in 0..turns {
            let turn = generator.turn();
            if turn.rest > 0 {
                sleep(Duration::from_millis(turn.rest)).await;
            }
            if turn.reconnect {
                self.connection = None;
            }
            if !self.connect(|| generator.server()).await {
                return;
            }
            self.send_in_turn(turn.batches).await;
        }
    }

    /// Sends batch after batch, over one connection unless a batch goes elsewhere.
    ///
    /// If a batch is not answered well, the server may watch keys or queue commands that the client does not know of. So
    /// the client leaves out the rest, and closes the connection if there is a rest or a transaction.
    async fn send_in_turn(&mut self, batches: Vec<Batch>) {
        let mut batches = VecDeque::from(batches);
        let mut calls = 0;
        while let Some(Batch { rest, elsewhere, commands }) = batches.pop_front() {
            if rest > 0 {
                sleep(Duration::from_millis(rest)).await;
            }
            if elsewhere {
                self.go_on_elsewhere().await;
            }
            let transaction = commands.iter().any(|command| command.transaction().is_some());
            let sent = commands.clone();
            let outcomes = self.send(commands).await;
            if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed(_))) {
                sleep(AFTER_REFUSAL).await;
            }
            let answered = |outcome: &Outcome| matches!(outcome, Outcome::Reply(_));
            if outcomes.is_empty() || !outcomes.iter().all(answered) && (transaction || !batches.is_empty()) {
                return self.disconnect();
            }
            let by_text: Vec<Command> = sent.iter().zip(&outcomes).filter_map(by_text_instead).collect();
            if !by_text.is_empty() {
                batches.push_front(Batch { rest: 0, elsewhere: false, commands: by_text });
            }
            let next: Vec<Command> = sent.iter().zip(&outcomes).filter_map(next_call).collect();
            calls += 1;
            if !next.is_empty() && calls < CALLS {
                batches.push_back(Batch { rest: 0, elsewhere: true, commands: next });
            }
        }
    }

    /// Connects to the next server of the round, if it has several: what a client does need not end where it began.
    async fn go_on_elsewhere(&mut self) {
        let Some((_, name, _)) = &self.connection else { return };
        let here = self.servers.iter().position(|server| self.cluster.servers[*server] == *name);
        let Some(mut at) = here.filter(|_| self.servers.len() > 1) else { return };
        self.connection = None;
        // A server that does not answer is passed over.
        let servers = self.servers.clone();
        let next = || {
            at = (at + 1) % servers.len();
            servers[at]
        };
        self.connect(next).await;
    }

    /// Opens a connection if there is none, to the server that `server` chooses. Returns whether there is one.
    pub async fn connect(&mut self, mut server: impl FnMut() -> usize) -> bool {
        for _ in 0..FAILED_CONNECTIONS {
            if self.connection.is_some() {
                return true;
            }
            let server = &self.cluster.servers[server()];
            match Connection::open(self.cluster, server, self.resp3).await {
                Ok(connection) => {
                    self.connection = Some((connection, server.clone(), self.number));
                    self.number += self.stride;
                    if !self.select().await {
                        self.connection = None;
                        sleep(BETWEEN_CONNECTIONS).await;
                    }
                }
                Err(unreachable) => {
                    tracing::debug!("{}", whole_chain(&unreachable));
                    sleep(BETWEEN_CONNECTIONS).await;
                }
            }
        }
        self.connection.is_some()
    }

    /// Selects the database of the client on a new connection. Returns whether that worked.
    async fn select(&mut self) -> bool {
        if self.database == 0 {
            return true;
        }
        let outcomes = self.send(vec![Command::Server(ServerCommand::Select(self.database))]).await;
        outcomes == [Outcome::Reply(Reply::ok())]
    }

    /// Sends commands over the connection and returns the outcome of each. Closes the connection after an unknown outcome,
    /// because a late answer must not pass for the answer to another command.
    pub async fn send(&mut self, commands: Vec<Command>) -> Vec<Outcome> {
        let Some((mut connection, server, client)) = self.connection.take() else { return Vec::new() };
        let tickets = self.recorder.call(client, &server, commands.iter().cloned());
        let outcomes = connection.send(&commands).await;
        self.recorder.end(tickets.into_iter().zip(outcomes.iter().cloned()));
        if !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unknown(_))) {
            self.connection = Some((connection, server, client));
        }
        outcomes
    }

    /// Closes the connection.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }
}
