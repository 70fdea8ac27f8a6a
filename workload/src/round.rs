//! A round: some clients, a few keys of its own, and a history of everything that the clients observed.

use std::io;

use tokio::task::JoinSet;

use crate::carried::FIRST_CARRIED;
use crate::chance::Source;
use crate::client::Client;
use crate::configuration::Configuration;
use crate::connection::{Cluster, Connect};
use crate::generator::{self, Generator};
use crate::history::{History, Journal, Recorder};
use crate::operation::{Command, Outcome, Reply};
use crate::word::Word;

/// The number of attempts at the first FLUSHALL. If all fail, the round ends and shows nothing.
const FLUSHES: usize = 8;

/// A round, before it is played.
#[derive(Clone, Debug)]
pub struct Round {
    /// The number of the round in its run.
    pub number: u64,
    /// The beginning of its keys. No other round has keys like it, so that a late write cannot disturb another round.
    pub prefix: String,
    /// Its configuration.
    pub configuration: Configuration,
    /// The source of its decisions.
    pub source: Source,
}

impl Round {
    /// The description of the round in one line.
    pub fn about(&self) -> String {
        let configuration = &self.configuration;
        match self.source {
            Source::Seed(seed) => format!("round {} of seed {seed}: {configuration}", self.number),
            Source::Platform => format!("round {}: {configuration}", self.number),
        }
    }

    /// The keys of the round.
    pub fn keys(&self) -> Vec<Word> {
        generator::keys(self.configuration.keys, self.configuration.binary, &self.prefix)
    }

    /// Plays the round and returns its history.
    ///
    /// `carried` are the commands of earlier rounds that may still take effect in this one. They stand in the history as
    /// operations that never ended.
    pub async fn play<C: Connect>(
        &self,
        cluster: &Cluster<C>,
        carried: &[Command],
        journal: Option<Journal>,
    ) -> io::Result<History> {
        let recorder = Recorder::new(self.about(), journal);
        let keys = self.keys();
        for (number, command) in carried.iter().enumerate() {
            let _open = recorder.call(FIRST_CARRIED + number as u64, "", [command.clone()]);
        }
        if !self.configuration.owns_database || self.empty(cluster, &recorder).await {
            self.play_clients(cluster, &recorder, &keys).await?;
            self.look(cluster, &recorder, &keys).await;
        }
        recorder.finish()
    }

    /// Runs all clients at the same time, until each has taken its turns.
    async fn play_clients<C: Connect>(
        &self,
        cluster: &Cluster<C>,
        recorder: &Recorder,
        keys: &[Word],
    ) -> io::Result<()> {
        let mut clients = JoinSet::new();
        for actor in 0..self.configuration.clients {
            let (round, cluster, recorder) = (self.clone(), cluster.clone(), recorder.clone());
            let keys = keys.to_vec();
            clients.spawn(async move {
                let chance = round.source.chance(round.number, actor as u64 + 1);
                let mut generator = Generator::new(&round.configuration, actor, &keys, chance);
                let database = Generator::database(&round.configuration, actor);
                let client = round.client(&cluster, &recorder, actor).within(database);
                let mut client = client.among(round.configuration.servers.clone());
                client.run(&mut generator, round.configuration.steps).await;
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// A client of the round. After the clients of the configuration come the client that empties the database and those
    /// that look at the end.
    fn client<'a, C: Connect>(&self, cluster: &'a Cluster<C>, recorder: &'a Recorder, actor: usize) -> Client<'a, C> {
        let clients = self.configuration.clients + 1 + usize::from(self.configuration.databases);
        Client::new(cluster, recorder, self.configuration.resp3, actor as u64, clients as u64)
    }

    /// Empties the database. Returns whether a FLUSHALL was answered: only then it is known to be empty.
    async fn empty<C: Connect>(&self, cluster: &Cluster<C>, recorder: &Recorder) -> bool {
        let mut client = self.client(cluster, recorder, self.configuration.clients);
        for attempt in 0..FLUSHES {
            let server = self.configuration.servers[attempt % self.configuration.servers.len()];
            if !client.connect(|| server).await {
                return false;
            }
            match client.send(vec![Command::FLUSH_ALL]).await.as_slice() {
                [Outcome::Reply(reply)] => return *reply == Reply::ok(),
                _ => client.disconnect(),
            }
        }
        false
    }

    /// Reads every key once more over every server. The last write of each key must be visible everywhere.
    async fn look<C: Connect>(&self, cluster: &Cluster<C>, recorder: &Recorder, keys: &[Word]) {
        let configuration = &self.configuration;
        let looks: Vec<Command> = keys
            .iter()
            .enumerate()
            .filter_map(|(number, key)| generator::last_look(configuration, number, key.clone()))
            .collect();
        if looks.is_empty() {
            return;
        }
        for database in 0..configuration.databases {
            // The clients that look come after all others, one for each database.
            let actor = configuration.clients + 1 + usize::from(database);
            let mut client = self.client(cluster, recorder, actor).within(database);
            for &server in &configuration.servers {
                client.disconnect();
                if client.connect(|| server).await {
                    client.send(looks.clone()).await;
                }
            }
        }
    }
}
