//! A client: sends what its generator decides, takes down what comes of it, and never tries anything twice.

use std::time::Duration;

use tokio::time::sleep;

use crate::connection::{Cluster, Connect, Connection};
use crate::generator::Generator;
use crate::history::Recorder;
use crate::operation::{Command, Outcome};

/// How long a client waits before it tries the next server when one could not be reached.
const BETWEEN_CONNECTIONS: Duration = Duration::from_millis(100);

/// How long a client rests when nothing of what it sent was done. A server that is still loading says so at once, and
/// would hear all that a client has to say meanwhile.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// How many connections in a row may fail before a client goes home. With the time-outs this bounds a round.
const FAILED_CONNECTIONS: u32 = 20;

/// A client of a round. Behind it are connections one after the other, each of which is a client of the history.
pub struct Client<'a, C> {
    cluster: &'a Cluster<C>,
    recorder: &'a Recorder,
    resp3: bool,
    /// The number of its next connection.
    number: u64,
    stride: u64,
    connection: Option<(Connection, String, u64)>,
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
        Client { cluster, recorder, resp3, number, stride, connection: None }
    }

    /// Takes so many steps. Ends early if no server can be reached.
    pub async fn run(&mut self, generator: &mut Generator<'_>, steps: usize) {
        for _ in 0..steps {
            let step = generator.step();
            if step.rest > 0 {
                sleep(Duration::from_millis(step.rest)).await;
            }
            if step.reconnect {
                self.connection = None;
            }
            if !self.connect(|| generator.server()).await {
                return;
            }
            let outcomes = self.send(step.commands).await;
            if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed(_))) {
                sleep(AFTER_REFUSAL).await;
            }
        }
    }

    /// Makes sure that there is a connection to some server.
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
                }
                Err(unreachable) => {
                    tracing::debug!("{unreachable}");
                    sleep(BETWEEN_CONNECTIONS).await;
                }
            }
        }
        self.connection.is_some()
    }

    /// Sends commands over the connection, and says what came of each. After an unknown outcome the connection is
    /// thrown away: its late answers must not be taken for the answers to something else.
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
