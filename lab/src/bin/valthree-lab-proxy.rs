//! The delaying, faulty proxy as a process of its own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use valthree_lab::process::{Signals, print, start_log};
use valthree_lab::proxy::{Counters, Delay, Faults, Kind, Method, Plan, Rhythm, run};

/// A TCP proxy that makes a network seem longer and worse, and counts what passes.
///
/// Every byte goes on a fixed time after it came, and unchanged; however much is under way, nothing has to wait for it.
/// So a round trip takes exactly the delay longer (to about a millisecond, in which timers count), and throughput is
/// that of the network behind.
///
/// With --faults-seed, requests of HTTP/1.1 meet faults, in spells. With --fault-at-put, one PUT does. SIGUSR2 turns
/// them off, and on again.
///
/// SIGUSR1, and the end by SIGTERM or SIGINT, print a line of JSON on stdout that counts connections, bytes, requests of
/// HTTP/1.1 by method, and the faults that took effect.
#[derive(Parser)]
#[command(name = "valthree-lab-proxy", version, max_term_width = 100)]
struct Flags {
    /// Where to listen. Port 0 takes a free one; the log says which
    #[arg(long, env = "VALTHREE_LAB_PROXY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Where connections go on to
    #[arg(long, env = "VALTHREE_LAB_PROXY_TO", value_name = "HOST:PORT")]
    to: String,

    /// How much longer a round trip takes, in milliseconds: half of it each way, an odd millisecond on the way back
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_DELAY_MS",
        value_name = "MS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    delay_ms: u64,

    /// Let requests meet faults, as this seed decides
    #[arg(long, env = "VALTHREE_LAB_PROXY_FAULTS_SEED", value_name = "N")]
    faults_seed: Option<u64>,

    /// A spell of faults begins at one of so many requests on the average, and within twice as many
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_FAULTS_EVERY",
        value_name = "N",
        default_value_t = 100,
        requires = "faults_seed",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000)
    )]
    faults_every: u64,

    /// A spell lasts so long, and all requests meet the same kind of fault meanwhile; 0: it is one request
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_SPELL_MS",
        value_name = "MS",
        default_value_t = 0,
        requires = "faults_seed",
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    spell_ms: u64,

    /// After a spell there is none for so long
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_REST_MS",
        value_name = "MS",
        default_value_t = 0,
        requires = "faults_seed",
        value_parser = clap::value_parser!(u64).range(..=3_600_000)
    )]
    rest_ms: u64,

    /// Let one PUT meet a fault, the first of --only: the so manyth, from 1
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_FAULT_AT_PUT",
        value_name = "N",
        conflicts_with = "faults_seed",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    fault_at_put: Option<u64>,

    /// Which faults, with commas between them: each comes once, in random order, before any comes again
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_ONLY",
        value_name = "KIND",
        value_enum,
        value_delimiter = ',',
        default_values_t = Kind::value_variants().to_vec()
    )]
    only: Vec<Kind>,

    /// How long a PUT is held. A server of Valthree tells its clients something after 1900 ms
    #[arg(
        long,
        env = "VALTHREE_LAB_PROXY_HOLD_MS",
        value_name = "MS",
        default_value_t = 3000,
        value_parser = clap::value_parser!(u64).range(1..=3_600_000)
    )]
    hold_ms: u64,

    /// Turn the faults off after so many seconds
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
        let mut plan = Plan::new(seed, self.only.clone(), rhythm, Duration::from_millis(self.hold_ms));
        match (self.faults_seed, self.fault_at_put) {
            (Some(_), _) => Faults::decided_by(move |asked| plan.draw(asked)),
            (None, Some(number)) => {
                let first = self.only.first().copied();
                Faults::decided_by(move |asked| {
                    let chosen = asked.method == Method::Put && asked.number == number;
                    first.filter(|_| chosen).map(|kind| plan.fault(kind))
                })
            }
            (None, None) => Faults::none(),
        }
    }
}

/// Turns faults off and on when it is asked to, and off when their time is up.
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
