//! Random schedules: servers with wrong clocks, a store with a right one, and proxies between them.

use super::*;

/// The longest round trip of an answer that is not late.
const ROUND_TRIP: u64 = 200;
/// The longest time that a server hears nothing. Its bounds widen meanwhile.
const IDLE: u64 = 120_000;
/// How far an estimate may be off: the fraction of `Date`, a round trip, the drift while idle, and rounding.
const ERROR: u64 = 1_000 + ROUND_TRIP + (IDLE + 10_000) / 500 + 5;

struct Server {
    estimate: Estimate,
    /// The monotonic clock at the start, its drift in millionths, and how long it stood still.
    started: u64,
    drift: i64,
    stopped: u64,
    /// The wall clock minus the truth.
    wall: i64,
    latest: u64,
    /// The newest stored `now` that the server has seen.
    seen: u64,
    next_request: u64,
}

struct Lock {
    taken: u64,
    expiry: u64,
}

struct WrongClocks {
    rng: StdRng,
    truth: u64,
    /// The share of wrong answers, and how far their clock is off.
    wrong: (f64, i64),
    /// The least error of a wall clock.
    least_wall: i64,
    stored: u64,
    servers: Vec<Server>,
    /// What is under way: when it arrives, and at which server.
    answers: Vec<(u64, usize, DatedAnswer)>,
    versions: Vec<(u64, usize, u64)>,
    locks: Vec<Lock>,
}

impl Server {
    fn monotonic(&self, truth: u64) -> u64 {
        let passed = truth - START - self.stopped;
        self.started + passed.saturating_add_signed(passed.cast_signed() * self.drift / 1_000_000)
    }

    fn now(&mut self, truth: u64) -> u64 {
        let wall = truth.saturating_add_signed(self.wall);
        let now = self.estimate.now(wall, ms(self.monotonic(truth)));
        assert!(now >= self.latest, "the estimate went back from {} to {now}", self.latest);
        self.latest = now;
        now
    }
}

fn wall_error(rng: &mut StdRng) -> i64 {
    let size = [0, 300, 5_000, 3 * HOUR, 40 * HOUR, 5 * YEAR, 300 * YEAR][rng.random_range(0..7)].cast_signed();
    if rng.random() { size } else { -size }
}

impl WrongClocks {
    fn new(seed: u64, servers: usize, wrong: f64) -> WrongClocks {
        WrongClocks::after_idling(seed, servers, wrong, 0)
    }

    /// A world whose database has not changed for a while. Longer than a day, and no wall clock is a day behind.
    fn after_idling(seed: u64, servers: usize, wrong: f64, idle: u64) -> WrongClocks {
        let mut rng = StdRng::seed_from_u64(seed);
        let servers = (0..servers)
            .map(|_| Server {
                estimate: Estimate::new(Authority::Store),
                started: rng.random_range(0..10 * YEAR),
                drift: rng.random_range(-300..=300),
                stopped: 0,
                wall: wall_error(&mut rng),
                latest: 0,
                seen: 0,
                next_request: START,
            })
            .collect();
        let wrong = (wrong, wall_error(&mut rng));
        let least_wall = if idle > DAY.unsigned_abs() { 5_000 - DAY } else { i64::MIN };
        let (answers, versions, locks) = Default::default();
        let mut world = WrongClocks {
            rng,
            truth: START,
            wrong,
            least_wall,
            stored: START - idle,
            servers,
            answers,
            versions,
            locks,
        };
        for server in &mut world.servers {
            server.wall = server.wall.max(least_wall);
            server.estimate.known(START - idle, ms(server.started));
        }
        for server in 0..world.servers.len() {
            (0..RUN).for_each(|_| world.ask(server, false));
        }
        world.advance(1_000);
        world
    }

    /// A request, whose answer may be wrong, late or lost.
    fn ask(&mut self, server: usize, faults: bool) {
        let late = faults && self.rng.random_bool(0.1);
        let round_trip = self.rng.random_range(2..=if late { 30_000 } else { ROUND_TRIP });
        let given = self.rng.random_range(0..=round_trip);
        let wrong = faults && self.rng.random_bool(self.wrong.0);
        let date = (self.truth + given).saturating_add_signed(if wrong { self.wrong.1 } else { 0 }) / 1_000;
        let clock = &self.servers[server];
        let (sent, received) = (clock.monotonic(self.truth), clock.monotonic(self.truth + round_trip));
        let delay = if faults && self.rng.random_bool(0.1) { self.rng.random_range(0..5_000) } else { 0 };
        if !(faults && self.rng.random_bool(0.1)) {
            let answer = DatedAnswer { date, age: 0, sent: ms(sent), received: ms(received) };
            self.answers.push((self.truth + round_trip + delay, server, answer));
        }
    }

    fn advance(&mut self, by: u64) {
        self.truth += by;
        let truth = self.truth;
        self.answers.sort_by_key(|(at, ..)| *at);
        for (_, server, answer) in self.answers.extract_if(.., |(at, ..)| *at <= truth) {
            self.servers[server].estimate.heard(answer);
        }
        for (_, server, now) in self.versions.extract_if(.., |(at, ..)| *at <= truth) {
            let server = &mut self.servers[server];
            server.seen = server.seen.max(now);
            server.estimate.known(now, ms(server.monotonic(truth)));
        }
    }

