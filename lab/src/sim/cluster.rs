//! Three servers and a store on a simulated network, and the loop that drives them and applies the plan's faults.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use turmoil::Sim;
use valthree::clock::Wall;
use valthree::commit::Witness;
use valthree::server::{self, Config};
use valthree::settings::Settings;

use super::agreement::Agreement;
use super::fault::{Loss, What};
use super::hits::Hit;
use super::network::Network;
use super::place::{Place, SERVERS};
use super::plan::Plan;
use super::{connector, store};

/// The port of every server.
pub const PORT: u16 = 6379;

/// The wall time when every run begins.
const STARTED: Duration = Duration::from_secs(1_800_000_000);

/// The most messages on a connection, and the most connections that wait to be accepted.
const CAPACITY: usize = 4096;

/// The longest run. A longer one is stuck.
const LONGEST: Duration = Duration::from_secs(120);

/// The cluster of a run.
pub struct Cluster<'a> {
    sim: Sim<'a>,
    network: Network,
    plan: Plan,
    up: watch::Sender<bool>,
    servers: [SimServer; SERVERS],
    /// The servers that were killed in this step, and whether they start again at once.
    dying: Vec<(usize, bool)>,
    complaints: Arc<Mutex<Vec<String>>>,
}

/// The loop's view of a server.
struct SimServer {
    /// Whether it runs and has no order to end.
    well: bool,
    orders: Arc<Mutex<Orders>>,
}

/// The orders to a server. Each life gets new ones, so that none receives an order to an earlier life.
#[derive(Clone, Default)]
struct Orders {
    stop: Arc<Notify>,
    die: Arc<Notify>,
}

/// Everything that a server needs to start, again and again.
struct Starts {
    place: Place,
    lives: AtomicU64,
    server: usize,
    /// The true time when the run begins.
    started: SystemTime,
    plan: Plan,
    agreement: Agreement,
    orders: Arc<Mutex<Orders>>,
    network: Network,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Cluster<'_> {
    /// A cluster that has not started yet, with these clients.
    pub fn new(plan: &Plan, network: &Network, clients: impl Future<Output = turmoil::Result> + 'static) -> Self {
        let started = SystemTime::UNIX_EPOCH + STARTED;
        let mut sim = turmoil::Builder::new()
            .rng_seed(plan.seed)
            .epoch(started)
            .simulation_duration(LONGEST)
            .tick_duration(plan.tick)
            .min_message_latency(plan.hop.0)
            .max_message_latency(plan.hop.1)
            .tcp_capacity(CAPACITY)
            .build();
        let (up, is_up) = watch::channel(true);
        let stand = (network.clone(), plan.clone());
        sim.host(Place::Store.name(), move || store::run(stand.0.clone(), stand.1.clone(), started, is_up.clone()));
        let complaints: Arc<Mutex<Vec<String>>> = Arc::default();
        let agreement = Agreement::default();
        let servers = std::array::from_fn(|server| {
            let orders: Arc<Mutex<Orders>> = Arc::default();
            let starts = Arc::new(Starts {
                place: Place::Server(server),
                lives: AtomicU64::new(0),
                server,
                started,
                plan: plan.clone(),
                agreement: agreement.clone(),
                orders: Arc::clone(&orders),
                network: network.clone(),
                complaints: Arc::clone(&complaints),
            });
            sim.host(starts.place.name(), move || Arc::clone(&starts).run());
            SimServer { well: true, orders }
        });
        sim.client(Place::Clients.name(), clients);
        Cluster { sim, network: network.clone(), plan: plan.clone(), up, servers, dying: Vec::new(), complaints }
    }

    /// Runs the cluster until the clients are done. Fails if a host fails.
    pub fn run(&mut self) -> turmoil::Result {
        let faults = self.plan.faults.clone();
        let begins = faults.iter().enumerate().map(|(place, fault)| (fault.at, true, place));
        let ends = faults.iter().enumerate().map(|(place, fault)| (fault.end(), false, place));
        let mut turns: Vec<_> = begins.chain(ends).collect();
        turns.sort();
        let mut turns = turns.into_iter().peekable();
        loop {
            let now = self.sim.elapsed();
            self.network.trace.set_outside(now);
            while let Some((_, begins, place)) = turns.next_if(|&(when, ..)| when <= now) {
                let fault = faults[place];
                self.network.trace.note(format_args!("{} {fault}", if begins { "begin" } else { "end" }));
                if begins { self.begin(fault.what, place) } else { self.end(fault.what) }
            }
            if self.sim.step()? {
                return Ok(());
            }
            self.bury();
        }
    }

