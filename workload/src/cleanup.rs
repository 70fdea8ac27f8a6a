//! Removes the keys of a run from the database.

use std::time::Duration;

use tokio::time::sleep;

use crate::connection::{Cluster, Connect, Connection, Unreachable};
use crate::operation::{Command, KeyCommand, Outcome, Reply, ServerCommand};
use crate::word::Word;

/// The keys of one DEL.
const AT_ONCE: usize = 64;

/// The attempts at one DEL, each over the next server. A DEL may be repeated, since nobody judges it.
const ATTEMPTS: usize = 8;

/// The pause between two attempts.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// The keys of one round, in a form that costs little memory.
#[derive(Debug)]
pub struct RoundKeys {
    /// The beginning of the keys.
    pub prefix: String,
    /// The number of keys.
    pub number: usize,
    /// Whether the keys are binary.
    pub binary: bool,
    /// The number of databases that may hold them.
    pub databases: u8,
}

/// Why keys are left in the database.
#[derive(Debug, thiserror::Error)]
pub enum KeysLeft {
    /// The client could not reach the last server that it tried.
    #[error("the keys of the run are still in the database")]
    Unreachable(#[from] Unreachable),
    /// The last server that it tried did not delete them.
    #[error("the keys of the run are still in the database: {server} answered DEL with {outcome}")]
    Refused {
        /// The server.
        server: String,
        /// Its answer.
        outcome: Outcome,
    },
}

/// Deletes keys of a database. All rounds must have been judged before, because no history records these deletions.
pub async fn remove<C: Connect>(
    cluster: &Cluster<C>,
    database: u8,
    keys: impl Iterator<Item = Word>,
) -> Result<(), KeysLeft> {
    let mut remover = Remover { cluster, database, next: 0, connection: None };
    let mut keys = keys.peekable();
    while keys.peek().is_some() {
        remover.delete(keys.by_ref().take(AT_ONCE).collect()).await?;
    }
    Ok(())
}

struct Remover<'a, C> {
    cluster: &'a Cluster<C>,
    database: u8,
    /// The number of connections so far, which decides on the next server.
    next: usize,
    connection: Option<(Connection, String)>,
}

impl<C: Connect> Remover<'_, C> {
    /// Deletes some keys, in several attempts if need be.
    async fn delete(&mut self, keys: Vec<Word>) -> Result<(), KeysLeft> {
        let command = Command::Key(KeyCommand::Del(keys));
        for _ in 1..ATTEMPTS {
            if self.attempt(&command).await.is_ok() {
                return Ok(());
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        self.attempt(&command).await
    }

    async fn attempt(&mut self, command: &Command) -> Result<(), KeysLeft> {
        let (mut connection, server) = match self.connection.take() {
            Some(open) => open,
            None => {
                let (mut connection, server) = self.connect().await?;
                let select = Command::Server(ServerCommand::Select(self.database));
                if self.database > 0
                    && let Some(outcome) = connection.send(&[select]).await.pop()
                    && outcome != Outcome::Reply(Reply::ok())
                {
                    return Err(KeysLeft::Refused { server, outcome });
                }
                (connection, server)
            }
        };
        match connection.send(std::slice::from_ref(command)).await.pop() {
            Some(Outcome::Reply(Reply::Integer(_))) => {
                self.connection = Some((connection, server));
                Ok(())
            }
            Some(outcome) => Err(KeysLeft::Refused { server, outcome }),
            None => Err(KeysLeft::Refused { server, outcome: Outcome::Unknown("no answer".into()) }),
        }
    }

    async fn connect(&mut self) -> Result<(Connection, String), Unreachable> {
        let server = &self.cluster.servers[self.next % self.cluster.servers.len()];
        self.next += 1;
        Ok((Connection::open(self.cluster, server, false).await?, server.clone()))
    }
}
