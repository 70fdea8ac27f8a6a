//! A round: some clients, a few keys of its own, and a history of all that they observed.

use std::io;

use tokio::task::JoinSet;

use crate::chance::Source;
use crate::client::Client;
use crate::configuration::Configuration;
use crate::connection::{Cluster, Connect};
use crate::generator::{Generator, keys};
use crate::history::{History, Journal, Recorder};
use crate::operation::{Command, Outcome, Reply};
use crate::word::Word;

/// How often a round that begins with a FLUSHALL tries it, before it ends with nothing shown.
const FLUSHES: usize = 8;

/// The first client number of the operations that a round is given from earlier ones: beyond any that it will reach.
pub const FIRST_CARRIED: u64 = 1_000_000;

/// Which round it is, and what it is like.
#[derive(Clone, Debug)]
pub struct Round {
    /// Its number within the run.
    pub number: u64,
    /// What its keys begin with. No other round's keys ever do: a write that lands late can't disturb another round.
    pub prefix: String,
    /// What it is like.
    pub configuration: Configuration,
    /// Where its decisions come from.
    pub source: Source,
}

impl Round {
    /// How to describe it in a line.
    pub fn about(&self) -> String {
        let configuration = &self.configuration;
        match self.source {
            Source::Seed(seed) => format!("round {} of seed {seed}: {configuration}", self.number),
            Source::Platform => format!("round {}: {configuration}", self.number),
        }
    }

    /// Plays it. `carried` are the commands of earlier rounds that may still take effect in this one; they stand in its
    /// history as operations that nobody has heard of since.
    pub async fn play<C: Connect>(
        &self,
        cluster: &Cluster<C>,
        carried: &[Command],
        journal: Option<Journal>,
    ) -> io::Result<History> {
        let recorder = Recorder::new(self.about(), journal);
        let keys = keys(&self.configuration, &self.prefix);
        let actors = self.configuration.clients;
        for (place, command) in carried.iter().enumerate() {
            let _open = recorder.call(FIRST_CARRIED + place as u64, "", [command.clone()]);
        }
        if !self.configuration.owns_database || self.empty(cluster, &recorder).await {
            let mut clients = JoinSet::new();
            for actor in 0..actors {
                let (round, cluster, recorder, keys) = (self.clone(), cluster.clone(), recorder.clone(), keys.clone());
                clients.spawn(async move {
                    let chance = round.source.chance(round.number, actor as u64 + 1);
                    let mut generator = Generator::new(&round.configuration, actor, &keys, chance);
                    let mut client = round.client(&cluster, &recorder, actor);
                    client.run(&mut generator, round.configuration.steps).await;
                });
            }
            while let Some(ended) = clients.join_next().await {
                if let Err(error) = ended {
                    return Err(io::Error::other(error));
                }
            }
            self.look(cluster, &recorder, &keys).await;
        }
        recorder.finish()
    }

    /// The client at a place: those of the configuration, one that empties the database, and one that looks at the end.
    fn client<'a, C: Connect>(&self, cluster: &'a Cluster<C>, recorder: &'a Recorder, place: usize) -> Client<'a, C> {
        let clients = self.configuration.clients + 2;
        Client::new(cluster, recorder, self.configuration.resp3, place as u64, clients as u64)
    }

    /// Empties the database. It is known to be empty only once a FLUSHALL was answered.
    async fn empty<C: Connect>(&self, cluster: &Cluster<C>, recorder: &Recorder) -> bool {
        let actors = self.configuration.clients;
        let mut client = self.client(cluster, recorder, actors);
        for turn in 0..FLUSHES {
            let server = self.configuration.servers[turn % self.configuration.servers.len()];
            if !client.connect(|| server).await {
                return false;
            }
            match client.send(vec![Command::FlushAll]).await.as_slice() {
                [Outcome::Reply(reply)] => return *reply == Reply::ok(),
                _ => client.disconnect(),
            }
        }
        false
    }

    /// Reads every key once more, over every server: what was written last has to be there.
    async fn look<C: Connect>(&self, cluster: &Cluster<C>, recorder: &Recorder, keys: &[Word]) {
        let actors = self.configuration.clients;
        let mut client = self.client(cluster, recorder, actors + 1);
        for &server in &self.configuration.servers {
            client.disconnect();
            if client.connect(|| server).await {
                client.send(keys.iter().cloned().map(Command::Get).collect()).await;
            }
        }
    }
}