    /// The simulated time so far.
    pub fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// The errors of servers that ended by themselves, and the versions on which servers disagree.
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.complaints).clone()
    }

    /// Begins the fault at `place` in the plan.
    fn begin(&mut self, what: What, place: usize) {
        let hits = self.network.hits.clone();
        match what {
            What::OneWay(from, to) => {
                self.network.trouble(from, to, Some((Hit::MessageDroppedOneWay, place)));
                self.sim.partition_oneway(from.name(), to.name());
            }
            What::Partition(one, other, loss) => self.part(one, other, loss, place),
            What::Alone(alone, loss) => {
                Place::all().filter(|other| *other != alone).for_each(|other| self.part(alone, other, loss, place));
            }
            What::SlowLink(one, other, most) => {
                self.trouble(one, other, Some((Hit::MessageSlow, place)));
                self.sim.set_link_max_message_latency(one.name(), other.name(), most);
            }
            What::LateAnswers(server, most) => {
                self.network.delay_answers(Place::Server(server), Some((most, place)));
            }
            What::Cut(one, other) => {
                (0..self.network.cut(one, other)).for_each(|_| hits.count(Hit::ConnectionCut, place));
            }
            What::Crash(server) => self.crash(server, place),
            What::CrashAll => (0..SERVERS).for_each(|server| self.crash(server, place)),
            What::Stop(server) => {
                if self.noticed(Place::Server(server)) {
                    hits.count(Hit::ServerStopped, place);
                }
                if std::mem::take(&mut self.servers[server].well) {
                    lock(&self.servers[server].orders).stop.notify_one();
                }
            }
            What::StoreGone => {
                if self.noticed(Place::Store) {
                    hits.count(Hit::StoreGone, place);
                }
                self.up.send_replace(false);
            }
            What::Store { .. } => {} // the store reads the plan itself
        }
    }

    fn end(&mut self, what: What) {
        match what {
            What::OneWay(from, to) => {
                self.network.trouble(from, to, None);
                self.sim.repair_oneway(from.name(), to.name());
            }
            What::Partition(one, other, loss) => self.rejoin(one, other, loss),
            What::Alone(place, loss) => {
                Place::all().filter(|other| *other != place).for_each(|other| self.rejoin(place, other, loss));
            }
            What::SlowLink(one, other, _) => {
                self.trouble(one, other, None);
                self.sim.set_link_max_message_latency(one.name(), other.name(), self.plan.hop.1);
            }
            What::LateAnswers(server, _) => self.network.delay_answers(Place::Server(server), None),
            What::Cut(..) | What::Store { .. } => {}
            What::Crash(server) | What::Stop(server) => self.restart(server),
            What::CrashAll => (0..SERVERS).for_each(|server| self.restart(server)),
            What::StoreGone => drop(self.up.send_replace(true)),
        }
    }

    fn part(&self, one: Place, other: Place, loss: Loss, place: usize) {
        let hit = match loss {
            Loss::Dropped => Hit::MessageDropped,
            Loss::Held => Hit::MessageHeld,
        };
        self.trouble(one, other, Some((hit, place)));
        match loss {
            Loss::Dropped => self.sim.partition(one.name(), other.name()),
            Loss::Held => self.sim.hold(one.name(), other.name()),
        }
    }

    fn rejoin(&self, one: Place, other: Place, loss: Loss) {
        self.trouble(one, other, None);
        match loss {
            Loss::Dropped => self.sim.repair(one.name(), other.name()),
            Loss::Held => self.sim.release(one.name(), other.name()),
        }
    }

    fn trouble(&self, one: Place, other: Place, hit: Option<(Hit, usize)>) {
        self.network.trouble(one, other, hit);
        self.network.trouble(other, one, hit);
    }

    fn crash(&mut self, server: usize, place: usize) {
        if self.noticed(Place::Server(server)) {
            self.network.hits.count(Hit::ServerCrashed, place);
        }
        if std::mem::take(&mut self.servers[server].well) {
            self.kill(server, false);
        }
    }

    fn kill(&mut self, server: usize, restart: bool) {
        lock(&self.servers[server].orders).die.notify_one();
        self.dying.push((server, restart));
    }

    /// Starts a server that is down. If it is still stopping, kills it first.
    fn restart(&mut self, server: usize) {
        if std::mem::replace(&mut self.servers[server].well, true) {
            return;
        }
        let name = Place::Server(server).name();
        if self.sim.is_host_running(name) { self.kill(server, true) } else { self.sim.bounce(name) }
    }

    /// Ends the servers that have closed their connections.
    fn bury(&mut self) {
        for (server, restart) in std::mem::take(&mut self.dying) {
            let name = Place::Server(server).name();
            self.sim.crash(name);
            if restart {
                self.sim.bounce(name);
            }
        }
    }

    /// Whether another host would notice the end of this one.
    fn noticed(&mut self, place: Place) -> bool {
        self.sim.is_host_running(place.name()) && self.network.connections(place) > 0
    }
}

