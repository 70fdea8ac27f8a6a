//! The proxy as a command.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use valthree_lab::process::{Signals, print, start_log};
use valthree_lab::proxy::{Counters, Delay, FaultKind, Faults, Method, Rhythm, Schedule, run};

/// A TCP proxy that adds a network's delay and faults, and counts what passes.
///
/// The proxy forwards every byte unchanged, a fixed time after it arrived. So a round trip takes the delay longer, to about
/// a millisecond, and throughput stays that of the network behind.
///
/// With --faults-seed, requests of HTTP/1.1 meet faults, in spells. With --fault-at-put, one PUT meets one. SIGUSR2 turns
/// the faults off, and on again.
///
/// SIGUSR1 prints a line of JSON on stdout with the counts of connections, bytes, requests of HTTP/1.1 by method, and
/// faults that took effect. So does the end, by SIGTERM or SIGINT.
#[derive(Parser)]
#[command(name = "valthree-lab-proxy", version, max_term_width = 100)]
struct Flags {
    /// The address to listen on. Port 0 takes a free one, and the log names it
    #[arg(long, env = "VALTHREE_LAB_PROXY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// The server to forward connections to
    #[arg(long, env = "VALTHREE_LAB_PROXY_TO", value_name = "HOST:PORT")]
    to: String,

    /// The delay of a round trip in milliseconds: half of it each way, an odd millisecond on the way back
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_DELAY_MS",
        value_name = "MS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    delay_ms: u64,

    /// Let requests meet faults that this seed draws
    #[arg(long, env = "VALTHREE_LAB_PROXY_FAULTS_SEED", value_name = "N")]
    faults_seed: Option<u64>,

    /// The mean number of requests between two spells of faults. The most is twice as many
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_FAULTS_EVERY",
        value_name = "N",
        default_value_t = 100,
        requires = "faults_seed",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000)
    )]
    faults_every: u64,

    /// How long a spell lasts, in milliseconds. All its requests meet the same kind of fault. 0: one request
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_SPELL_MS",
        value_name = "MS",
        default_value_t = 0,
        requires = "faults_seed",
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    spell_ms: u64,

    /// The pause after a spell, in milliseconds
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_REST_MS",
        value_name = "MS",
        default_value_t = 0,
        requires = "faults_seed",
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    rest_ms: u64,

    /// Let the PUT of this number, from 1, meet the first fault of --only
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_FAULT_AT_PUT",
        value_name = "N",
        conflicts_with = "faults_seed",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    fault_at_put: Option<u64>,

    /// The kinds of faults, with commas between them. Each comes once, in random order, before any comes again
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_ONLY",
        value_name = "KIND",
        value_enum,
        value_delimiter = ',',
        default_values_t = FaultKind::value_variants().to_vec()
    )]
    only: Vec<FaultKind>,

    /// How long a held PUT waits, in milliseconds. A Valthree server answers its clients after 1900 ms
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_HOLD_MS",
        value_name = "MS",
        default_value_t = 3000,
        value_parser = clap::value_parser!(u64).range(1..=3_600_000)
    )]
    hold_ms: u64,

    /// Turn the faults off after this many seconds
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_FAULTS_FOR",
        value_name = "SECONDS",
        conflicts_with = "calm",
        value_parser = clap::value_parser!(u64).range(1..=3_600_000)
    )]
    faults_for: Option<u64>,

    /// Begin with the faults turned off
    #[arg(long, env = "VALTHREE_LAB_PROXY_CALM")]
    calm: bool,
}

impl Flags {
    fn faults(&self) -> Faults {
        let rhythm = Rhythm {
            every: self.faults_every,
            spell: Duration::from_millis(self.spell_ms),
            rest: Duration::from_millis(self.rest_ms),
        };
        let seed = self.faults_seed.unwrap_or(0);
        let mut schedule = Schedule::new(seed, self.only.clone(), rhythm, Duration::from_millis(self.hold_ms));
        match (self.faults_seed, self.fault_at_put) {
            (Some(_), _) => Faults::decided_by(move |head| schedule.draw(head)),
            (None, Some(number)) => {
                let first = self.only.first().copied();
                Faults::decided_by(move |head| {
                    let is_chosen = head.method == Method::Put && head.number == number;
                    first.filter(|_| is_chosen).map(|kind| schedule.fault(kind))
                })
            }
            (None, None) => Faults::none(),
        }
    }
}

/// Turns the faults off and on at each signal, and off when their time is over.
async fn turn(faults: Faults, mut on: bool, time: Option<u64>, mut asked: Signal) {
    let mut end = std::pin::pin!(sleep(Duration::from_secs(time.unwrap_or(0))));
    let mut ends = time.is_some();
    loop {
        faults.turn(on);
        tracing::info!("faults are {}", if on { "on" } else { "off" });
        tokio::select! {
            _ = asked.recv() => on = !on,
            () = &mut end, if ends => (on, ends) = (false, false),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    start_log("info");
    let signals = Signals::catch()?;
    let faults = flags.faults();
    let any = flags.faults_seed.is_some() || flags.fault_at_put.is_some();
    let asked = signal(SignalKind::user_defined2())?;
    if any {
        faults.turn(!flags.calm); // before anybody connects
        tokio::spawn(turn(faults.clone(), !flags.calm, flags.faults_for, asked));
    }
    let listener =
        TcpListener::bind(flags.listen).await.with_context(|| format!("cannot listen on {}", flags.listen))?;
    tracing::info!(to = flags.to, delay_ms = flags.delay_ms, "listening on {}", listener.local_addr()?);
    let connect = move || {
        let to = flags.to.clone();
        async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    };
    let delay = Delay::of_round_trip(Duration::from_millis(flags.delay_ms));
    let counters = Counters::new();
    let counted = counters.clone();
    let report = move || print(&counted.counts());
    run(listener, connect, delay, faults, counters, signals.stop(report)).await;
    Ok(())
}
