//! Three servers and a store on a simulated network, and the loop that drives them and makes their faults happen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use turmoil::Sim;
use valthree::commit::Witness;
use valthree::server::{self, Config};
use valthree::shared::{Settings, Thresholds};

use super::agreement::Agreement;
use super::hits::Hit;
use super::network::Network;
use super::place::{Place, SERVERS};
use super::plan::{Loss, Plan, What};
use super::{connector, store};

/// Where servers listen.
pub const PORT: u16 = 6379;

/// The wall time at the beginning of every run.
const STARTED: Duration = Duration::from_secs(1_800_000_000);

/// Messages that a connection holds between its ends, and connections that wait to be accepted.
const CAPACITY: usize = 4096;

/// A run that is not over by then is stuck.
const LONGEST: Duration = Duration::from_secs(120);

/// A cluster in the middle of a run.
pub struct Cluster<'a> {
    sim: Sim<'a>,
    network: Network,
    plan: Plan,
    up: watch::Sender<bool>,
    servers: [Server; SERVERS],
    /// Servers that have been killed in this step, and whether they start again at once.
    dying: Vec<(usize, bool)>,
    complaints: Arc<Mutex<Vec<String>>>,
}

/// What the loop knows of a server.
struct Server {
    /// It runs, and has not been told to end.
    well: bool,
    orders: Arc<Mutex<Orders>>,
}

/// How a server is told to end: anew for each of its lives, so that no life hears what was meant for an earlier one.
#[derive(Clone, Default)]
struct Orders {
    stop: Arc<Notify>,
    die: Arc<Notify>,
}

/// A server that can be started again and again.
struct Starts {
    place: Place,
    seed: u64,
    lives: AtomicU64,
    /// What its wall clock shows at the beginning of the run.
    started: SystemTime,
    deadline: Duration,
    thresholds: Thresholds,
    agreement: Agreement,
    orders: Arc<Mutex<Orders>>,
    network: Network,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Cluster<'_> {
    /// A cluster that is about to start, and whose clients do this.
    pub fn new(plan: &Plan, network: &Network, clients: impl Future<Output = turmoil::Result> + 'static) -> Self {
        let started = SystemTime::UNIX_EPOCH + STARTED;
        let mut sim = turmoil::Builder::new()
            .rng_seed(plan.seed)
            .epoch(started)
            .simulation_duration(LONGEST)
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
                seed: plan.seed,
                lives: AtomicU64::new(0),
                started: started + plan.skew[server],
                deadline: plan.deadline,
                thresholds: plan.thresholds,
                agreement: agreement.clone(),
                orders: Arc::clone(&orders),
                network: network.clone(),
                complaints: Arc::clone(&complaints),
            });
            sim.host(starts.place.name(), move || Arc::clone(&starts).run());
            Server { well: true, orders }
        });
        sim.client(Place::Clients.name(), clients);
        Cluster { sim, network: network.clone(), plan: plan.clone(), up, servers, dying: Vec::new(), complaints }
    }

    /// Lets everything happen until the clients are done. Fails if a host does.
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

    /// How long it took, in simulated time.
    pub fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// What servers have died of that nobody killed, and about which versions they do not agree.
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
            What::Store { .. } => {} // the store looks at the plan itself
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

    /// Starts a server that is not well: it is down, or takes its time to stop.
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

    /// Whether anybody would notice if this place were gone.
    fn noticed(&mut self, place: Place) -> bool {
        self.sim.is_host_running(place.name()) && self.network.connections(place) > 0
    }
}

impl Starts {
    /// One life, from the start to the end.
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
            // Its process would end, and nobody would start it again. What its clients make of it is for them to say.
            Some(Err(error)) => lock(&self.complaints).push(format!("{} gave up: {error}", self.place)),
            None => std::future::pending().await, // until it is buried
        }
        Ok(())
    }

    async fn serve(&self, life: u64, stop: impl Future<Output = ()>) -> turmoil::Result {
        let settings = Settings {
            port: PORT,
            store: Place::Store.to_string(),
            deadline: self.deadline,
            thresholds: self.thresholds,
            ..Settings::default()
        };
        let config = Config {
            seed: self.seed_of(life),
            started: self.started + turmoil::sim_elapsed().unwrap_or_default(),
            settings,
        };
        let door = self.network.listen(self.place, PORT).await?;
        let store = connector::store(&self.network, self.place, self.started);
        Ok(server::run_before(Some(self.witness()), door, store, config, stop).await?)
    }

    /// Has every version that the server knows compared with what all others took it for.
    fn witness(&self) -> Witness {
        let Starts { place, agreement, complaints, .. } = self;
        let (place, agreement, complaints) = (*place, agreement.clone(), Arc::clone(complaints));
        Arc::new(move |database| lock(&complaints).extend(agreement.disagrees(place, database)))
    }

    /// No two servers, and no two lives of one, draw the same.
    fn seed_of(&self, life: u64) -> [u8; 32] {
        let mut seed = [0; 32];
        let parts = [self.seed, life, Place::all().position(|place| place == self.place).unwrap_or_default() as u64, 0];
        seed.chunks_exact_mut(8).zip(parts).for_each(|(part, number)| part.copy_from_slice(&number.to_le_bytes()));
        seed
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