impl Starts {
    /// One life of the server, from its start to its end.
    async fn run(self: Arc<Self>) -> turmoil::Result {
        let orders = Orders::default();
        lock(&self.orders).clone_from(&orders);
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        self.network.trace.note(format_args!("{} begins its life {life}", self.place));
        let served = tokio::select! {
            biased;
            () = orders.die.notified() => None,
            served = self.serve(life, orders.stop.notified()) => Some(served),
        };
        self.network.go_down(self.place);
        match served {
            Some(Ok(())) => {}
            // A real process would end here, and nobody would start it again.
            Some(Err(error)) => lock(&self.complaints).push(format!("{} gave up: {error}", self.place)),
            None => std::future::pending().await, // until the loop ends this host
        }
        Ok(())
    }

    async fn serve(&self, life: u64, stop: impl Future<Output = ()>) -> turmoil::Result {
        let settings = Settings {
            port: PORT,
            store: Place::Store.to_string(),
            deadline: self.plan.deadline,
            thresholds: self.plan.thresholds,
            ..Settings::default()
        };
        let config = Config { seed: self.seed_of(life), wall: self.wall_clock(life), settings };
        let door = self.network.listen(self.place, PORT).await?;
        let store = connector::store(&self.network, self.place, self.started + self.plan.skew[self.server]);
        Ok(server::run_before(Some(self.witness()), door, store, config, stop).await?)
    }

    /// The clock of the machine that the server starts on.
    fn wall_clock(&self, life: u64) -> Wall {
        let (plan, server, begin) = (self.plan.clone(), self.server, Instant::now());
        let true_begin = self.started + turmoil::sim_elapsed().unwrap_or_default();
        Wall::new(move || {
            let uptime = begin.elapsed();
            let lead = plan.lead(server, life, uptime);
            let (now, off) = (true_begin + uptime, Duration::from_millis(lead.unsigned_abs()));
            if lead < 0 { now - off } else { now + off }
        })
    }

    /// Compares every version of the server with the same version of the others. Drops derived orders now and then, which
    /// may happen at any time, so that some are built anew and others follow the versions.
    fn witness(&self) -> Witness {
        let Starts { place, agreement, complaints, .. } = self;
        let (place, agreement, complaints) = (*place, agreement.clone(), Arc::clone(complaints));
        let forget_orders = self.plan.forget_orders;
        Arc::new(move |database| {
            lock(&complaints).extend(agreement.disagrees(place, database));
            if database.root.header.generation.is_multiple_of(forget_orders) {
                database.drop_orders();
            }
        })
    }

    /// A seed of its own for each life of each server.
    fn seed_of(&self, life: u64) -> [u8; 32] {
        let mut seed = [0; 32];
        let parts =
            [self.plan.seed, life, Place::all().position(|place| place == self.place).unwrap_or_default() as u64, 0];
        seed.chunks_exact_mut(8).zip(parts).for_each(|(part, number)| part.copy_from_slice(&number.to_le_bytes()));
        seed
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