    /// A commit of one server. The others hear of it later, or never.
    fn commit(&mut self, server: usize) -> u64 {
        let now = self.servers[server].now(self.truth);
        self.stored = self.stored.max(now);
        for other in 0..self.servers.len() {
            let delay = if other == server { 0 } else { self.rng.random_range(10..3_000) };
            if other == server || self.rng.random_bool(0.8) {
                self.versions.push((self.truth + delay, other, self.stored));
            }
        }
        self.stored
    }

    fn step(&mut self) {
        let pause = self.rng.random_range(1..400);
        self.advance(pause);
        for server in 0..self.servers.len() {
            if self.rng.random_bool(0.02) {
                self.servers[server].wall = wall_error(&mut self.rng).max(self.least_wall);
            }
            if self.truth >= self.servers[server].next_request {
                self.ask(server, true);
                let idle = if self.rng.random_bool(0.01) { IDLE / 4 } else { 1_000 };
                self.servers[server].next_request = self.truth + self.rng.random_range(1..idle);
            }
        }
        let server = self.rng.random_range(0..self.servers.len());
        if self.rng.random_bool(0.1) {
            let expiry = self.commit(server) + 60_000;
            self.locks.push(Lock { taken: self.truth, expiry });
        }
    }

    fn check_estimates(&mut self) {
        for server in &mut self.servers {
            let now = server.now(self.truth);
            assert!(now.abs_diff(self.truth) <= ERROR, "off by {}", now.cast_signed() - self.truth.cast_signed());
        }
    }

    /// Every server, with whatever versions it has seen, holds a lock of 60 seconds for about as long.
    fn check_locks(&mut self) {
        let truth = self.truth;
        for server in &mut self.servers {
            let now = server.now(truth).max(server.seen);
            for Lock { taken, expiry } in &self.locks {
                let held = now < *expiry;
                assert!(held || truth - taken >= 57_500, "a lock was lost after {} ms", truth - taken);
                assert!(!held || truth - taken <= 62_500, "a lock was held for {} ms", truth - taken);
            }
        }
        self.locks.retain(|lock| truth - lock.taken < 70_000);
    }
}

#[test]
fn estimates_stay_near_the_truth_and_never_go_back() {
    for seed in 0..300 {
        let mut world = WrongClocks::new(seed, 3, [0.0, 0.05, 0.1][seed as usize % 3]);
        for _ in 0..1_500 {
            world.step();
            world.check_estimates();
        }
        assert!(world.stored <= world.truth + ERROR, "no clock moved `now` beyond the bounds");
    }
}

#[test]
fn a_lock_of_a_minute_lasts_about_a_minute_on_every_server() {
    for seed in 0..300 {
        let idle = [0, 20 * HOUR, YEAR][seed as usize % 3];
        let mut world = WrongClocks::after_idling(1_000 + seed, 4, [0.0, 0.05, 0.1][seed as usize / 3 % 3], idle);
        for _ in 0..1_500 {
            world.step();
            world.check_locks();
        }
    }
}

#[test]
fn a_forged_clock_with_few_answers_moves_nothing() {
    for seed in 0..300 {
        let mut world = WrongClocks::new(2_000 + seed, 2, 0.0);
        for _ in 0..200 {
            world.servers[1].wall = (50 * YEAR).cast_signed();
            let pause = world.rng.random_range(1..20_000);
            world.advance(pause);
            if world.rng.random_bool(0.1) {
                world.ask(1, false);
            }
            let now = world.commit(1);
            let widened = (world.truth - START) / 500;
            assert!(now <= world.truth + 1_000 + ROUND_TRIP + widened + 5, "ahead by {}", now - world.truth);
        }
    }
}

#[test]
fn estimates_recover_after_the_monotonic_clock_stood_still() {
    for seed in 0..300 {
        let mut world = WrongClocks::new(3_000 + seed, 2, 0.0);
        for _ in 0..5 {
            (0..100).for_each(|_| world.step());
            world.advance(40_000); // what is under way arrives
            let slept = world.rng.random_range(1..8 * HOUR);
            world.truth += slept;
            world.servers[0].stopped += slept;
            for _ in 0..RUN {
                let now = world.servers[0].now(world.truth);
                assert!(now <= world.truth + ERROR);
                world.ask(0, false);
                world.advance(ROUND_TRIP + 300);
            }
            // A short sleep is found out by the bounds that it leaves empty, one answer after the other.
            (0..ANSWERS).for_each(|_| {
                world.ask(0, false);
                world.advance(ROUND_TRIP + 300);
            });
            let now = world.servers[0].now(world.truth);
            assert!(now.abs_diff(world.truth) <= ERROR, "off by {}", now.cast_signed() - world.truth.cast_signed());
        }
    }
}

#[test]
fn wrong_answers_without_end_never_make_an_estimate_go_back() {
    for seed in 0..300 {
        let mut world = WrongClocks::new(4_000 + seed, 2, 0.5);
        for _ in 0..500 {
            world.step();
            if world.rng.random_bool(0.01) {
                world.wrong.1 = wall_error(&mut world.rng);
            }
            for server in &mut world.servers {
                server.now(world.truth);
            }
        }
    }
}
